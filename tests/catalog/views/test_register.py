"""The page of the register of known use, its files, and the yearly report to CIO Rijk."""

from __future__ import annotations

import csv
import json
import re
from html import unescape
from io import BytesIO, StringIO

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import localdate
from openpyxl import load_workbook

from catalog.placement_words import Hosting
from catalog.services.placement.register_files import COLUMNS
from portal.audit.models import AuditEntry
from portal.identity.models import Role
from tests.billing.visits import visit_as
from tests.catalog.placement.test_register import adopted
from tests.factories import (
    CloudFactory,
    PersonFactory,
    assessed,
    classify,
    delivered,
    grant,
    make_project,
    place,
    unanswered,
)

pytestmark = pytest.mark.django_db
PAGE = "/placement/register"
YEAR = localdate().year


@pytest.fixture
def server(requester, approver, project, version, sent_tasks):
    return delivered(place(requester, project, version), approver=approver)


@pytest.fixture
def auditor(project):
    person = PersonFactory(name="Auditor")
    grant(person, Role.AUDITOR, project.parent)
    return person


def get(person, path=PAGE, **query):
    return visit_as(person).get(path, query)


def text_of(response):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def names(response):
    """Of the projects on the page, in order."""
    link = r'<a href="/placement/projects/[0-9a-f-]{36}">([^<]*)</a>'
    return re.findall(link, response.content.decode())


def cells(response):
    """The rows of a file by the names of their columns."""
    text = response.getvalue().decode("utf-8-sig")
    return list(csv.DictReader(StringIO(text)))


def sheets(response):
    book = load_workbook(BytesIO(response.getvalue()))
    return {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book}


class TestPage:
    def test_says_where_it_stands_whose_that_is_and_that_it_may(self, server, project, auditor):
        text = text_of(get(auditor))

        assert names(get(auditor)) == [project.name]
        assert server.cloud_project.cloud.name in text
        assert "Of the government itself, Overheidsdatacenter, SEAL-3" in text
        assert "Allowed" in text
        assert "Why not" not in text

    def test_says_why_it_may_not(self, server, project, auditor):
        classify(project, has_special_data=True, personal_data="large_scale")
        assessed(server.cloud_project.cloud, admits_special_data=False)

        assert "Special personal data may not stand there." in text_of(get(auditor))

    def test_leads_to_what_is_known_of_the_project(self, server, project, auditor):
        assert visit_as(auditor).get(f"/placement/projects/{project.public_id}").status_code == 200

    def test_has_a_line_for_each_place(self, server, project, auditor):
        adopted(project, CloudFactory(key="elders", name="Elders"))

        response = get(auditor)

        assert names(response) == [project.name, project.name]
        assert "1 not ordered" in text_of(response)

    def test_a_project_without_anything_known_is_there(self, server, project, auditor):
        unanswered(project)

        assert "Nobody answered yet" in text_of(get(auditor))
        assert "Nobody yet" in text_of(get(auditor))

    def test_nothing_yet(self, auditor):
        assert "No project has anything" in text_of(get(auditor))

    @pytest.mark.parametrize("role", [Role.REQUESTER, Role.APPROVER, Role.OPERATOR])
    def test_is_not_for_who_neither_answers_checks_nor_pays(self, server, project, role):
        person = PersonFactory()
        grant(person, role, project.parent)

        assert get(person).status_code == 403

    def test_a_part_of_another_is_not_found(self, server, auditor):
        strange = make_project()

        assert get(auditor, node=str(strange.public_id)).status_code == 404
        assert get(auditor, node="x").status_code == 404

    def test_queries_do_not_grow_with_the_projects(self, server, project, auditor):
        client = visit_as(auditor)

        def count():
            with CaptureQueriesContext(connection) as queries:
                client.get(PAGE)
            return len(queries)

        count()
        of_one = count()
        for _ in range(3):
            adopted(make_project(project.parent), server.cloud_project.cloud)
        assert count() == of_one


