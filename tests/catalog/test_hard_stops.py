"""A budget with a hard stop: what does not fit is refused, when it is asked and when approved."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db.models import F
from django.utils.timezone import localdate, now

from billing.errors import BudgetExceeded
from billing.models import Budget
from billing.services import budgets
from catalog.models import OfferingVersion, Order, OrderState, QuotaClaim, Resource
from catalog.services import hard_stops
from catalog.services.approvals import approve_order
from catalog.services.changes import place_change
from catalog.services.order_costs import pending_costs, promised_costs
from catalog.services.preview import preview, preview_of_order
from portal.core.money import to_cents
from portal.identity.models import Node, Person, Project, Role
from tests.factories import PersonFactory, asked, delivered, grant, place, place_lines
from tests.factories.catalog import SPEC
from tests.races import at_once, meeting

pytestmark = pytest.mark.django_db(transaction=True)

Ask = Callable[[], Order]


@pytest.fixture
def ask(requester: Person, project: Project, version: OfferingVersion, sent_tasks: Any) -> Ask:
    return lambda: place(requester, project, version, spec=SPEC)


@pytest.fixture
def cost(project: Project, version: OfferingVersion) -> Decimal:
    """Of one server until the end of the year."""
    give(project, "999999999")
    found = preview(project=project, version=version, spec=SPEC, end_date=None).budget
    Budget.objects.all().delete()
    assert found is not None
    return found.asked


def give(node: Node, amount: Decimal | str, *, is_hard_stop: bool = False) -> Budget:
    year = localdate().year
    return Budget.objects.create(
        node=node, year=year, amount=Decimal(amount), is_hard_stop=is_hard_stop
    )


def test_what_fits_exactly_is_ordered(ask: Ask, project: Project, cost: Decimal) -> None:
    give(project, cost, is_hard_stop=True)

    assert ask().state == OrderState.PENDING_APPROVAL


def test_what_does_not_fit_is_refused_and_nothing_is_kept(
    ask: Ask, project: Project, cost: Decimal
) -> None:
    finance = PersonFactory(name="Fenna van Financiën")
    grant(finance, Role.FINANCE, project.parent)
    give(project, cost / 2, is_hard_stop=True)

    with pytest.raises(BudgetExceeded) as refusal:
        ask()

    assert refusal.value.facts["level"]["name"] == project.name
    assert refusal.value.facts["ask"] == "Fenna van Financiën"
    assert Decimal(refusal.value.facts["free"]) == to_cents(cost / 2)
    for said in (project.name, "Fenna van Financiën"):
        assert said in str(refusal.value)
    assert not Order.objects.exists()
    assert not QuotaClaim.objects.exists()


def test_without_a_hard_stop_the_budget_holder_decides(ask: Ask, project: Project) -> None:
    give(project, "0")

    assert ask().state == OrderState.PENDING_APPROVAL


def test_a_budget_above_stops_too(ask: Ask, project: Project, cost: Decimal) -> None:
    give(project, cost * 9)
    above = give(project.parent, "1", is_hard_stop=True)

    with pytest.raises(BudgetExceeded) as refusal:
        ask()

    assert refusal.value.position.node.pk == above.node_id


def test_of_two_that_stop_the_nearest_says_so(ask: Ask, project: Project) -> None:
    give(project, "1", is_hard_stop=True)
    give(project.parent, "2", is_hard_stop=True)

    with pytest.raises(BudgetExceeded) as refusal:
        ask()

    assert refusal.value.position.node.pk == project.pk


def test_the_budget_of_next_year_stops_nothing_now(ask: Ask, project: Project) -> None:
    give(project, "0", is_hard_stop=True)
    Budget.objects.update(year=F("year") + 1)

    ask()


def test_what_waits_counts_for_a_new_order(ask: Ask, project: Project, cost: Decimal) -> None:
    give(project, cost * 2 - 1, is_hard_stop=True)
    ask()

    with pytest.raises(BudgetExceeded):
        ask()


@pytest.mark.parametrize("accepts_changes", [False, True])
def test_approving_looks_again(
    ask: Ask, project: Project, approver: Person, cost: Decimal, accepts_changes: bool
) -> None:
    order = ask()
    give(project, cost / 2, is_hard_stop=True)

    with pytest.raises(BudgetExceeded):
        approve_order(order.public_id, approver=approver, accepts_changes=accepts_changes)

    assert Order.objects.get().state == OrderState.PENDING_APPROVAL
    assert not Order.objects.get().approvals.exists()


def test_of_two_that_wait_the_approver_chooses_one(
    ask: Ask, project: Project, approver: Person, cost: Decimal
) -> None:
    first, second = ask(), ask()
    give(project, cost * 2 - 1, is_hard_stop=True)

    approve_order(second.public_id, approver=approver, accepts_changes=True)
    with pytest.raises(BudgetExceeded):
        approve_order(first.public_id, approver=approver, accepts_changes=True)


def test_a_change_is_held_against_what_it_costs_more(
    ask: Ask, project: Project, requester: Person, approver: Person, cost: Decimal
) -> None:
    server = delivered(ask(), approver=approver)
    give(project, "0", is_hard_stop=True)

    def change(size: int) -> None:
        place_change(
            requested_by=requester,
            resource=server,
            purpose="Meer zaken",
            answers={"volume_gib": size},
            end_date=None,
            idempotency_key=str(uuid4()),
        )

    with pytest.raises(BudgetExceeded):
        change(SPEC["volume_gib"] + 10)

    place_change(
        requested_by=requester,
        resource=server,
        purpose="Niet langer nodig",
        answers={},
        end_date=localdate() + timedelta(days=1),
        idempotency_key=str(uuid4()),
    )  # costs less, so it is never in the way


def test_who_looks_hears_it_before(
    ask: Ask, project: Project, version: OfferingVersion, cost: Decimal
) -> None:
    order = ask()
    give(project, cost / 2, is_hard_stop=True)

    new = preview(project=project, version=version, spec=SPEC, end_date=None)
    waiting = preview_of_order(order)

    assert new.stop is not None
    assert new.stop.position.free < 0  # the order that waits claims it already
    assert waiting.stop is not None
    assert waiting.stop.position.free == to_cents(cost / 2)


# --- at once -----------------------------------------------------------------------------------


@pytest.fixture
def unlocked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The budgets are read, but not locked."""
    monkeypatch.setattr(hard_stops, "lock_hard_stops", budgets.find_hard_stops)


