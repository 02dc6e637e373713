"""A browser session as a login leaves it behind, without the trip to the identity provider."""

from __future__ import annotations

import time
from dataclasses import asdict

from django.test import Client

from portal.identity.models import Person
from portal.identity.oidc.assurance import Assurance
from portal.identity.oidc.session import LAST_SEEN, LOGIN, LoginFacts


def log_in(
    client: Client,
    person: Person,
    *,
    level: Assurance = Assurance.HIGH,
    age_seconds: int = 0,
) -> Client:
    """Log ``person`` in as the OpenID Connect callback would; returns the same client."""
    client.force_login(person)
    session = client.session
    login = LoginFacts(
        provider="local",
        issuer="https://idp.example.nl",
        subject=str(person.public_id),
        sid="",
        acr="",
        level=int(level),
        auth_time=int(time.time()) - age_seconds,
    )
    session[LOGIN], session[LAST_SEEN] = asdict(login), int(time.time())
    session.save()
    return client
