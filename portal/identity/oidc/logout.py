"""Where to send somebody who logs out, so that the provider's session ends as well."""

from __future__ import annotations

import logging
import secrets
from typing import Final
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.urls import reverse

from portal.identity.oidc.discovery import directory_of
from portal.identity.oidc.errors import ProviderUnavailable
from portal.identity.oidc.session import ID_TOKEN, current_login

log = logging.getLogger(__name__)

LONGEST_LOGOUT_SECONDS: Final = 15 * 60
_signer = signing.TimestampSigner(salt="portal.identity.logout")


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
    query = {
        "client_id": provider.client_id,
        "post_logout_redirect_uri": f"{settings.PUBLIC_URL.origin}{reverse('identity:login')}",
        "state": _signer.sign(secrets.token_urlsafe(12)),
    }
    hint = request.session.get(ID_TOKEN)
    if hint:  # not kept when it may hold a BSN
        query["id_token_hint"] = hint
    return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(query)}"


def comes_from_logout(request: HttpRequest) -> bool:
    """Did a provider send this browser back after a logout that we asked for, a moment ago?"""
    try:
        _signer.unsign(request.GET.get("state", ""), max_age=LONGEST_LOGOUT_SECONDS)
    except signing.BadSignature:
        return False
    return True
