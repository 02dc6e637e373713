"""The audit trail for people: who sees what of it, how it is chosen, and as a file."""

from __future__ import annotations

import csv
import json
import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.urls import reverse
from django.utils.timezone import localdate

from portal.audit import services
from portal.audit.events import EVENTS
from portal.audit.models import AuditEntry, AuditVerification, Result
from portal.audit.reading import newest_proof
from portal.audit.services import anchor_chains, record, record_refusal
from portal.audit.verification import verify
from portal.core.origin import Channel, Origin, coming_from
from portal.identity.models import Role
from portal.web.trail.exporting import COLUMNS
from portal.web.trail.wording import label_of
from portal.web.views import audit
from tests.factories import PersonFactory, grant, make_organization, make_project
from tests.logins import log_in
from tests.portal.audit.tampering import as_superuser, without_constraints

pytestmark = pytest.mark.django_db


@pytest.fixture
def ministry(db):
    return make_organization()


@pytest.fixture
def project(ministry):
    return make_project(ministry)


@pytest.fixture
def auditor(ministry):
    person = PersonFactory(name="Controleur")
    grant(person, Role.AUDITOR, ministry)
    return person


@pytest.fixture
def somebody(db):
    return PersonFactory(name="Aanvrager Jansen")


@pytest.fixture
def browser(client, auditor):
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return log_in(client, auditor)


def write(event, subject, **options):
    origin = Origin(channel=Channel.PAGE, address="192.0.2.7", agent="=cmd()", request_id="c" * 32)
    with coming_from(origin):
        return record(event, subject, **options)


def shown(browser, **query):
    """The events on the page, without those of what the test itself does there."""
    response = browser.get(reverse("web:audit"), query)
    assert response.status_code == 200, response.content.decode()
    own = {"audit.read", "node.created", "workload.answered"}
    return [row["entry"].event for row in response.context["rows"] if row["entry"].event not in own]


class TestWhoSeesWhat:
    def test_stranger_is_asked_to_log_in(self, client):
        assert client.get(reverse("web:audit")).status_code == 302

    @pytest.mark.parametrize("role", [role for role in Role if role != Role.AUDITOR])
    def test_other_roles_are_refused(self, client, ministry, role):
        person = PersonFactory()
        grant(person, role, ministry)
        log_in(client, person)
        entry = write("order.approved", ministry, actor=None, node_id=ministry.pk)

        for url in (reverse("web:audit"), reverse("web:audit-export", args=["csv"])):
            assert client.get(url).status_code == 403
        address = reverse("web:audit-entry", args=[entry.chain, entry.sequence])
        assert client.get(address).status_code == 404

    def test_auditor_sees_the_part_that_they_reach(self, browser, project):
        other = make_project()
        write("order.approved", project, actor=None, node_id=project.pk)
        hidden = write("order.rejected", other, actor=None, node_id=other.pk)

        assert shown(browser) == ["order.approved"]
        url = reverse("web:audit-entry", args=[hidden.chain, hidden.sequence])
        assert browser.get(url).status_code == 404

    def test_what_belongs_nowhere_is_for_auditors_of_everything(self, browser, auditor, ministry):
        write("login.failed", ministry, actor=None, result=Result.FAILED, code="login_expired")
        assert "login.failed" in shown(browser)

        other = make_organization()
        assert "login.failed" not in shown(browser)
        grant(auditor, Role.AUDITOR, other)
        assert "login.failed" in shown(browser)

    def test_auditor_of_one_project_does_not_see_it(self, client, project):
        person = PersonFactory()
        grant(person, Role.AUDITOR, project)
        write("login.failed", project, actor=None)

        assert "login.failed" not in shown(log_in(client, person))

    def test_menu_leads_auditors_there_and_nobody_else(self, browser, client, ministry):
        assert 'href="/audit"' in browser.get("/").content.decode()
        person = PersonFactory()
        grant(person, Role.REQUESTER, ministry)
        assert 'href="/audit"' not in log_in(client, person).get("/").content.decode()


