"""Logins that did not happen stand in the audit trail, of strangers too, and never who they are."""

from __future__ import annotations

import pytest
from django.test import Client

from portal.audit.models import AuditEntry
from portal.identity.models import Organization, RoleGrant
from tests.portal.identity.oidc.fake_provider import (
    FakeProvider,
    come_back,
    log_in,
    start,
    unavailable,
)

pytestmark = pytest.mark.django_db
ADDRESS = {"REMOTE_ADDR": "203.0.113.9", "HTTP_USER_AGENT": "Firefox"}


@pytest.fixture(autouse=True)
def _tree(ministry: Organization) -> None:
    """Every test here needs the organisations."""


def failures() -> list[AuditEntry]:
    return list(AuditEntry.objects.exclude(result="succeeded").order_by("at", "id"))


def test_stranger_without_a_role_is_a_keyed_hash(provider: FakeProvider) -> None:
    provider.userinfo["cloudloket_roles"] = []
    for _ in range(2):
        log_in(Client(**ADDRESS), provider)

    first, second = failures()
    assert (first.event, first.result, first.code) == ("login.failed", "refused", "no_access")
    assert (first.subject_type, first.actor_id) == ("Stranger", None)
    assert first.subject_public_id == second.subject_public_id
    assert (first.address, first.agent, first.channel) == ("203.0.113.9", "Firefox", "page")
    assert first.data == {"provider": "local"}


def test_two_strangers_are_told_apart(provider: FakeProvider) -> None:
    provider.userinfo["cloudloket_roles"] = []
    log_in(Client(), provider)
    provider.changes["sub"] = provider.userinfo["sub"] = "person-2"
    log_in(Client(), provider)

    first, second = failures()
    assert first.subject_public_id != second.subject_public_id


def test_hash_cannot_be_made_without_the_key(provider: FakeProvider, settings) -> None:
    provider.userinfo["cloudloket_roles"] = []
    log_in(Client(), provider)
    settings.AUDIT_KEY = bytes(32)
    log_in(Client(), provider)

    first, second = failures()
    assert first.subject_public_id != second.subject_public_id


def test_answer_that_is_not_trusted_is_about_the_provider(provider: FakeProvider) -> None:
    provider.changes["aud"] = "other-client"
    log_in(Client(), provider)

    (entry,) = failures()
    assert (entry.event, entry.result, entry.code) == (
        "login.failed",
        "refused",
        "answer_not_trusted",
    )
    assert entry.subject_type == "IdentityProvider"


def test_login_that_went_wrong_is_a_failure_and_no_refusal(provider: FakeProvider) -> None:
    provider.answers["/.well-known/openid-configuration"] = unavailable()
    Client().get("/login/local")
    Client().get("/login/local/callback?code=x&state=y")

    assert [entry.result for entry in failures()] == ["failed", "failed"]
    assert failures()[0].code == "provider_unavailable"


def test_person_who_stopped_is_a_failure(client: Client, provider: FakeProvider) -> None:
    state = start(client, provider)["state"]
    come_back(client, state, error="access_denied")

    (entry,) = failures()
    assert (entry.result, entry.code) == ("failed", "login_canceled")


def test_person_we_know_is_the_actor_and_written_once(provider: FakeProvider) -> None:
    log_in(Client(), provider)
    provider.userinfo["cloudloket_roles"] = []
    log_in(Client(), provider)

    (entry,) = failures()
    assert (entry.event, entry.subject_type) == ("person.login_refused", "Person")
    assert entry.actor_id is not None
    assert entry.node_id == RoleGrant.objects.get().node_id


def test_flood_from_one_address_is_counted(provider: FakeProvider) -> None:
    provider.changes["aud"] = "other-client"
    for _ in range(8):
        log_in(Client(**ADDRESS), provider)
    log_in(Client(REMOTE_ADDR="203.0.113.10"), provider)

    assert [entry.address for entry in failures()] == ["203.0.113.9"] * 5 + ["203.0.113.10"]


def test_forged_logout_order_is_written_down(provider: FakeProvider) -> None:
    token = provider.logout_token(aud="other-client")
    Client().post("/login/local/backchannel-logout", {"logout_token": token})

    (entry,) = failures()
    assert (entry.event, entry.code) == ("logout.refused", "answer_not_trusted")
    assert entry.data == {"provider": "local"}


def test_nothing_of_the_stranger_is_in_the_entry(provider: FakeProvider) -> None:
    provider.userinfo["cloudloket_roles"] = []
    log_in(Client(), provider)

    (entry,) = failures()
    told = " ".join(str(getattr(entry, field.attname)) for field in entry._meta.concrete_fields)
    for secret in (provider.userinfo["sub"], provider.userinfo["name"], provider.userinfo["email"]):
        assert secret not in told
