from __future__ import annotations

import re

import pytest
from django.conf import settings
from django.test import Client

from portal.identity.oidc import discovery, transport
from portal.web.security import content_security_policy
from tests.portal.identity.oidc.fake_provider import FakeProvider

FORBIDDEN = re.compile(
    r"\sstyle=|<style|\son[a-z]+=|hx-on|javascript:|hx-vals=.js:|https?://(?!www\.w3)"
)


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> FakeProvider:
    """The provider that the settings call "local", of which this process knows nothing yet."""
    fake = FakeProvider()
    monkeypatch.setattr(transport, "fetch", fake.fetch)
    monkeypatch.setattr(discovery, "_directories", {})
    return fake


def test_the_policy_allows_nothing_inline_and_no_other_site() -> None:
    policy = content_security_policy([])
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_forms_may_end_at_the_identity_providers() -> None:
    policy = content_security_policy(["https://login.example.nl/realms/rijk", "https://b.example"])
    assert "form-action 'self' https://b.example https://login.example.nl" in policy


def test_policy_learns_where_a_provider_lets_people_in_and_out(
    visitor: Client, provider: FakeProvider
) -> None:
    provider.metadata["end_session_endpoint"] = "https://out.example.nl/logout"
    provider.metadata["authorization_endpoint"] = "https://in.example.nl/authorize"
    own = "form-action 'self' http://127.0.0.1:8002"
    assert visitor.get("/gallery")["Content-Security-Policy"].endswith(own)

    visitor.get("/login/local")

    policy = visitor.get("/gallery")["Content-Security-Policy"]
    assert policy.endswith(f"{own} https://in.example.nl https://out.example.nl")


@pytest.mark.parametrize("path", ["/gallery", "/nothing", "/broken", "/health/live"])
def test_every_answer_has_the_headers(visitor: Client, path: str) -> None:
    response = visitor.get(path)
    assert response["Content-Security-Policy"].startswith("default-src 'none'")
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["X-Frame-Options"] == "DENY"
    assert response["Cache-Control"] == "no-store"
    assert "camera=()" in response["Permissions-Policy"]


def test_no_template_holds_what_the_policy_forbids() -> None:
    for template in (settings.BASE_DIR / "templates").rglob("*.html"):
        assert not FORBIDDEN.search(template.read_text("utf-8")), template


def test_a_page_and_a_panel_are_told_apart_by_caches(visitor: Client) -> None:
    assert "HX-Request" in visitor.get("/gallery")["Vary"]