class TestList:
    def test_names_come_from_the_tables_that_can_be_erased(self, browser, project, somebody):
        write("order.approved", project, actor=somebody, node_id=project.pk)
        assert "Aanvrager Jansen" in browser.get(reverse("web:audit")).content.decode()

        somebody.name = "Gewist"
        somebody.save()
        assert "Aanvrager Jansen" not in browser.get(reverse("web:audit")).content.decode()

    @pytest.mark.parametrize(
        ("query", "events"),
        [
            ({"event": "order.approved"}, ["order.approved"]),
            ({"result": "refused"}, ["order.approval_refused"]),
            ({"actor": "jansen"}, ["order.approved"]),
            ({"actor": "niemand"}, []),
            ({"channel": "command"}, ["order.approval_refused"]),
            ({"address": "192.0.2.7"}, ["order.approved"]),
            ({"until": "2020-01-01"}, []),
            ({"since": "2020-01-01"}, ["order.approval_refused", "order.approved"]),
        ],
    )
    def test_filters(self, browser, project, somebody, query, events):
        write("order.approved", project, actor=somebody, node_id=project.pk)
        record_refusal(
            "order.approval_refused",
            project,
            actor=PersonFactory(name="Pietersen"),
            node_id=project.pk,
            code="self_approval",
        )

        assert shown(browser, **query) == events

    def test_filters_on_place_and_thing(self, browser, project, ministry):
        write("order.approved", project, actor=None, node_id=project.pk)
        write("order.rejected", ministry, actor=None, node_id=ministry.pk)

        assert shown(browser, node=str(project.public_id)) == ["order.approved"]
        assert shown(browser, subject=str(ministry.public_id)) == ["order.rejected"]

    def test_today_is_included(self, browser, project):
        write("order.approved", project, actor=None, node_id=project.pk)
        today = localdate().isoformat()

        assert shown(browser, since=today, until=today) == ["order.approved"]

    @pytest.mark.parametrize(
        "query",
        [
            {"since": "gisteren"},
            {"since": "0001-01-01"},
            {"until": "9999-12-31"},
            {"event": "order.unknown"},
            {"subject": "12"},
            {"address": "here"},
            {"node": str(uuid4())},
            {"since": "2026-11-02", "until": "2026-11-01"},
            {"result": "maybe"},
        ],
    )
    def test_impossible_filter_is_said_at_the_field_and_kept(self, browser, query):
        response = browser.get(reverse("web:audit"), query)

        assert response.status_code == 422
        assert response.context["form"].errors
        assert "rows" not in response.context
        assert response.context["form"].data.dict() == query

    def test_goes_on_to_older_entries_and_back(self, browser, project, monkeypatch):
        monkeypatch.setattr(audit, "PAGE_SIZE", 2)
        for _ in range(5):
            write("order.approved", project, actor=None, node_id=project.pk)
        query, pages = "?event=order.approved", []
        while query:
            response = browser.get(reverse("web:audit") + query)
            pages.append([row["entry"].pk for row in response.context["rows"]])
            query, back = response.context["older_url"], response.context["newer_url"]

        entries = AuditEntry.objects.filter(event="order.approved").order_by("-at", "-id")
        assert [pk for page in pages for pk in page] == list(entries.values_list("pk", flat=True))
        assert [len(page) for page in pages] == [2, 2, 1]
        response = browser.get(reverse("web:audit") + back)
        assert [row["entry"].pk for row in response.context["rows"]] == pages[1]
        assert "event=order.approved" in back

    def test_entries_of_one_moment_are_neither_lost_nor_doubled(
        self, browser, project, monkeypatch
    ):
        monkeypatch.setattr(audit, "PAGE_SIZE", 2)
        moment = datetime(2026, 11, 26, 12, tzinfo=UTC)
        monkeypatch.setattr(services, "now", lambda: moment)
        for _ in range(5):
            write("order.approved", project, actor=None, node_id=project.pk)
        query, seen = "?event=order.approved", []
        while query:
            response = browser.get(reverse("web:audit") + query)
            seen += [row["entry"].pk for row in response.context["rows"]]
            query = response.context["older_url"]

        assert len(seen) == len(set(seen)) == 5

    @pytest.mark.parametrize("position", ["x", "1-", "-1-2", "9" * 30 + "-1", "1-" + "9" * 19])
    def test_nonsense_for_a_position_is_the_newest(self, browser, project, position):
        write("order.approved", project, actor=None, node_id=project.pk)

        assert shown(browser, older=position) == ["order.approved"]

    def test_queries_do_not_depend_on_the_length(
        self, browser, project, somebody, django_assert_num_queries
    ):
        write("order.approved", project, actor=somebody, node_id=project.pk)
        browser.get(reverse("web:audit"))
        with django_assert_num_queries(17) as few:
            browser.get(reverse("web:audit"))
        for _ in range(20):
            write("order.approved", project, actor=PersonFactory(), node_id=project.pk)
        with django_assert_num_queries(len(few)):
            browser.get(reverse("web:audit"))

    def test_empty_result_says_what_to_do(self, browser):
        page = browser.get(reverse("web:audit"), {"event": "price.set"}).content.decode()

        assert "Nothing matches this" in page


