"""The figures of months, of everything or of what had one tag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from billing.services import month_costs as everything
from billing.services.cost_lines import Costs, ResourceCost
from billing.services.month_figures import DayCosts, MonthCosts, MonthTotal
from billing.services.tag_keys import TagChoice
from billing.services.tagged_costs import days_with, resources_with, tagged_months
from portal.core.calendar import Period

_NOTHING: Final = Costs(lines=())


@dataclass(frozen=True)
class Figures:
    """Says what ``billing.services.month_costs`` says, of a part of it.

    Attributes:
        tag: only what had this value at the time; None: everything. With a tag every line is the
            share that ``billing.services.tagged_costs`` gives it, in whole cents.
    """

    tag: TagChoice | None = None

    def months(
        self, node_ids: Sequence[int], months: Sequence[Period], *, at: datetime
    ) -> list[MonthCosts]:
        if self.tag is None:
            return everything.month_costs(node_ids, months, at=at)
        tag = self.tag
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

    def totals(
        self, node_ids: Sequence[int], months: Sequence[Period], *, at: datetime
    ) -> list[MonthTotal]:
        if self.tag is None:
            return everything.month_totals(node_ids, months, at=at)
        return [
            MonthTotal(
                month=found.month,
                realised=found.realised.total,
                expected=found.expected.total,
                has_lines=bool(found.realised.lines),
                is_price_missing=found.expected.is_price_missing,
                is_billed=found.closed is not None,
            )
            for found in self.months(node_ids, months, at=at)
        ]

    def days(self, node_ids: Sequence[int], found: MonthCosts) -> list[DayCosts]:
        if self.tag is None:
            return everything.day_costs(node_ids, found)
        return days_with(self.tag, node_ids, found.month, as_of=found.as_of, closed=found.closed)

    def resources(self, project_id: int, found: MonthCosts) -> list[ResourceCost]:
        if self.tag is None:
            return everything.resource_costs(project_id, found)
        return resources_with(
            self.tag, project_id, found.month, as_of=found.as_of, closed=found.closed
        )
