"""What somebody does who needs the emergency access, and what is heard of it."""

from __future__ import annotations

import logging
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client

from portal.identity.models import BreakGlassPassword

ADDRESS = "/login/break-glass"
REASON = "De inlogdienst is al een uur onbereikbaar"
WRONG = "WRNG-WRNG-WRNG-WRNG-WRNG-WRNG-WRNG"


def issue() -> str:
    output = StringIO()
    call_command("issue_break_glass_password", reason=REASON, by="K. Bouzidi", stdout=output)
    return output.getvalue().strip()


def try_password(client: Client, password: str, address: str = "192.0.2.1") -> HttpResponse:
    return client.post(ADDRESS, {"password": password}, REMOTE_ADDR=address)  # type: ignore[return-value]


def shouts(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [entry.getMessage() for entry in caplog.records if entry.levelno == logging.CRITICAL]


def age_password(**lengths: float) -> None:
    """As if it was issued so long ago."""
    row = BreakGlassPassword.objects.get(closed_at=None)
    row.issued_at -= timedelta(**lengths)
    row.expires_at -= timedelta(**lengths)
    row.save()
