"""Where to send somebody who logs out, so that the provider's session ends as well."""

from __future__ import annotations

import logging
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import HttpRequest

from portal.identity.oidc.discovery import directory_of
from portal.identity.oidc.errors import ProviderUnavailable
from portal.identity.oidc.session import ID_TOKEN, current_login

log = logging.getLogger(__name__)


def address_after_logout(request: HttpRequest) -> str:
    """The provider's logout address (RP-Initiated Logout 1.0, 2), or our home page without one.

    A provider that does not answer keeps nobody logged in here.
    """
    home = f"{settings.PUBLIC_URL.origin}/"
    login = current_login(request)
    provider = settings.OIDC_PROVIDERS.get(login.provider) if login else None
    if provider is None:
        return home
    try:
        address = directory_of(provider).metadata().end_session_endpoint
    except ProviderUnavailable as error:
        log.warning("logout at %s not possible: %s", provider.key, error.reason)
        return home
    if not address:
        return home
    query = urlencode(
        {
            "id_token_hint": request.session.get(ID_TOKEN, ""),
            "client_id": provider.client_id,
            "post_logout_redirect_uri": home,
        }
    )
    return f"{address}{'&' if urlsplit(address).query else '?'}{query}"