class TestProof:
    def page(self, browser):
        return browser.get(reverse("web:audit")).content.decode()

    def test_is_asked_for_when_there_is_none(self, browser):
        assert "was not proved yet" in self.page(browser)

    def test_is_shown_with_its_time(self, browser):
        call_command("verify_audit", stdout=StringIO())

        assert "The trail is proved whole" in self.page(browser)

    def test_broken_trail_leads_to_the_runbook(self, browser, project):
        entry = write("order.approved", project, actor=None, node_id=project.pk)
        as_superuser("UPDATE audit_auditentry SET actor_id = 1 WHERE id = %s", entry.pk)
        with pytest.raises(CommandError):
            call_command("verify_audit", stdout=StringIO())

        page = self.page(browser)
        assert "docs/runbooks/audit-broken.md" in page
        assert "proved whole" not in page

    def test_forged_proof_counts_for_nothing(self, browser):
        call_command("verify_audit", stdout=StringIO())
        as_superuser("UPDATE audit_auditverification SET at = at + interval '1 day'")

        assert "was not proved yet" in self.page(browser)

    def test_bad_news_that_is_taken_away_does_not_bring_back_the_good(self, browser, project):
        call_command("verify_audit", stdout=StringIO())
        entry = write("order.approved", project, actor=None, node_id=project.pk)
        as_superuser("UPDATE audit_auditentry SET actor_id = 1 WHERE id = %s", entry.pk)
        with pytest.raises(CommandError):
            call_command("verify_audit", stdout=StringIO())
        as_superuser("UPDATE audit_auditentry SET actor_id = NULL WHERE id = %s", entry.pk)
        as_superuser("DELETE FROM audit_auditverification WHERE faults > 0")

        assert "was not proved yet" in self.page(browser)
        (fault,) = verify()
        assert "audit.verified): what was found then is no longer kept" in fault

    def test_trail_that_takes_no_entry_shows_the_bad_news_all_the_same(self, browser, project):
        call_command("verify_audit", stdout=StringIO())
        without_constraints()
        fork = transaction.savepoint()
        as_superuser("UPDATE audit_auditchain SET head = NULL")
        with pytest.raises(CommandError):
            call_command("verify_audit", stdout=StringIO())
        found = AuditVerification.objects.latest("pk")
        transaction.savepoint_rollback(fork)
        found.save(force_insert=True)

        assert newest_proof() == found

    @pytest.mark.parametrize("moment", ["infinity", "20000-01-01"])
    def test_what_was_made_unreadable_counts_for_nothing(self, browser, moment):
        call_command("verify_audit", stdout=StringIO())
        anchor_chains()
        without_constraints()
        as_superuser("UPDATE audit_auditverification SET at = %s", moment)
        as_superuser("UPDATE audit_auditanchor SET at = %s", moment)

        assert "was not proved yet" in self.page(browser)


