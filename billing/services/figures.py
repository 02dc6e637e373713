"""The figures of months, of everything or of what is asked for: a tag, a kind, a cost centre."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from billing.services import month_costs as everything
from billing.services.charge_lists import ChargeFilter
from billing.services.cost_lines import Costs, ResourceCost
from billing.services.kind_costs import months_of_kind
from billing.services.month_figures import DayCosts, MonthCosts, MonthTotal
from billing.services.tagged_costs import days_with, resources_with, tagged_months
from portal.core.calendar import Period

_NOTHING: Final = Costs(lines=())
_EVERYTHING: Final = ChargeFilter()


@dataclass(frozen=True)
class Figures:
    """Says what ``billing.services.month_costs`` says, of a part of it.

    Attributes:
        wanted: only that. With a tag or a kind every line is the share that
            ``billing.services.tagged_costs`` or ``kind_costs`` gives it, in whole cents; what falls
            under a cost centre has lines of its own.
    """

    wanted: ChargeFilter = _EVERYTHING

    def months(
        self, node_ids: Sequence[int], months: Sequence[Period], *, at: datetime
    ) -> list[MonthCosts]:
        found = self._of_any_center(node_ids, months, at)
        if self.wanted.cost_center is None:
            return found
        return [one.of_center(self.wanted.cost_center) for one in found]

    def totals(
        self, node_ids: Sequence[int], months: Sequence[Period], *, at: datetime
    ) -> list[MonthTotal]:
        """The same added up; of a tag or a kind all use of these months is read for it."""
        if self.wanted.tag is None and self.wanted.kind is None:
            center = self.wanted.cost_center
            return everything.month_totals(node_ids, months, at=at, cost_center=center)
        return [MonthTotal.of(found) for found in self.months(node_ids, months, at=at)]

    def days(self, node_ids: Sequence[int], found: MonthCosts) -> list[DayCosts]:
        if self.wanted.is_empty:
            return everything.day_costs(node_ids, found)
        return days_with(self.wanted, node_ids, found.month, as_of=found.as_of, closed=found.closed)

    def resources(self, project_id: int, found: MonthCosts) -> list[ResourceCost]:
        if self.wanted.is_empty:
            return everything.resource_costs(project_id, found)
        return resources_with(
            self.wanted, project_id, found.month, as_of=found.as_of, closed=found.closed
        )

    def _of_any_center(
        self, node_ids: Sequence[int], months: Sequence[Period], at: datetime
    ) -> list[MonthCosts]:
        kind, tag = self.wanted.kind, self.wanted.tag
        if kind:
            return months_of_kind(node_ids, kind, tag, months, at=at)
        if tag is None:
            return everything.month_costs(node_ids, months, at=at)
        return [
            MonthCosts(
                month=found.month,
                as_of=found.as_of,
                realised=found.realised.get(tag.value, _NOTHING),
                expected=found.expected.get(tag.value, _NOTHING),
                closed=found.closed,
            )
            for found in tagged_months(node_ids, tag.key, months, at=at)
        ]
