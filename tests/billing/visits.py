"""A browser and a program, logged in as somebody."""

from __future__ import annotations

from django.test import Client

from portal.identity.models import Person
from tests.logins import log_in


def visit_as(person: Person, language: str = "en") -> Client:
    """Return a client with the session that a login leaves behind."""
    return log_in(Client(headers={"accept-language": language}), person)
