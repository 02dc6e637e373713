"""What is shared by key in months that are not closed yet, reckoned as closing them would.

A page then says at the last second of a month what its statements say, and before that what they
would say if the month ended now, or if what runs ran on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from billing.services.cost_lines import Costs
from billing.services.month_figures import MonthCosts, MonthTotal
from billing.services.shares import shares_of
from billing.services.split_reading import HeldKey, keys_in, payers_at_end, projects_of
from portal.core.calendar import Period

# What nodes cost in the same months, by the start of the month.
Read = Callable[[Sequence[int]], dict[datetime, MonthCosts]]


@dataclass(frozen=True, kw_only=True)
class MonthShares:
    """The lines of one month: by what was used so far, and by what is expected."""

    realised: Costs
    expected: Costs

    def of_center(self, code: str) -> MonthShares:
        """Only what falls under this cost centre; empty: under none."""
        return MonthShares(
            realised=self.realised.of_center(code), expected=self.expected.of_center(code)
        )


def shares_in(
    node_ids: Sequence[int], months: Sequence[Period], read: Read
) -> dict[datetime, MonthShares]:
    """What of the shares of ``months`` counts in these branches, by the start of the month.

    A share is in whole on one statement, so it counts where who pays stands when the month ends; of
    a project that is asked for itself always. One query where no key holds.

    Args:
        read: how costs of these months are read, without shares.
    """
    keys = keys_in(months)
    if not keys:
        return {}
    concerned = projects_of([key for some in keys.values() for key in some])
    found = read(sorted(concerned))
    return {
        month.start: _in_branches(node_ids, month, some, found[month.start])
        for month, some in keys.items()
    }


def _in_branches(
    node_ids: Sequence[int], month: Period, keys: Sequence[HeldKey], found: MonthCosts
) -> MonthShares:
    payers = payers_at_end(node_ids, month)

    def counted(part: Costs) -> Costs:
        shares = shares_of(keys, part.lines, month)
        return Costs(
            lines=tuple(
                one for one in shares if one.project_id in node_ids or one.organization_id in payers
            )
        )

    realised = counted(found.realised)
    is_same = found.expected is found.realised
    return MonthShares(realised=realised, expected=realised if is_same else counted(found.expected))


def with_shares(found: MonthCosts, shares: MonthShares | None) -> MonthCosts:
    """The month with what is shared in it."""
    if shares is None:
        return found
    return replace(
        found,
        realised=found.realised.joined_with(shares.realised),
        expected=found.expected.joined_with(shares.expected),
    )


def total_with_shares(found: MonthTotal, shares: MonthShares | None) -> MonthTotal:
    """The same of a total."""
    if shares is None:
        return found
    return replace(
        found,
        realised=found.realised + shares.realised.total,
        expected=found.expected + shares.expected.total,
        has_lines=found.has_lines or bool(shares.realised.lines),
    )
