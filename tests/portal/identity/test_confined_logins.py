"""A login that counts for one branch alone, of somebody who decides in another's place."""

import pytest
from django.test import Client

from portal.identity.access import acting_within, has_role, roles_of
from portal.identity.models import Role
from portal.identity.oidc.session import LOGIN
from tests.factories import PersonFactory, deputize, grant, make_organization, make_project, place
from tests.logins import log_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def branch(ministry):
    return make_organization(ministry, name="Vestiging Oost")


@pytest.fixture
def worker(branch):
    person = PersonFactory(name="Medewerker vestiging")
    grant(person, Role.REQUESTER, branch)
    return person


@pytest.fixture
def browser(worker, branch):
    client = log_in(Client(), worker)
    session = client.session
    session[LOGIN] = {**session[LOGIN], "confined_to": branch.pk}
    session.save()
    return client


def test_whom_a_colleague_appoints_stays_logged_in(browser, worker, approver):
    deputize(approver, worker)

    assert browser.get("/").status_code == 200


def test_and_decides_nothing_outside_the_branch(
    browser, worker, approver, branch, employee, project, version
):
    order = place(employee, project, version)
    deputize(approver, worker)

    assert has_role(worker, project, Role.APPROVER)
    with acting_within(worker, branch.pk):
        assert not has_role(worker, project, Role.APPROVER)
        assert roles_of(worker) == {Role.REQUESTER}
    assert browser.get(f"/approvals/{order.public_id}").status_code == 404
    assert log_in(Client(), worker).get(f"/approvals/{order.public_id}").status_code == 200


def test_but_does_so_within_it(worker, branch):
    chief = PersonFactory()
    grant(chief, Role.APPROVER, branch)
    deputize(chief, worker)

    with acting_within(worker, branch.pk):
        assert has_role(worker, make_project(branch), Role.APPROVER)


def test_what_others_decide_is_as_it_was(worker, branch, approver, employee, project):
    deputize(approver, employee)

    with acting_within(worker, branch.pk):
        assert has_role(employee, project, Role.APPROVER)


def test_a_role_of_ones_own_elsewhere_logs_out(browser, worker, project):
    grant(worker, Role.REQUESTER, project)

    assert browser.get("/").status_code == 302
