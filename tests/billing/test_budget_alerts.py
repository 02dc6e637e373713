"""A budget that reaches a percentage is told of once, to who is concerned."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from celery import current_app
from django.core import mail
from django.utils.timezone import now

import billing.tasks
from billing.models import Budget, BudgetAlert, BudgetLetter, PastBudget
from billing.services import budget_alerts
from billing.services.budget_alerts import highest_of, send_budget_letter
from portal.core import mailing
from portal.core.calendar import start_of_day
from portal.identity.models import Node, NodeParent, Person, Project, Role, RoleGrant
from portal.web.home_tasks import find_tasks
from tests.catalog.provisioning.conftest import cloud, engine
from tests.constraints import refused_by
from tests.factories import PersonFactory, grant, make_organization, make_project
from tests.factories.billing import MeteredResourceFactory, UsageSpanFactory, set_price

__all__ = ["cloud", "engine"]
pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 16, 11, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

Strike = Callable[..., None]


@pytest.fixture
def project() -> Project:
    """Since 1 October it costs 30 euros a month: 45.50 until noon, and 90 in the year."""
    project = make_project(make_organization(make_organization(), "Dienst"), "Zaaksysteem")
    NodeParent.objects.update(valid_from=start_of_day(date(2025, 1, 1)))
    set_price("30.00")
    since = start_of_day(date(2026, 10, 1))
    UsageSpanFactory(resource=MeteredResourceFactory(project=project), started_at=since)
    return project


@pytest.fixture(autouse=True)
def mail_server(settings: Any) -> None:
    settings.MAIL_IS_ON = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    def set_to(moment: datetime) -> None:
        for module in (billing.tasks, budget_alerts, mailing):
            monkeypatch.setattr(module, "now", lambda: moment)

    return set_to


@pytest.fixture
def strike(engine: Any, set_clock: Callable[[datetime], None]) -> Strike:
    """Let the clock strike at that moment; letters go out unless it ``hangs``."""

    def ring(moment: datetime = NOON, *, hangs: bool = False) -> None:
        set_clock(moment)
        engine.call(current_app.tasks["billing.mind_budget_alerts"])
        if not hangs:
            engine.run()

    return ring


def give(node: Node, amount: int, *alerts: int) -> Budget:
    return Budget.objects.create(
        node=node,
        year=2026,
        amount=amount,
        alert_percentages=sorted(alerts or (80, 100)),
        set_at=NOON - DAY,
    )


def change(budget: Budget, moment: datetime, **facts: Any) -> None:
    """Set it anew, as the service does: what it was is kept."""
    budget.refresh_from_db()
    same = ("node", "year", "amount", "alert_percentages", "is_hard_stop", "set_at")
    PastBudget.objects.create(replaced_at=moment, **{name: getattr(budget, name) for name in same})
    Budget.objects.filter(pk=budget.pk).update(set_at=moment, **facts)


def reader(role: Role, node: Node, email: str, language: str = "nl") -> Person:
    person: Person = PersonFactory(email=email, language=language)
    grant(person, role, node)
    return person


def reached() -> set[tuple[str, int]]:
    return set(BudgetAlert.objects.filter(holds=True).values_list("measure", "percentage"))


def recipients() -> list[str]:
    return sorted(address for letter in mail.outbox for address in letter.to)


class TestMatters:
    @pytest.mark.parametrize(
        ("amount", "alerts", "expected"),
        [
            (1000, (80, 100), set()),
            (112, (80, 100), {("expected", 80)}),
            (113, (80, 100), set()),
            (90, (80, 100), {("expected", 80), ("expected", 100)}),
            (46, (98, 99), {("expected", 98), ("expected", 99), ("realised", 98)}),
            (45, (200,), {("expected", 200)}),
            (0, (80,), {("expected", 80), ("realised", 80)}),
        ],
    )
    def test_of_what_was_used_and_of_what_is_expected(
        self, strike: Strike, project: Project, amount: int, alerts: Any, expected: Any
    ) -> None:
        give(project, amount, *alerts)
        strike()

        assert reached() == expected

    def test_nothing_used_reaches_nothing(self, strike: Strike, project: Project) -> None:
        give(make_project(project.parent), 0)
        strike()

        assert reached() == set()

    def test_other_years_and_what_ended_are_nobodys_concern(
        self, strike: Strike, project: Project
    ) -> None:
        give(project, 1)
        Budget.objects.update(year=2027)
        strike()
        assert reached() == set()

        Budget.objects.update(year=2026)
        Node.objects.filter(pk=project.pk).update(ended_at=NOON)
        strike()
        assert reached() == set()

    def test_more_budget_ends_it(self, strike: Strike, project: Project) -> None:
        budget = give(project, 90)
        strike()
        Budget.objects.filter(pk=budget.pk).update(amount=1000)
        strike(NOON + HOUR)

        assert reached() == set()
        assert BudgetAlert.objects.count() == 2

    def test_one_process_at_a_time(
        self, strike: Strike, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        give(project, 1)
        monkeypatch.setattr(billing.tasks, "only_one", lambda _lock: nullcontext(False))
        strike()

        assert not BudgetAlert.objects.exists()

    def test_the_database_keeps_each_once(self, project: Project) -> None:
        facts = {"node": project, "year": 2026, "percentage": 80, "since": NOON}
        BudgetAlert.objects.create(measure="expected", **facts)

        with refused_by("budget_alert_once_a_year"):
            BudgetAlert.objects.create(measure="expected", **facts)
        with refused_by("budget_alert_measure_known"):
            BudgetAlert.objects.update(measure="other")

    def test_number_of_queries_does_not_grow(
        self, strike: Strike, project: Project, django_assert_max_num_queries: Any
    ) -> None:
        counts = []
        for more in (1, 8):
            for number in range(more):
                give(make_project(project.parent, f"Nog een {more} {number}"), 5)
            with django_assert_max_num_queries(60) as captured:
                strike()
            counts.append(len(captured))

        assert counts[0] == counts[1]


class TestLetters:
    def test_finance_and_budget_holders_are_told(self, strike: Strike, project: Project) -> None:
        reader(Role.FINANCE, project.parent, "finance@dienst.test")
        reader(Role.APPROVER, project, "houder@dienst.test", "en")
        reader(Role.AUDITOR, project, "auditor@dienst.test")
        give(project, 90)
        strike()

        assert recipients() == ["finance@dienst.test", "houder@dienst.test"]
        dutch, english = sorted(mail.outbox, key=lambda letter: letter.to)
        assert dutch.subject == "1 budget vraagt uw aandacht"
        line = "- Zaaksysteem: 100% wordt naar verwachting gebruikt van het budget van €\xa090,00"
        assert line in str(dutch.body)
        assert "80%" not in str(dutch.body)  # the highest says enough
        assert "- Zaaksysteem: 100% is expected to be used" in str(english.body)
        assert "/costs/budgets" in str(english.body)

    def test_of_each_role_the_nearest(self, strike: Strike, project: Project) -> None:
        reader(Role.FINANCE, project.parent.parent, "ver@dienst.test")
        reader(Role.FINANCE, project.parent, "dichtbij@dienst.test")
        reader(Role.APPROVER, project.parent.parent, "houder@dienst.test")
        give(project, 90)
        strike()

        assert recipients() == ["dichtbij@dienst.test", "houder@dienst.test"]

    def test_once_a_year_for_each_percentage(self, strike: Strike, project: Project) -> None:
        reader(Role.FINANCE, project, "finance@dienst.test")
        budget = give(project, 90)
        strike()
        strike(NOON + HOUR)
        Budget.objects.filter(pk=budget.pk).update(amount=1000)
        strike(NOON + DAY)
        Budget.objects.filter(pk=budget.pk).update(amount=90)
        strike(NOON + 2 * DAY)
        assert len(mail.outbox) == 1

        Budget.objects.filter(pk=budget.pk).update(amount=56)  # of which 45 is over 80%
        strike(NOON + 2 * DAY + HOUR)
        assert len(mail.outbox) == 2
        assert "80% is gebruikt" in str(mail.outbox[1].body)

    def test_again_when_it_is_reached_of_a_budget_that_was_raised(
        self, strike: Strike, project: Project
    ) -> None:
        reader(Role.FINANCE, project, "finance@dienst.test")
        budget = give(project, 90, 100)
        strike()
        raised = {"amount": 120, "set_at": NOON + HOUR}
        Budget.objects.filter(pk=budget.pk).update(**raised)
        strike(NOON + 2 * HOUR)
        assert len(mail.outbox) == 1

        UsageSpanFactory(resource=MeteredResourceFactory(project=project), started_at=NOON)
        strike(NOON + DAY)
        strike(NOON + DAY + HOUR)

        assert len(mail.outbox) == 2
        assert "120,00" in str(mail.outbox[1].body)

    def test_again_when_it_is_still_reached_of_another_amount(
        self, strike: Strike, project: Project
    ) -> None:
        reader(Role.FINANCE, project, "finance@dienst.test")
        budget = give(project, 50, 80)  # 90 is expected, 45.50 was used
        strike()
        change(budget, NOON + HOUR, amount=55)
        strike(NOON + 2 * HOUR)
        strike(NOON + 3 * HOUR)

        assert len(mail.outbox) == 2
        assert "55,00" in str(mail.outbox[1].body)

    def test_not_when_only_something_else_of_it_changed(
        self, strike: Strike, project: Project
    ) -> None:
        reader(Role.FINANCE, project, "finance@dienst.test")
        budget = give(project, 50, 80)
        strike()
        change(budget, NOON + HOUR, is_hard_stop=True)
        strike(NOON + 2 * HOUR)

        assert len(mail.outbox) == 1

    def test_not_when_the_amount_is_that_again_of_which_they_were_told(
        self, strike: Strike, project: Project
    ) -> None:
        reader(Role.FINANCE, project, "finance@dienst.test")
        budget = give(project, 50, 80)
        strike()
        change(budget, NOON + HOUR, amount=1000)
        strike(NOON + 2 * HOUR)
        change(budget, NOON + 3 * HOUR, amount=50)
        strike(NOON + 4 * HOUR)

        assert len(mail.outbox) == 1

    def test_not_at_night(self, strike: Strike, project: Project) -> None:
        reader(Role.FINANCE, project, "finance@dienst.test")
        give(project, 90)
        strike(datetime(2026, 11, 16, 5, 59, tzinfo=UTC))
        assert not mail.outbox

        strike(datetime(2026, 11, 16, 6, 0, tzinfo=UTC))
        assert len(mail.outbox) == 1

    def test_without_anybody_it_waits(self, strike: Strike, project: Project) -> None:
        give(project, 90)
        strike()
        assert BudgetAlert.objects.filter(told_at=None).count() == 2

        reader(Role.FINANCE, project, "finance@dienst.test")
        strike(NOON + HOUR)
        assert recipients() == ["finance@dienst.test"]

    def test_a_repeated_message_sends_nothing_twice(self, strike: Strike, project: Project) -> None:
        reader(Role.FINANCE, project, "finance@dienst.test")
        give(project, 90)
        strike()

        assert send_budget_letter(BudgetLetter.objects.get().pk) is False
        assert len(mail.outbox) == 1

    @pytest.mark.parametrize("gone", ["role", "budget", "matter"])
    def test_what_no_longer_is_so_is_not_sent(
        self, strike: Strike, project: Project, gone: str
    ) -> None:
        reader(Role.FINANCE, project, "finance@dienst.test")
        give(project, 90)
        strike(hangs=True)
        if gone == "role":
            RoleGrant.objects.update(valid_until=now(), end_reason="leaver")
        elif gone == "budget":
            Budget.objects.all().delete()
        else:
            BudgetAlert.objects.update(holds=False)

        assert send_budget_letter(BudgetLetter.objects.get().pk) is False
        assert not mail.outbox

    def test_without_mail_nothing_is_written(
        self, strike: Strike, project: Project, settings: Any
    ) -> None:
        settings.MAIL_IS_ON = False
        reader(Role.FINANCE, project, "finance@dienst.test")
        give(project, 90)
        strike()

        assert BudgetAlert.objects.exists()
        assert not BudgetLetter.objects.exists()

    def test_a_long_letter_has_an_end(self, strike: Strike, project: Project) -> None:
        reader(Role.FINANCE, project.parent, "finance@dienst.test")
        set_price("30.00", sku="other")
        for number in range(26):
            other = make_project(project.parent, f"P{number:02d}")
            NodeParent.objects.filter(node=other).update(valid_from=start_of_day(date(2025, 1, 1)))
            since = start_of_day(date(2026, 10, 1))
            UsageSpanFactory(resource=MeteredResourceFactory(project=other), started_at=since)
            give(other, 90)
        strike()

        (letter,) = mail.outbox
        assert "26 budgetten" in letter.subject
        assert str(letter.body).count("\n- ") == 25
        assert "1" in str(letter.body).split("\n- ")[-1]


def test_of_each_measure_the_highest() -> None:
    low = BudgetAlert(node_id=1, measure="expected", percentage=80)
    high = BudgetAlert(node_id=1, measure="expected", percentage=100)
    used = BudgetAlert(node_id=1, measure="realised", percentage=80)

    assert highest_of([low, used, high]) == [high, used]


@pytest.mark.parametrize(
    ("role", "sees"),
    [(Role.FINANCE, True), (Role.APPROVER, True), (Role.REQUESTER, False), (Role.AUDITOR, False)],
)
def test_the_first_page_tells_who_is_concerned(
    strike: Strike, project: Project, role: Role, sees: bool
) -> None:
    person = reader(role, project.parent, "iemand@dienst.test")
    give(project, 90)
    strike()

    found = [task for task in find_tasks(person, at=NOON) if "budgets" in task.url]

    assert [(task.title, task.text) for task in found] == (
        [("Budget van Zaaksysteem", "100% wordt naar verwachting gebruikt, in 2026.")]
        if sees
        else []
    )
