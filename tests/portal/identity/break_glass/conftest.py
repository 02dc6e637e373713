from __future__ import annotations

import pytest
from pytest_django import Settings

from portal.identity.break_glass import BACKEND
from portal.identity.models import Project
from tests.portal.identity.break_glass.emergency import issue


@pytest.fixture
def switched_on(settings: Settings) -> None:
    settings.BREAK_GLASS = True
    settings.AUTHENTICATION_BACKENDS = [*settings.AUTHENTICATION_BACKENDS, BACKEND]


@pytest.fixture
def password(project: Project, switched_on: None) -> str:
    """Issued on the server a moment ago, for a portal with one ministry."""
    return issue()