@pytest.fixture
def approve_two(
    ask: Ask, project: Project, approver: Person, cost: Decimal, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], list[str]]:
    """Two people approve, at one moment, two orders of which the budget has money for one."""
    orders, colleague = (ask(), ask()), PersonFactory()
    grant(colleague, Role.APPROVER, project.parent)
    give(project, cost * 2 - 1, is_hard_stop=True)
    _meet_when_looking(monkeypatch)

    def approve(order: Order, person: Person) -> Callable[[], Order]:
        return lambda: approve_order(order.public_id, approver=person, accepts_changes=True)

    return lambda: at_once(approve(orders[0], approver), approve(orders[1], colleague))


@pytest.fixture
def order_two(
    ask: Ask, project: Project, cost: Decimal, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], list[str]]:
    """Two orders at one moment, of which the budget has money for one."""
    give(project, cost * 2 - 1, is_hard_stop=True)
    _meet_when_looking(monkeypatch)
    return lambda: at_once(ask, ask)


def _meet_when_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody has seen what is free before anybody goes on, but for who a lock keeps outside."""
    check = hard_stops.check_hard_stops
    meet = meeting(check)
    for module in ("approvals", "orders"):
        monkeypatch.setattr(f"catalog.services.{module}.check_hard_stops", meet)


def test_without_the_lock_both_are_approved(
    approve_two: Callable[[], list[str]], unlocked: None
) -> None:
    assert approve_two() == ["done", "done"]


def test_of_two_approvals_at_once_one_gets_the_money(approve_two: Callable[[], list[str]]) -> None:
    assert sorted(approve_two()) == ["BudgetExceeded", "done"]


def test_without_the_lock_both_are_ordered(
    order_two: Callable[[], list[str]], unlocked: None
) -> None:
    assert order_two() == ["done", "done"]


def test_of_two_orders_at_once_one_gets_the_money(order_two: Callable[[], list[str]]) -> None:
    assert sorted(order_two()) == ["BudgetExceeded", "done"]


def test_what_is_delivered_of_an_order_is_not_promised_as_well(
    requester: Person, approver: Person, project: Project, version: OfferingVersion
) -> None:
    """It is metered by now; and what was undone costs nothing."""
    order = place_lines(
        requester, project, *(asked(version, f"web-0{number}") for number in (1, 2, 3))
    )
    approve_order(order.public_id, approver=approver, accepts_changes=True)
    moment = now()
    all_of_it = pending_costs(project, None, moment)

    first, second, _third = (line.resource for line in order.lines.order_by("position"))
    Resource.objects.filter(pk=first.pk).update(state="active", activated_at=moment)
    Resource.objects.filter(pk=second.pk).update(state="retired", retired_at=moment)

    assert abs(pending_costs(project, None, moment) * 3 - all_of_it) < Decimal("0.03")
    assert promised_costs([project.pk], at=moment)[project.pk] == (
        pending_costs(project, None, moment)
    )
