"""Who sells and bills."""

from __future__ import annotations

from billing.focus.columns import GENERATOR
from portal.identity.platform import platform_organization


def find_issuer() -> str:
    """The name of who runs the platform, and so sells and bills; while nobody is named, ours."""
    organization = platform_organization()
    return organization.name if organization else GENERATOR
