"""Headers that tell a browser what the portal's pages may do: nothing but show themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from portal.identity.oidc.discovery import directory_of

# Nothing is allowed but what stands here. No inline script or style, no eval, no other origin.
# The design system draws checkboxes with data: images.
POLICY: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
OTHER_HEADERS: Final = {
    "Permissions-Policy": (
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), "
        "gyroscope=(), hid=(), magnetometer=(), microphone=(), midi=(), payment=(), "
        "publickey-credentials-get=(), screen-wake-lock=(), serial=(), usb=(), "
        "xr-spatial-tracking=()"
    ),
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def content_security_policy(identity_provider_urls: Iterable[str]) -> str:
    """Return the policy.

    ``form-action`` names the identity providers, because logging out and logging in again are
    forms whose answer redirects there, and browsers hold the redirect to the same rule.
    """
    origins = {"{0.scheme}://{0.netloc}".format(urlsplit(url)) for url in identity_provider_urls}
    form_action = " ".join(["'self'", *sorted(origins)])
    policy = POLICY | {"form-action": form_action}
    return "; ".join(f"{directive} {sources}" for directive, sources in policy.items())


class SecurityHeadersMiddleware:
    """Puts the headers on every response, static files and errors included.

    Pages are not stored either, unless a view says otherwise: they show names and amounts.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        # Made anew each time: what is known of a provider grows when somebody logs in there.
        providers = settings.OIDC_PROVIDERS.values()
        addresses = [url for one in providers for url in directory_of(one).known_addresses()]
        policy = content_security_policy(addresses)
        for name, value in (OTHER_HEADERS | {"Content-Security-Policy": policy}).items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Cache-Control", "no-store")
        return response
