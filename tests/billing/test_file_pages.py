"""Files by the clock on their page and for programs: for whom, set up, ended, downloaded."""

from __future__ import annotations

from datetime import date, timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client

from billing.models import FileKind, FileRhythm, FileSchedule, FileState, ScheduledFile
from billing.services.file_schedules import set_up_files
from billing.services.scheduled_files import make_files, plan_files, remove_files, tend_files
from portal.audit.models import AuditEntry
from portal.core.calendar import day_of, start_of_day
from portal.core.errors import NotAllowed
from portal.identity.models import Organization, Person, Role
from tests.billing.files import content
from tests.billing.focus.conftest import member
from tests.billing.months.conftest import project, server, service
from tests.billing.visits import visit_as
from tests.factories import UNKNOWN_ID, make_organization
from tests.races import at_once

__all__ = ["project", "server", "service"]  # fixtures
pytestmark = pytest.mark.django_db
PATH, API = "/costs/files", "/api/v1/scheduled-files"


@pytest.fixture
def finance(service: Organization) -> Person:
    return member(Role.FINANCE, service)


@pytest.fixture
def visit(finance: Person) -> Client:
    return visit_as(finance)


def answers(service: Organization, **other: Any) -> dict[str, Any]:
    usual = {"kind": "focus_csv", "rhythm": "daily", "kept_days": "92"}
    return {"organization": str(service.public_id), **usual, **other}


def made(service: Organization, finance: Person) -> ScheduledFile:
    """A file that is ready."""
    schedule = set_up_files(
        service, FileKind.FOCUS_CSV, FileRhythm.DAILY, kept_days=31, actor=finance
    )
    tend_files(at=start_of_day(day_of(schedule.set_at) + timedelta(days=1)))
    return ScheduledFile.objects.get()


def test_finance_sets_up_a_file(visit: Client, finance: Person, service: Organization) -> None:
    answer = visit.post(PATH, answers(service), follow=True)

    schedule = FileSchedule.objects.get()
    assert (schedule.organization, schedule.set_by) == (service, finance)
    assert (schedule.kind, schedule.rhythm, schedule.kept_days) == ("focus_csv", "daily", 92)
    page = unescape(answer.content.decode())
    assert "Set up. The first file comes by itself." in page
    assert "kept for 92 days" in page
    entry = AuditEntry.objects.get(event="file_schedule.set")
    assert entry.data["kind"] == "focus_csv"


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"kind": "journal"}, "There are journal lines of closed months only."),
        ({"kind": "journal_xlsx"}, "There are journal lines of closed months only."),
        ({"kind": "statements"}, "There are statements and e-invoices of closed months only."),
        ({"kind": "e_invoices"}, "There are statements and e-invoices of closed months only."),
        ({"kept_days": "366"}, "Files of every day are kept for three months at most."),
        ({"kind": "exe"}, "Choose one of these."),
        ({"rhythm": "hourly"}, "Choose one of these."),
        ({"kept_days": "0"}, "Choose one of these."),
        ({"kept_days": "x" * 9999}, "Choose one of these."),
        ({"organization": str(UNKNOWN_ID)}, "Choose one of these."),
        ({"organization": "' OR 1=1"}, "Choose one of these."),
        ({"organization": ""}, "Choose one of these."),
        ({"kind": "focus_csv\x00"}, "Choose one of these."),
    ],
)
def test_what_cannot_be_is_told_and_what_was_chosen_stays(
    visit: Client, service: Organization, other: dict[str, str], told: str
) -> None:
    answer = visit.post(PATH, answers(service, **other))

    assert answer.status_code == 422
    page = unescape(answer.content.decode())
    assert told in page
    assert '<option value="92" selected' in page or "kept_days" in other
    assert not FileSchedule.objects.exists()


def test_the_same_file_is_set_up_once(visit: Client, service: Organization) -> None:
    visit.post(PATH, answers(service))

    answer = visit.post(PATH, answers(service))

    assert answer.status_code == 422
    assert "These files are made for this organisation already." in answer.content.decode()
    assert FileSchedule.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_people_at_once_set_it_up_once(service: Organization, finance: Person) -> None:
    def act() -> None:
        set_up_files(service, FileKind.COSTS, FileRhythm.CLOSING, kept_days=7, actor=finance)

    assert sorted(at_once(act, act)) == ["FileScheduleExists", "done"]
    assert AuditEntry.objects.filter(event="file_schedule.set").count() == 1


@pytest.mark.parametrize("role", [Role.APPROVER, Role.AUDITOR])
def test_others_who_see_costs_only_look(
    service: Organization, server: Any, finance: Person, role: Role
) -> None:
    file = made(service, finance)
    visit = visit_as(member(role, service))

    page = visit.get(PATH).content.decode()

    assert "Schedule this file" not in page
    assert f"{file.schedule.public_id}/end" not in page
    assert visit.get(f"{PATH}/{file.public_id}").getvalue() == content(file)
    assert visit.post(PATH, answers(service)).status_code == 403
    assert visit.post(f"{PATH}/schedules/{file.schedule.public_id}/end").status_code == 403
    assert FileSchedule.objects.filter(ended_at=None).count() == 1


