"""Whatever happened and however costs are shared: months come to the same with keys and without."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.models import SplitKey, Statement, StatementLine
from billing.services.checking import check_months
from billing.services.corrections import find_late_facts
from billing.services.credits import waiting_credits
from billing.services.month_costs import month_costs
from portal.core.calendar import Period
from portal.identity.models import Person, Project
from tests.billing.months.test_random_histories import (
    FIRST,
    MONTHS,
    add_use,
    close,
    moment,
    something_comes_late,
    without_look,
    write_history,
)
from tests.billing.months.test_set_off import give_back_at_random
from tests.billing.splitting.conftest import key_held
from tests.billing.test_charging_agrees_with_rating import SKUS, Tree, tree
from tests.factories import make_project
from tests.factories.billing import MeteredResourceFactory, SkuFactory, UsageSpanFactory
from tests.histories import histories

__all__ = ["tree", "without_look"]  # fixtures
pytestmark = pytest.mark.database
CENT = Fraction(1, 100)


@pytest.fixture
def bearers(tree: Tree) -> list[Project]:
    return [make_project(place) for place in (*tree.ministries, tree.directorates[1])]


@settings(
    max_examples=histories(8),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 2**32))
def test_months_come_to_the_same_with_keys_and_without(
    tree: Tree, bearers: list[Project], first: Person, second: Person, without_look: None, seed: int
) -> None:
    alone = books(tree, bearers, (first, second), seed, is_shared=False)
    shared = books(tree, bearers, (first, second), seed, is_shared=True)

    assert shared == alone


def books(
    tree: Tree, bearers: list[Project], people: tuple[Person, Person], seed: int, *, is_shared: bool
) -> list[Decimal]:
    """What the statements of each month come to; and whether all in them is as it should be."""
    random = Random(seed)  # noqa: S311  (a history)
    with transaction.atomic():
        write_history(tree, random)
        add_use(tree, random, FIRST, FIRST + timedelta(hours=1))  # the books begin in February
        use_of_bearers(tree, bearers, random)
        keys = share_at_random(tree, bearers, Random(seed), people) if is_shared else []  # noqa: S311
        for period in MONTHS:
            shown = shares_shown(bearers, period)
            corrected = bool(find_late_facts().corrections) or bool(waiting_credits())
            close(period, *people)
            assert corrected or shares_shown(bearers, period) == shown
            give_back_at_random(people[0], random)
            something_comes_late(tree, random)
        flaws = [flaw for check in check_months() for flaw in check.flaws]
        totals = [total_of(period) for period in MONTHS]
        for key in keys:
            check_by_hand(key)
        transaction.set_rollback(True)
    assert flaws == []
    return totals


def use_of_bearers(tree: Tree, bearers: list[Project], random: Random) -> None:
    for project in bearers[: random.randint(0, len(bearers))]:
        start, end = sorted(moment(random) for _ in range(2))
        UsageSpanFactory(
            resource=MeteredResourceFactory(project=project, cloud=tree.cloud),
            sku=SkuFactory(code=random.choice(SKUS)),
            quantity=Decimal(random.randrange(1, 10**4)),
            started_at=start,
            ended_at=end,
        )


def share_at_random(
    tree: Tree, bearers: list[Project], random: Random, people: tuple[Person, Person]
) -> list[SplitKey]:
    """One key for all of the time, or one after another."""
    turn = random.choice(MONTHS).start
    periods = [(MONTHS[0].start, turn), (turn, None)]
    keys = []
    for since, until in periods:
        if since == until:
            continue
        some = random.sample(bearers, random.randint(1, len(bearers)))
        method = random.choice(["equal", "by_usage", "percentages"])
        parts: dict[Project, str | None] = dict.fromkeys(some)
        if method == "percentages":
            cuts = sorted(random.sample(range(1, 100_000), len(some) - 1))
            sizes = [b - a for a, b in zip([0, *cuts], [*cuts, 100_000], strict=True)]
            parts = {one: str(Decimal(size) / 1000) for one, size in zip(some, sizes, strict=True)}
        keys.append(
            key_held(tree.project, parts, method=method, since=since, until=until, people=people)
        )
    return keys


def total_of(period: Period) -> Decimal:
    statements = Statement.objects.filter(month__first_day=period.start.date())
    return sum((statement.total for statement in statements), Decimal(0))


def shares_shown(bearers: list[Project], period: Period) -> list[Decimal]:
    """What the page of each of these projects says at the end of the month."""
    months = [month_costs([one.pk], [period], at=period.end)[0] for one in bearers]
    return [one.realised.shared for one in months]


def check_by_hand(key: SplitKey) -> None:
    """Share the lines of each month again, in fractions, by other code than closes months."""
    recipients = {one.project_id: one for one in key.recipients.select_related("project")}
    by_month: defaultdict[int, list[StatementLine]] = defaultdict(list)
    for line in StatementLine.objects.select_related("statement__month"):
        if key.holds_at(line.statement.month.period.start):
            by_month[line.statement.month_id].append(line)
    for lines in by_month.values():
        of_source = [line for line in lines if line.project_id == key.source_id]
        assert sum(line.amount for line in of_source) == 0
        total = sum(line.amount for line in of_source if line.split_key_id is None)
        weights = {
            pk: Fraction(one.percentage or 0)
            if key.method == "percentages"
            else Fraction(
                sum(line.amount for line in lines if (line.project_id, line.kind) == (pk, "usage"))
            )
            if key.method == "by_usage"
            else Fraction(1)
            for pk, one in recipients.items()
        }
        if not any(weights.values()):
            weights = dict.fromkeys(weights, Fraction(1))
        borne = {
            pk: sum(
                line.amount for line in lines if (line.project_id, line.kind) == (pk, "shared_in")
            )
            for pk in recipients
        }
        assert sum(borne.values()) == total
        for pk, amount in borne.items():
            exact = Fraction(total) * weights[pk] / sum(weights.values())
            assert abs(Fraction(amount) - exact) < CENT
