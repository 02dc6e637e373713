"""The form of many limits, files with limits, and setting what was looked at."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO, StringIO

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import localdate, now

from catalog.limit_files import read_rows
from catalog.models import LimitChange, Metric, Quota
from catalog.services import limit_plans
from catalog.services.limits import set_limit
from catalog.views import quota_files
from portal.audit.models import AuditEntry
from portal.core.calendar import day_of, end_of_day, start_of_day
from portal.identity.models import Node, Role, RoleGrant
from tests.factories import PersonFactory, grant, make_organization, make_project
from tests.logins import log_in

pytestmark = pytest.mark.django_db

BULK, PLAN, IMPORT = "/quotas/bulk", "/quotas/plan", "/quotas/import"


@pytest.fixture
def organization(db):
    organization = make_organization(name="Waterdienst")
    for metric, amount in ((Metric.VCPUS, 100), (Metric.MONTHLY_COST_EUR, Decimal("2500.50"))):
        limit(organization, amount, metric)
    return organization


@pytest.fixture
def projects(organization):
    projects = [make_project(organization, name=name) for name in ("Alfa", "Bravo", "=Charlie")]
    for one in projects:
        limit(one, 20)
    return projects


@pytest.fixture
def administrator(organization):
    person = PersonFactory()
    grant(person, Role.QUOTA_ADMINISTRATOR, organization)
    return person


@pytest.fixture(autouse=True)
def in_english(client):
    client.cookies["cloudloket-language"] = "en"


def limit(node, amount, metric=Metric.VCPUS, **period):
    value = None if amount is None else Decimal(amount)
    set_limit(node, metric, value, actor=None, **{"valid_from": now(), **period})


def let_overcommit(node):
    Quota.objects.filter(node=node).update(overcommit_allowed=True)


def limits_of(nodes) -> list[Decimal | None]:
    held = dict(Quota.objects.filter(metric=Metric.VCPUS).values_list("node", "limit_now"))
    return [held[node.pk] for node in nodes]


def form(nodes, **fields):
    return {"metric": "vcpus", "part": [str(node.public_id) for node in nodes], **fields}


def field(node, kind="limit") -> str:
    return f"{kind}-{node.public_id}"


def text_of(response) -> str:
    return " ".join(response.content.decode().split())


def handed_in(client, content: bytes | str, name="limits.csv"):
    data = content.encode() if isinstance(content, str) else content
    return client.post(IMPORT, {"file": SimpleUploadedFile(name, data)})


def confirm(client, preview, reason="New year"):
    return client.post(PLAN, {"plan": preview.context["plan"], "reason": reason})


class TestForm:
    def test_it_shows_the_parts_whose_limits_one_sets(self, client, administrator, projects):
        elsewhere = make_project(name="Elders")
        response = log_in(client, administrator).get(BULK, {"metric": "vcpus"})

        names = [row.part.node.name for row in response.context["rows"]]
        assert names == ["Waterdienst", "=Charlie", "Alfa", "Bravo"]
        assert elsewhere.name not in text_of(response)

    def test_it_narrows_down(self, client, administrator, organization, projects):
        log_in(client, administrator)

        by_name = client.get(BULK, {"metric": "vcpus", "q": "brav"})
        by_focus = client.get(BULK, {"metric": "vcpus", "node": str(projects[0].public_id)})

        assert [row.part.node.name for row in by_name.context["rows"]] == ["Bravo"]
        assert [row.part.node.name for row in by_focus.context["rows"]] == ["Alfa"]
        assert client.get(BULK, {"node": "x"}).status_code == 404
        assert "Nothing matches this" in text_of(client.get(BULK, {"q": "zzz\x00"}))

    @pytest.mark.parametrize("role", [role for role in Role if role != Role.QUOTA_ADMINISTRATOR])
    def test_it_is_for_quota_administrators(self, client, organization, role):
        person = PersonFactory()
        grant(person, role, organization)
        log_in(client, person)

        assert client.get(BULK).status_code == 403
        assert client.get(IMPORT).status_code == 403

    def test_it_asks_as_many_queries_for_many_parts_as_for_few(
        self, client, administrator, organization
    ):
        log_in(client, administrator)

        def queries(count: int) -> int:
            for _number in range(count):
                make_project(organization)
            with CaptureQueriesContext(connection) as captured:
                client.get(BULK, {"metric": "vcpus"})
            return len(captured)

        queries(1)
        assert queries(1) == queries(20)

    def test_a_full_page_can_be_sent_with_every_field_filled_in(
        self, client, administrator, organization
    ):
        let_overcommit(organization)
        for _number in range(55):
            make_project(organization)
        log_in(client, administrator)
        assert len(client.get(BULK, {"page": "2"}).context["rows"]) == 6

        parts = [row.part.node for row in client.get(BULK).context["rows"]]
        fields = {field(node, kind): "" for node in parts for kind in ("limit", "unlimited")}
        fields |= {field(node, "unlimited"): "on" for node in parts}
        more = dict.fromkeys(
            ("csrfmiddlewaretoken", "percent", "until", "q", "node", "preview"), ""
        )
        response = client.post(BULK, form(parts, **fields, **more))

        assert (len(parts), response.status_code) == (50, 200)
        assert len(response.context["rows"]) == 50

    @pytest.mark.parametrize("until", ["31-12-9999", "01-01-3000", "01-01-0001", "31-12-1999"])
    def test_a_day_that_is_too_far_away(self, client, administrator, projects, until):
        sent = form(projects, until=until, **{field(projects[0]): "10"})

        response = log_in(client, administrator).post(BULK, sent)

        assert response.status_code == 422
        assert "Choose a day in the years 2000 to 2999" in text_of(response)
        assert f'value="{until}"' in text_of(response)

    def test_what_is_empty_stays_and_the_rest_is_looked_at(self, client, administrator, projects):
        until = day_of(now() + timedelta(days=30))
        first, second, third = projects
        Quota.objects.filter(node=first, metric=Metric.VCPUS).update(claimed=15)

        response = log_in(client, administrator).post(
            BULK,
            form(
                projects,
                until=until.strftime("%d-%m-%Y"),
                **{field(first): "10", field(second): "", field(third): "20"},
            ),
        )

        (row,) = response.context["rows"]
        assert (row.name, row.before, row.after, row.free) == ("Alfa", "20", "10", "-5")
        assert (row.is_over, row.ends) == (True, end_of_day(until))
        assert "1 part will be over its limit" in text_of(response)
        assert "1 line changes nothing" in text_of(response)
        assert limits_of(projects) == [20, 20, 20]

    @pytest.mark.parametrize("answer", [{"unlimited": "on"}, {"limit": "Unlimited"}])
    def test_unlimited_is_a_choice_of_its_own(self, client, administrator, projects, answer):
        let_overcommit(projects[0].parent)
        log_in(client, administrator)
        fields = {field(projects[0], kind): value for kind, value in answer.items()}

        confirm(client, client.post(BULK, form(projects, **fields)))

        assert limits_of(projects) == [None, 20, 20]

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"limit": "many"}, "Fill in a number"),
            ({"limit": "-1"}, "Fill in a number"),
            ({"limit": "1.5"}, "Fill in a whole number"),
            ({"limit": "5", "unlimited": "on"}, "not both"),
            ({}, "Fill in at least one new limit"),
        ],
    )
    def test_what_is_wrong_stands_at_its_field_and_all_is_kept(
        self, client, administrator, projects, fields, said
    ):
        typed = {field(projects[0], kind): value for kind, value in fields.items()}

        response = log_in(client, administrator).post(BULK, form(projects, until="", **typed))

        assert response.status_code == 422
        assert said in text_of(response)
        assert len(response.context["rows"]) == 3
        for value in fields.values():
            assert f'value="{value}"' in text_of(response)

    def test_what_no_level_can_hand_out_stands_at_its_line(self, client, administrator, projects):
        log_in(client, administrator)
        sent = form(projects, **{field(projects[0]): "90", field(projects[1]): "25"})

        response = client.post(BULK, sent)

        assert response.status_code == 422
        assert "would hand out 135 of 100" in text_of(response)
        assert response.context["plan"] == ""

    def test_one_goes_back_to_the_form_as_it_was(self, client, administrator, projects):
        log_in(client, administrator)
        shown = client.post(BULK, form(projects, **{field(projects[0]): "30", "preview": "yes"}))
        typed = {}
        for name, value in shown.context["typed"]:
            typed.setdefault(name, []).append(value)

        back = client.post(BULK, {**typed, "edit": "yes"})

        assert back.status_code == 200
        assert 'value="30"' in text_of(back)
        assert len(back.context["rows"]) == 3

    @pytest.mark.parametrize(
        ("percent", "filled"), [("10", "22"), ("-50", "10"), ("-100", "0"), ("3", "20")]
    )
    def test_all_are_raised_by_a_part(self, client, administrator, projects, percent, filled):
        let_overcommit(projects[1].parent)
        limit(projects[1], None)
        sent = form(projects, percent=percent, fill="yes")

        response = log_in(client, administrator).post(BULK, sent)

        values = {row.part.node.name: row.part.limit.value() for row in response.context["rows"]}
        assert values == {"Alfa": filled, "Bravo": None, "=Charlie": filled}
        assert limits_of(projects) == [20, None, 20]

    @pytest.mark.parametrize("percent", ["", "ten", "-101", "1001", "1.5"])
    def test_by_no_other_part(self, client, administrator, projects, percent):
        sent = form(projects, percent=percent, fill="yes")

        assert log_in(client, administrator).post(BULK, sent).status_code == 422

    def test_what_is_for_a_time_is_not_raised_for_good(self, client, administrator, projects):
        limit(projects[0], 30, valid_until=now() + timedelta(days=30))
        limit(projects[1], 10, valid_from=now() + timedelta(days=30))
        sent = form(projects, percent="10", fill="yes")

        filled = log_in(client, administrator).post(BULK, sent)

        values = [filled.context["form"][field(node)].value() for node in projects]
        assert values == [None, None, "22"]
        assert "2 parts have a limit that ends by itself" in text_of(filled)

    def test_what_was_to_follow_is_told_before_it_is_undone(self, client, administrator, projects):
        limit(projects[0], 30, valid_until=now() + timedelta(days=30))
        sent = form(projects, preview="yes") | {field(projects[0]): "33"}

        preview = log_in(client, administrator).post(BULK, sent)

        assert "Of 1 part something else was to follow" in text_of(preview)
        assert "No longer: 20 from" in text_of(preview)

    def test_what_is_covered_for_a_time_comes_back(self, client, administrator, projects):
        begins, ends = (localdate() + timedelta(days=days) for days in (30, 60))
        limit(projects[0], 10, valid_from=start_of_day(begins))
        sent = form(projects, preview="yes", until=f"{ends:%d-%m-%Y}") | {field(projects[0]): "33"}

        preview = text_of(log_in(client, administrator).post(BULK, sent))

        assert "No longer: 10 from" in preview
        assert "</time> until <time" in preview
        assert "something else was to follow" not in preview

    def test_parts_of_others_are_not_in_it(self, client, administrator, projects):
        other = make_project()
        sent = form([other], **{field(other): "5"})
        sent["part"] += ["no id", ""]

        response = log_in(client, administrator).post(BULK, sent)

        assert response.status_code == 422
        assert other.name not in text_of(response)


class TestSetting:
    @pytest.fixture
    def preview(self, client, administrator, projects):
        fields = {field(node): "25" for node in projects}
        return log_in(client, administrator).post(BULK, form(projects, **fields))

    def test_exactly_what_was_shown_is_set(self, client, preview, projects, administrator):
        response = confirm(client, preview)

        assert (response.status_code, response.headers["Location"]) == (303, "/quotas?metric=vcpus")
        assert limits_of(projects) == [25, 25, 25]
        changes = LimitChange.objects.filter(reason="New year", changed_by=administrator)
        entries = AuditEntry.objects.filter(event="quota.limit_set", actor_id=administrator.pk)
        assert changes.count() == entries.count() == 3

    @pytest.mark.parametrize("reason", ["", "x" * 501, "\x07"])
    def test_a_reason_is_needed(self, client, preview, projects, reason):
        response = confirm(client, preview, reason)

        assert response.status_code == 422
        assert response.context["plan"]
        assert limits_of(projects) == [20, 20, 20]

    def test_the_reason_is_asked_on_one_line(self, preview):
        """A service refuses more than one."""
        assert "<textarea" not in text_of(preview)

    def test_a_limit_that_changed_meanwhile_is_shown_first(self, client, preview, projects):
        limit(projects[1], 21)

        response = confirm(client, preview)

        assert response.status_code == 409
        assert "changed meanwhile" in text_of(response)
        assert [row.before for row in response.context["rows"]] == ["20", "20", "21"]
        assert response.context["form"]["reason"].value() == "New year"
        assert limits_of(projects) == [20, 21, 20]
        assert confirm(client, response).status_code == 303
        assert limits_of(projects) == [25, 25, 25]

    def test_pressing_twice_sets_once(self, client, preview):
        confirm(client, preview)

        again = confirm(client, preview)

        assert again.status_code == 409
        assert "These limits hold already" in text_of(again)
        assert LimitChange.objects.filter(reason="New year").count() == 3

    def test_an_old_login_comes_back_to_the_effects(self, client, preview, administrator, projects):
        log_in(client, administrator, age_seconds=3600)

        away = client.post(
            PLAN,
            {"plan": preview.context["plan"], "reason": "New year"},
            headers={"Referer": f"http://testserver{BULK}"},
        )

        assert away.status_code == 302
        assert limits_of(projects) == [20, 20, 20]
        token = client.session["kept_input"]["token"]
        for page in (BULK, IMPORT):
            assert client.get(page, {"kept": token}).headers["Location"] == f"{PLAN}?kept={token}"
        back = client.get(PLAN, {"kept": token})
        assert back.context["form"]["reason"].value() == "New year"
        log_in(client, administrator)
        assert confirm(client, back).status_code == 303

    def test_who_lost_the_role_meanwhile_sets_nothing(
        self, client, preview, projects, administrator
    ):
        RoleGrant.objects.filter(person=administrator).update(valid_until=now())

        assert confirm(client, preview).status_code == 403
        assert limits_of(projects) == [20, 20, 20]

    @pytest.mark.parametrize("plan", ["", "x", "a:b"])
    def test_a_made_up_plan_is_nothing(self, client, preview, plan):
        response = client.post(PLAN, {"plan": plan, "reason": "New year"})

        assert response.status_code == 422
        assert "not what you were shown" in text_of(response)
        assert client.get(PLAN).headers["Location"] == "/quotas"


class TestImport:
    def test_a_file_is_looked_at_and_then_set(self, client, administrator, organization, projects):
        alfa, bravo, _charlie = projects
        log_in(client, administrator)

        preview = handed_in(
            client,
            "onderdeel;soort;limiet;tot en met\n"
            f"{alfa.code};Processors;30;31-12-2099\n"
            f"{organization.code}/{bravo.code};vcpus;15\n"
            f"{organization.public_id};Kosten per maand;1.250,75\n",
        )

        assert preview.status_code == 200
        assert limits_of(projects) == [20, 20, 20]
        assert [row.number for row in preview.context["rows"]] == [2, 3, 4]
        assert confirm(client, preview).headers["Location"] == "/quotas"
        assert limits_of(projects) == [30, 15, 20]
        cost = Quota.objects.get(node=organization, metric=Metric.MONTHLY_COST_EUR)
        assert cost.limit_now == Decimal("1250.75")

    def test_a_line_for_later_stands_beside_the_limit_of_just_before(
        self, client, administrator, projects
    ):
        limit(projects[0], 30, valid_from=now() + timedelta(days=10))
        start = day_of(now() + timedelta(days=20))

        log_in(client, administrator)
        preview = handed_in(
            client, f"code;metric;limit;from\n{projects[0].code};vcpus;40;{start.isoformat()}"
        )

        (row,) = preview.context["rows"]
        assert (row.before, row.after) == ("30", "40")
        assert "Limit before" in text_of(preview)
        assert "Limit now" not in text_of(preview)  # that is 20

    def test_every_line_says_what_is_wrong_with_it(self, client, administrator, projects):
        elsewhere, code = make_project(), projects[0].code
        lines = {
            "nowhere;;vcpus;1;": "no such part",
            f"{elsewhere.code};;vcpus;1;": "no such part",
            f";{elsewhere.public_id};vcpus;1;": "no such part",
            ";;vcpus;1;": "Fill in the code",
            f"{code};{projects[1].public_id};vcpus;1;": "two different parts",
            f"x/{code};;vcpus;1;": "no such part",
            f"{code};;cpus;1;": "no such quota",
            f"{code};;vcpus;many;": "Fill in a number",
            f"{code};;vcpus;;": "Fill in a limit",
            f"{code};;vcpus;1.5;": "whole number",
            f"{code};;vcpus;1;31-02-2030": "Fill in a date",
            f"{code};;vcpus;1;31-12-2020": "after the beginning",
            f"{code};;vcpus;=1+1;": "A formula stands in: limit",
            f"{code};;servers;1;": "would hand out 1 of 0",
            f"{code};;servers;2;": "Line 15 is about this already",
        }

        response = handed_in(
            log_in(client, administrator), "\n".join(["code;id;metric;limit;until", *lines])
        )

        assert response.status_code == 422
        rows = {row.number: " ".join(row.problems) for row in response.context["rows"]}
        for number, said in enumerate(lines.values(), start=2):
            assert said in rows[number]
        assert response.context["plan"] == ""

    @pytest.mark.parametrize(
        ("amount", "until"),
        [
            (1e30, ""),
            (1, "0001-01-01T00:00:00+00:00"),
            (1, "0001-01-01T00:00:00+14:00"),
            (1, "9999-12-31T23:30:00+00:00"),
        ],
    )
    def test_what_no_page_can_show_is_refused_in_words(
        self, client, administrator, projects, amount, until
    ):
        book = openpyxl.Workbook()
        book.active.append(["code", "metric", "limit", "until"])
        book.active.append([projects[0].code, "vcpus", amount, until])
        file = BytesIO()
        book.save(file)

        response = handed_in(log_in(client, administrator), file.getvalue(), "limits.xlsx")

        assert response.status_code == 422
        assert len(response.context["wrong"][0].problems) == 1

    def test_a_day_that_is_past_is_no_beginning(self, client, administrator, projects):
        content = f"code,metric,limit,from\n{projects[0].code},vcpus,5,2020-01-01\n"

        response = handed_in(log_in(client, administrator), content)

        assert "today or a later day" in text_of(response)

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ("code;limit\nx;1\n", "Missing: metric"),
            ("metric;limit\nx;1\n", "Missing: code"),
            ("code;metric;limit;code\nx;vcpus;1;y\n", "is there twice"),
            ("code;metric;limit\n", "no lines below"),
            ("", "nothing in this file"),
            (b"PK\x03\x04", "cannot be read"),
            ("x" * (1024 * 1024 + 1), "larger than 1 MiB"),
        ],
    )
    def test_what_is_no_table_of_limits_is_refused(self, client, administrator, content, said):
        response = handed_in(log_in(client, administrator), content)

        assert response.status_code == 422
        assert said in text_of(response)

    def test_without_a_file(self, client, administrator):
        response = log_in(client, administrator).post(IMPORT, {})

        assert response.status_code == 422
        assert "Choose a file" in text_of(response)

    def test_it_asks_as_many_queries_for_many_lines_as_for_few(
        self, client, administrator, organization
    ):
        log_in(client, administrator)
        nodes = [make_project(organization) for _number in range(12)]

        def queries(some) -> int:
            lines = "".join(f"{node.code};vcpus;1\n" for node in some)
            with CaptureQueriesContext(connection) as captured:
                assert handed_in(client, f"code;metric;limit\n{lines}").status_code == 200
            return len(captured)

        assert queries(nodes[:2]) == queries(nodes)


class TestExport:
    def rows(self, client, form="csv", **query) -> list[list[str]]:
        response = client.get(f"/quotas/export.{form}", query)
        content = b"".join(response.streaming_content)
        if form == "xlsx":
            sheet = openpyxl.load_workbook(BytesIO(content)).active
            return [list(row) for row in sheet.iter_rows(values_only=True)]
        text = content.decode("utf-8-sig")
        return list(csv.reader(StringIO(text), delimiter=";" if ";" in text else ","))

    def test_it_tells_what_the_person_sees(self, client, administrator, organization, projects):
        limit(projects[0], 30, valid_until=end_of_day(day_of(now() + timedelta(days=9))))
        Quota.objects.filter(node=projects[0], metric=Metric.VCPUS).update(claimed=12)
        make_project(name="Elders")

        heading, *rows = self.rows(log_in(client, administrator), metric="vcpus")

        found = {row[0]: dict(zip(heading, row, strict=True)) for row in rows}
        assert list(found) == [
            "Waterdienst",
            "Waterdienst / =Charlie",
            "Waterdienst / Alfa",
            "Waterdienst / Bravo",
        ]
        alfa = found["Waterdienst / Alfa"]
        assert (alfa["limit"], alfa["claimed"], alfa["free"]) == ("30", "12", "18")
        assert alfa["until"] == day_of(now() + timedelta(days=9)).isoformat()
        assert found["Waterdienst"]["handed_out"] == "70"

    def test_a_dutch_spreadsheet_gets_commas(self, client, administrator, organization):
        client.cookies["cloudloket-language"] = "nl"
        rows = self.rows(log_in(client, administrator), metric="monthly_cost_eur")

        assert rows[1][4] == "2500,5"

    def test_no_cell_is_a_formula(self, client, administrator):
        project = make_project(make_organization(name="@Top"), name="=1+1")
        Node.objects.filter(pk=project.pk).update(code="-zaak")
        limit(project.parent, 20)
        person = PersonFactory()
        grant(person, Role.AUDITOR, project)
        log_in(client, person)

        (_heading, row) = self.rows(client, metric="vcpus")
        assert row[:2] == ["'=1+1", "'-zaak"]
        response = client.get("/quotas/export.xlsx", {"metric": "vcpus"})
        content = b"".join(response.streaming_content)
        cells = openpyxl.load_workbook(BytesIO(content)).active[2]
        assert [cell.value for cell in cells[:2]] == ["=1+1", "-zaak"]
        assert {cell.data_type for cell in cells[:2]} <= {"s", "inlineStr"}

    @pytest.mark.parametrize("language", ["nl", "en"])
    @pytest.mark.parametrize("kind", ["csv", "xlsx"])
    def test_handed_in_again_it_changes_nothing_but_what_was_edited(
        self, client, administrator, organization, projects, kind, language
    ):
        client.cookies["cloudloket-language"] = language
        Node.objects.filter(pk=projects[2].pk).update(code="-zaak")
        limit(organization, 10, Metric.SERVERS)
        let_overcommit(organization)
        limit(projects[0], 30, valid_until=now() + timedelta(days=9, minutes=7))
        limit(projects[1], None)
        limit(projects[2], 7, Metric.SERVERS, valid_from=now() + timedelta(days=1))
        log_in(client, administrator)
        response = client.get(f"/quotas/export.{kind}")
        content = b"".join(response.streaming_content)

        same = handed_in(client, content, f"quota.{kind}")

        assert same.status_code == 200, [row.problems for row in same.context["rows"]]
        assert same.context["rows"] == []
        if kind == "csv":
            assert b"2500.5" in content or b"2500,5" in content
            edited = content.replace(b"2500.5", b"2501.5").replace(b"2500,5", b"2501,5")
            (row,) = handed_in(client, edited).context["rows"]
            assert row.name == "Waterdienst"

    def test_it_asks_as_many_queries_for_many_parts_as_for_few(
        self, client, administrator, organization
    ):
        log_in(client, administrator)

        def queries(count: int) -> int:
            for _number in range(count):
                make_project(organization)
            with CaptureQueriesContext(connection) as captured:
                self.rows(client)
            return len(captured)

        queries(1)
        assert queries(1) == queries(20)

    def test_other_kinds_of_file_are_not_there(self, client, administrator):
        log_in(client, administrator)

        assert client.get("/quotas/export.pdf").status_code == 404
        assert client.get("/quotas/import/example.pdf").status_code == 404
        assert client.get("/quotas/export.csv", {"node": "x"}).status_code == 404

    @pytest.mark.parametrize("kind", ["csv", "xlsx"])
    def test_the_example_names_the_columns(self, client, administrator, kind):
        log_in(client, administrator)
        response = client.get(f"/quotas/import/example.{kind}")

        shown = handed_in(client, b"".join(response.streaming_content), f"example.{kind}")

        assert shown.status_code == 422  # its one line is to be overwritten
        assert "no such part" in text_of(shown)

    @pytest.mark.parametrize("kind", ["csv", "xlsx"])
    def test_the_example_is_accepted_in_any_year(
        self, client, administrator, projects, kind, monkeypatch
    ):
        """With the code of a part in it, late on New Year's Eve: in Amsterdam it is 2032."""
        moment = datetime(2031, 12, 31, 23, 30, tzinfo=UTC)
        for module in (quota_files, limit_plans):
            monkeypatch.setattr(module, "now", lambda: moment)
        log_in(client, administrator)
        response = client.get(f"/quotas/import/example.{kind}")
        rows = read_rows(b"".join(response.streaming_content))
        columns, (_code, *line) = [list(map(str, cells)) for _number, cells in rows]

        content = [";".join(columns), ";".join([projects[0].code, *line])]
        shown = handed_in(client, "\n".join(content))

        assert shown.status_code == 200
        assert [row.ends for row in shown.context["rows"]] == [end_of_day(date(2033, 12, 31))]
