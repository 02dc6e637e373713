"""What a thing that nobody ordered would be, if it were a resource."""

from __future__ import annotations

from typing import Any

from catalog.kinds import all_kinds
from catalog.kinds.base import Kind
from portal.cloud.ports import CloudObject, Listing


def describe(listing: Listing, thing: CloudObject) -> dict[str, Any]:
    """As ``Difference.finding`` keeps it; {} where no kind can tell what it holds and costs."""
    for kind in _kinds_about(listing):
        finding = kind.found(thing)
        if finding is not None:
            return {
                "kind": kind.key,
                "spec": dict(finding.spec),
                "facts": dict(finding.facts),
                "used_by": list(finding.used_by),
            }
    return {}


def _kinds_about(listing: Listing) -> list[Kind]:
    """The kinds that are about something in this list, and do not merely use it."""
    return [kind for kind in all_kinds() if kind.parts and kind.parts[0].listing == listing]
