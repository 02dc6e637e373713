"""What a version of an offering says: as facts for the audit trail, and in words for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from catalog.kinds import get_kind
from catalog.kinds.fees import decided_by_offering
from catalog.models import OfferingVersion

TEXTS: Final[Mapping[str, str | Promise]] = {
    "name_nl": gettext_lazy("Name in Dutch"),
    "name_en": gettext_lazy("Name in English"),
    "description_nl": gettext_lazy("Description in Dutch"),
    "description_en": gettext_lazy("Description in English"),
    "documentation_url": gettext_lazy("Documentation"),
    "price_list_url": gettext_lazy("Price list"),
}
TERMS: Final[Mapping[str, str | Promise]] = {
    "approval_days": gettext_lazy("Time to decide on an order"),
    "compensate_after_hours": gettext_lazy("Undo a failed delivery after"),
    "maximum_term_days": gettext_lazy("Longest term"),
    "grace_days": gettext_lazy("Clean up after the end date"),
}


@dataclass(frozen=True)
class Change:
    """One thing that a version says otherwise; ``before`` is empty of what is new."""

    label: str
    before: str
    after: str


def facts_of(version: OfferingVersion) -> dict[str, Any]:
    """Everything that a draft decides, JSON-ready; of organizations their public ids."""
    visible_to = version.visible_to.order_by("pk").values_list("public_id", flat=True)
    return {
        **{name: getattr(version, name) for name in (*TEXTS, *TERMS)},
        "choices": version.choices,
        "visible_to": [str(public_id) for public_id in visible_to],
    }


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What is other, for the audit trail: the old and the new value of each."""
    names = [name for name in after if before.get(name) != after[name]]
    return {
        "before": {name: before.get(name) for name in names},
        "after": {name: after[name] for name in names},
    }


def words_of(version: OfferingVersion) -> dict[str, str]:
    """Everything that a version decides, in words by question, in the order of the page."""
    words = {str(label): getattr(version, name) for name, label in TEXTS.items()}
    words[_("Stands in")] = version.cloud.name
    for item in decided_by_offering(get_kind(version.offering.kind), version.cloud):
        value = version.choices.get(item.name)
        words[str(item.label)] = item.in_words(value) if value else ""
    names = ", ".join(organization.name for organization in version.visible_to.all())
    words[_("For whom")] = names or _("Everybody")
    for name, label in TERMS.items():
        words[str(label)] = _UNITS[name](getattr(version, name))
    return words


def changes_between(before: OfferingVersion | None, after: OfferingVersion) -> list[Change]:
    """What ``after`` says otherwise; everything that it says where there is no ``before``."""
    old = words_of(before) if before else {}
    new = words_of(after)
    return [
        Change(label, old.get(label, ""), text)
        for label, text in new.items()
        if text != old.get(label, "")
    ]


def _in_days(count: int) -> str:
    return ngettext("{count} day", "{count} days", count).format(count=count)


def _in_days_if_any(count: int | None) -> str:
    return _("None: an end date may be left out") if count is None else _in_days(count)


def _in_hours(count: int) -> str:
    return ngettext("{count} hour", "{count} hours", count).format(count=count)


_UNITS: Final[Mapping[str, Callable[[Any], str]]] = {
    "approval_days": _in_days,
    "compensate_after_hours": _in_hours,
    "maximum_term_days": _in_days_if_any,
    "grace_days": _in_days,
}
