"""Who runs the platform."""

from __future__ import annotations

from django.conf import settings

from portal.identity.models import Organization


def platform_organization() -> Organization | None:
    """The organization that runs the platform, and governs its catalogue; None: none is named."""
    code = settings.CATALOGUE_ORGANIZATION
    return Organization.objects.filter(code=code, ended_at=None).first() if code else None
