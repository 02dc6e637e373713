"""The cost pages: who sees them, that they add up, and what they say when there is nothing."""

from __future__ import annotations

import csv
import re
from datetime import date, timedelta
from decimal import Decimal
from html import unescape
from io import BytesIO, StringIO
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from billing.models import Budget, MeteredResource
from portal.core.calendar import start_of_day
from portal.identity.models import NodeParent, Person, Project, Role
from tests.billing.downloads import download
from tests.billing.visits import visit_as
from tests.factories import UNKNOWN_ID, PersonFactory, grant, make_organization, make_project
from tests.factories.billing import MeteredResourceFactory, UsageSpanFactory, set_price

NOW = start_of_day(date(2026, 11, 16))
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def mid_november(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing.views.costs.now", lambda: NOW)


@pytest.fixture
def project() -> Project:
    project = make_project(make_organization(make_organization(name="Ministerie"), "Dienst"))
    NodeParent.objects.update(valid_from=start_of_day(date(2025, 1, 1)))
    return project


@pytest.fixture
def server(project: Project) -> MeteredResource:
    set_price("38.40")
    server: MeteredResource = MeteredResourceFactory(project=project, name="zaak-app-01")
    UsageSpanFactory(resource=server, started_at=start_of_day(date(2026, 10, 1)))
    return server


@pytest.fixture
def finance(project: Project) -> Person:
    return member(Role.FINANCE, project.parent.parent)


def member(role: Role, node: Any) -> Person:
    person: Person = PersonFactory()
    grant(person, role, node)
    return person


def get(person: Person, path: str, **query: str) -> Any:
    return visit_as(person).get(path, query)


def text_of(response: Any) -> str:
    """What a person reads, in one line."""
    text = unescape(re.sub(r"<[^>]+>", " ", response.content.decode()))
    return " ".join(text.replace("\N{NO-BREAK SPACE}", " ").split())


def cells(response: Any, card: str) -> list[list[str]]:
    """The rows of the table in a card."""
    section = re.search(rf'id="{card}".*?</section>', response.content.decode(), re.DOTALL)
    assert section
    rows = re.findall(r"<tr.*?</tr>", section[0], re.DOTALL)
    return [
        [
            " ".join(unescape(re.sub(r"<[^>]+>", " ", cell)).split())
            for cell in re.findall(r"<t[hd][^>]*>.*?</t[hd]>", row, re.DOTALL)
        ]
        for row in rows
    ]


class TestOverview:
    def test_shows_the_month_so_far_what_is_expected_and_the_month_before(
        self, server: MeteredResource, finance: Person
    ) -> None:
        response = get(finance, "/costs")

        assert response.status_code == 200
        text = text_of(response)
        assert "Used €19.20 day 15 of 30" in text
        assert "Expected in November €38.40 0.0% since October 2026" in text
        assert "October 2026 €38.40 in the whole month" in text

    def test_drills_down_from_organization_to_project_to_resource(
        self, server: MeteredResource, finance: Person
    ) -> None:
        project = server.project
        top = get(finance, "/costs")
        below = get(finance, "/costs", node=str(project.public_id))

        assert cells(top, "parts")[1:] == [
            ["Dienst", "€19.20", "€38.40", "€38.40", "0.0%"],
            ["Zaaksysteem", "€19.20", "€38.40", "€38.40", "0.0%"],
            ["Total", "€19.20", "€38.40", "€38.40", "0.0%"],
        ]
        assert f"node={project.public_id}" in top.content.decode()
        assert cells(below, "parts")[1:] == [["zaak-app-01", "€19.20"], ["Total", "€19.20"]]
        assert f"/costs/resources/{server.public_id}" in below.content.decode()

    def test_resources_add_up_to_the_total_with_the_rounding_said(
        self, project: Project, finance: Person
    ) -> None:
        set_price("0.008")  # half of it is 0.004 each
        for name in ("a", "b", "c"):
            UsageSpanFactory(resource=MeteredResourceFactory(project=project, name=name))

        response = get(finance, "/costs", node=str(project.public_id))

        amounts = [row[-1] for row in cells(response, "parts")[1:]]
        assert amounts == ["€0.00", "€0.00", "€0.00", "€0.01", "€0.01"]

    def test_shows_the_budget_of_the_chosen_part(
        self, server: MeteredResource, finance: Person
    ) -> None:
        Budget.objects.create(node=server.project.parent, year=2026, amount=100)

        text = text_of(get(finance, "/costs", node=str(server.project.public_id)))

        # October, half of November; then half of November, and December.
        assert "Free in 2026 -€15.20" in text
        assert "of €100.00, and €57.60 is committed" in text
        assert "The year is expected to pass the budget" in text

    def test_a_budget_above_ones_reach_is_not_shown(self, server: MeteredResource) -> None:
        Budget.objects.create(node=server.project.parent, year=2026, amount=100)
        below = member(Role.FINANCE, server.project)

        text = text_of(get(below, "/costs", node=str(server.project.public_id)))

        assert "€100.00" not in text
        assert "Budget None" in text

    def test_says_what_has_no_price(self, server: MeteredResource, finance: Person) -> None:
        UsageSpanFactory(resource=server, sku__code="unpriced")

        text = text_of(get(finance, "/costs"))

        assert "Something was used that has no price" in text
        assert "unpriced (en)" in text

    def test_an_earlier_month_is_over(self, server: MeteredResource, finance: Person) -> None:
        text = text_of(get(finance, "/costs", month="2026-10"))

        assert "Used €38.40 in the whole month" in text
        assert "Used in 2026 €57.60 all months together" in text
        assert "Expected" not in text.partition("Per month")[0]

    def test_an_empty_month_says_so(self, project: Project, finance: Person) -> None:
        response = get(finance, "/costs")

        assert response.status_code == 200
        assert "Nothing was used in this month" in text_of(response)

    def test_chart_and_table_have_every_day(self, server: MeteredResource, finance: Person) -> None:
        response = get(finance, "/costs")

        days = cells(response, "days")[1:]
        assert len(days) == 30
        assert days[14][1:] == ["€1.28", "€1.28"]
        assert days[15][1:] == ["€0.00", "€1.28"]
        card = response.content.decode().partition('id="days"')[2]
        assert card.count('<rect class="cl-f" x=') == 15

    def test_every_month_of_the_year_is_there_and_leads_to_its_costs(
        self, server: MeteredResource, finance: Person
    ) -> None:
        response = get(finance, "/costs", node=str(server.project.public_id))

        months = cells(response, "months")[1:]
        assert [row[0] for row in months][8:] == ["September", "October", "November", "December"]
        assert [row[1:] for row in months][8:] == [
            ["€0.00", "€0.00"],
            ["€38.40", "€38.40"],
            ["€19.20", "€38.40"],
            ["€0.00", "€38.40"],
        ]
        page = unescape(response.content.decode())
        assert f"/costs?month=2026-10&node={server.project.public_id}" in page
        for month in ("2026-09", "2026-11", "2026-12"):
            assert f"/costs?month={month}&node=" not in page

    def test_any_two_months_can_be_compared(self, server: MeteredResource, finance: Person) -> None:
        UsageSpanFactory(
            resource=MeteredResourceFactory(project=server.project),
            started_at=start_of_day(date(2026, 9, 16)),
            ended_at=start_of_day(date(2026, 10, 1)),
        )

        before = get(finance, "/costs", month="2026-10")
        other = get(finance, "/costs", month="2026-10", other="2026-09")
        running = get(finance, "/costs", month="2026-10", other="2026-11")
        none = get(finance, "/costs", month="2026-09")

        assert cells(before, "parts")[-1] == ["Total", "€38.40", "€19.20", "+100.0%"]
        assert "September 2026 €19.20 difference +100.0%" in text_of(before)
        assert cells(other, "parts") == cells(before, "parts")
        assert running.status_code == 422
        assert cells(none, "parts")[-1] == ["Total", "€19.20", "€0.00", "new"]

    @pytest.mark.parametrize("other", ["2026-13", "2030-01", "<b>"])
    def test_a_month_to_compare_with_that_is_not_there_is_said(
        self, server: MeteredResource, finance: Person, other: str
    ) -> None:
        response = get(finance, "/costs", other=other)

        assert response.status_code == 422
        assert "Choose one of these months." in text_of(response)

    def test_too_many_projects_are_shown_per_organization(
        self, server: MeteredResource, finance: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = make_project(make_organization(server.project.parent.parent, "Agentschap"))
        NodeParent.objects.update(valid_from=start_of_day(date(2025, 1, 1)))
        UsageSpanFactory(resource=MeteredResourceFactory(project=other))
        monkeypatch.setattr("billing.overview.MOST_ROWS", 1)

        response = get(finance, "/costs")
        below = get(finance, "/costs", node=str(other.parent.public_id))

        assert [row[0] for row in cells(response, "parts")[1:]] == ["Agentschap", "Dienst", "Total"]
        assert "There are too many projects to show here." in text_of(response)
        assert [row[0] for row in cells(below, "parts")[1:]] == ["Agentschap", other.name, "Total"]

    def test_the_dearest_services_are_in_sight_and_the_others_unfold(
        self, server: MeteredResource, finance: Person
    ) -> None:
        for number in range(1, 10):  # ten services, with that of the server
            price = set_price(f"{number}.00", sku=f"other.{number}")
            UsageSpanFactory(
                resource=MeteredResourceFactory(project=server.project),
                sku=price.sku,
                started_at=start_of_day(date(2026, 10, 1)),
            )

        table = cells(get(finance, "/costs"), "services")

        in_sight, rest = table[1:6], table[8:]
        assert [row[0] for row in in_sight[:2]] == ["server.gp.small (en)", "other.9 (en)"]
        assert in_sight[-1] == ["6 other services", "€21.00", "25%"]
        assert table[6] == ["Total", "€83.40", "100%"]
        assert [row[:2] for row in (rest[0], rest[-1])] == [
            ["other.6 (en)", "€6.00"],
            ["other.1 (en)", "€1.00"],
        ]

    def test_services_are_set_beside_each_other_per_project(
        self, server: MeteredResource, finance: Person
    ) -> None:
        other = make_project(server.project.parent, "Rekencentrum")
        NodeParent.objects.update(valid_from=start_of_day(date(2025, 1, 1)))
        volume = set_price("153.60", sku="volume")
        for project, sku in ((other, volume.sku), (other, server.spans.get().sku)):
            UsageSpanFactory(
                resource=MeteredResourceFactory(project=project),
                sku=sku,
                started_at=start_of_day(date(2026, 10, 1)),
            )

        bars = get(finance, "/costs").context["overview"].services.bars

        assert [(bar.node.name, bar.expected) for bar in bars] == [
            ("Rekencentrum", Decimal("192.00")),
            (server.project.name, Decimal("38.40")),
        ]
        assert [[(part.color, part.x, part.width) for part in bar.segments] for bar in bars] == [
            [("c1", "0.00%", "80.00%"), ("c2", "80.00%", "20.00%")],
            [("c2", "0.00%", "20.00%")],
        ]

    def test_says_the_same_in_dutch(self, server: MeteredResource, finance: Person) -> None:
        text = text_of(visit_as(finance, language="nl").get("/costs"))

        assert "Gebruikt € 19,20 dag 15 van 30" in text
        assert "Verwacht in november € 38,40" in text

    @pytest.mark.parametrize("month", ["2026-13", "2030-01", "november", "2026-11x", "<b>"])
    def test_a_month_that_is_not_there_is_said_at_the_field(
        self, server: MeteredResource, finance: Person, month: str
    ) -> None:
        response = get(finance, "/costs", month=month)

        assert response.status_code == 422
        assert 'aria-invalid="true"' in response.content.decode()
        assert "Used €19.20" in text_of(response)

    @pytest.mark.parametrize("node", [UNKNOWN_ID, "nonsense", "1", "\x00"])
    def test_an_unknown_part_is_not_found(self, finance: Person, node: str) -> None:
        assert get(finance, "/costs", node=node).status_code == 404

    @pytest.mark.parametrize("write", [str.upper, "{{{}}}".format, "urn:uuid:{}".format])
    def test_a_part_may_be_written_in_another_way(
        self, server: MeteredResource, finance: Person, write: Any
    ) -> None:
        response = get(finance, "/costs", node=write(str(server.project.public_id)))

        assert response.status_code == 200
        assert f'value="{server.project.public_id}" selected' in response.content.decode()

    def test_its_head_can_be_asked_for(self, server: MeteredResource, finance: Person) -> None:
        for path in ("/costs", f"/costs/resources/{server.public_id}"):
            assert visit_as(finance).head(path).status_code == 200

    def test_query_count_does_not_grow(
        self,
        project: Project,
        server: MeteredResource,
        finance: Person,
    ) -> None:
        get(finance, "/costs")  # what a first login alone asks
        with CaptureQueriesContext(connection) as few:
            get(finance, "/costs")
        for number in range(4):
            other = make_project(project.parent, f"Project {number}")
            for _ in range(3):
                UsageSpanFactory(resource=MeteredResourceFactory(project=other))
        with CaptureQueriesContext(connection) as many:
            response = get(finance, "/costs")

        assert len(cells(response, "parts")) == 8
        assert len(many) == len(few)


class TestDownload:
    def test_each_month_of_the_year_and_each_day(
        self, server: MeteredResource, finance: Person
    ) -> None:
        page = get(finance, "/costs", month="2026-11")

        _head, *months = download(visit_as(finance), page, of="Per month in 2026")
        _head, *days = download(visit_as(finance), page, of="Per day")

        assert [row[0] for row in months] == [f"2026-{number:02}" for number in range(1, 13)]
        assert months[8:] == [
            ["2026-09", "0", "0"],
            ["2026-10", "38.4", "38.4"],
            ["2026-11", "19.2", "38.4"],
            ["2026-12", "0", "38.4"],
        ]
        assert len(days) == 30
        assert (days[0], days[-1]) == (["2026-11-01", "1.28", "1.28"], ["2026-11-30", "0", "1.28"])

    def test_the_resources_of_a_project_add_up_with_what_is_of_none(
        self, project: Project, finance: Person
    ) -> None:
        set_price("0.008")  # half of it is 0.004 each
        for name in ("a", "b", "c"):
            UsageSpanFactory(resource=MeteredResourceFactory(project=project, name=name))
        page = get(finance, "/costs", node=str(project.public_id))

        _head, *rows = download(visit_as(finance), page, of="Per resource")

        assert [row[:2] for row in rows] == [
            *(["a", "0"], ["b", "0"], ["c", "0"]),
            ["Rounding", "0.01"],
        ]

    def test_of_more_than_one_project_there_is_no_file_per_resource(
        self, server: MeteredResource, finance: Person
    ) -> None:
        assert get(finance, "/costs/per/resources.csv").status_code == 404
        assert get(finance, "/costs/per/skus.csv").status_code == 404
        assert get(finance, "/costs/per/days.pdf").status_code == 404
        assert get(finance, "/costs/per/days.csv", month="2026-13").status_code == 422

    def test_it_has_the_amounts_of_the_page_per_service(
        self, server: MeteredResource, finance: Person
    ) -> None:
        set_price("0.10", sku="volume")
        UsageSpanFactory(resource=server, sku__code="volume", quantity=100)

        response = get(finance, "/costs/table.csv", node=str(server.project.public_id))

        assert response["Content-Disposition"] == (
            'attachment; filename="costs-2026-11-incomplete.csv"'
        )
        UsageSpanFactory(resource=server, sku__code="unpriced")
        unpriced = lines_of(get(finance, "/costs/table.csv"))[2]
        assert unpriced[3:] == ["unpriced", "Use", "No price", "No price", "0"]
        assert lines_of(response) == [
            [
                *("Organisation", "Project", "Service", "SKU", "Kind", "Used in 2026-11"),
                *("Expected in 2026-11", "Used in 2026-10"),
            ],
            [
                *("Dienst", "Zaaksysteem", "server.gp.small (en)", "server.gp.small", "Use"),
                *("19.2", "38.4", "38.4"),
            ],
            ["Dienst", "Zaaksysteem", "volume (en)", "volume", "Use", "5", "10", "0"],
        ]

    def test_a_spreadsheet_calculates_nothing(
        self, server: MeteredResource, finance: Person
    ) -> None:
        Project.objects.filter(pk=server.project_id).update(name="=1+1")

        table = lines_of(get(finance, "/costs/table.csv", month="2026-10"))
        sheet = load_workbook(
            BytesIO(get(finance, "/costs/table.xlsx", month="2026-10").getvalue())
        )

        assert table[1][1] == "'=1+1"
        assert [cell.data_type for cell in sheet.active[2]][:2] == ["s", "s"]
        assert [cell.value for cell in sheet.active[2]][1::4] == ["=1+1", 38.4]

    def test_what_is_not_there_is_not_found_and_what_is_wrong_is_said(
        self, server: MeteredResource, finance: Person
    ) -> None:
        assert get(finance, "/costs/table.pdf").status_code == 404
        assert get(finance, "/costs/table.csv", month="2026-13").status_code == 422
        assert get(member(Role.OPERATOR, server.project), "/costs/table.csv").status_code == 403


def lines_of(response: Any) -> list[list[str]]:
    text = response.getvalue().decode("utf-8-sig")
    return list(csv.reader(StringIO(text)))


class TestAccess:
    @pytest.mark.parametrize("role", [Role.FINANCE, Role.APPROVER, Role.AUDITOR])
    def test_who_pays_decides_or_checks_sees_the_costs(
        self, server: MeteredResource, role: Role
    ) -> None:
        assert get(member(role, server.project.parent), "/costs").status_code == 200

    @pytest.mark.parametrize("role", [Role.REQUESTER, Role.OPERATOR, Role.QUOTA_ADMINISTRATOR])
    def test_others_do_not(self, server: MeteredResource, role: Role) -> None:
        assert get(member(role, server.project.parent), "/costs").status_code == 403

    def test_without_a_role_for_costs_what_is_not_reached_does_not_exist(
        self, server: MeteredResource
    ) -> None:
        requester = member(Role.REQUESTER, server.project)

        own, other = server.project, make_organization()
        assert get(requester, "/costs", node=str(own.public_id)).status_code == 403
        assert get(requester, "/costs", node=str(other.public_id)).status_code == 404

    def test_a_stranger_logs_in_first(self) -> None:
        response = Client().get("/costs")

        assert response.status_code == 302
        assert "login" in response["Location"]

    def test_another_organization_sees_nothing_of_it(self, server: MeteredResource) -> None:
        outsider = member(Role.FINANCE, make_organization())

        assert "zaak" not in text_of(get(outsider, "/costs")).lower()
        for node in (server.project, server.project.parent):
            assert get(outsider, "/costs", node=str(node.public_id)).status_code == 404
        assert get(outsider, f"/costs/resources/{server.public_id}").status_code == 404

    def test_finance_of_a_directorate_sees_nothing_above_it(self, server: MeteredResource) -> None:
        person = member(Role.FINANCE, server.project.parent)
        ministry = server.project.parent.parent

        assert get(person, "/costs", node=str(ministry.public_id)).status_code == 404


class TestResource:
    def test_lists_usage_that_adds_up(self, server: MeteredResource, finance: Person) -> None:
        response = get(finance, f"/costs/resources/{server.public_id}")

        rows = cells(response, "usage")[1:]
        assert [row[3:] for row in rows[:2]] == [
            ["1,296,000", "1", "€38.40 per month", "19.200000"],
            ["2,682,000", "1", "€38.40 per month", "38.400000"],
        ]
        assert [row[-1] for row in rows[2:]] == ["57.600000", "€57.60"]

    def test_says_what_was_not_charged(self, server: MeteredResource, finance: Person) -> None:
        UsageSpanFactory(resource=server, sku__code="unpriced")

        text = text_of(get(finance, f"/costs/resources/{server.public_id}"))

        assert "Part of the use has no price" in text
        assert "No price Not charged" in text

    def test_its_rows_can_be_downloaded(self, server: MeteredResource, finance: Person) -> None:
        page = get(finance, f"/costs/resources/{server.public_id}")

        head, *rows = download(visit_as(finance), page)

        assert head[3:7] == ["From", "Until", "Seconds", "Quantity"]
        assert {row[0] for row in rows} == {"zaak-app-01"}
        assert [row[3:] for row in rows] == [
            [
                *("2026-11-01T00:00:00+01:00", "2026-11-16T00:00:00+01:00", "1296000", "1"),
                *("38.4", "per month", "0", "19.2", ""),
            ],
            [
                *("2026-10-01T00:00:00+02:00", "2026-11-01T00:00:00+01:00", "2682000", "1"),
                *("38.4", "per month", "0", "38.4", ""),
            ],
        ]

    def test_the_file_says_it_too_where_there_is_no_price(
        self, project: Project, finance: Person
    ) -> None:
        resource = MeteredResourceFactory(project=project)
        UsageSpanFactory(resource=resource, started_at=start_of_day(date(2026, 11, 1)))
        page = get(finance, f"/costs/resources/{resource.public_id}")

        _head, row = download(visit_as(finance), page)

        assert row[7:11] == ["No price", "", "0", "Not charged"]

    def test_a_requester_sees_what_their_own_project_costs(self, server: MeteredResource) -> None:
        requester = member(Role.REQUESTER, server.project)

        response = get(requester, f"/costs/resources/{server.public_id}")

        assert response.status_code == 200
        assert "/costs?node" not in response.content.decode()

    def test_prices_are_linked_for_who_may_see_them(self, server: MeteredResource) -> None:
        history = 'href="/costs/tariffs/skus/server.gp.small"'
        page = f"/costs/resources/{server.public_id}"

        approver = member(Role.APPROVER, server.project)
        assert history in get(approver, page).content.decode()
        assert get(approver, "/costs/tariffs/skus/server.gp.small").status_code == 200
        requester = member(Role.REQUESTER, server.project)
        assert history not in get(requester, page).content.decode()

    def test_what_just_began_has_no_costs_yet(self, project: Project, finance: Person) -> None:
        resource = MeteredResourceFactory(project=project)
        UsageSpanFactory(resource=resource, started_at=NOW + timedelta(seconds=1))

        response = get(finance, f"/costs/resources/{resource.public_id}")

        assert "This resource has no costs yet" in text_of(response)

    def test_amounts_keep_their_six_decimals(self, project: Project, finance: Person) -> None:
        set_price("1")
        resource = MeteredResourceFactory(project=project)
        started_at = start_of_day(date(2026, 11, 1))
        UsageSpanFactory(
            resource=resource, started_at=started_at, ended_at=started_at + timedelta(seconds=100)
        )

        response = get(finance, f"/costs/resources/{resource.public_id}")

        assert [row[-1] for row in cells(response, "usage")[1:]] == [
            "0.000039",
            "0.000039",
            "€0.00",
        ]
