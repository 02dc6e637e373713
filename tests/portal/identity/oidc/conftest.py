from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from portal.identity.models import Organization
from portal.identity.oidc import discovery, transport
from portal.identity.oidc.provider_file import read_providers
from portal.identity.services.tree import create_organization, create_project
from tests.factories import give_numbers
from tests.portal.identity.oidc.fake_provider import ISSUER, MINISTRY_OIN, FakeProvider
from tests.portal.identity.oidc.journey import (
    CLIENTS,
    SECRET,
    LogoutReceiver,
    local_provider,
    logout_receiver,
    peer_provider,
)
from tests.portal.identity.oidc.kinds import CITY_KVK, CITY_RSIN, KEY, SETTINGS

Use = Callable[[str], None]


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> FakeProvider:
    """The provider that the settings call "local", without a network."""
    fake = FakeProvider()
    monkeypatch.setattr(transport, "fetch", fake.fetch)
    monkeypatch.setattr(discovery, "_directories", {})
    return fake


@pytest.fixture
def ministry(db: None) -> Organization:
    """A ministry with one directorate, and a municipality beside it."""
    ministry = create_organization(
        code="mwb", name="Ministerie", parent=None, oin=MINISTRY_OIN, actor=None
    )
    create_organization(code="waterregistratie", name="Directie", parent=ministry, actor=None)
    create_organization(
        code="voorbeeldstad",
        name="Gemeente",
        parent=None,
        oin="00000001002306608000",
        actor=None,
    )
    return ministry


@pytest.fixture
def agree_on(settings: Settings) -> Callable[..., None]:
    """Change what the settings say about the provider."""

    def change(**changes: Any) -> None:
        settings.OIDC_PROVIDERS = {"local": replace(settings.OIDC_PROVIDERS["local"], **changes)}

    return change


@pytest.fixture(scope="module")
def receiver() -> Iterator[LogoutReceiver]:
    with logout_receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module", params=[local_provider, peer_provider], ids=["local", "peer"])
def issuer(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    receiver: LogoutReceiver,
) -> Iterator[str]:
    with request.param(tmp_path_factory.mktemp("provider"), receiver.address) as issuer:
        yield issuer


@pytest.fixture
def use(
    issuer: str,
    ministry: Organization,
    settings: Settings,
    receiver: LogoutReceiver,
    monkeypatch: pytest.MonkeyPatch,
) -> Use:
    """Agree on a signing algorithm with the provider."""
    monkeypatch.setattr(discovery, "_directories", {})
    receiver.tokens.clear()

    def choose(algorithm: str) -> None:
        settings.OIDC_PROVIDERS = {
            "local": replace(
                settings.OIDC_PROVIDERS["local"],
                issuer=issuer,
                client_id=CLIENTS[algorithm]["id"],
                client_secret=SECRET,
                signing_algorithm=algorithm,
            )
        }

    choose("RS256")
    return choose


@pytest.fixture
def use_kind(ministry: Organization, settings: Settings, tmp_path: Path) -> Callable[..., None]:
    """Let the fake provider be of a kind, by a file as an administrator would write it."""
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "pseudonym-key").write_text(KEY.hex())
    city = Organization.objects.get(code="voorbeeldstad")
    give_numbers(city, kvk_number=CITY_KVK, rsin=CITY_RSIN)
    create_project(code="burgerzaken", name="Burgerzaken", parent=city, actor=None)

    def choose(profile: str, more: str = "") -> None:
        file = tmp_path / "oidc.toml"
        file.write_text(SETTINGS.format(profile=profile, issuer=ISSUER, more=more))
        settings.OIDC_PROVIDERS = read_providers(str(file), variable="FILE", allow_loopback=True)

    return choose
