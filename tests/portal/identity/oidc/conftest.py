from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pytest_django import Settings

from portal.identity.models import Organization
from portal.identity.oidc import discovery, transport
from portal.identity.services.tree import create_organization
from tests.portal.identity.oidc.fake_provider import MINISTRY_OIN, FakeProvider


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
