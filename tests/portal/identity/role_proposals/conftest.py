"""A proposal, and what makes another one."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from portal.core.calendar import day_of
from portal.identity.models import Role
from portal.identity.services.break_glass import _emergency_person, _grant_roles
from portal.identity.services.proposals import (
    WantedRole,
    propose_role,
)


@pytest.fixture
def wanted(employee, project):
    """Arguments of a proposal; a test replaces what it is about."""

    def make(**changes):
        today = day_of(now())
        facts = {
            "person": employee,
            "node": project,
            "role": Role.FINANCE,
            "first_day": today,
            "last_day": today + timedelta(days=365),
            "reason": "Neemt de financiën over",
        }
        return WantedRole(**{**facts, **changes})

    return make


@pytest.fixture
def proposal(wanted, administrator):
    return propose_role(wanted(), actor=administrator)


@pytest.fixture
def emergency(ministry):
    person = _emergency_person()
    _grant_roles(person)
    return person
