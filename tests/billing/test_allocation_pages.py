"""The pages about what costs fall under, and of a month per cost centre."""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.models import AllocationFact, AllocationKey, MeteredResource
from portal.core.calendar import start_of_day
from portal.identity.models import CostCentre, Node, NodeParent, Organization, Person, Project, Role
from tests.billing.downloads import download
from tests.billing.visits import visit_as
from tests.factories import UNKNOWN_ID, PersonFactory, grant, make_organization, make_project
from tests.factories.billing import (
    LONG_AGO,
    MeteredResourceFactory,
    UsageSpanFactory,
    set_price,
)

NOW = start_of_day(date(2026, 11, 16))
MONTH = "/costs/cost-centres"
TREE = "/costs/allocation"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def mid_november(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("billing.views.allocation", "billing.services.allocations"):
        monkeypatch.setattr(f"{module}.now", lambda: NOW)
    monkeypatch.setattr("billing.services.allocations.localdate", lambda: date(2026, 11, 16))


@pytest.fixture
def ministry() -> Organization:
    return make_organization(name="Ministerie")


@pytest.fixture
def project(ministry: Organization) -> Project:
    project = make_project(make_organization(ministry, "Dienst"), "Zaaksysteem")
    NodeParent.objects.update(valid_from=LONG_AGO)
    return project


@pytest.fixture
def server(project: Project) -> MeteredResource:
    """Ten euros a day since the first of November."""
    set_price("300.00")
    server: MeteredResource = MeteredResourceFactory(project=project, name="zaak-app-01")
    UsageSpanFactory(resource=server)
    return server


@pytest.fixture
def finance(ministry: Organization) -> Person:
    return member(Role.FINANCE, ministry)


def member(role: Role, node: Node) -> Person:
    person: Person = PersonFactory()
    grant(person, role, node)
    return person


def get(person: Person, path: str, **query: str) -> Any:
    return visit_as(person).get(path, query)


def say(node: Node, key: AllocationKey, value: str, since: int = 1) -> None:
    began = start_of_day(date(2026, 11, since))
    if key == AllocationKey.COST_CENTER:
        CostCentre.objects.create(node=node, code=value, name="Water", valid_from=began)
    else:
        AllocationFact.objects.create(node=node, key=key, value=value, valid_from=began)


class TestPerCostCentre:
    def test_what_nobody_allocated_has_a_row_of_its_own(
        self, server: MeteredResource, finance: Person
    ) -> None:
        say(server.project, AllocationKey.COST_CENTER, "410210", since=6)

        found = get(finance, MONTH).context["found"]

        assert [(row.value, row.name, row.amount, row.share) for row in found.rows] == [
            ("410210", "Water", Decimal("100.00"), 67),
            (None, "", Decimal("50.00"), 33),
        ]
        assert (found.total, found.unallocated) == (Decimal("150.00"), Decimal("50.00"))

    @pytest.mark.parametrize(
        ("value", "rows"), [("zaken", ["100.00"]), ("", ["50.00"]), ("onbekend", [])]
    )
    def test_a_value_leads_to_the_projects_that_used_it(
        self, server: MeteredResource, finance: Person, value: str, rows: list[str]
    ) -> None:
        say(server.project, AllocationKey.COST_OBJECT, "zaken", since=6)

        response = get(finance, MONTH, key="cost_object", value=value)

        assert [str(row.amount) for row in response.context["found"].projects] == rows
        if rows:
            assert response.context["found"].projects[0].project == server.project.node_ptr

    def test_of_one_part_alone(self, server: MeteredResource, finance: Person) -> None:
        other = make_project(server.project.parent)

        assert get(finance, MONTH, node=str(other.public_id)).context["found"].rows == ()
        assert get(finance, MONTH, node=str(server.project.public_id)).context["found"].rows

    @pytest.mark.parametrize(
        "query", [{"month": "2026-13"}, {"month": "1999-01"}, {"key": "colour"}]
    )
    def test_nonsense_gets_a_clear_answer(
        self, server: MeteredResource, finance: Person, query: dict[str, str]
    ) -> None:
        for path in (MONTH, f"{MONTH}.csv"):
            response = get(finance, path, **query)

            assert response.status_code == 422
            assert "Choose one of these" in response.content.decode()

    @pytest.mark.parametrize("node", [str(UNKNOWN_ID), "zaken"])
    def test_what_is_not_theirs_does_not_exist(self, finance: Person, node: str) -> None:
        for path in (MONTH, f"{MONTH}.csv", TREE):
            assert get(finance, path, node=node).status_code == 404

    def test_hostile_text_is_shown_as_text(self, server: MeteredResource, finance: Person) -> None:
        response = get(finance, MONTH, value="<script>\x00")

        assert response.status_code == 200
        assert "<script>\x00" not in response.content.decode()

    def test_queries_do_not_depend_on_the_number_of_lines(
        self, server: MeteredResource, finance: Person
    ) -> None:
        visitor = visit_as(finance)
        say(make_project(server.project.parent), AllocationKey.COST_CENTER, "410210")
        say(server.project, AllocationKey.COST_CENTER, "410211", since=6)
        with CaptureQueriesContext(connection) as few:
            visitor.get(MONTH, {"value": ""})
        for number in range(5):
            other = make_project(server.project.parent)
            say(other, AllocationKey.COST_CENTER, f"{number}")
            UsageSpanFactory(resource=MeteredResourceFactory(project=other))
        with CaptureQueriesContext(connection) as many:
            visitor.get(MONTH, {"value": ""})

        assert len(many) == len(few)


class TestSheet:
    def test_has_every_line_and_adds_up(self, server: MeteredResource, finance: Person) -> None:
        say(server.project, AllocationKey.COST_CENTER, "410210", since=6)

        response = get(finance, f"{MONTH}.csv")

        assert 'filename="allocation-2026-11-incomplete.csv"' in response["Content-Disposition"]
        head, *rows = csv.reader(response.getvalue().decode("utf-8-sig").splitlines())
        assert head[:4] == ["Month", "Cost centre", "Cost object", "Commitment number"]
        place = ["Dienst", "Zaaksysteem", "server.gp.small (en)"]
        assert rows == [
            ["2026-11", "410210", "", "", *place, "Use", "100"],
            ["2026-11", "", "", "", *place, "Use", "50"],
        ]

    @pytest.mark.parametrize(("value", "amount"), [("410210", "100"), ("", "50"), ("none", None)])
    def test_has_only_the_lines_of_the_chosen_value(
        self, server: MeteredResource, finance: Person, value: str, amount: str | None
    ) -> None:
        say(server.project, AllocationKey.COST_CENTER, "410210", since=6)

        _head, *rows = download(visit_as(finance), get(finance, MONTH, value=value))

        assert [row[-1] for row in rows] == ([amount] if amount else [])

    def test_nothing_in_it_is_calculated(self, server: MeteredResource, finance: Person) -> None:
        Node.objects.filter(pk=server.project_id).update(name="=HYPERLINK(A1)")
        CostCentre.objects.create(  # by an administrator, who may use any text
            node=server.project, code="+410210", name="Water", valid_from=LONG_AGO
        )

        text = get(finance, f"{MONTH}.csv").getvalue().decode("utf-8-sig")

        (row,) = list(csv.reader(text.splitlines()))[1:]
        assert (row[1], row[5]) == ("'+410210", "'=HYPERLINK(A1)")


class TestTree:
    def test_shows_what_is_inherited_and_from_where(
        self, project: Project, ministry: Organization, finance: Person
    ) -> None:
        say(ministry, AllocationKey.COST_CENTER, "410210")

        rows = {row["node"].pk: row for row in get(finance, TREE).context["rows"]}

        center, *others = rows[project.pk]["allocations"]
        assert (center["current"].value, center["source"]) == ("410210", ministry.node_ptr)
        assert center["is_inherited"]
        assert [one["current"] for one in others] == [None, None]
        assert not rows[ministry.pk]["allocations"][0]["is_inherited"]

    def test_a_source_out_of_sight_is_not_named(
        self, project: Project, ministry: Organization
    ) -> None:
        say(ministry, AllocationKey.COST_CENTER, "410210")
        own = member(Role.FINANCE, project)

        for path in (TREE, f"{TREE}/{project.public_id}"):
            text = get(own, path).content.decode()

            assert "410210" in text
            assert "inherited from above" in text
            assert "Ministerie" not in text


class TestSetting:
    def sent(self, **changes: str) -> dict[str, str]:
        return {"key": "cost_object", "value": "zaken", "starts_on": "02-11-2026", **changes}

    def test_a_node_and_a_resource(self, server: MeteredResource, finance: Person) -> None:
        for path in (
            f"{TREE}/{server.project.public_id}",
            f"/costs/resources/{server.public_id}/allocation",
        ):
            response = visit_as(finance).post(path, self.sent())

            assert (response.status_code, response["Location"]) == (303, path)
            assert "zaken" in get(finance, path).content.decode()
        assert (
            AllocationFact.objects.filter(valid_from=start_of_day(date(2026, 11, 2))).count() == 2
        )

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"value": "=zaken"}, "a letter or digit first"),
            ({"value": "z" * 41}, "at most 40 characters"),
            ({"starts_on": "31-10-2026"}, "Choose a day of this month"),
            ({"starts_on": "gisteren"}, "Fill in a date"),
            ({"starts_on": ""}, "Fill this in"),
            ({"key": "colour"}, "Choose one of these"),
        ],
    )
    def test_what_is_not_right_is_said_and_what_was_typed_stays(
        self, project: Project, finance: Person, changes: dict[str, str], words: str
    ) -> None:
        sent = self.sent(**changes)

        response = visit_as(finance).post(f"{TREE}/{project.public_id}", sent)

        assert response.status_code == 422
        assert words in response.content.decode()
        assert response.context["form"].data["value"] == sent["value"]
        assert not AllocationFact.objects.exists()

    def test_who_decides_sees_it_without_a_form(self, project: Project) -> None:
        approver = member(Role.APPROVER, project)
        path = f"{TREE}/{project.public_id}"

        assert "Set this" not in get(approver, path).content.decode()
        assert visit_as(approver).post(path, self.sent()).status_code == 403
        assert not AllocationFact.objects.exists()

    def test_the_costs_of_a_resource_lead_to_it(
        self, server: MeteredResource, finance: Person
    ) -> None:
        text = get(finance, f"/costs/resources/{server.public_id}").content.decode()

        assert f"/costs/resources/{server.public_id}/allocation" in text
