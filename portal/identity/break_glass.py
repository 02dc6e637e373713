"""Emergency access as Django's authentication sees it. Its sessions end when it is switched off."""

from __future__ import annotations

import time
from typing import Any, Final

from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest

from portal.identity.models import Person
from portal.identity.oidc.assurance import Assurance
from portal.identity.oidc.session import LoginFacts, current_login
from portal.identity.services.break_glass import ISSUER, PROVIDER, SUBJECT

BACKEND: Final = "portal.identity.break_glass.BreakGlassBackend"


class BreakGlassBackend(BaseBackend):
    """Finds the person of such a session; logging in itself is ``log_in_with_password``."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        """Nobody: no other way in may end here."""

    def get_user(self, user_id: int) -> Person | None:
        people = Person.objects.filter(pk=user_id, is_active=True, identities__issuer=ISSUER)
        return people.first()


def emergency_facts() -> LoginFacts:
    """What such a login is worth: strong and fresh, so for its first minutes it may bind others.

    The password came from somebody who may run commands on the server: ADR 0016.
    """
    return LoginFacts(
        provider=PROVIDER,
        issuer=ISSUER,
        subject=SUBJECT,
        sid="",
        acr="",
        level=int(Assurance.SUBSTANTIAL),
        auth_time=int(time.time()),
        methods=("otp",),
    )


def is_emergency(request: HttpRequest) -> bool:
    """True when the session of this request began with an emergency password."""
    login = current_login(request)
    return login is not None and login.provider == PROVIDER
