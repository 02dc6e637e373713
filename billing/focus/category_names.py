"""What people read for the categories of FOCUS, which files carry as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

NAMES: Final[Mapping[str, StrPromise]] = {
    "AI and Machine Learning": _("AI and machine learning"),
    "Analytics": _("Analytics"),
    "Business Applications": _("Business applications"),
    "Compute": _("Compute"),
    "Databases": _("Databases"),
    "Developer Tools": _("Developer tools"),
    "Identity": _("Identity"),
    "Integration": _("Integration"),
    "Internet of Things": _("Internet of things"),
    "Management and Governance": _("Management and governance"),
    "Media": _("Media"),
    "Migration": _("Migration"),
    "Mobile": _("Mobile"),
    "Multicloud": _("Multicloud"),
    "Networking": _("Networking"),
    "Other": _("Other costs"),
    "Security": _("Security"),
    "Storage": _("Storage"),
    "Web": _("Web"),
}


def category_name(service_category: str) -> str:
    """The ServiceCategory in the language of who reads; what FOCUS does not know, as it is."""
    return str(NAMES.get(service_category, service_category))
