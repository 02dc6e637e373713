"""What months cost of one kind of thing, such as servers; of everything or of what had one tag.

A line of a statement may hold use of several kinds. Its cents are shared out over them as over the
values of a tag (``billing.services.tagged_costs``): first over the values, then what one value has
over the kinds. So the kinds add up to all use, or to that which had the tag.

What puts earlier months right, is given back or shared is of no resource, and so of no kind: the
page says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from billing.models import BillingMonth
from billing.services.billed import ASKED, closed_among, query_months
from billing.services.charge_query import ChargeQuery, Slice
from billing.services.cost_lines import CostLine, Costs, LineKey, line_of
from billing.services.month_figures import MonthCosts, costs_of_months
from billing.services.tag_keys import TagChoice
from billing.services.tag_query import CUT, LINES_BY_KIND, NOT_CUT, WHOLE_BILLED, WHOLE_CHARGES
from billing.services.tagged_costs import in_order, share_out
from portal.core.calendar import Period, months_in

_NOTHING: Final = Costs(lines=())
_Parts = list[tuple[str | None, str, CostLine]]  # by value of the tag and by kind


def months_of_kind(
    node_ids: Sequence[int],
    kind: str,
    tag: TagChoice | None,
    months: Sequence[Period],
    *,
    at: datetime,
) -> list[MonthCosts]:
    """These business months. At most six queries.

    Args:
        node_ids: as of ``billing.services.charging.costs``.
        tag: only what had this value at the time.
        at: the present moment.
    """
    closed = closed_among(months)
    others = [month for month in months if month.start not in closed]
    found = _billed(node_ids, kind, tag, closed.values()) | _reckoned(
        node_ids, kind, tag, others, at
    )
    return [found[month.start] for month in months]


def _billed(
    node_ids: Sequence[int], kind: str, tag: TagChoice | None, months: Collection[BillingMonth]
) -> dict[datetime, MonthCosts]:
    if not months:
        return {}
    select = ASKED + WHOLE_BILLED + (CUT if tag else NOT_CUT) + LINES_BY_KIND
    rows = query_months(node_ids, months).fetch(
        select, months=[month.pk for month in months], tag_key=tag and tag.key
    )
    lines = _lines_of(rows, kind, tag)
    return {
        month.period.start: MonthCosts(
            month=month.period,
            as_of=month.period.end,
            realised=(costs := lines.get(month.period.start, _NOTHING)),
            expected=costs,
            closed=month,
        )
        for month in months
    }


def _reckoned(
    node_ids: Sequence[int],
    kind: str,
    tag: TagChoice | None,
    months: Sequence[Period],
    at: datetime,
) -> dict[datetime, MonthCosts]:
    if not months:
        return {}
    whole = Period(min(month.start for month in months), max(month.end for month in months))
    slices = [Slice(period=month, month_seconds=month.seconds) for month in months_in(whole)]
    as_of = min(at, whole.end)

    def lines_until(until: datetime) -> dict[datetime, Costs]:
        query = ChargeQuery(node_ids=node_ids, slices=slices, as_of=as_of, until=until)
        select = WHOLE_CHARGES + (CUT if tag else NOT_CUT) + LINES_BY_KIND
        return _lines_of(query.fetch(select, tag_key=tag and tag.key), kind, tag)

    realised = expected = lines_until(as_of)
    if at < whole.end:
        expected = lines_until(whole.end)
    return costs_of_months(months, at=at, realised=realised, expected=expected)


def _lines_of(
    rows: Iterable[tuple[Any, ...]], kind: str, tag: TagChoice | None
) -> dict[datetime, Costs]:
    """What of every line is of this kind, in whole cents, by the start of its month."""
    lines: dict[LineKey, _Parts] = {}
    for *row, value, of_kind in rows:
        line = line_of(tuple(row))
        lines.setdefault(line.key, []).append((value, of_kind, line))
    found: dict[datetime, list[CostLine]] = {}
    for parts in lines.values():
        part = _part_of(parts, kind, tag.value if tag else None)
        if part:
            found.setdefault(part.month_start, []).append(part)
    return {start: Costs(lines=tuple(some)) for start, some in found.items()}


def _part_of(parts: _Parts, kind: str, value: str | None) -> CostLine | None:
    """That of one value and kind, with its share in the cents of the line; None: it has none."""
    kinds = {of_kind: line for of_value, of_kind, line in parts if of_value == value}
    if kind not in kinds:
        return None
    exact: dict[str | None, Decimal] = {}
    for of_value, _kind, line in parts:
        exact[of_value] = exact.get(of_value, Decimal(0)) + line.exact
    whole = replace(parts[0][2], exact=sum(exact.values(), Decimal(0)))
    values = in_order(exact)
    of_values = dict(
        zip(values, share_out(whole.amount, [exact[one] for one in values]), strict=True)
    )
    named = sorted(kinds)
    of_kinds = share_out(of_values[value], [kinds[one].exact for one in named])
    return replace(kinds[kind], exact=of_kinds[named.index(kind)])
