"""Setting, changing and ending budgets: by whom, what is refused, and what is kept."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.utils.timezone import localdate

from billing.errors import BudgetChanged, NoBudget
from billing.models import Budget, PastBudget
from billing.services import budget_changes
from billing.services.budget_changes import BudgetSays, end_budget, set_budget, sight_of
from billing.services.budgets import excess_of, find_budget_above
from portal.audit.models import AuditEntry
from portal.core.errors import InvalidInput, NotAllowed
from portal.identity.models import Node, Person, Project, Role
from tests.factories import PersonFactory, grant, make_organization, make_project
from tests.races import at_once, meeting

TEN = Decimal("10.00")
SAYS = BudgetSays(amount=Decimal("120.00"))


def finance_of(node: Node) -> Person:
    person: Person = PersonFactory()
    grant(person, Role.FINANCE, node)
    return person


@pytest.fixture
def project(transactional_db: None) -> Project:
    return make_project(make_organization(make_organization()))


@pytest.fixture
def year() -> int:
    return localdate().year


@pytest.fixture
def finance(project: Project) -> Person:
    return finance_of(project.parent)


def test_finance_sets_a_budget(project: Project, finance: Person, year: int) -> None:
    months = [Decimal(0)] * 11 + [Decimal("120.00")]
    says = BudgetSays(
        amount=Decimal("120.00"),
        month_amounts=months,
        alert_percentages=[100, 75, 100],
        is_hard_stop=True,
    )

    set_budget(project, year, says, reason=" Begroting ", actor=finance)

    budget = Budget.objects.get()
    assert (budget.node_id, budget.year, budget.amount) == (project.pk, year, Decimal("120.00"))
    assert (budget.months, budget.alert_percentages) == (months, [75, 100])
    assert (budget.is_hard_stop, budget.set_by, budget.reason) == (True, finance, "Begroting")
    entry = AuditEntry.objects.get(event="budget.set")
    assert (entry.subject_public_id, entry.actor_id) == (budget.public_id, finance.pk)
    assert (entry.node_id, entry.data["amount"]) == (project.pk, "120.00")


def test_equal_months_are_not_written_out(project: Project, finance: Person, year: int) -> None:
    says = BudgetSays(amount=Decimal("120.00"), month_amounts=[TEN] * 12)

    set_budget(project, year, says, reason="Begroting", actor=finance)

    assert Budget.objects.get().month_amounts is None


def test_a_change_keeps_what_it_was(project: Project, finance: Person, year: int) -> None:
    first = set_budget(project, year, SAYS, reason="Begroting", actor=finance)
    colleague = finance_of(project)

    changed = set_budget(
        project, year, BudgetSays(amount=Decimal("150.00")), reason="Voorjaar", actor=colleague
    )

    past = PastBudget.objects.get()
    assert (changed.pk, changed.public_id) == (first.pk, first.public_id)
    assert (past.amount, past.reason, past.set_by) == (Decimal("120.00"), "Begroting", finance)
    assert (past.set_at, past.replaced_at) == (first.set_at, changed.set_at)
    assert (past.replaced_by, past.end_reason) == (colleague, "")
    assert AuditEntry.objects.order_by("at").last().data["before"] == "120.00"


def test_ending_keeps_what_it_was(project: Project, finance: Person, year: int) -> None:
    budget = set_budget(project, year, SAYS, reason="Begroting", actor=finance)

    end_budget(project, year, reason="Telt nu mee bij de directie", actor=finance)

    past = PastBudget.objects.get()
    assert not Budget.objects.exists()
    assert (past.node_id, past.amount) == (project.pk, Decimal("120.00"))
    assert past.end_reason == "Telt nu mee bij de directie"
    entry = AuditEntry.objects.get(event="budget.ended")
    assert (entry.subject_public_id, entry.data["year"]) == (budget.public_id, year)


def test_what_is_not_there_cannot_end(project: Project, finance: Person, year: int) -> None:
    with pytest.raises(NoBudget):
        end_budget(project, year, reason="Weg", actor=finance)


@pytest.mark.parametrize("role", [role for role in Role if role != Role.FINANCE])
def test_nobody_else_sets_one(project: Project, year: int, role: Role) -> None:
    person = PersonFactory()
    grant(person, role, project.parent.parent)

    with pytest.raises(NotAllowed):
        set_budget(project, year, SAYS, reason="Meer", actor=person)
    with pytest.raises(NotAllowed):
        end_budget(project, year, reason="Weg", actor=person)

    assert not Budget.objects.exists()
    assert AuditEntry.objects.filter(event="budget.setting_refused").count() == 2


def test_finance_of_a_part_does_not_reach_above_it(project: Project, year: int) -> None:
    with pytest.raises(NotAllowed):
        set_budget(project.parent, year, SAYS, reason="Meer", actor=finance_of(project))


@pytest.mark.parametrize(
    ("says", "field"),
    [
        ({"amount": Decimal("-0.01")}, "amount"),
        ({"amount": Decimal("0.001")}, "amount"),
        ({"amount": Decimal("1E+12")}, "amount"),
        ({"amount": Decimal("NaN")}, "amount"),
        ({"amount": Decimal("sNaN")}, "amount"),
        ({"amount": Decimal("Infinity")}, "amount"),
        ({"month_amounts": [TEN] * 11}, "month_amounts"),
        ({"month_amounts": [TEN] * 13}, "month_amounts"),
        ({"month_amounts": [TEN] * 10 + [Decimal(30), -TEN]}, "month_amounts"),
        ({"month_amounts": [TEN] * 11 + [Decimal("10.01")]}, "month_amounts"),
        ({"month_amounts": [TEN] * 11 + [Decimal("9.99")]}, "month_amounts"),
        ({"month_amounts": [TEN] * 11 + [Decimal("NaN")]}, "month_amounts"),
        ({"alert_percentages": [0]}, "alert_percentages"),
        ({"alert_percentages": [201]}, "alert_percentages"),
        ({"alert_percentages": list(range(1, 12))}, "alert_percentages"),
    ],
)
def test_nonsense_is_refused_at_its_field(
    project: Project, finance: Person, year: int, says: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        set_budget(
            project,
            year,
            BudgetSays(**{"amount": Decimal("120.00"), **says}),
            reason="Begroting",
            actor=finance,
        )

    assert list(refusal.value.errors) == [field]
    assert not Budget.objects.exists()


@pytest.mark.parametrize("reason", ["", "  ", "x" * 301, "a\x00b"])
def test_why_must_be_said(project: Project, finance: Person, year: int, reason: str) -> None:
    for act in (
        lambda: set_budget(project, year, SAYS, reason=reason, actor=finance),
        lambda: end_budget(project, year, reason=reason, actor=finance),
    ):
        with pytest.raises(InvalidInput) as refusal:
            act()
        assert list(refusal.value.errors) == ["reason"]


@pytest.mark.parametrize(("offset", "may"), [(-1, False), (0, True), (1, True), (2, False)])
def test_only_this_year_and_the_next(
    project: Project, finance: Person, year: int, offset: int, may: bool
) -> None:
    def act() -> Budget:
        return set_budget(project, year + offset, SAYS, reason="Begroting", actor=finance)

    if may:
        assert act().year == year + offset
        return
    with pytest.raises(InvalidInput) as refusal:
        act()
    assert list(refusal.value.errors) == ["year"]


def test_who_saw_something_else_is_stopped(project: Project, finance: Person, year: int) -> None:
    nothing = sight_of(None)
    first = set_budget(project, year, SAYS, reason="Begroting", actor=finance, seen=nothing)
    set_budget(project, year, SAYS, reason="Voorjaar", actor=finance, seen=sight_of(first))

    for seen in (nothing, sight_of(first)):
        with pytest.raises(BudgetChanged):
            set_budget(project, year, SAYS, reason="Najaar", actor=finance, seen=seen)
        with pytest.raises(BudgetChanged):
            end_budget(project, year, reason="Najaar", actor=finance, seen=seen)

    assert Budget.objects.get().reason == "Voorjaar"


def test_of_two_who_saw_the_same_one_sets_it(
    project: Project, finance: Person, year: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = set_budget(project, year, SAYS, reason="Begroting", actor=finance)
    seen = sight_of(first)
    monkeypatch.setattr(budget_changes, "sight_of", meeting(sight_of))

    def act(amount: int) -> Callable[[], Budget]:
        says = BudgetSays(amount=Decimal(amount))
        return lambda: set_budget(project, year, says, reason="Nu", actor=finance, seen=seen)

    outcomes = at_once(act(1), act(2))

    assert sorted(outcomes) == ["BudgetChanged", "done"]
    assert PastBudget.objects.count() == 1


def test_of_two_who_give_the_first_one_does(
    project: Project, finance: Person, year: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget_changes, "_lock", meeting(budget_changes._lock))

    outcomes = at_once(
        *[lambda: set_budget(project, year, SAYS, reason="Nu", actor=finance) for _ in range(2)]
    )

    assert sorted(outcomes) == ["BudgetChanged", "done"]
    assert Budget.objects.count() == 1


def test_parts_that_get_more_than_the_whole(project: Project, year: int) -> None:
    ministry = project.parent.parent
    whole = Budget.objects.create(node=ministry, year=year, amount=100)
    middle = Budget.objects.create(node=project.parent, year=year, amount=70)
    Budget.objects.create(node=project, year=year, amount=900)  # part of the middle
    other = Budget.objects.create(node=make_project(ministry), year=year, amount=30)
    Budget.objects.create(node=project, year=year + 1, amount=900)

    assert excess_of(whole) == 0
    assert excess_of(middle) == 830
    assert find_budget_above(middle) == whole == find_budget_above(other)
    assert find_budget_above(whole) is None

    Budget.objects.filter(pk=other.pk).update(amount=31)
    assert excess_of(whole) == 1
