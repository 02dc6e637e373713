from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.conf import LazySettings
from django.db import OperationalError, connection
from django.test import Client


def test_live_needs_nothing(client: Client, in_gallery: None) -> None:
    assert client.get("/health/live").status_code == 200
    assert client.post("/health/live").status_code == 405


@pytest.mark.django_db
def test_ready_when_the_database_answers(client: Client, in_gallery: None) -> None:
    assert client.get("/health/ready").status_code == 200


def test_not_ready_without_a_database(
    client: Client, in_gallery: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def refuse() -> Iterator[None]:
        raise OperationalError("connection refused")
        yield

    monkeypatch.setattr(connection, "cursor", refuse)
    assert client.get("/health/ready").status_code == 503


def test_security_txt_names_the_contact(
    client: Client, in_gallery: None, settings: LazySettings
) -> None:
    settings.SECURITY_CONTACT = "mailto:security@example.nl"
    text = client.get("/.well-known/security.txt").content.decode()
    assert "Contact: mailto:security@example.nl\n" in text
    assert "\nExpires: 20" in text


def test_no_security_txt_without_a_contact(
    client: Client, in_gallery: None, settings: LazySettings
) -> None:
    settings.SECURITY_CONTACT = ""
    assert client.get("/.well-known/security.txt").status_code == 404
