"""``/api/v1/file-schedules``: which files are made by the clock, set up by programs."""

from __future__ import annotations

from typing import Any

import pytest

from billing.models import FileSchedule
from portal.identity.models import Organization, Person, Role
from tests.billing.visits import visit_as
from tests.factories import PersonFactory, grant, make_organization, make_project

PATH = "/api/v1/file-schedules"
pytestmark = pytest.mark.django_db


@pytest.fixture
def service() -> Organization:
    return make_organization(make_organization(), "Dienst")


@pytest.fixture
def finance(service: Organization) -> Person:
    return member(Role.FINANCE, service)


def member(role: Role, node: Any) -> Person:
    person: Person = PersonFactory()
    grant(person, role, node)
    return person


def set_up(person: Person, node: Any, **changes: Any) -> Any:
    body = {"organization": str(node.public_id), "kind": "costs", "rhythm": "closing", **changes}
    return visit_as(person).post(PATH, body, content_type="application/json")


def end(person: Person, made: Any) -> Any:
    path = f"{PATH}/{made.json()['id']}/end"
    return visit_as(person).post(path, {}, content_type="application/json")


def test_set_up_it_stands_in_the_list(service, finance):
    made = set_up(finance, service, kept_days=31)

    assert made.status_code == 201
    visit = visit_as(finance)
    assert visit.get(PATH).json()["results"] == [made.json()]
    assert visit.get(f"{PATH}/{made.json()['id']}").json() == made.json()
    assert visit.get(PATH, {"kind": "journal"}).json()["results"] == []
    assert made.json()["organization"] == {"id": str(service.public_id), "name": "Dienst"}
    assert (made.json()["kind"], made.json()["rhythm"]) == ("costs", "closing")
    assert made.json()["kept_days"] == 31


def test_left_out_files_are_kept_as_long_as_on_the_page(service, finance):
    assert set_up(finance, service).json()["kept_days"] == 92


def test_ended_it_is_gone_and_can_be_set_up_anew(service, finance):
    made = set_up(finance, service)

    assert end(finance, made).status_code == 204
    assert visit_as(finance).get(PATH).json()["results"] == []
    assert end(finance, made).status_code == 404
    assert set_up(finance, service, kept_days=366).status_code == 201


def test_repetition_hears_that_it_is_so_already(service, finance):
    set_up(finance, service)

    again = set_up(finance, service)

    assert (again.status_code, again.json()["code"]) == (400, "file_schedule_exists")
    assert FileSchedule.objects.count() == 1


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("journal", "journal_needs_closing"),
        ("journal_xlsx", "journal_needs_closing"),
        ("statements", "statements_need_closing"),
        ("e_invoices", "statements_need_closing"),
    ],
)
def test_of_a_month_that_runs_there_is_nothing_of_the_books(service, finance, kind, code):
    refused = set_up(finance, service, kind=kind, rhythm="daily")

    assert (refused.status_code, refused.json()["code"]) == (400, code)
    assert set_up(finance, service, kind=kind).json()["kind"] == kind


def test_project_has_no_files_of_its_own(service, finance):
    assert set_up(finance, make_project(service)).status_code == 404


@pytest.mark.parametrize("changes", [{"kept_days": 0}, {"kept_days": 3661}, {"kind": "alles"}])
def test_what_is_not_right_changes_nothing(service, finance, changes):
    assert set_up(finance, service, **changes).status_code == 400
    assert not FileSchedule.objects.exists()


def test_auditor_sees_it_and_does_not_end_it(service, finance):
    made, auditor = set_up(finance, service), member(Role.AUDITOR, service)

    assert visit_as(auditor).get(PATH).json()["results"] == [made.json()]
    assert end(auditor, made).status_code == 403
    assert set_up(auditor, service, kind="focus_csv").status_code == 403


def test_elsewhere_it_does_not_exist(service, finance):
    made, elsewhere = set_up(finance, service), member(Role.FINANCE, make_organization())

    assert visit_as(elsewhere).get(PATH).json()["results"] == []
    assert visit_as(elsewhere).get(f"{PATH}/{made.json()['id']}").status_code == 404
    assert end(elsewhere, made).status_code == 404
    assert set_up(elsewhere, service).status_code == 404
