"""The last step of every way in: somebody proved who they are, and a browser is theirs now."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest
from django.utils.timezone import now

from portal.identity.models import SessionEnd
from portal.identity.oidc.errors import LoginFailure
from portal.identity.oidc.session import LoginFacts, remember_login
from portal.identity.services.sessions import end_by_limit, open_session


def enter(
    request: HttpRequest,
    facts: LoginFacts,
    *,
    id_token: str = "",
    earlier_key: str | None,
    lasts: timedelta | None = None,
) -> None:
    """Remember the login in the browser's session, which has a new key already.

    Args:
        earlier_key: the key that the session had before; whoever knew it knows nothing now.
        lasts: how long the session may last at most; as the settings say when left out.

    Raises:
        AccountBlocked: the person was blocked meanwhile.
        LoginExpired: the provider ended the login meanwhile.
    """
    expires_at = now() + (lasts or timedelta(seconds=settings.SESSION_COOKIE_AGE))
    remember_login(request, facts, id_token, expires_at=expires_at)
    request.session.save()
    try:
        open_session(
            facts,
            session_key=str(request.session.session_key),
            earlier_key=earlier_key,
            expires_at=expires_at,
        )
    except LoginFailure:
        auth.logout(request)
        end_by_limit(earlier_key, SessionEnd.REPLACED)
        raise
