"""A ministry with a directorate and a project, and the people who give roles there."""

import pytest

from portal.identity.models import Role
from tests.factories import PersonFactory, generous_limits, grant, make_organization, make_project


@pytest.fixture
def ministry(db):
    return make_organization(name="Ministerie van Proeven")


@pytest.fixture
def directorate(ministry):
    return make_organization(ministry, name="Directie Toetsing")


@pytest.fixture
def project(directorate):
    project = make_project(directorate, name="Zaaksysteem")
    generous_limits(project)
    return project


def somebody(name, role, node):
    person = PersonFactory(name=name)
    grant(person, role, node)
    return person


@pytest.fixture
def administrator(ministry):
    return somebody("Beheerder Aalders", Role.QUOTA_ADMINISTRATOR, ministry)


@pytest.fixture
def colleague(ministry):
    return somebody("Beheerder Bakker", Role.QUOTA_ADMINISTRATOR, ministry)


@pytest.fixture
def local_administrator(directorate):
    return somebody("Beheerder Cohen", Role.QUOTA_ADMINISTRATOR, directorate)


@pytest.fixture
def employee(project):
    return somebody("Medewerker Daan", Role.REQUESTER, project)


@pytest.fixture
def approver(directorate):
    return somebody("Budgethouder Els", Role.APPROVER, directorate)


@pytest.fixture
def auditor(ministry):
    return somebody("Auditor Fleur", Role.AUDITOR, ministry)


@pytest.fixture
def stranger(db):
    return somebody("Vreemde", Role.QUOTA_ADMINISTRATOR, make_organization(name="Andere gemeente"))
