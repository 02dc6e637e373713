"""What somebody finds who tries the portal out."""

import pytest
from django.utils.timezone import now

from portal.core.calendar import year_of
from portal.identity.gaps import find_gaps
from portal.identity.models import Node, Project, ProjectOwner, Role
from portal.identity.role_policies import visible_people
from portal.web.demo.organizations import load_organizations
from tests.factories import PersonFactory, grant

pytestmark = pytest.mark.django_db


@pytest.fixture
def administrator():
    load_organizations(year_of(now()).start)
    person = PersonFactory()
    for root in Node.objects.filter(parent=None):
        grant(person, Role.QUOTA_ADMINISTRATOR, root)
    return person


def test_somebody_answers_for_every_project(administrator):
    assert Project.objects.exists()
    assert not find_gaps(administrator).without_owner.exists()


def test_and_can_be_found_among_the_people(administrator):
    owners = set(ProjectOwner.objects.values_list("owner", flat=True))

    assert owners <= set(visible_people(administrator).values_list("pk", flat=True))