def test_the_service_asks_for_the_role_too(service: Organization, finance: Person) -> None:
    outsider = member(Role.FINANCE, make_organization())

    with pytest.raises(NotAllowed):
        set_up_files(service, FileKind.COSTS, FileRhythm.DAILY, kept_days=7, actor=outsider)

    Organization.objects.filter(pk=service.pk).update(ended_at=start_of_day(date(2026, 11, 1)))
    with pytest.raises(NotAllowed):
        set_up_files(service, FileKind.COSTS, FileRhythm.DAILY, kept_days=7, actor=finance)


def test_others_see_nothing_of_it(service: Organization, server: Any, finance: Person) -> None:
    file = made(service, finance)
    outsider = visit_as(member(Role.FINANCE, make_organization()))
    requester = visit_as(member(Role.REQUESTER, service))

    assert file.sha256 not in outsider.get(API).content.decode()
    assert outsider.get(API).json()["results"] == []
    assert "focus-" not in outsider.get(PATH).content.decode()
    for path in (f"{PATH}/{file.public_id}", f"{API}/{file.public_id}"):
        assert outsider.get(path).status_code == 404
        assert requester.get(path).status_code == 403
    assert outsider.get(f"{API}/{file.public_id}/content").status_code == 404
    assert outsider.post(f"{PATH}/schedules/{file.schedule.public_id}/end").status_code == 404
    assert requester.get(PATH).status_code == 403
    assert Client().get(f"{PATH}/{file.public_id}").status_code == 302


def test_ready_file_is_downloaded_as_it_was_made(
    visit: Client, service: Organization, server: Any, finance: Person
) -> None:
    file = made(service, finance)
    name = f"focus-{service.code}-{file.day}.csv"

    page = visit.get(PATH).content.decode()
    answer = visit.get(f"{PATH}/{file.public_id}")

    assert name in page
    assert f'href="{PATH}/{file.public_id}"' in page
    assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Length"] == str(file.size)
    assert answer.getvalue() == content(file)


def test_what_is_not_there_is_not_downloaded(
    visit: Client, service: Organization, server: Any, finance: Person
) -> None:
    file = made(service, finance)
    assert file.remove_on is not None
    remove_files(at=start_of_day(file.remove_on))

    assert visit.get(f"{PATH}/{file.public_id}").status_code == 404
    assert visit.get(f"{API}/{file.public_id}/content").status_code == 404
    page = visit.get(PATH).content.decode()
    assert "Removed" in page
    assert f'href="{PATH}/{file.public_id}"' not in page


def test_a_failure_is_shown(
    visit: Client, service: Organization, finance: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def content_of(file: ScheduledFile) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr("billing.services.scheduled_files.content_of", content_of)
    schedule = set_up_files(
        service, FileKind.FOCUS_CSV, FileRhythm.DAILY, kept_days=31, actor=finance
    )
    night = start_of_day(day_of(schedule.set_at) + timedelta(days=1))
    plan_files(at=night)
    assert "Being made" in visit.get(PATH).content.decode()

    make_files(at=night)

    page = visit.get(PATH).content.decode()
    assert "Failed 1 time" in page
    assert "is tried again from" in page
    assert visit.get(API).json()["results"][0]["attempts"] == 1


def test_ending_keeps_the_files(
    visit: Client, service: Organization, server: Any, finance: Person
) -> None:
    file = made(service, finance)
    path = f"{PATH}/schedules/{file.schedule.public_id}/end"

    answer = visit.post(path, follow=True)
    again = visit.post(path, follow=True)

    assert "Ended. The files that are there stay until their day." in answer.content.decode()
    assert "Somebody was first" in again.content.decode()
    schedule = FileSchedule.objects.get()
    assert (schedule.ended_by, schedule.ended_at is not None) == (finance, True)
    assert visit.get(f"{PATH}/{file.public_id}").status_code == 200
    assert AuditEntry.objects.filter(event="file_schedule.ended").count() == 1
    visit.post(PATH, answers(service))  # it may be set up anew
    assert FileSchedule.objects.filter(ended_at=None).count() == 1


def test_programs_find_and_take_files(
    visit: Client, service: Organization, server: Any, finance: Person
) -> None:
    file = made(service, finance)

    (found,) = visit.get(API, {"state": "ready", "kind": "focus_csv"}).json()["results"]

    assert found == visit.get(f"{API}/{file.public_id}").json()
    assert found["organization"] == {"id": str(service.public_id), "name": "Dienst"}
    assert (found["day"], found["sha256"]) == (file.day.isoformat(), file.sha256)
    assert (found["size"], found["state"]) == (file.size, FileState.READY)
    answer = visit.get(f"{API}/{file.public_id}/content")
    assert answer.getvalue() == content(file)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert visit.get(API, {"state": "waiting"}).json()["results"] == []
    assert visit.get(API, {"organization": str(UNKNOWN_ID)}).json()["results"] == []


@pytest.mark.parametrize("query", ["state=x", "kind=", "organization=1", "colour=blue"])
def test_a_mistake_in_the_query_is_named(visit: Client, query: str) -> None:
    assert visit.get(f"{API}?{query}").status_code == 400
