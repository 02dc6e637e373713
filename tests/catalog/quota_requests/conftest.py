"""A project with a narrow limit in an organization that has more, and who ask and decide there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.utils.timezone import now

from catalog.models import Metric, Quota, QuotaLimit, QuotaRequest
from catalog.services.limits import set_limit
from catalog.services.quota_requests import Asked, ask_quota
from portal.core.models import is_in_force
from portal.identity.models import Node, Person, Project, Role
from tests.factories import PersonFactory, grant

METRIC = Metric.VOLUME_GIB


@pytest.fixture
def narrow(project: Project) -> Project:
    """It may hold 50 GiB of disk; its organization 100, and may not hand out more."""
    since = now() - timedelta(hours=1)
    Quota.objects.filter(node=project.parent).update(overcommit_allowed=False)
    with transaction.atomic():
        set_limit(project, METRIC, Decimal(50), valid_from=since, actor=None)
        set_limit(project.parent, METRIC, Decimal(100), valid_from=since, actor=None)
    return project


@pytest.fixture
def administrator(project: Project) -> Person:
    """Quota administrator of the organization."""
    person: Person = PersonFactory(name="Quotabeheerder")
    grant(person, Role.QUOTA_ADMINISTRATOR, project.parent)
    return person


@pytest.fixture
def ask(narrow: Project, requester: Person) -> Callable[..., QuotaRequest]:
    """Asks 80 GiB for the project; names are those of ``Asked``, and ``actor``."""

    def make(**changes: Any) -> QuotaRequest:
        actor = changes.pop("actor", requester)
        says = {"node": narrow, "metric": METRIC, "amount": Decimal(80), "reason": "Meer zaken"}
        request, _is_new = ask_quota(Asked(**{**says, **changes}), actor=actor)
        return request

    return make


@pytest.fixture
def request_(ask: Callable[..., QuotaRequest]) -> QuotaRequest:
    """One that waits."""
    return ask()


def limit_that_holds(node: Node, metric: Metric) -> Decimal | None:
    """The limit of this moment, as it is written down."""
    limits = QuotaLimit.objects.filter(is_in_force(now()), quota__node=node, quota__metric=metric)
    return limits.get().amount
