"""A browser and a program, logged in as somebody."""

from __future__ import annotations

import time

from django.test import Client

from portal.identity.models import Person
from portal.identity.oidc.session import ENDS_AT, LAST_SEEN


def visit_as(person: Person, language: str = "en") -> Client:
    """Return a client with the session that a login leaves behind."""
    client = Client(headers={"accept-language": language})
    client.force_login(person)
    session = client.session
    session[LAST_SEEN], session[ENDS_AT] = int(time.time()), int(time.time()) + 3600
    session.save()
    return client
