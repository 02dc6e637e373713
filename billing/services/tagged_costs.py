"""What months cost per value of one key of tags.

The lines of a statement are rounded to cents, and a line may hold use of several values. Its cents
are shared out over the values: each gets what it cost exactly, rounded down, and the cents that are
left go one by one to those of which most was cut off; where that is the same, to the first by name,
what has no value last. So the values of every line add up to it, and all together to the total.

Read from usage itself, or from what was billed; summaries know no tags.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Any, Final, LiteralString

from billing.models import BillingMonth
from billing.services.billed import ASKED, billed_days, billed_lines, closed_among, query_months
from billing.services.charge_lists import ChargeFilter
from billing.services.charge_query import ChargeQuery, Slice
from billing.services.cost_lines import CostLine, Costs, LineKey, ResourceCost, line_of
from billing.services.month_costs import open_shares
from billing.services.month_figures import DayCosts, days_of
from billing.services.month_shares import MonthShares
from billing.services.tag_query import (
    CUT,
    CUT_BILLED,
    CUT_CHARGES,
    LINES,
    NOT_CUT,
    OF_DAYS,
    OF_RESOURCES,
    OF_SLICES,
    WHOLE_BILLED,
    WHOLE_CHARGES,
)
from portal.core.calendar import Period, day_of, days_in, months_in

_CENT: Final = Decimal("0.01")
_NOTHING: Final = Costs(lines=())
_Parts = list[tuple[str | None, CostLine]]

ByValue = Mapping[str | None, Costs]


@dataclass(frozen=True, kw_only=True)
class TaggedMonth:
    """A month per value of a key; None: what had no value.

    Every line of use is there once per value, with its share in whole cents. What a closed month
    puts right of earlier ones, or gives back, is of no resource, and so has no value.
    """

    month: Period
    as_of: datetime
    realised: ByValue
    expected: ByValue
    closed: BillingMonth | None = None


def tagged_months(
    node_ids: Sequence[int], key: str, months: Sequence[Period], *, at: datetime
) -> list[TaggedMonth]:
    """These business months, per value of the key. At most eight queries;
    where costs are shared by key some more. What is shared is of no resource, so without value.

    Args:
        node_ids: as of ``billing.services.charging.costs``.
        at: the present moment.
    """
    closed = closed_among(months)
    others = [month for month in months if month.start not in closed]
    shares = open_shares(node_ids, others, at=at) if others else {}
    found = _billed(node_ids, key, closed) | {
        start: _with_shares(reckoned, shares.get(start))
        for start, reckoned in _reckoned(node_ids, key, others, at).items()
    }
    return [found[month.start] for month in months]


def resources_with(
    wanted: ChargeFilter,
    project_id: int,
    month: Period,
    *,
    as_of: datetime,
    closed: BillingMonth | None,
) -> list[ResourceCost]:
    """What each resource of a project used of what is asked for, dearest first. Two queries at
    most."""
    rows = _fetch_chosen(OF_RESOURCES, [project_id], wanted, month, as_of, as_of, closed)
    return [
        ResourceCost(resource_id=resource_id, exact=exact, is_price_missing=is_missing)
        for resource_id, exact, is_missing in rows
    ]


def days_with(
    wanted: ChargeFilter,
    node_ids: Sequence[int],
    month: Period,
    *,
    as_of: datetime,
    closed: BillingMonth | None,
) -> list[DayCosts]:
    """What each day cost of what is asked for, also without use. Four queries at most.

    Tiers are on the days on which they were reached. Where a tag cuts a charge, what is in one tier
    is spread over its time by the second: so the days add up to what had the tag.
    """
    sums: dict[tuple[bool, date], Decimal] = {}
    is_over = as_of >= month.end
    for is_expected, until in ((False, as_of), (True, month.end)):
        if not (is_expected and is_over):
            rows = _fetch_days(node_ids, wanted, month, as_of, until, closed)
            sums |= {(is_expected, day_of(start)): exact for start, exact in rows}
    return days_of(month, sums, is_over=is_over)


def _fetch_days(
    node_ids: Sequence[int],
    wanted: ChargeFilter,
    month: Period,
    as_of: datetime,
    until: datetime,
    closed: BillingMonth | None,
) -> Iterable[tuple[Any, ...]]:
    """The start of each day with use, and what it cost."""
    days = days_in(month)
    if wanted.tag:
        bounds = {"day_starts": [day.start for day in days], "day_ends": [day.end for day in days]}
        return _fetch_chosen(OF_DAYS, node_ids, wanted, month, as_of, until, closed, **bounds)
    chosen = {"kind": wanted.kind, "cost_center": wanted.cost_center}
    if closed:
        return billed_days(node_ids, closed, **chosen).items()
    slices = [Slice(period=day, month_seconds=month.seconds) for day in days]
    query = ChargeQuery(node_ids=node_ids, slices=slices, as_of=as_of, until=until)
    return query.fetch(WHOLE_CHARGES + NOT_CUT + OF_SLICES, tag_value=None, **chosen)


def _fetch_chosen(
    select: LiteralString,
    node_ids: Sequence[int],
    wanted: ChargeFilter,
    month: Period,
    as_of: datetime,
    until: datetime,
    closed: BillingMonth | None,
    **parameters: Any,
) -> list[tuple[Any, ...]]:
    tag = wanted.tag
    cut = CUT if tag else NOT_CUT
    named = {
        "tag_key": tag.key if tag else None,
        "tag_value": tag.value if tag else None,
        "kind": wanted.kind,
        "cost_center": wanted.cost_center,
        **parameters,
    }
    if closed:
        query = query_months(node_ids, [closed])
        return query.fetch(ASKED + WHOLE_BILLED + cut + select, months=[closed.pk], **named)
    slices = [Slice(period=month, month_seconds=month.seconds)]
    query = ChargeQuery(node_ids=node_ids, slices=slices, as_of=as_of, until=until)
    return query.fetch(WHOLE_CHARGES + cut + select, **named)


def in_order(values: Iterable[str | None]) -> list[str | None]:
    """By name, none last: those to which a cent goes first."""
    return sorted(values, key=_name_of)


def _name_of(value: str | None) -> tuple[bool, str]:
    return value is None, value or ""


def share_out(total: Decimal, exact: Sequence[Decimal]) -> list[Decimal]:
    """Whole cents that add up to ``total``, as near to ``exact`` as they can be.

    Args:
        total: what ``exact`` adds up to, in whole cents.
    """
    cents = [amount.quantize(_CENT, rounding=ROUND_FLOOR) for amount in exact]
    left = int((total - sum(cents, Decimal(0))) / _CENT)
    most_cut = sorted(range(len(exact)), key=lambda place: cents[place] - exact[place])
    for place in most_cut[:left]:
        cents[place] += _CENT
    return cents


def _billed(
    node_ids: Sequence[int], key: str, closed: dict[datetime, BillingMonth]
) -> dict[datetime, TaggedMonth]:
    if not closed:
        return {}
    query = query_months(node_ids, closed.values())
    months = [month.pk for month in closed.values()]
    rows = query.fetch(ASKED + CUT_BILLED + LINES, tag_key=key, months=months)
    lines = billed_lines(node_ids, closed.values())
    put_right = {
        start: tuple(line for line in found.lines if not line.is_use)
        for start, found in lines.items()
    }
    by_month = _by_month(rows)
    return {
        start: TaggedMonth(
            month=month.period,
            as_of=month.period.end,
            realised=(values := _with(by_month.get(start, {}), put_right[start])),
            expected=values,
            closed=month,
        )
        for start, month in closed.items()
    }


def _reckoned(
    node_ids: Sequence[int], key: str, months: Sequence[Period], at: datetime
) -> dict[datetime, TaggedMonth]:
    if not months:
        return {}
    whole = Period(min(month.start for month in months), max(month.end for month in months))
    slices = [Slice(period=month, month_seconds=month.seconds) for month in months_in(whole)]

    def lines_until(until: datetime) -> dict[datetime, ByValue]:
        as_of = min(at, whole.end)
        query = ChargeQuery(node_ids=node_ids, slices=slices, as_of=as_of, until=until)
        return _by_month(query.fetch(CUT_CHARGES + LINES, tag_key=key))

    realised = expected = lines_until(min(at, whole.end))
    if at < whole.end:
        expected = lines_until(whole.end)
    return {
        month.start: TaggedMonth(
            month=month,
            as_of=min(at, month.end),
            realised=realised.get(month.start, {}),
            expected=expected.get(month.start, {}),
        )
        for month in months
    }


def _by_month(rows: Iterable[tuple[Any, ...]]) -> dict[datetime, ByValue]:
    """The parts of every line in whole cents, by the start of its month and by value."""
    lines: dict[LineKey, _Parts] = {}
    for *row, value in rows:
        line = line_of(tuple(row))
        lines.setdefault(line.key, []).append((value, line))
    found: dict[datetime, dict[str | None, list[CostLine]]] = {}
    for parts in lines.values():
        for value, line in _in_cents(parts):
            found.setdefault(line.month_start, {}).setdefault(value, []).append(line)
    return {
        start: {value: Costs(lines=tuple(some)) for value, some in by_value.items()}
        for start, by_value in found.items()
    }


def _in_cents(parts: _Parts) -> _Parts:
    parts = sorted(parts, key=lambda part: _name_of(part[0]))
    whole = replace(parts[0][1], exact=sum((line.exact for _value, line in parts), Decimal(0)))
    cents = share_out(whole.amount, [line.exact for _value, line in parts])
    return [
        (value, replace(line, exact=amount))
        for (value, line), amount in zip(parts, cents, strict=True)
    ]


def _with_shares(found: TaggedMonth, shares: MonthShares | None) -> TaggedMonth:
    if shares is None:
        return found
    return replace(
        found,
        realised=_with(found.realised, shares.realised.lines),
        expected=_with(found.expected, shares.expected.lines),
    )


def _with(by_value: ByValue, put_right: tuple[CostLine, ...]) -> ByValue:
    if not put_right:
        return by_value
    untagged = by_value.get(None, _NOTHING)
    return {**by_value, None: Costs(lines=(*untagged.lines, *put_right))}
