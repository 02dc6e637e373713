"""Roles are inherited downwards, and nothing else is reached."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils.timezone import now

from portal.identity.access import (
    approval_limit,
    granted_node_ids,
    has_role,
    reached_nodes,
    reached_projects,
    roles_of,
)
from portal.identity.models import Role
from tests.factories import PersonFactory, deputize, grant, make_organization, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def tree():
    ministry = make_organization()
    directorate = make_organization(ministry)
    return ministry, directorate, make_project(directorate)


def test_a_role_reaches_everything_below_it_and_nothing_beside_it(tree):
    ministry, directorate, project = tree
    elsewhere = make_project(make_organization())
    person = PersonFactory()
    grant(person, Role.FINANCE, directorate)

    assert set(reached_nodes(person)) == {directorate.node_ptr, project.node_ptr}
    assert list(reached_projects(person)) == [project]
    assert not has_role(person, ministry, Role.FINANCE)
    assert not has_role(person, elsewhere, Role.FINANCE)


def test_another_role_on_the_same_place_is_not_reached(tree):
    person = PersonFactory()
    grant(person, Role.FINANCE, tree[0])

    assert not reached_projects(person, Role.APPROVER).exists()


@pytest.mark.parametrize(
    ("begins", "ends"), [(-2, -1), (0.5, 1)], ids=["has ended", "has not begun"]
)
def test_a_role_counts_only_in_its_time(tree, begins, ends):
    person = PersonFactory()
    granted = grant(person, Role.REQUESTER, tree[2])
    granted.valid_from = now() + timedelta(days=begins)
    granted.valid_until = now() + timedelta(days=ends)
    granted.save()

    assert not reached_nodes(person).exists()
    assert roles_of(person) == set()


def test_a_deputy_reaches_as_approver_what_the_absent_one_reaches(tree):
    absent, deputy = PersonFactory(), PersonFactory()
    grant(absent, Role.APPROVER, tree[0])
    grant(absent, Role.FINANCE, tree[0])
    grant(deputy, Role.REQUESTER, tree[2])
    deputize(absent, deputy)

    assert has_role(deputy, tree[2], Role.APPROVER)
    assert not has_role(deputy, tree[2], Role.FINANCE)
    assert roles_of(deputy) == {Role.APPROVER, Role.REQUESTER}


def test_what_somebody_reaches_is_one_question(tree, django_assert_num_queries):
    """Pages ask it a dozen times: of a deputy it must not be two."""
    absent, deputy = PersonFactory(), PersonFactory()
    grant(absent, Role.APPROVER, tree[0])
    grant(deputy, Role.REQUESTER, tree[2])
    deputize(absent, deputy)

    with django_assert_num_queries(1):
        assert sorted(granted_node_ids(deputy, ())) == sorted([tree[0].pk, tree[2].pk])
    with django_assert_num_queries(1):
        assert granted_node_ids(deputy, (Role.APPROVER,)) == [tree[0].pk]
    with django_assert_num_queries(1):
        assert roles_of(deputy) == {Role.APPROVER, Role.REQUESTER}


def test_the_highest_of_several_approval_limits_counts(tree):
    person = PersonFactory()
    grant(person, Role.APPROVER, tree[0], amount_limit=Decimal(100))
    grant(person, Role.APPROVER, tree[2], amount_limit=Decimal(500))

    assert approval_limit(person, tree[2]) == 500
    assert approval_limit(person, tree[1]) == 100
    assert approval_limit(PersonFactory(), tree[1]) == 0


def test_an_approver_without_a_limit_has_none(tree):
    person = PersonFactory()
    grant(person, Role.APPROVER, tree[0], amount_limit=Decimal(100))
    grant(person, Role.APPROVER, tree[2])

    assert approval_limit(person, tree[2]) is None
