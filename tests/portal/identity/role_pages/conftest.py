"""A browser of an administrator, and what it looks at."""

from decimal import Decimal

import pytest

from portal.identity.models import Role
from tests.factories import grant_in_portal, propose
from tests.logins import log_in


@pytest.fixture
def proposal(employee, directorate, colleague):
    return propose(employee, Role.FINANCE, directorate, proposed_by=colleague)


@pytest.fixture
def granted(employee, project, colleague):
    return grant_in_portal(
        employee, Role.APPROVER, project, granted_by=colleague, amount_limit=Decimal(1500)
    )


@pytest.fixture
def browser(client, administrator):
    return log_in(client, administrator)
