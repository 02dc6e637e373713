"""Who only reads is asked once what roles they have; who changes something, each time."""

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils.timezone import now

from portal.identity.access import (
    granted_node_ids,
    has_role,
    reading_grants_anew,
    reading_grants_once,
    roles_of,
)
from portal.identity.middleware import GrantsReadOnceMiddleware
from portal.identity.models import Role, RoleGrant
from tests.factories import PersonFactory, deputize, grant
from tests.logins import log_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(project):
    person = PersonFactory()
    grant(person, Role.REQUESTER, project)
    return person


def changes_halfway(person, project):
    """A view that asks, and asks again when somebody was made finance meanwhile."""

    def view(request):
        before = roles_of(person)
        grant(person, Role.FINANCE, project)
        return HttpResponse(f"{len(before)} {len(roles_of(person))}")

    return view


def test_a_dozen_questions_are_one(person, project, django_assert_num_queries):
    with django_assert_num_queries(1), reading_grants_once():
        assert roles_of(person) == {Role.REQUESTER}
        assert granted_node_ids(person, ()) == [project.pk]
        assert granted_node_ids(person, (Role.FINANCE, Role.OPERATOR)) == []
        assert has_role(person, project, Role.REQUESTER)


def test_as_approver_the_absent_one_is_among_them(person, project, ministry):
    absent = PersonFactory()
    grant(absent, Role.APPROVER, ministry)
    grant(absent, Role.FINANCE, ministry)
    deputize(absent, person)

    with reading_grants_once():
        assert granted_node_ids(person, (Role.APPROVER,)) == [ministry.pk]
        assert granted_node_ids(person, (Role.FINANCE,)) == []
        assert sorted(granted_node_ids(person, ())) == sorted([project.pk, ministry.pk])


def test_nobody_gets_the_roles_of_another(person, project):
    other = PersonFactory()

    with reading_grants_once():
        assert roles_of(person) == {Role.REQUESTER}
        assert roles_of(other) == set()


def test_what_follows_reads_anew(person, project):
    with reading_grants_once():
        assert roles_of(person) == {Role.REQUESTER}
        grant(person, Role.FINANCE, project)
        with reading_grants_anew():
            assert roles_of(person) == {Role.REQUESTER, Role.FINANCE}

    assert roles_of(person) == {Role.REQUESTER, Role.FINANCE}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_request_that_reads(person, project, method):
    request = RequestFactory().generic(method, "/")

    answer = GrantsReadOnceMiddleware(changes_halfway(person, project))(request)

    assert answer.content == b"1 1"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_request_that_changes_something(person, project, method):
    request = RequestFactory().generic(method, "/")

    answer = GrantsReadOnceMiddleware(changes_halfway(person, project))(request)

    assert answer.content == b"1 2"


def test_a_role_that_was_taken_is_gone_at_the_next_request(person, project):
    held = grant(person, Role.AUDITOR, project)
    browser = log_in(Client(), person)
    assert browser.get("/audit").status_code == 200

    RoleGrant.objects.filter(pk=held.pk).update(valid_until=now())

    assert browser.get("/audit").status_code == 403
