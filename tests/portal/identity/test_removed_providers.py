"""A provider that the settings no longer have gives nothing: no session goes on, no role holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client
from django.utils.timezone import now
from pytest_django import Settings

from portal.audit.models import AuditEntry
from portal.core.models import is_in_force
from portal.identity.models import LoginSession, Person, Project, Role, RoleGrant, SessionEnd
from portal.identity.services import break_glass
from portal.identity.tasks import end_roles_of_removed_providers
from tests.factories import PersonFactory, grant
from tests.logins import log_in

pytestmark = pytest.mark.django_db

REMOVED = "https://old-idp.example.nl"


@pytest.fixture
def person(project: Project, settings: Settings) -> Person:
    person = PersonFactory()
    grant(person, Role.REQUESTER, project, issuer=settings.OIDC_PROVIDERS["local"].issuer)
    return person


def is_known(client: Client) -> bool:
    """Is the next request somebody's, or a stranger's?"""
    return bool(client.get("/").status_code == 200)


def remove_provider(settings: Settings) -> None:
    local = settings.OIDC_PROVIDERS["local"]
    settings.OIDC_PROVIDERS = {"second": replace(local, key="second", issuer=REMOVED)}


def change_issuer(settings: Settings) -> None:
    local = settings.OIDC_PROVIDERS["local"]
    settings.OIDC_PROVIDERS = {"local": replace(local, issuer=REMOVED)}


@pytest.mark.parametrize("change", [remove_provider, change_issuer])
def test_session_of_a_removed_provider_ends_at_the_next_request(
    client: Client, person: Person, settings: Settings, change: Callable[[Settings], None]
) -> None:
    log_in(client, person)
    assert is_known(client)

    change(settings)

    assert client.get("/api/v1/orders").status_code == 401
    assert not is_known(client)
    assert LoginSession.objects.get().ended_how == SessionEnd.REMOVED
    entry = AuditEntry.objects.get(event="session.ended")
    assert entry.data == {"person": person.pk, "how": "removed"}


def test_session_that_does_not_say_where_it_came_from_ends(client: Client, person: Person) -> None:
    log_in(client, person)
    session = client.session
    del session["login"]
    session.save()

    assert not is_known(client)


def in_force() -> set[str]:
    return set(RoleGrant.objects.filter(is_in_force(now())).values_list("issuer", flat=True))


def test_roles_of_a_removed_provider_end(
    person: Person, project: Project, settings: Settings
) -> None:
    gone = grant(person, Role.AUDITOR, project, issuer=REMOVED)
    lapsed = grant(person, Role.FINANCE, project, issuer=REMOVED)
    RoleGrant.objects.filter(pk=lapsed.pk).update(valid_until=now() - timedelta(seconds=5))
    ours = settings.OIDC_PROVIDERS["local"].issuer
    assert in_force() == {REMOVED, ours}

    end_roles_of_removed_providers()
    end_roles_of_removed_providers()

    assert in_force() == {ours}
    entry = AuditEntry.objects.get(event="role.ended")
    assert (entry.subject_public_id, entry.node_id) == (gone.public_id, project.pk)
    assert entry.data == {"role": "auditor", "person": person.pk, "cause": "provider_removed"}


@pytest.mark.parametrize("is_on", [True, False])
def test_roles_of_emergency_access_last_while_it_is_switched_on(
    project: Project, settings: Settings, is_on: bool
) -> None:
    grant(PersonFactory(), Role.OPERATOR, project, issuer=break_glass.ISSUER)
    settings.BREAK_GLASS = is_on

    end_roles_of_removed_providers()

    assert in_force() == ({break_glass.ISSUER} if is_on else set())
