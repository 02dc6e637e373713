"""The list of costs per resource: who sees what, what it asks, and the same list as a file."""

from __future__ import annotations

import csv
import re
from datetime import timedelta
from decimal import Decimal
from html import unescape
from io import BytesIO, StringIO

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from openpyxl import load_workbook

from billing.forms import month_key
from billing.models import MeteredResource
from catalog.models import Resource
from portal.core.calendar import month_of
from portal.identity.models import Role
from tests.billing.visits import visit_as
from tests.factories import PersonFactory, delivered, grant, make_project, place
from tests.factories.billing import (
    LONG_AGO,
    MeteredResourceFactory,
    UsageSpanFactory,
    metered_since,
)

pytestmark = pytest.mark.django_db
LIST = "/costs/resources"


@pytest.fixture
def make_server(requester, approver, project, version, sent_tasks):
    """A server that runs, metered since the month began."""

    def make(name="zaak-app", by=requester):
        resource = delivered(place(by, project, version, name=name), approver=approver)
        metered_since(resource.public_id, month_of(now()).start)
        return resource

    return make


@pytest.fixture
def server(make_server):
    return make_server()


def member(role, node):
    person = PersonFactory()
    grant(person, role, node)
    return person


def get(person, path=LIST, **query):
    return visit_as(person).get(path, query)


def names(response):
    """Of the resources on the page, in order."""
    return re.findall(r'<a href="/resources/[0-9a-f-]{36}">([^<]*)</a>', response.content.decode())


def text_of(response):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


class TestAccess:
    @pytest.mark.parametrize("role", list(Role))
    def test_every_role_on_the_project_sees_its_resources(self, server, project, role):
        assert names(get(member(role, project))) == ["zaak-app"]

    def test_nobody_sees_those_of_another_project(self, server):
        stranger = member(Role.FINANCE, make_project())

        assert names(get(stranger)) == []
        assert "zaak-app" not in get(stranger).content.decode()
        assert get(stranger, node=str(server.project.public_id)).status_code == 404

    @pytest.mark.parametrize("node", ["x", "1", "6a9b7d0e-5c3f-4e21-8f4a-9d2c1b0a7e65", "\x00"])
    def test_a_part_that_there_is_not_is_not_found(self, server, requester, node):
        assert get(requester, node=node).status_code == 404

    def test_a_project_of_another_part_that_one_reaches_is_not_in_this_one(
        self, server, project, requester
    ):
        other = make_project()
        grant(requester, Role.REQUESTER, other)
        UsageSpanFactory(
            resource=MeteredResourceFactory(project=other, name="van-een-ander"),
            started_at=month_of(now()).start,
        )

        assert "van-een-ander" in get(requester).content.decode()
        assert "van-een-ander" not in get(requester, node=str(project.public_id)).content.decode()

    def test_of_what_moved_away_finance_sees_the_costs_without_a_link(self, server, project):
        finance = member(Role.FINANCE, project.parent)
        gone = make_project(name="Verhuisd")
        moved = MeteredResourceFactory(project=gone, name="verhuisd-01")
        UsageSpanFactory(resource=moved, started_at=month_of(now()).start)
        gone.parent_history.update(
            parent=project.parent, valid_from=LONG_AGO, valid_until=now() - timedelta(seconds=1)
        )

        response = get(finance)

        assert names(response) == ["zaak-app"]
        assert "verhuisd-01" in response.content.decode()
        assert str(moved.public_id) not in response.content.decode()


