"""A gateway of the platform whose costs two projects of two organizations bear."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils.timezone import now

from billing.models import SplitKey, SplitMethod, SplitRecipient
from billing.services.split_reading import shared_sku
from portal.identity.models import Organization, Person, Project
from portal.identity.models.proposed import DecisionState
from tests.billing.months.conftest import (
    SEPTEMBER,
    Close,
    close,
    first,
    platform,
    project,
    second,
    server,
    service,
)
from tests.factories import PersonFactory, make_organization, make_project

__all__ = ["close", "first", "platform", "project", "second", "server", "service"]
Held = Callable[..., SplitKey]


@pytest.fixture
def other_service(db: None) -> Organization:
    return make_organization(name="Agentschap")


@pytest.fixture
def other(other_service: Organization) -> Project:
    return make_project(other_service, name="Register")


@pytest.fixture
def gateway(platform: Organization) -> Project:
    """Whose costs others bear."""
    return make_project(platform, name="Gateway")


def key_held(
    source: Project,
    recipients: Mapping[Project, str | None] | list[Project],
    *,
    method: str = SplitMethod.EQUAL,
    since: datetime = SEPTEMBER.start,
    until: datetime | None = None,
    people: tuple[Person, Person] | None = None,
) -> SplitKey:
    """A key on which people agreed long ago: the database lets nobody agree on the past."""
    shared_sku()
    parts: Mapping[Project, str | None] = (
        recipients if isinstance(recipients, Mapping) else dict.fromkeys(recipients)
    )
    proposer, decider = people or (PersonFactory(), PersonFactory())
    with transaction.atomic(), around_the_guards():
        key = SplitKey.objects.create(
            source=source,
            method=method,
            reason="Gedeelde dienst",
            valid_from=since,
            valid_until=until,
            recipient_count=len(parts),
            state=DecisionState.CONFIRMED,
            proposed_by=proposer,
            proposed_at=now(),
            decided_by=decider,
            decided_at=now(),
        )
        SplitRecipient.objects.bulk_create(
            SplitRecipient(
                key=key, project=project, percentage=Decimal(part) if part is not None else None
            )
            for project, part in parts.items()
        )
    return key


class around_the_guards:  # noqa: N801  (reads as a phrase)
    """What only a superuser can do, within a transaction."""

    def __enter__(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")

    def __exit__(self, *_error: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = origin")


__all__ += ["Close", "key_held"]
