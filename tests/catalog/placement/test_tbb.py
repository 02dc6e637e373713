"""From three scores and a marking to the interest to protect (TBB), and never back."""

from __future__ import annotations

import ast
from itertools import product
from pathlib import Path

import pytest

from catalog.placement import effective_tbb
from catalog.placement.workload import tbb_at_most
from catalog.placement_words import Rubricering, Score
from tests.catalog.placement.facts import workload

TBB_OF_SCORE = {"low": 4, "middle": 3, "high": 2, "very_high": 1}
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("scores", list(product(Score, repeat=3)))
def test_highest_of_the_three_scores_decides(scores):
    availability, integrity, confidentiality = scores
    facts = workload(
        availability=availability, integrity=integrity, confidentiality=confidentiality
    )

    assert effective_tbb(facts) == min(TBB_OF_SCORE[score] for score in scores)


@pytest.mark.parametrize(
    ("marking", "highest"),
    [
        ("none", 4),
        ("dep_vertrouwelijk", 4),
        ("stg_confidentieel", 3),
        ("stg_geheim", 2),
        ("stg_zeer_geheim", 1),
    ],
)
def test_marking_makes_the_interest_higher_but_never_lower(marking, highest):
    marking = Rubricering(marking)
    of_low = workload(rubricering=marking)
    of_very_high = workload(rubricering=marking, integrity=Score.VERY_HIGH)

    assert effective_tbb(of_low) == highest
    assert effective_tbb(of_very_high) == 1


@pytest.mark.parametrize("fact", ["availability", "integrity", "confidentiality", "rubricering"])
def test_nobody_knows_the_interest_while_one_fact_lacks(fact):
    facts = workload(**{fact: None})

    assert effective_tbb(facts) is None
    assert tbb_at_most(facts, 1).missing == {f"workload.{fact}"}
    assert tbb_at_most(facts, 4).truth


def test_one_very_high_score_settles_it_whatever_else_lacks():
    facts = workload(availability=None, rubricering=None, integrity=Score.VERY_HIGH)

    assert tbb_at_most(facts, 1).truth
    assert not tbb_at_most(facts, 1).missing


def test_no_code_makes_a_marking_from_anything_but_an_answer():
    """A marking is written where an answer is passed on, never by name or by reckoning.

    ``read``: the one place where an answer comes back from its row.
    """
    read = "_word(Rubricering, row.get('rubricering'))"
    offenders = [
        f"{path.relative_to(ROOT)}:{node.value.lineno}"
        for path in sorted(ROOT.glob("catalog/**/*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.keyword) and node.arg == "rubricering"
        if not isinstance(node.value, ast.Attribute) or node.value.attr != "rubricering"
        if ast.unparse(node.value) != read
        if "migrations" not in path.parts
    ]

    assert offenders == []
