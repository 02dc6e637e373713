"""A closing looks only at months that changed, and finds what it would find in all of them."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.models import AllocationFact, UnsettledMonth
from billing.services.closing import prepare_closing
from billing.services.corrections import LateFacts, find_late_facts
from billing.services.unsettled import take_unsettled_months, unsettled_months
from portal.core.calendar import month, start_of_day
from portal.identity.models import CostCentre, Node, NodeParent
from tests.billing.months.conftest import OCTOBER, SEPTEMBER, used
from tests.billing.months.test_random_histories import (
    FIRST,
    MONTHS,
    add_use,
    moment,
    something_comes_late,
    without_look,
    write_history,
)
from tests.billing.months.test_random_histories import close as close_within
from tests.billing.months.test_set_off import give_back_at_random
from tests.billing.test_charging_agrees_with_rating import SKUS, Tree, tree
from tests.factories import make_organization
from tests.factories.billing import set_price
from tests.races import at_once, meeting

__all__ = ["tree", "without_look"]  # fixtures
pytestmark = pytest.mark.django_db
JULY = month(2026, 7)
AUGUST = month(2026, 8)


def keys() -> list[str]:
    return [one.key for one in unsettled_months()]


@pytest.fixture
def closed(close, project):
    """July, August and September are closed, and nothing is late."""
    set_price("38.40")
    used(project, start_of_day(date(2026, 7, 1)))
    for period in (JULY, AUGUST, SEPTEMBER):
        close(period)
    return project


def test_only_the_newest_month_is_looked_at_when_nothing_happened(closed):
    assert keys() == ["2026-09"]
    assert find_late_facts(unsettled_months()) == LateFacts()


def test_a_late_fact_adds_its_months_until_the_next_closing(closed, close):
    used(closed, start_of_day(date(2026, 7, 5)), start_of_day(date(2026, 7, 6)))
    assert keys() == ["2026-07", "2026-08", "2026-09"]

    close(OCTOBER)

    assert keys() == ["2026-10"]
    assert not UnsettledMonth.objects.filter(month_start__lt=OCTOBER.end).exists()


def test_months_with_a_gap_between_them_are_each_charged_right(closed):
    used(closed, start_of_day(date(2026, 7, 5)), start_of_day(date(2026, 9, 6)))
    UnsettledMonth.objects.filter(month_start=AUGUST.start).delete()

    late = find_late_facts(unsettled_months())

    everything = find_late_facts().corrections
    assert [one.month_start for one in everything] == [*(JULY.start, AUGUST.start, SEPTEMBER.start)]
    assert late.corrections == (everything[0], everything[2])


def test_a_closing_that_fails_forgets_nothing(closed, close, monkeypatch):
    used(closed, start_of_day(date(2026, 7, 5)), start_of_day(date(2026, 7, 6)))

    def crash(*_arguments: Any, **_named: Any) -> None:
        raise SystemError("out of power")

    with monkeypatch.context() as patch:
        patch.setattr("billing.services.closing.write_statements", crash)
        with pytest.raises(SystemError):
            close(OCTOBER)

    assert keys() == ["2026-07", "2026-08", "2026-09"]


def test_a_look_forgets_nothing(closed):
    used(closed, start_of_day(date(2026, 7, 5)), start_of_day(date(2026, 7, 6)))

    prepare_closing(OCTOBER)

    assert keys() == ["2026-07", "2026-08", "2026-09"]


def test_who_moves_a_node_without_a_history_moves_what_it_cost(closed, service):
    NodeParent.objects.filter(node=closed).delete()
    assert keys() == ["2026-09"]
    stand_under(closed, make_organization(name="Andere dienst"))

    assert keys() == ["2026-07", "2026-08", "2026-09"]
    assert find_late_facts(unsettled_months()) == find_late_facts() != LateFacts()


def test_who_moves_a_node_whose_history_is_known_outdates_nothing(closed, service):
    stand_under(closed, make_organization(name="Andere dienst"))

    assert keys() == ["2026-09"]


@pytest.mark.django_db(transaction=True)
def test_a_fact_that_comes_while_a_month_closes_is_found_by_the_next(closed, close, monkeypatch):
    """It is written after the closing forgot what it knew, and before that commits."""

    def late() -> None:
        with transaction.atomic():
            meeting_point(OCTOBER)
            used(closed, start_of_day(date(2026, 7, 5)), start_of_day(date(2026, 7, 6)))

    meeting_point = meeting(lambda _period: None)
    monkeypatch.setattr(
        "billing.services.closing.take_unsettled_months",
        lambda period: (take_unsettled_months(period), meeting_point(period))[0],
    )

    assert sorted(at_once(lambda: close(OCTOBER), late)) == ["done", "done"]

    assert find_late_facts(unsettled_months()) == find_late_facts()


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(random=st.randoms(use_true_random=True))
def test_the_cheap_look_finds_what_the_full_one_does(
    tree: Tree, first: Any, second: Any, without_look: None, random: Random
) -> None:
    with transaction.atomic():
        write_history(tree, random)
        add_use(tree, random, FIRST, FIRST + timedelta(hours=1))  # the books begin in February
        if random.random() < 0.3:
            NodeParent.objects.filter(node=tree.project).delete()
        for period in MONTHS:
            close_within(period, first, second)
            assert cheap_and_full_agree()
            give_back_at_random(first, random)
            something_comes_late(tree, random)
            for change in random.sample(CHANGES, 2):
                change(tree, random)
            assert cheap_and_full_agree()
        transaction.set_rollback(True)


def cheap_and_full_agree() -> bool:
    """On corrections; what has no price would keep a real month from being closed."""
    return find_late_facts(unsettled_months()).corrections == find_late_facts().corrections


def a_price_is_told(tree: Tree, random: Random) -> None:
    """Known late, where none held."""
    owner = random.choice([None, *tree.organizations])
    with suppress(IntegrityError), transaction.atomic():
        set_price("7.00", sku=random.choice(SKUS), organization=owner, since=moment(random))


def a_project_moves(tree: Tree, random: Random) -> None:
    """Written down late."""
    when = moment(random)
    known = NodeParent.objects.filter(node=tree.project, valid_until=None).first()
    if known and known.valid_from < when:
        known.valid_until = when
        known.save(update_fields=["valid_until"])
        parent = random.choice(tree.ministries)
        NodeParent.objects.create(node=tree.project, parent=parent, valid_from=when)


def the_tree_changes(tree: Tree, random: Random) -> None:
    """Of a node whose history is not known this changes all of it."""
    stand_under(tree.project, random.choice(tree.ministries))


def stand_under(node: Node, parent: Node) -> None:
    """Without a word about since when."""
    Node.objects.filter(pk=node.pk).update(parent=parent, ancestor_ids=parent.lineage_ids)


def a_cost_centre_is_told(tree: Tree, random: Random) -> None:
    node = random.choice([tree.project, *tree.organizations])
    if not CostCentre.objects.filter(node=node).exists():
        code = f"K{random.randint(1, 3)}"
        CostCentre.objects.create(node=node, code=code, valid_from=moment(random))


def a_cost_object_is_told(tree: Tree, random: Random) -> None:
    if not AllocationFact.objects.filter(node=tree.project).exists():
        AllocationFact.objects.create(
            node=tree.project, key="cost_object", value="O1", valid_from=moment(random)
        )


CHANGES = [
    a_price_is_told,
    a_project_moves,
    the_tree_changes,
    a_cost_centre_is_told,
    a_cost_object_is_told,
]
