"""Writing down what is ordered as a whole: the whole, its lines, and which of them need which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from catalog.kinds.base import PartRequest
from catalog.models import Assembly, LineNeed, OfferingVersion, Order, OrderLine


@dataclass(frozen=True, kw_only=True)
class Whole:
    """What somebody asked for, of which several lines are the parts; validated."""

    version: OfferingVersion
    name: str
    spec: Mapping[str, Any]


@dataclass(frozen=True)
class Membership:
    """That a line is one part of a whole."""

    whole: Whole
    request: PartRequest


class Memberships:
    """What of an order belongs together. Call inside the transaction that writes the order.

    A part comes after all that it needs, so those have their lines by then.
    """

    def __init__(self, order: Order) -> None:
        self._order = order
        self._assemblies: dict[int, Assembly] = {}  # by identity of the whole: one may come twice
        self._lines: dict[tuple[int, str], OrderLine] = {}

    def columns(self, membership: Membership | None) -> dict[str, Any]:
        """What the line of a part says beside what every line does."""
        if membership is None:
            return {}
        request = membership.request
        return {
            "assembly": self._assembly(membership.whole),
            "part": request.key,
            "wiring": dict(request.wiring),
        }

    def add(self, line: OrderLine, membership: Membership | None) -> None:
        """Write down what the part needs."""
        if membership is None:
            return
        whole = id(membership.whole)
        self._lines[whole, membership.request.key] = line
        LineNeed.objects.bulk_create(
            LineNeed(line=line, needed=self._lines[whole, key], after_step=step)
            for key, step in membership.request.needs.items()
        )

    def _assembly(self, whole: Whole) -> Assembly:
        if id(whole) not in self._assemblies:
            self._assemblies[id(whole)] = Assembly.objects.create(
                order=self._order,
                offering_version=whole.version,
                name=whole.name,
                spec=dict(whole.spec),
            )
        return self._assemblies[id(whole)]