class TestFilters:
    @pytest.mark.parametrize(
        ("show", "shown"),
        [("unanswered", False), ("material", True), ("public", True), ("found", False)],
    )
    def test_what_is_to_be_done(self, server, project, auditor, show, shown):
        classify(project, is_core_task=True)
        assessed(server.cloud_project.cloud, hosting=Hosting.PUBLIC)

        assert names(get(auditor, show=show)) == ([project.name] if shown else [])

    def test_what_may_not_stand_there(self, server, project, auditor):
        fine = names(get(auditor, show="not-admissible"))
        unanswered(project)

        assert (fine, names(get(auditor, show="not-admissible"))) == ([], [project.name])

    def test_who_has_no_owner_or_no_assessed_place(self, server, project, auditor):
        assert names(get(auditor, show="no-owner")) == [project.name]
        assert names(get(auditor, show="not-assessed")) == []

    def test_words_and_year(self, server, project, auditor):
        assert names(get(auditor, q=project.name[:4])) == [project.name]
        assert names(get(auditor, q="iets anders")) == []
        assert names(get(auditor, year=str(YEAR))) == [project.name]

    def test_a_year_in_which_there_was_nothing_cannot_be_chosen(self, server, auditor):
        response = get(auditor, year=str(YEAR - 1))

        assert response.status_code == 422
        assert "Choose one of these." in text_of(response)


class TestFiles:
    def test_csv_has_the_row(self, server, project, auditor):
        (row,) = cells(get(auditor, f"{PAGE}.csv"))

        assert tuple(row) == COLUMNS
        assert (row["project"], row["verdict"]) == (project.name, "allowed")

    def test_xlsx_and_json_say_the_same(self, server, project, auditor):
        (rows,) = sheets(get(auditor, f"{PAGE}.xlsx")).values()
        told = json.loads(get(auditor, f"{PAGE}.json").getvalue())

        in_sheet = dict(zip(rows[0], rows[1], strict=True))
        (use,) = told["uses"]
        (there,) = use["places"]
        assert in_sheet["id"] == use["project"]["id"]
        assert in_sheet["cloud"] == there["cloud"]
        assert in_sheet["resources"] == there["resources"] == 1
        assert in_sheet["review_on"] == use["answers"]["review_on"]
        assert told["ruleset"] == "RBCLOUD-2026/1"

    def test_no_name_is_a_formula(self, server, project, auditor):
        project.name = "=1+1"
        project.save(update_fields=["name"])

        (row,) = cells(get(auditor, f"{PAGE}.csv"))
        book = load_workbook(BytesIO(get(auditor, f"{PAGE}.xlsx").getvalue()))

        assert row["project"].startswith("'")
        assert "f" not in {cell.data_type for line in book.active for cell in line}

    def test_files_keep_the_filter(self, server, project, auditor):
        assert cells(get(auditor, f"{PAGE}.csv", show="unanswered")) == []
        assert json.loads(get(auditor, f"{PAGE}.json", q="anders").getvalue())["uses"] == []

    def test_who_took_one_stands_in_the_audit_trail(self, server, project, auditor):
        get(auditor, f"{PAGE}.csv", node=str(project.public_id))
        get(auditor, f"{PAGE}.json")

        of_part, of_all = AuditEntry.objects.filter(event="placement.register_exported").order_by(
            "at"
        )
        assert of_part.data == {"format": "csv", "year": None}
        assert (of_part.node_id, of_all.node_id) == (project.pk, project.parent_id)
        assert of_all.actor_id == auditor.pk

    @pytest.mark.parametrize("form", ["csv", "xlsx", "json"])
    def test_are_not_for_everybody(self, server, requester, form):
        assert get(requester, f"{PAGE}.{form}").status_code == 403


class TestYearlyReport:
    def test_has_all_of_the_year_and_what_it_comes_to(self, server, project, auditor):
        told = json.loads(get(auditor, f"/placement/reports/{YEAR}.json").getvalue())

        assert told["year"] == YEAR
        assert [use["project"]["name"] for use in told["uses"]] == [project.name]
        assert told["summary"]["projects"] == 1
        assert told["summary"]["projects_by_operator"] == {"Overheidsdatacenter": 1}

    def test_for_excel_has_a_sheet_for_each(self, server, project, auditor):
        found = sheets(get(auditor, f"/placement/reports/{YEAR}.xlsx"))

        assert list(found) == ["register", "summary"]
        assert found["register"][0] == COLUMNS
        assert ("projects", None, 1) in found["summary"]
        assert ("projects_by_operator", "Overheidsdatacenter", 1) in found["summary"]

    def test_is_of_all_that_the_person_reads_whatever_was_filtered(self, server, auditor):
        path = f"/placement/reports/{YEAR}.json"

        assert len(json.loads(get(auditor, path, q="anders").getvalue())["uses"]) == 1

    def test_there_is_none_of_a_year_in_which_nothing_stood(self, server, auditor):
        assert get(auditor, f"/placement/reports/{YEAR - 1}.json").status_code == 404
        assert get(auditor, f"/placement/reports/{YEAR + 1}.json").status_code == 404

    def test_page_leads_to_it(self, server, auditor):
        assert f'href="/placement/reports/{YEAR}.xlsx"' in get(auditor).content.decode()