class TestList:
    def test_says_what_it_is_what_it_cost_and_leads_to_its_lines(self, server, requester):
        response = get(requester)

        text = text_of(response)
        assert "Virtual server" in text
        assert "Running" in text
        assert "Not allocated" in text
        assert f"/costs/resources/{server.public_id}" in response.content.decode()

    def test_a_requester_sees_only_their_own_when_they_ask_that(
        self, make_server, project, requester
    ):
        other = member(Role.REQUESTER, project)
        make_server("van-mij")
        make_server("van-een-ander", by=other)

        assert names(get(requester, order="name")) == ["van-een-ander", "van-mij"]
        assert names(get(requester, show="mine")) == ["van-mij"]
        assert names(get(other, show="mine")) == ["van-een-ander"]

    def test_filters_by_state_kind_words_and_part(self, make_server, project, requester):
        for name in ("een", "twee"):
            make_server(name)
        Resource.objects.filter(name="twee").update(state="retiring")

        assert names(get(requester, state="retiring")) == ["twee"]
        assert names(get(requester, q="WEE")) == ["twee"]
        assert names(get(requester, q=project.name.upper(), order="name")) == ["een", "twee"]
        assert names(get(requester, kind="volume")) == []
        assert len(names(get(requester, kind="server", node=str(project.public_id)))) == 2
        assert len(names(get(requester, center="-"))) == 2
        assert names(get(requester, center="1234")) == []
        assert "Nothing matches this" in text_of(get(requester, center="1234"))

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("month", "2026-13"),
            ("month", "1999-01"),
            ("kind", "bestaat-niet"),
            ("state", "x' OR 1=1"),
            ("order", "exact; DROP TABLE"),
            ("show", "everything"),
            ("q", "x" * 101),
            ("q", "nul\x00byte"),
            ("center", "9" * 41),
        ],
    )
    def test_what_is_no_answer_is_said_and_what_was_typed_kept(
        self, server, requester, field, value
    ):
        response = get(requester, **{"q": "zaak", field: value})

        assert response.status_code == 422
        assert f'id="id_{field}_error"' in response.content.decode()
        if field != "q":
            assert 'value="zaak"' in response.content.decode()
        # The file answers with the page, and not with a list of something else.
        sheet = get(requester, f"{LIST}.csv", **{field: value})
        assert (sheet.status_code, sheet.headers["Content-Type"][:9]) == (422, "text/html")

    @pytest.mark.parametrize("number", ["", "0", "-1", "x", "²", "99", "9" * 30])
    def test_any_page_number_is_answered(self, server, requester, number):
        assert names(get(requester, page=number)) == ["zaak-app"]

    def test_pages_keep_what_was_asked(self, server, requester, project):
        for number in range(30):
            UsageSpanFactory(
                resource=MeteredResourceFactory(project=project, name=f"meer-{number:02}"),
                started_at=month_of(now()).start,
            )

        first, second = (get(requester, q="meer", order="name", page=n) for n in ("1", "2"))

        assert "30 resources" in text_of(first)
        assert "meer-24" in first.content.decode()
        assert "meer-25" not in first.content.decode()
        assert "meer-25" in second.content.decode()
        assert "q=meer&amp;order=name&amp;page=2" in first.content.decode()

    def test_number_of_queries_does_not_depend_on_the_number_of_resources(
        self, make_server, requester
    ):
        make_server("eerste")
        client = visit_as(requester)
        client.get(LIST)

        def queries():
            with CaptureQueriesContext(connection) as captured:
                client.get(LIST)
            return len(captured)

        few = queries()
        for number in range(8):
            make_server(f"nog-{number}")

        assert queries() == few


class TestFiles:
    def test_both_files_have_all_of_the_list_and_nothing_else(
        self, make_server, project, requester
    ):
        for number in range(30):
            make_server(f"a-{number:02}")
        make_server("b")

        text = b"".join(get(requester, f"{LIST}.csv", q="a-", order="name").streaming_content)
        _heading, *rows = csv.reader(StringIO(text.decode("utf-8-sig")))
        book = load_workbook(
            BytesIO(
                b"".join(get(requester, f"{LIST}.xlsx", q="a-", order="name").streaming_content)
            )
        )
        _heading, *cells = book.active.iter_rows(values_only=True)

        assert [row[0] for row in rows] == [f"a-{number:02}" for number in range(30)]
        assert rows[0][1:6] == [
            *(project.parent.name, project.name, "Virtual server", "Not allocated", "Running")
        ]
        assert [list(map(str, row[:6])) for row in cells] == [row[:6] for row in rows]
        assert all(Decimal(row[7]) >= 0 for row in rows)
        assert rows[0][11] == str(Resource.objects.get(name="a-00").public_id)

    def test_the_name_says_that_the_month_still_runs(self, server, requester):
        header = get(requester, f"{LIST}.csv").headers["Content-Disposition"]

        assert f"resources-{month_key(month_of(now()))}-incomplete.csv" in header

    def test_names_are_no_formulas(self, server, requester):
        MeteredResource.objects.update(name='=HYPERLINK("http://x")')

        text = b"".join(get(requester, f"{LIST}.csv").streaming_content).decode("utf-8-sig")
        book = load_workbook(BytesIO(b"".join(get(requester, f"{LIST}.xlsx").streaming_content)))

        assert next(csv.reader(StringIO(text.splitlines()[1])))[0].startswith("'=")
        assert book.active["A2"].data_type == "s"

    def test_other_kinds_of_file_are_not_found(self, server, requester):
        assert get(requester, f"{LIST}.exe").status_code == 404


class TestWays:
    def test_pages_about_costs_and_resources_lead_here(self, server, project, requester):
        finance = member(Role.FINANCE, project.parent)

        assert f'href="{LIST}"' in get(finance, "/costs").content.decode()
        of_project = get(finance, "/costs", node=str(project.public_id)).content.decode()
        link = re.search(rf'href="({LIST}\?[^"]*node=[^"]*)"', of_project)
        assert link
        assert names(visit_as(finance).get(unescape(link[1]))) == ["zaak-app"]
        assert f'href="{LIST}?show=mine"' in get(requester, "/resources").content.decode()
