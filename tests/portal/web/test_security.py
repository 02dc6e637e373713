from __future__ import annotations

import re

import pytest
from django.conf import settings
from django.test import Client

from portal.web.security import content_security_policy

FORBIDDEN = re.compile(
    r"\sstyle=|<style|\son[a-z]+=|hx-on|javascript:|hx-vals=.js:|https?://(?!www\.w3)"
)


def test_the_policy_allows_nothing_inline_and_no_other_site() -> None:
    policy = content_security_policy([])
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_forms_may_end_at_the_identity_providers() -> None:
    policy = content_security_policy(["https://login.example.nl/realms/rijk", "https://b.example"])
    assert "form-action 'self' https://b.example https://login.example.nl" in policy


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