class TestEntryThatSomebodyMadeUnreadable:
    @pytest.mark.parametrize(
        "change",
        [
            "at = 'infinity'",
            "at = '-infinity'",
            "at = '20000-01-01'",
            "at = '0500-01-01 BC'",
            "at = NULL",
            "id = -id, sequence = -sequence",
            "sequence = NULL",
            "chain = NULL",
            "chain = 77",
        ],
    )
    def test_is_left_out_and_all_others_are_shown(self, browser, project, change):
        first = write("order.submitted", project, actor=None, node_id=project.pk)
        write("order.approved", project, actor=None, node_id=project.pk)
        without_constraints()
        as_superuser(f"UPDATE audit_auditentry SET {change} WHERE id = {first.pk}")

        assert shown(browser) == ["order.approved"]
        for form in ("csv", "jsonl"):
            response = browser.get(reverse("web:audit-export", args=[form]))
            assert b"order.approved" in b"".join(response.streaming_content)
        call_command("export_audit", stdout=StringIO())

    @pytest.mark.parametrize(
        "value",
        [
            "(repeat('[', 5000) || repeat(']', 5000))",
            "(repeat('[', 500) || repeat(']', 500))",
            "repeat('9', 5000)",
            "'1e400'",
            """'{"n": "\\ud800"}'""",
            "'7'",
            "'null'",
        ],
    )
    def test_tells_its_text_when_it_is_no_json(self, browser, project, value):
        entry = write("order.approved", project, actor=None, node_id=project.pk)
        as_superuser(f"UPDATE audit_auditentry SET data = {value}::json WHERE id = {entry.pk}")

        assert shown(browser) == ["order.approved"]
        page = browser.get(reverse("web:audit-entry", args=[entry.chain, entry.sequence]))
        assert page.status_code == 200
        for form in ("csv", "jsonl"):
            response = browser.get(reverse("web:audit-export", args=[form]))
            assert b"order.approved" in b"".join(response.streaming_content)

    def test_result_that_does_not_exist_is_shown(self, browser, project):
        entry = write("order.approved", project, actor=None, node_id=project.pk)
        without_constraints()
        as_superuser(f"UPDATE audit_auditentry SET result = 'maybe' WHERE id = {entry.pk}")

        assert shown(browser) == ["order.approved"]


class TestEntry:
    def test_shows_every_field(self, browser, project, somebody):
        entry = write(
            "order.approved",
            project,
            actor=somebody,
            node_id=project.pk,
            data={"plan": "<b>x</b>"},
            result=Result.REFUSED,
            code="self_approval",
        )
        page = browser.get(reverse("web:audit-entry", args=[entry.chain, entry.sequence]))
        text = page.content.decode()

        for value in (
            "order.approved",
            "Aanvrager Jansen",
            str(project.public_id),
            project.name,
            "Refused",
            "self_approval",
            "192.0.2.7",
            "=cmd()",
            "c" * 32,
            "&lt;b&gt;x&lt;/b&gt;",
            bytes(entry.mac).hex(),
            bytes(entry.previous_mac).hex(),
        ):
            assert value in text, value
        assert "<b>x</b>" not in text

    def test_leads_to_what_happened_to_the_same_thing(self, browser, project):
        first, middle, last = (
            write(event, project, actor=None, node_id=project.pk)
            for event in ("order.submitted", "order.approved", "order.completed")
        )
        response = browser.get(reverse("web:audit-entry", args=[middle.chain, middle.sequence]))

        assert response.context["earlier"] == first
        assert response.context["later"] == last

    def test_neighbour_that_somebody_else_may_see_is_not_shown(self, browser, project):
        other = make_project()
        write("order.submitted", other, actor=None, node_id=other.pk)
        entry = write("order.approved", other, actor=None, node_id=project.pk)
        response = browser.get(reverse("web:audit-entry", args=[entry.chain, entry.sequence]))

        assert response.context["earlier"] is None

    @pytest.mark.parametrize("path", ["/audit/3-999999", "/audit/99-1", "/audit/3", "/audit/a-b"])
    def test_unknown_is_a_404(self, browser, path):
        assert browser.get(path).status_code == 404


class TestReading:
    def test_is_noted_once_an_hour(self, browser, auditor, monkeypatch):
        for _ in range(3):
            browser.get(reverse("web:audit"))

        entry = AuditEntry.objects.get(event="audit.read")
        assert entry.actor_id == auditor.pk
        later = datetime.now(UTC) + timedelta(hours=1, minutes=1)
        monkeypatch.setattr("portal.audit.reading.now", lambda: later)
        browser.get(reverse("web:audit"))
        assert AuditEntry.objects.filter(event="audit.read").count() == 2


