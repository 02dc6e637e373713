"""The pages of budgets: what they add up to, who sets one there, and what hostile input does."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import localdate
from django.utils.translation import override

from billing.budget_forms import BudgetForm
from billing.budget_pages import make_rows, make_year
from billing.models import Budget, PastBudget
from billing.services.budget_years import positions_of, total_position
from billing.services.budgets import position_of
from catalog.services.order_costs import pending_costs
from portal.core.calendar import start_of_day
from portal.identity.models import Node, NodeParent, Project, Role
from tests.billing.downloads import download
from tests.billing.visits import visit_as
from tests.factories import (
    UNKNOWN_ID,
    PersonFactory,
    generous_limits,
    grant,
    make_organization,
    make_project,
    place,
)
from tests.factories.billing import MeteredResourceFactory, UsageSpanFactory, set_price

AT = start_of_day(date(2026, 11, 16))
pytestmark = pytest.mark.django_db
YEAR = localdate().year


@pytest.fixture
def project(db: None) -> Project:
    project = make_project(
        make_organization(make_organization(name="Ministerie"), "Dienst"), "Zaak"
    )
    NodeParent.objects.update(valid_from=start_of_day(date(2025, 1, 1)))
    return project


@pytest.fixture
def in_use(project: Project) -> Project:
    """A server of 30 euros a month since October, next to one of another project."""
    set_price("30.00")
    for where in (project, make_project(project.parent, "Ander")):
        NodeParent.objects.update(valid_from=start_of_day(date(2025, 1, 1)))
        since = start_of_day(date(2026, 10, 1))
        UsageSpanFactory(resource=MeteredResourceFactory(project=where), started_at=since)
    return project


def member(role: Role, node: Node) -> Client:
    person = PersonFactory()
    grant(person, role, node)
    return visit_as(person)


@pytest.fixture
def finance(project: Project) -> Client:
    return member(Role.FINANCE, project.parent)


@pytest.fixture
def address(project: Project) -> str:
    return f"/costs/budgets/{project.public_id}/{YEAR}"


FORM = {"amount": "1,200.50", "alert_percentages": "80 100%", "reason": "Begroting"}


class TestFigures:
    def test_each_stands_as_the_approver_sees_it(self, in_use: Project) -> None:
        nodes = (in_use.parent.parent, in_use.parent, in_use)
        budgets = [Budget.objects.create(node=node, year=2026, amount=500) for node in nodes]

        found = positions_of(budgets, at=AT)

        assert found == [position_of(budget, at=AT) for budget in budgets]
        assert [one.realised for one in found] == [Decimal("90.00"), Decimal("90.00"), Decimal(45)]
        assert [one.expected for one in found] == [Decimal(180), Decimal(180), Decimal(90)]

    def test_orders_count_on_every_level(
        self, requester: Any, version: Any, sent_tasks: Any, project: Project
    ) -> None:
        generous_limits(project)
        grant(requester, Role.REQUESTER, project)
        place(requester, project, version)
        at = start_of_day(localdate())
        budgets = [
            Budget.objects.create(node=node, year=YEAR, amount=500)
            for node in (project.parent, project)
        ]

        for budget, found in zip(budgets, positions_of(budgets, at=at), strict=True):
            pending = pending_costs(budget.node, None, at)
            assert found == position_of(budget, at=at, pending=pending)
            assert found.committed > 0
        total = total_position(Node.objects.all(), at=at)
        assert total
        assert total.committed == found.committed

    def test_number_of_queries_does_not_grow(
        self, in_use: Project, django_assert_max_num_queries: Any
    ) -> None:
        Budget.objects.create(node=in_use, year=2026, amount=500)
        for number in range(5):
            project = make_project(in_use.parent, f"Nog een {number}")
            Budget.objects.create(node=project, year=2026, amount=500)

        with django_assert_max_num_queries(11):
            rows = make_rows(Node.objects.all(), 2026, at=AT)

        assert len(rows) == 6

    def test_parts_stand_below_the_whole(self, in_use: Project) -> None:
        Budget.objects.create(node=in_use, year=2026, amount=60)
        Budget.objects.create(node=in_use.parent.parent, year=2026, amount=50)

        whole, part = make_rows(Node.objects.all(), 2026, at=AT)

        assert (whole.level, whole.excess) == (0, 10)
        assert (part.level, part.excess, part.budget.node_id) == (1, 0, in_use.pk)
        assert (part.percentage, part.position.free) == (150, Decimal(-30))

    def test_months_add_up_to_the_year(self, in_use: Project) -> None:
        months = [Decimal(10)] * 11 + [Decimal(20)]
        budget = Budget.objects.create(node=in_use, year=2026, amount=130, month_amounts=months)

        year = make_year(budget, at=AT)

        october, november, december = year.months[9:]
        assert (october.realised, october.expected) == (Decimal(30), Decimal(30))
        assert (november.realised, november.expected) == (Decimal(15), Decimal(30))
        assert (december.realised, december.expected, december.budget) == (0, 30, 20)
        assert [month.left for month in year.months[9:]] == [Decimal(70), Decimal(50), Decimal(40)]
        assert year.months[-1].left == year.position.free
        assert year.line.startswith("0.00,")
        assert year.line.count(" ") == 23

    def test_next_year_says_what_goes_on(self, in_use: Project) -> None:
        budget = Budget.objects.create(node=in_use, year=2027, amount=100)

        (found,) = positions_of([budget], at=AT)

        assert (found.realised, found.committed, found.free) == (0, Decimal(360), Decimal(-260))


class TestReading:
    @pytest.mark.parametrize("role", [Role.FINANCE, Role.APPROVER, Role.AUDITOR])
    def test_who_sees_costs_sees_budgets(self, project: Project, role: Role, address: str) -> None:
        Budget.objects.create(node=project, year=YEAR, amount=500)
        visitor = member(role, project.parent)

        assert "€500.00" in visitor.get("/costs/budgets").content.decode()
        page = visitor.get(address).content.decode()
        assert "€500.00" in page
        assert ("Change this budget" in page) == (role == Role.FINANCE)

    def test_a_part_without_one_says_so(self, finance: Client, address: str) -> None:
        assert "has no budget of its own" in finance.get(address).content.decode()

    @pytest.mark.parametrize("year", ["1999", "3000", "99999999999999999999"])
    def test_years_that_nobody_means_do_not_exist(
        self, finance: Client, project: Project, year: str
    ) -> None:
        assert finance.get(f"/costs/budgets/{project.public_id}/{year}").status_code == 404

    def test_unknown_parts_do_not_exist(self, finance: Client) -> None:
        assert finance.get(f"/costs/budgets/{UNKNOWN_ID}/{YEAR}").status_code == 404
        for query in ("", "?node=x&year=y", f"?node={UNKNOWN_ID}&year={YEAR}"):
            assert finance.get(f"/costs/budgets/choose{query}").status_code == 404

    @pytest.mark.parametrize("path", ["/costs/budgets", "/costs/budgets.csv"])
    @pytest.mark.parametrize("year", ["1066", "x", "%00", "9" * 400])
    def test_a_year_that_is_no_choice_is_said(self, finance: Client, path: str, year: str) -> None:
        page = finance.get(f"{path}?year={year}")

        assert page.status_code == 422
        assert "Choose one of these years." in page.content.decode()

    def test_the_file_says_the_same(self, finance: Client, project: Project) -> None:
        Node.objects.filter(pk=project.pk).update(name="=1+1")
        Budget.objects.create(node=project, year=YEAR, amount=Decimal("120.00"), is_hard_stop=True)

        head, *rows = download(finance, finance.get("/costs/budgets"))

        (row,) = (dict(zip(head, cells, strict=True)) for cells in rows)
        assert (row["part"], row["budget"], row["free"]) == ("'=1+1", "120", "120")
        assert (row["hard_stop"], row["alert_percentages"]) == ("yes", "80 100")
        assert {row[f"budget_{number:02d}"] for number in range(1, 13)} == {"10"}

    def test_the_months_of_one_can_be_downloaded(
        self, in_use: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("billing.views.budgets.now", lambda: AT)
        Budget.objects.create(node=in_use, year=2026, amount=120)
        finance = member(Role.FINANCE, in_use.parent)

        head, *rows = download(finance, finance.get(f"/costs/budgets/{in_use.public_id}/2026"))

        assert head == ["Part", "Month", "Budget", "Used", "Expected", "Left until then"]
        assert len(rows) == 12
        assert rows[9:] == [
            ["Zaak", "2026-10", "10", "30", "30", "70"],
            ["Zaak", "2026-11", "10", "15", "30", "50"],
            ["Zaak", "2026-12", "10", "0", "30", "30"],
        ]

    def test_of_a_part_without_one_there_is_nothing_to_download(
        self, finance: Client, address: str
    ) -> None:
        assert "months.csv" not in finance.get(address).content.decode()
        assert finance.get(f"{address}/months.csv").status_code == 404


class TestSetting:
    def test_finance_sets_it(self, finance: Client, project: Project, address: str) -> None:
        page = finance.post(address, {**FORM, "is_hard_stop": "on", "seen": "none"})

        assert (page.status_code, page["Location"]) == (302, address)
        budget = Budget.objects.get()
        assert (budget.amount, budget.alert_percentages) == (Decimal("1200.50"), [80, 100])
        assert (budget.is_hard_stop, budget.month_amounts) == (True, None)

    def test_with_months(self, finance: Client, address: str) -> None:
        months = {f"month_{number}": "100" for number in range(1, 12)}

        finance.post(address, {**FORM, **months, "month_12": "100.50"})

        assert Budget.objects.get().months[-2:] == [Decimal(100), Decimal("100.50")]

    def test_dutch_amounts(self, project: Project, address: str) -> None:
        person = PersonFactory()
        grant(person, Role.FINANCE, project)

        visit_as(person, "nl").post(address, {**FORM, "amount": "1.200,50"})

        assert Budget.objects.get().amount == Decimal("1200.50")

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"amount": ""}, "Fill this in."),
            ({"amount": "-1"}, "at most 2 decimals"),
            ({"amount": "NaN"}, "at most 2 decimals"),
            ({"amount": "1e400"}, "at most 2 decimals"),
            ({"amount": "1.001"}, "at most 2 decimals"),
            ({"amount": "x\x00"}, "at most 2 decimals"),
            ({"alert_percentages": "eighty"}, "Give whole percentages"),
            ({"alert_percentages": "500"}, "whole percentages from 1 to 200"),
            ({"alert_percentages": "9" * 5000}, "Give whole percentages"),
            ({"month_1": "5"}, "for each of the twelve months"),
            ({f"month_{number}": "5" for number in range(1, 13)}, "less than the year"),
            ({"reason": ""}, "Fill this in."),
            ({"reason": "a\u202eb"}, "cannot be shown"),
        ],
    )
    def test_what_is_wrong_is_said_and_what_was_typed_stays(
        self, finance: Client, address: str, wrong: dict[str, str], said: str
    ) -> None:
        page = finance.post(address, {**FORM, **wrong})

        assert page.status_code == 422
        text = page.content.decode()
        assert said in text
        assert wrong.get("reason", "Begroting") in text
        assert not Budget.objects.exists()

    def test_who_saw_something_else_hears_it(
        self, finance: Client, project: Project, address: str
    ) -> None:
        Budget.objects.create(node=project, year=YEAR, amount=5)

        page = finance.post(address, {**FORM, "seen": "none"})

        assert page.status_code == 422
        assert "Somebody changed this budget meanwhile" in page.content.decode()
        assert Budget.objects.get().amount == 5

    def test_parts_that_get_more_than_the_whole_are_warned_about(
        self, finance: Client, project: Project, address: str
    ) -> None:
        Budget.objects.create(node=project.parent, year=YEAR, amount=1000)

        page = finance.post(address, FORM, follow=True)

        assert "together €200.50 more than its own" in page.content.decode()

    def test_nothing_is_told_of_a_part_that_one_does_not_see(
        self, project: Project, address: str
    ) -> None:
        Budget.objects.create(node=project.parent, year=YEAR, amount=1000)

        page = member(Role.FINANCE, project).post(address, FORM, follow=True)

        assert page.status_code == 200
        assert "more than its own" not in page.content.decode()

    def test_ending(self, finance: Client, project: Project, address: str) -> None:
        Budget.objects.create(node=project, year=YEAR, amount=5)

        refused = finance.post(f"{address}/end", {"reason": ""})
        assert (refused.status_code, Budget.objects.count()) == (422, 1)

        page = finance.post(f"{address}/end", {"reason": "Telt <b>elders</b> mee"}, follow=True)
        assert not Budget.objects.exists()
        assert PastBudget.objects.get().end_reason == "Telt <b>elders</b> mee"
        assert "Telt &lt;b&gt;elders&lt;/b&gt; mee" in page.content.decode()

    def test_what_is_over_cannot_change(self, finance: Client, project: Project) -> None:
        past = f"/costs/budgets/{project.public_id}/{YEAR - 1}"
        Budget.objects.create(node=project, year=YEAR - 1, amount=5)

        assert "Change this budget" not in finance.get(past).content.decode()
        for path, form in ((past, FORM), (f"{past}/end", {"reason": "Weg"})):
            page = finance.post(path, form)
            assert page.status_code == 422
            assert "Only the budgets of" in page.content.decode()
        assert Budget.objects.get().amount == 5


@override("nl")
def test_percentages_read_as_they_were_typed() -> None:
    assert "80, 100" in str(BudgetForm()["alert_percentages"])
