"""Whatever happened, and whenever it became known: what is billed is what was used, to the cent."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.models import Statement, StatementLine, UsageSpan
from billing.services import closing
from billing.services.charging import costs
from billing.services.checking import check_months
from billing.services.corrections import find_late_facts
from portal.core.calendar import Period, month
from portal.identity.models import Organization, Person
from tests.billing.test_charging_agrees_with_rating import (
    FIRST,
    SKUS,
    Tree,
    moment,
    number,
    tree,
    write_history,
)
from tests.factories.billing import MeteredResourceFactory, SkuFactory, UsageSpanFactory
from tests.histories import histories

__all__ = ["tree"]  # a fixture
MONTHS = [month(2026, 2), month(2026, 3), month(2026, 4)]

pytestmark = pytest.mark.database


@settings(
    max_examples=histories(25),
    deadline=None,
    derandomize=True,
    database=None,
    # Each example rolls its rows back; the people and the tree that fixtures made are only read.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(random=st.randoms(use_true_random=True))
def test_what_is_billed_is_what_was_used(
    tree: Tree, first: Person, second: Person, without_look: None, random: Random
) -> None:
    with transaction.atomic():
        write_history(tree, random)
        add_use(tree, random, FIRST, FIRST + timedelta(hours=1))  # the books begin in February
        for period in MONTHS:
            close(period, first, second)
            something_comes_late(tree, random)
        flaws = [flaw for check in check_months() for flaw in check.flaws]
        billed = billed_by_line()
        for one in find_late_facts().corrections:
            what = (one.organization_id, one.project_id, one.price_id, one.from_quantity)
            billed[*what, one.month_start] += one.amount
        expected = used_by_line()
        sums = statement_sums()
        transaction.set_rollback(True)

    assert flaws == []
    assert {key: amount for key, amount in billed.items() if amount} == expected
    assert [total for total, _sum in sums] == [sum_ for _total, sum_ in sums]


@pytest.fixture
def without_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here much has no price: that is then on no statement."""
    monkeypatch.setattr("billing.closing_checks._prices_missing", lambda month, skus: [])
    monkeypatch.setattr("billing.closing_checks._late_prices_missing", lambda late: [])


def close(period: Period, first: Person, second: Person) -> None:
    """As both do it, but within the transaction of this test."""
    closing._begin_closing.__wrapped__(period, first)  # type: ignore[attr-defined]
    total = closing.prepare_closing(period).total
    closing._close_month.__wrapped__(period, second, total)  # type: ignore[attr-defined]


def something_comes_late(tree: Tree, random: Random) -> None:
    """Use that nobody knew of, and ends of what was thought to go on."""
    for _ in range(random.randint(0, 3)):
        start, end = sorted(moment(random) for _ in range(2))
        add_use(tree, random, start, end)
    for span in UsageSpan.objects.filter(ended_at=None).order_by("pk"):
        if random.random() < 0.3:
            span.ended_at = max(span.started_at, moment(random))
            span.save(update_fields=["ended_at"])


def add_use(tree: Tree, random: Random, start: Any, end: Any) -> None:
    UsageSpanFactory(
        resource=MeteredResourceFactory(project=tree.project, cloud=tree.cloud),
        sku=SkuFactory(code=random.choice(SKUS)),
        quantity=number(random, 10**6),
        started_at=start,
        ended_at=end,
    )


def billed_by_line() -> defaultdict[tuple[Any, ...], Decimal]:
    """What statements say of each payer, project, price, tier and month of use."""
    billed: defaultdict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    for line in StatementLine.objects.select_related("statement", "used_in"):
        what = (line.statement.organization_id, line.project_id, line.price_id, line.from_quantity)
        billed[*what, line.used_in.period.start] += line.amount
    return billed


def used_by_line() -> dict[tuple[Any, ...], Decimal]:
    """What was used, by all that is known now."""
    everybody = list(Organization.objects.values_list("pk", flat=True))
    period = Period(MONTHS[0].start, MONTHS[-1].end)
    lines = costs(everybody, period=period, as_of=period.end).lines
    return {
        (
            *(line.organization_id, line.project_id, line.price_id, line.from_quantity),
            line.month_start,
        ): line.amount
        for line in lines
        if line.price_id is not None and line.amount
    }


def statement_sums() -> list[tuple[Decimal, Decimal]]:
    """The total of each statement, and the sum of its lines."""
    return [
        (statement.total, sum((line.amount for line in statement.lines.all()), Decimal(0)))
        for statement in Statement.objects.prefetch_related("lines")
    ]
