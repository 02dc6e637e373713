"""What pages call levels of assurance and the ways to log in."""

from __future__ import annotations

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
