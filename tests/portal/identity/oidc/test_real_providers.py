"""The whole login against two providers that run: our own, and an independent one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.test import Client
from pytest_django import Settings

from portal.identity.models import Identity, Organization, Person, RoleGrant
from portal.identity.oidc import discovery
from tests.portal.identity.oidc.conftest import Use
from tests.portal.identity.oidc.fake_provider import private_key
from tests.portal.identity.oidc.journey import (
    CLIENTS,
    KEY_CLIENT,
    LogoutReceiver,
    Walk,
    peer_provider,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("algorithm", CLIENTS)
def test_login_with_each_algorithm(use: Use, algorithm: str) -> None:
    use(algorithm)
    walk = Walk()

    response = walk.log_in("account", "requester", "?next=/orders")

    assert response.status_code == 302, response.content.decode()
    assert response["Location"] == "/orders"
    person = Person.objects.get()
    assert (person.name, person.email) == (
        "Sanne Wiersma",
        "sanne.wiersma@waterenbodem.example.nl",
    )
    assert RoleGrant.objects.get().node.code == "waterregistratie"


def test_login_by_the_nl_gov_profile_without_a_shared_secret(
    ministry: Organization,
    settings: Settings,
    receiver: LogoutReceiver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(discovery, "_directories", {})
    key = private_key("client-key").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with peer_provider(tmp_path, receiver.address) as issuer:
        settings.OIDC_PROVIDERS = {
            "local": replace(
                settings.OIDC_PROVIDERS["local"],
                issuer=issuer,
                client_id=KEY_CLIENT,
                client_secret=key.decode(),
                client_authentication="private_key_jwt",
                signing_algorithm="PS256",
            )
        }

        assert Walk().log_in("account", "requester")["Location"] == "/"


def test_each_account_gets_its_own_role(use: Use) -> None:
    roles = {}
    for account in ("approver", "finance", "quota", "operator", "auditor", "outsider"):
        Walk().log_in("account", account)
        grant = RoleGrant.objects.latest("pk")
        roles[account] = f"{grant.role}@{grant.node.code}"

    assert roles == {
        "approver": "approver@mwb",
        "finance": "finance@mwb",
        "quota": "quota_administrator@mwb",
        "operator": "operator@mwb",
        "auditor": "auditor@mwb",
        "outsider": "requester@voorbeeldstad",
    }
    assert Identity.objects.count() == 6


def test_cancelling_leads_to_a_page_that_says_so(use: Use) -> None:
    response = Walk().log_in("cancel", "yes")

    assert response.status_code == 400
    assert b"login_canceled" in response.content


def test_running_session_at_the_provider_needs_no_second_click(use: Use) -> None:
    walk = Walk()
    walk.log_in("account", "requester")

    assert walk.log_in("account", "nobody-asks")["Location"] == "/"


def test_step_up_to_a_level_that_the_account_does_not_have_is_refused(use: Use) -> None:
    walk = Walk()
    walk.log_in("account", "approver")

    response = walk.log_in("account", "approver", "?level=high&max_age=900")

    assert response.status_code == 403
    assert b"assurance_too_low" in response.content


def test_step_up_with_an_account_that_is_strong_enough(use: Use) -> None:
    walk = Walk()
    walk.log_in("account", "operator")

    response = walk.log_in("account", "operator", "?level=high&max_age=0&next=/orders")

    assert response["Location"] == "/orders"
    assert walk.client.session["login"]["level"] == 3


def test_logging_out_ends_both_sessions(use: Use, receiver: LogoutReceiver) -> None:
    walk = Walk()
    walk.log_in("account", "requester")

    assert walk.log_out().startswith("http://127.0.0.1:8000/login?state=")
    assert "_auth_user_id" not in walk.client.session
    response = walk.log_in("account", "approver")

    assert response["Location"] == "/"
    assert Person.objects.count() == 2


def test_provider_ends_the_other_sessions_of_its_own(use: Use, receiver: LogoutReceiver) -> None:
    walk, bystander = Walk(), Walk()
    bystander.log_in("account", "approver")
    walk.log_in("account", "requester")
    first_window, walk.client = walk.client, Client()
    walk.log_in("account", "requester")
    walk.log_out()
    (token,) = receiver.tokens

    response = Client().post("/login/local/backchannel-logout", {"logout_token": token})

    assert response.status_code == 200
    assert first_window.get("/login")["Location"].startswith("/login/local")
    assert bystander.client.get("/login")["Location"] == "/"
