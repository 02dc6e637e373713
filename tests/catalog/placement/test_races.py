"""Facts that become stricter while something is placed: real PostgreSQL, real threads."""

from __future__ import annotations

import threading

import pytest

from catalog.models import Order, SupplyProfile, WorkloadProfile
from catalog.placement_words import Score
from catalog.services import orders, quotas
from catalog.services.placement import answer_questions, confirm_supply, judging, supply_decisions
from tests.factories import administrator_of, answers, place, proposed_supply
from tests.races import PATIENCE, at_once, meeting

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def race_with(requester, project, version, monkeypatch, sent_tasks):
    """Places while somebody makes a fact stricter; returns whether it was by a fact of before.

    Who places reads the facts, and goes on once the others are there or are kept outside.
    """
    meet, read, was_stale = meeting(lambda: None), judging.read_facts, []
    has_read = threading.Event()

    def run(change, ended):
        def read_then_meet(*arguments, **named):
            found = read(*arguments, **named)
            has_read.set()
            meet()
            (judged,) = found.values()
            was_stale.append(ended(judged).exists())
            return found

        def change_then_meet():
            has_read.wait(PATIENCE)
            change()
            meet()

        monkeypatch.setattr(judging, "read_facts", read_then_meet)
        outcomes = at_once(lambda: place(requester, project, version), change_then_meet)
        return outcomes, was_stale

    return run


@pytest.fixture
def race(race_with, project):
    """By other answers about the project."""
    administrator = administrator_of(project.parent)
    strict = answers(integrity=Score.VERY_HIGH)
    return lambda: race_with(
        lambda: answer_questions(project.public_id, strict, actor=administrator),
        lambda judged: WorkloadProfile.objects.filter(
            pk=judged.workload_id, ended_at__isnull=False
        ),
    )


@pytest.fixture
def race_of_places(race_with, platform, version):
    """By another assessment of the place."""
    strict = proposed_supply(version.cloud, by=platform.drafter, highest_protection_level=4)
    return lambda: race_with(
        lambda: confirm_supply(strict.public_id, actor=platform.colleague),
        lambda judged: SupplyProfile.objects.filter(pk=judged.supply_id, ended_at__isnull=False),
    )


def test_the_race_is_real_when_the_lock_is_removed(race, monkeypatch):
    # Proves that the next test can fail: if this one breaks, that one means nothing.
    for holder in (orders, quotas):  # who claims quota holds the tree as well
        monkeypatch.setattr(holder, "lock_tree_shared", lambda: None)

    outcomes, was_stale = race()

    assert (outcomes, was_stale) == (["done", "done"], [True])


def test_nothing_is_placed_by_answers_that_hold_no_more(race):
    (placed, answered), was_stale = race()

    assert answered == "done"
    assert was_stale == [False]
    assert placed in {"done", "PlacementRefused"}
    assert Order.objects.exists() == (placed == "done")


def test_the_race_of_places_is_real_when_the_lock_is_removed(race_of_places, monkeypatch):
    # Proves that the next test can fail: if this one breaks, that one means nothing.
    monkeypatch.setattr(supply_decisions, "lock_tree_exclusive", lambda: None)

    outcomes, was_stale = race_of_places()

    assert (outcomes, was_stale) == (["done", "done"], [True])


def test_nothing_is_placed_by_an_assessment_that_holds_no_more(race_of_places):
    (placed, confirmed), was_stale = race_of_places()

    assert confirmed == "done"
    assert was_stale == [False]
    assert placed in {"done", "PlacementRefused"}
    assert Order.objects.exists() == (placed == "done")