class TestExport:
    def download(self, browser, form, **query):
        response = browser.get(reverse("web:audit-export", args=[form]), query)
        assert response.status_code == 200
        return response, b"".join(response.streaming_content).decode()

    def test_csv_holds_what_the_filter_chose_oldest_first(self, browser, project, somebody):
        first, second = (
            write("order.approved", project, actor=somebody, node_id=project.pk) for _ in range(2)
        )
        write("order.rejected", project, actor=somebody, node_id=project.pk)
        response, text = self.download(browser, "csv", event="order.approved")
        rows = list(csv.DictReader(StringIO(text, newline="")))

        assert [row["place"] for row in rows] == [first.place, second.place]
        assert tuple(rows[0]) == COLUMNS
        assert rows[0]["actor"] == str(somebody.public_id)
        assert rows[0]["node"] == str(project.public_id)
        assert rows[0]["mac"] == bytes(first.mac).hex()
        assert "Aanvrager" not in text
        assert re.fullmatch(
            r'attachment; filename="audit-\d{4}-\d\d-\d\d\.csv"', response["Content-Disposition"]
        )

    @pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1"])
    def test_no_cell_is_a_formula(self, browser, project, text):
        with coming_from(Origin(channel=Channel.PAGE, agent=text)):
            record("order.approved", project, actor=None, node_id=project.pk)
        _, content = self.download(browser, "csv", event="order.approved")
        (row,) = csv.DictReader(StringIO(content, newline=""))

        assert row["agent"] == f"'{text}"

    def test_json_lines_are_exact(self, browser, project):
        data = {"text": "=1+1\n", "n": [1, None]}
        entry = write("order.approved", project, actor=None, node_id=project.pk, data=data)
        response, text = self.download(browser, "jsonl", event="order.approved")

        (line,) = text.splitlines()
        facts = json.loads(line)
        assert facts["data"] == data
        assert (facts["agent"], facts["actor"]) == ("=cmd()", "")
        assert datetime.fromisoformat(facts["at"]) == entry.at
        assert response["Content-Type"] == "application/jsonl; charset=utf-8"

    def test_only_what_the_auditor_sees(self, browser, project):
        other = make_project()
        write("order.rejected", other, actor=None, node_id=other.pk)

        assert "order.rejected" not in self.download(browser, "jsonl")[1]

    def test_is_noted_with_its_filter_and_without_names(self, browser, auditor, somebody):
        self.download(browser, "csv", actor="jansen", result="refused")

        entry = AuditEntry.objects.get(event="audit.exported")
        assert entry.actor_id == auditor.pk
        assert entry.data == {
            "format": "csv",
            "filter": {"actors": [somebody.pk], "result": "refused"},
        }

    def test_reads_in_batches(self, browser, project, monkeypatch, django_assert_max_num_queries):
        monkeypatch.setattr("portal.audit.reading._BATCH", 2)
        entries = [
            write("order.approved", project, actor=None, node_id=project.pk) for _ in range(5)
        ]
        response = browser.get(
            reverse("web:audit-export", args=["jsonl"]), {"event": "order.approved"}
        )
        pieces = [piece.decode() for piece in response.streaming_content]

        assert [piece.count("\n") for piece in pieces] == [2, 2, 1]
        places = [json.loads(line)["place"] for line in "".join(pieces).splitlines()]
        assert places == [entry.place for entry in entries]

    def test_unknown_format_is_a_404(self, browser):
        assert browser.get("/audit/export.xlsx").status_code == 404

    def test_impossible_filter_gives_no_file(self, browser):
        response = browser.get(reverse("web:audit-export", args=["csv"]), {"since": "x"})

        assert response.status_code == 422
        assert not AuditEntry.objects.filter(event="audit.exported").exists()

    def test_command_writes_a_period(self, project, capsys):
        write("order.approved", project, actor=None)
        call_command("export_audit", since=localdate(), format="jsonl")
        assert '"order.approved"' in capsys.readouterr().out

        call_command("export_audit", until=localdate() - timedelta(days=1), format="csv")
        assert capsys.readouterr().out.splitlines() == [",".join(COLUMNS)]


@pytest.mark.parametrize("option", ["--from", "--until"])
@pytest.mark.parametrize(
    ("day", "answer"),
    [
        ("9999-12-31", "up to and including 2999-12-31"),
        ("0001-01-01", "from 1900-01-01"),
        ("31-12-2026", "'31-12-2026' is not a day, as 2026-11-01"),
        ("2026-02-30", "'2026-02-30' is not a day, as 2026-11-01"),
    ],
)
def test_command_says_which_days_there_are(option, day, answer):
    with pytest.raises(CommandError, match=answer):
        call_command("export_audit", option, day)


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_every_event_has_words(event):
    assert label_of(event) != event
