"""A browser session as a login leaves it behind, without the trip to the identity provider."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import timedelta

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.test import Client
from django.utils.timezone import now

from portal.identity.models import Person
from portal.identity.oidc.assurance import Assurance
from portal.identity.oidc.session import ENDS_AT, LAST_SEEN, LOGIN, LoginFacts
from portal.identity.services.sessions import open_session
from tests.factories import give_identity


def log_in(
    client: Client,
    person: Person,
    *,
    level: Assurance = Assurance.HIGH,
    age_seconds: int = 0,
) -> Client:
    """Log ``person`` in as the OpenID Connect callback would; returns the same client."""
    if SESSION_KEY in client.session:  # a login has a key of its own; what a stranger left stays
        client.cookies.pop(settings.SESSION_COOKIE_NAME)
    client.force_login(person)
    session = client.session
    login = LoginFacts(
        provider="local",
        issuer=settings.OIDC_PROVIDERS["local"].issuer,
        subject=str(person.public_id),
        sid="",
        acr="",
        level=int(level),
        auth_time=int(time.time()) - age_seconds,
    )
    expires_at = now() + timedelta(hours=10)
    session[LOGIN], session[LAST_SEEN] = asdict(login), int(time.time())
    session[ENDS_AT] = int(expires_at.timestamp())
    session.save()
    give_identity(person, login.issuer, login.subject)
    key = str(session.session_key)
    open_session(login, session_key=key, earlier_key=None, expires_at=expires_at)
    return client


def session_of(person: Person) -> str:
    """Log ``person`` in; returns the key of the session, for a browser's cookie."""
    return str(log_in(Client(), person).session.session_key)
