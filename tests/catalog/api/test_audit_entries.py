"""The audit trail for programs."""

from uuid import uuid4

import pytest

from portal.audit.models import AuditEntry
from portal.audit.services import record
from portal.identity.models import Role
from tests.catalog.api.conftest import Api, assert_problem
from tests.factories import PersonFactory

pytestmark = pytest.mark.django_db
PATH = "/audit-entries"


@pytest.fixture
def somebody(db):
    return PersonFactory(name="Jansen")


@pytest.fixture
def entry(project, somebody):
    return record("order.approved", project, actor=somebody, node_id=project.pk, data={"n": 1})


@pytest.fixture
def as_auditor(as_role):
    return as_role(Role.AUDITOR)


def test_auditor_reads_the_trail(as_auditor, entry, project, somebody):
    (found,) = as_auditor.get(PATH, {"event": "order.approved"}).json()["results"]

    assert found["id"] == entry.place
    assert (found["event"], found["result"], found["code"]) == ("order.approved", "succeeded", "")
    assert found["actor"] == {"id": str(somebody.public_id), "name": "Jansen"}
    assert found["node"] == {"id": str(project.public_id), "name": project.name}
    assert found["subject"] == {"type": "Project", "id": str(project.public_id)}
    assert found["origin"]["channel"] == "command"
    assert found["data"] == {"n": 1}
    assert found["mac"] == bytes(entry.mac).hex()


@pytest.mark.parametrize("role", [role for role in Role if role != Role.AUDITOR])
def test_other_roles_are_refused(as_role, entry, role):
    assert_problem(as_role(role).get(PATH), 403, "permission_denied")


def test_another_ministry_sees_nothing_of_it(as_outsider, entry):
    assert as_outsider.get(PATH, {"event": "order.approved"}).json()["results"] == []


def test_what_belongs_nowhere_is_not_for_the_auditor_of_a_project(as_auditor, project):
    record("login.failed", project, actor=None)

    assert as_auditor.get(PATH, {"event": "login.failed"}).json()["results"] == []


def test_filters(as_auditor, entry, project, somebody):
    matching = [
        {"actor": str(somebody.public_id)},
        {"node": str(project.public_id)},
        {"subject": str(project.public_id)},
        {"result": "succeeded"},
        {"channel": "command"},
        {"since": "2020-01-01T00:00:00Z"},
    ]
    for query in matching:
        found = as_auditor.get(PATH, {"event": "order.approved", **query}).json()["results"]
        assert [one["id"] for one in found] == [entry.place], query
    others = [
        {"actor": str(uuid4())},
        {"node": str(uuid4())},
        {"subject": str(uuid4())},
        {"result": "refused"},
        {"channel": "api"},
        {"until": "2020-01-01T00:00:00Z"},
        {"address": "192.0.2.1"},
    ]
    for query in others:
        found = as_auditor.get(PATH, {"event": "order.approved", **query}).json()["results"]
        assert found == [], query


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("event", "x"),
        ("actor", "1"),
        ("result", "x"),
        ("since", "now"),
        ("since", "0001-01-01T00:00:00+14:00"),
        ("until", "9999-12-31T23:59:59-14:00"),
        ("sort", "at"),
    ],
)
def test_wrong_filter_is_refused(as_auditor, key, value):
    assert_problem(as_auditor.get(PATH, {key: value}), 400, "invalid_input", key)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00", "9999-12-31T23:59:59"])
def test_moments_at_the_ends_of_time_can_be_asked_for(as_auditor, moment):
    for key in ("since", "until"):
        assert as_auditor.get(PATH, {key: moment}).status_code == 200


def test_pages_hold_everything_once(as_auditor, project):
    entries = [record("order.approved", project, actor=None, node_id=project.pk) for _ in range(5)]
    page = as_auditor.get(PATH, {"event": "order.approved", "pageSize": "2"}).json()
    seen = [one["id"] for one in page["results"]]
    while page["next"]:
        page = as_auditor.client.get(page["next"]).json()
        seen += [one["id"] for one in page["results"]]

    assert seen == [entry.place for entry in reversed(entries)]


def test_queries_do_not_depend_on_the_length(as_auditor, project, django_assert_num_queries):
    record("order.approved", project, actor=PersonFactory(), node_id=project.pk)
    as_auditor.get(PATH)
    with django_assert_num_queries(12) as few:
        as_auditor.get(PATH)
    for _ in range(5):
        record("order.approved", project, actor=PersonFactory(), node_id=project.pk)
    with django_assert_num_queries(len(few)):
        as_auditor.get(PATH)


def test_stranger_reads_nothing():
    assert_problem(Api(None).get(PATH), 401, "not_authenticated")


def test_refused_reader_is_noted(as_role, project):
    api = as_role(Role.REQUESTER)
    api.get(PATH)
    refused = AuditEntry.objects.get(event="access.refused")
    assert (refused.code, refused.result, refused.channel) == (
        "permission_denied",
        "refused",
        "api",
    )
