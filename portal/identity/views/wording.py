"""What pages call levels of assurance and the ways to log in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from portal.identity.oidc.assurance import Assurance
from portal.identity.oidc.providers import Provider
from portal.identity.services.break_glass import PROVIDER as EMERGENCY

LEVEL_NAMES: Final[dict[Assurance, str | Promise]] = {
    Assurance.LOW: gettext_lazy("low"),
    Assurance.SUBSTANTIAL: gettext_lazy("substantial"),
    Assurance.HIGH: gettext_lazy("high"),
}

# The registered values of ``amr`` (RFC 8176, 2).
METHOD_NAMES: Final[dict[str, str | Promise]] = {
    "face": gettext_lazy("face"),
    "fpt": gettext_lazy("fingerprint"),
    "geo": gettext_lazy("place"),
    "hwk": gettext_lazy("key in a device"),
    "iris": gettext_lazy("eye scan"),
    "kba": gettext_lazy("security questions"),
    "mca": gettext_lazy("more than one channel"),
    "mfa": gettext_lazy("more than one step"),
    "otp": gettext_lazy("one-time code"),
    "pin": gettext_lazy("PIN code"),
    "pwd": gettext_lazy("password"),
    "rba": gettext_lazy("risk check"),
    "retina": gettext_lazy("eye scan"),
    "sc": gettext_lazy("smart card"),
    "sms": gettext_lazy("text message"),
    "swk": gettext_lazy("key in software"),
    "tel": gettext_lazy("phone call"),
    "user": gettext_lazy("press of a button"),
    "vbm": gettext_lazy("voice"),
    "wia": gettext_lazy("Windows account"),
}


def methods_in_words(methods: Iterable[str]) -> str:
    """How somebody proved who they are; what is not registered, as the provider wrote it."""
    words = dict.fromkeys(str(METHOD_NAMES.get(method, method)) for method in methods)
    return ", ".join(words)


def provider_name(key: str) -> str:
    """What people know a provider by; its key when the settings no longer have it."""
    if key == EMERGENCY:
        return _("Emergency access")
    provider = settings.OIDC_PROVIDERS.get(key)
    if provider is None:
        return key
    return _name_of(provider)


def issuer_name(issuer: str) -> str:
    """As ``provider_name``, of the provider that has this issuer; the issuer when none has."""
    providers = settings.OIDC_PROVIDERS.values()
    found = next((provider for provider in providers if provider.issuer == issuer), None)
    return _name_of(found) if found else issuer


def _name_of(provider: Provider) -> str:
    return str(provider.names.get((get_language() or "nl")[:2]) or provider.names["nl"])
