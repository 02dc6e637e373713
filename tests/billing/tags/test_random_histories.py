"""What months cost per value of a tag, on random histories, beside a reference in plain Python.

The reference takes the charges as they are, which another test proves. It asks at each moment at
which anything changes which value is the nearest, cuts there, and shares the cents of each line out
by the rule that ``billing.services.tagged_costs`` states.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.models import MeteredResource, TagFact
from billing.rating import DUE_AT_ONCE
from billing.services.charging import costs, expected_costs, list_charges
from billing.services.cost_lines import Charge, CostLine
from billing.services.tag_history import TagHistory
from billing.services.tagged_costs import ByValue, tagged_months
from portal.core.calendar import months_in
from tests.billing.test_charging_agrees_with_rating import (
    PERIOD,
    History,
    Tree,
    intervals,
    lineage_at,
    moment,
    tree,
    write_history,
)

__all__ = ["tree"]
VALUES = ("ontwikkel", "productie", "test")
pytestmark = pytest.mark.django_db


def write_tags(history: History, places: Sequence[Any], random: Random) -> list[TagFact]:
    facts = []
    resources = [span.resource for span in history.spans]
    for place in (*places, *random.sample(resources, min(3, len(resources)))):
        of = "resource" if isinstance(place, MeteredResource) else "node"
        if any(getattr(fact, f"{of}_id") == place.pk for fact in facts):
            continue
        facts += [
            TagFact(
                **{of: place}, key=key, value=random.choice(VALUES), valid_from=a, valid_until=b
            )
            for key in ("fase", "team")
            for a, b in intervals(random, 3)
        ]
    TagFact.objects.bulk_create(facts)
    return [fact for fact in facts if fact.key == "fase"]


def value_at(
    facts: Sequence[TagFact], charge: Charge, lineage: Sequence[int], at: datetime
) -> str | None:
    held = [
        fact
        for fact in facts
        if fact.valid_from <= at and (fact.valid_until is None or at < fact.valid_until)
    ]
    for fact in held:
        if fact.resource_id == charge.resource_id:
            return fact.value
    for node in (charge.project_id, *lineage):
        for fact in held:
            if fact.node_id == node:
                return fact.value
    return None


def parts_of(
    charge: Charge, facts: Sequence[TagFact], tree: Tree, history: History
) -> list[tuple[str | None, Fraction]]:
    turns = {fact.valid_from for fact in facts}
    turns |= {fact.valid_until for fact in facts if fact.valid_until}
    turns |= {history.agency_moves, history.directorate_moves, history.project_moves}
    inside = sorted(turn for turn in turns if charge.started_at < turn < charge.ended_at)
    cuts = [charge.started_at, *inside, charge.ended_at]
    amount = Fraction(charge.amount or 0)
    stretches: list[list[Any]] = []
    for begin, end in pairwise(cuts):
        value = value_at(facts, charge, lineage_at(tree, history, begin), begin)
        if stretches and stretches[-1][0] == value:
            stretches[-1][2] = end
        else:
            stretches.append([value, begin, end])
    if charge.unit in DUE_AT_ONCE:
        return [(stretches[0][0], amount)]

    def reached(at: datetime) -> Fraction:
        done = int((at - charge.started_at).total_seconds())
        return half_up(amount * done / charge.seconds)

    return [(value, reached(end) - reached(begin)) for value, begin, end in stretches]


def half_up(amount: Fraction) -> Fraction:
    return Fraction(math.floor(amount * 10**6 + Fraction(1, 2)), 10**6)


def shared(parts: Mapping[str | None, Fraction]) -> dict[str | None, int]:
    """Cents by value: all rounded down, then the rest to those that lost most."""
    total = math.floor(sum(parts.values()) * 100 + Fraction(1, 2))
    cents = {value: math.floor(amount * 100) for value, amount in parts.items()}
    order = sorted(
        parts, key=lambda value: (cents[value] - parts[value] * 100, value is None, value or "")
    )
    for value in order[: total - sum(cents.values())]:
        cents[value] += 1
    return cents


def reference(
    charges: Sequence[Charge], facts: Sequence[TagFact], tree: Tree, history: History
) -> dict[tuple[Any, ...], int]:
    """Cents by line, month and value."""
    starts = [month.start for month in months_in(PERIOD)]
    lines: dict[tuple[Any, ...], dict[str | None, Fraction]] = defaultdict(dict)
    for charge in charges:
        start = max(start for start in starts if start <= charge.started_at)
        price = (charge.sku_id, charge.price_id, charge.from_quantity)
        parts = lines[start, charge.organization_id, *price]
        for value, amount in parts_of(charge, facts, tree, history):
            parts[value] = parts.get(value, Fraction(0)) + amount
    return {
        (*line, value): cents
        for line, parts in lines.items()
        for value, cents in shared(parts).items()
    }


def as_cents(by_value: ByValue) -> dict[tuple[Any, ...], int]:
    def key(line: CostLine, value: str | None) -> tuple[Any, ...]:
        price = (line.sku_id, line.price_id, line.from_quantity)
        return (line.month_start, line.organization_id, *price, value)

    return {
        key(line, value): int(line.amount * 100)
        for value, found in by_value.items()
        for line in found.lines
    }


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(random=st.randoms(use_true_random=True))
def test_values_of_a_tag_add_up_to_the_cent(tree: Tree, random: Random) -> None:
    with transaction.atomic():
        history = write_history(tree, random)
        facts = write_tags(history, (*tree.organizations, tree.project), random)
        at = PERIOD.end if random.random() < 0.5 else moment(random)
        nodes, months = [tree.project.pk], months_in(PERIOD)
        charges = list_charges(nodes, period=PERIOD, as_of=min(at, PERIOD.end))

        found = tagged_months(nodes, "fase", months, at=at)
        realised = costs(nodes, period=PERIOD, as_of=min(at, PERIOD.end))
        expected = expected_costs(nodes, period=PERIOD, as_of=at) if at < PERIOD.end else realised
        files = by_value_in_files(charges)
        transaction.set_rollback(True)

    assert files == exact_by_value(charges, facts, tree, history)
    by_value = {key: cents for one in found for key, cents in as_cents(one.realised).items()}
    assert by_value == reference(charges, facts, tree, history)
    assert total(one.realised for one in found) == realised.total
    assert total(one.expected for one in found) == expected.total


def by_value_in_files(charges: Sequence[Charge]) -> dict[str | None, Decimal]:
    """As FOCUS has them: cut by all keys at once. The parts follow each other, and add up."""
    known = TagHistory()
    known.look_up(charges)
    sums: dict[str | None, Decimal] = defaultdict(Decimal)
    for charge in charges:
        parts = known.parts(charge)
        assert [part.started_at for part, _tags in parts[1:]] == [
            part.ended_at for part, _tags in parts[:-1]
        ]
        assert sum(part.amount or 0 for part, _tags in parts) == (charge.amount or 0)
        assert sum(part.seconds for part, _tags in parts) == charge.seconds
        for part, tags in parts:
            sums[tags.get("fase")] += part.amount or 0
    return {value: amount for value, amount in sums.items() if amount}


def exact_by_value(
    charges: Sequence[Charge], facts: Sequence[TagFact], tree: Tree, history: History
) -> dict[str | None, Decimal]:
    sums: dict[str | None, Fraction] = defaultdict(Fraction)
    for charge in charges:
        for value, amount in parts_of(charge, facts, tree, history):
            sums[value] += amount
    millionths = {value: int(amount * 10**6) for value, amount in sums.items() if amount}
    return {value: Decimal(amount).scaleb(-6) for value, amount in millionths.items()}


def total(months: Any) -> Decimal:
    return sum(
        (costs.total for by_value in months for costs in by_value.values()), start=Decimal(0)
    )
