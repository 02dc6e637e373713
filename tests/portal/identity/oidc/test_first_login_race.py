"""Somebody new logs in twice at the same moment: one person, not two and no error."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from portal.audit.models import AuditEntry
from portal.identity.models import Identity, Organization, Person, Role, RoleGrant
from portal.identity.services.logins import ClaimedOrganization, ClaimedRole, Login, log_in
from tests.portal.identity.oidc.fake_provider import ISSUER, MINISTRY_OIN

LOGIN = Login(
    provider_key="local",
    provider_name="Lokale inlogdienst",
    issuer=ISSUER,
    subject="person-1",
    name="Sanne Wiersma",
    email="",
    organization=ClaimedOrganization(identifier="oin", number=MINISTRY_OIN),
    roles=frozenset({ClaimedRole(role=Role.AUDITOR, node_code="mwb")}),
    level="substantial",
    language="nl",
)


def log_in_twice_at_once(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Both find nobody, and then both go on to make the person; returns whom they logged in."""
    both_found_nobody = threading.Barrier(2, timeout=10)
    create = Person.objects.create

    def create_together(**fields: Any) -> Person:
        both_found_nobody.wait()
        return create(**fields)

    monkeypatch.setattr(Person.objects, "create", create_together)

    def in_a_thread(_number: int) -> int:
        try:
            return log_in(LOGIN).person.pk
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        return list(threads.map(in_a_thread, range(2)))


@pytest.mark.django_db(transaction=True)
def test_two_first_logins_at_once_make_one_person(
    ministry: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = log_in_twice_at_once(monkeypatch)

    assert first == second == Person.objects.get().pk
    assert Identity.objects.count() == RoleGrant.objects.count() == 1
    assert AuditEntry.objects.filter(event="person.joined").count() == 1
    assert AuditEntry.objects.filter(event="person.logged_in").count() == 2
