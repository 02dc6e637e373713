"""Whoever is away does not log in. Their deputy decides all the same, no longer than they could.

A claim lapses a day after the login; the next login would renew it, and there is none.
"""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils.timezone import now

from catalog.models import OrderState
from catalog.services.approvals import approve_order
from portal.core.errors import NotAllowed
from portal.identity.access import approval_limit, has_role, reached_nodes, roles_of
from portal.identity.models import ClaimBar, Person, Role, RoleGrant
from portal.identity.services.people import end_person
from portal.identity.services.roles import end_grant
from tests.factories import PersonFactory, deputize, grant, place
from tests.logins import log_in

pytestmark = pytest.mark.django_db


def stay_away(absent, deputy):
    """The approver by claim logged in a day ago, and not since."""
    deputize(absent, deputy)
    Person.objects.filter(pk=absent.pk).update(last_login=now() - timedelta(hours=25))
    RoleGrant.objects.filter(person=absent).update(valid_until=now() - timedelta(seconds=1))


@pytest.fixture
def deputy(approver, employee):
    stay_away(approver, employee)
    return employee


@pytest.fixture
def order(project, requester, version):
    return place(requester, project, version)


@pytest.fixture
def requester(colleague, project):
    grant(colleague, Role.REQUESTER, project)
    return colleague


def test_the_deputy_approves_while_the_absent_one_is_away(client, deputy, order, sent_tasks):
    response = log_in(client, deputy).post(f"/approvals/{order.public_id}/approve")

    order.refresh_from_db()
    assert response.status_code in {302, 303}
    assert order.state == OrderState.PROVISIONING


def test_the_absent_one_does_not_meanwhile(deputy, approver, order):
    with pytest.raises(NotAllowed):
        approve_order(order.public_id, approver=approver)


def test_every_question_about_the_deputy_has_the_same_answer(deputy, approver, project):
    def answers():
        return (
            Role.APPROVER in roles_of(deputy),
            has_role(deputy, project, Role.APPROVER),
            reached_nodes(deputy, Role.APPROVER).filter(pk=project.pk).exists(),
            approval_limit(deputy, project) != Decimal(0),
        )

    assert set(answers()) == {True}
    Person.objects.filter(pk=approver.pk).update(last_login=now())  # which did not give it
    assert set(answers()) == {False}


def test_the_limit_is_that_of_the_absent_one(employee, project):
    absent = PersonFactory()
    grant(absent, Role.APPROVER, project, amount_limit=Decimal(500))
    stay_away(absent, employee)

    assert approval_limit(employee, project) == Decimal(500)


def test_a_role_that_was_taken_from_the_absent_one_is_taken_from_the_deputy(
    deputy, approver, administrator, project
):
    held = RoleGrant.objects.get(person=approver)
    end_grant(held.public_id, actor=administrator, reason="Andere functie")

    assert ClaimBar.objects.filter(person=approver).exists()
    assert not has_role(deputy, project, Role.APPROVER)
    assert Role.APPROVER not in roles_of(deputy)


def test_nor_does_a_deputy_outlast_somebody_who_left(deputy, approver, administrator, project):
    end_person(approver.public_id, actor=administrator, reason="Uit dienst")

    assert not has_role(deputy, project, Role.APPROVER)
    assert Role.APPROVER not in roles_of(deputy)
