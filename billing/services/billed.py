"""What closed months were billed for: the lines of their statements, and the charges behind them.

Late facts change what a month would be charged now, never what was billed. So whatever shows a
month asks ``closed_among`` first: of a closed one it shows what is here, and of any other what is
reckoned.

A statement is one whole: it counts in the branches in which who pays stood when its month ended. A
project that is asked for itself is always there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, LiteralString

from billing.models import BillingMonth, MonthState, StatementLine
from billing.services.charge_query import ChargeQuery, Slice
from billing.services.charging import place_after
from billing.services.cost_lines import (
    Charge,
    CostLine,
    Costs,
    Position,
    ResourceCost,
    charge_of,
    line_of,
)
from billing.services.tree_history import last_second
from billing.services.unit_query import AT_ONCE
from portal.core.calendar import Period, day_of, days_in

# Whether a line of a statement is in one of the branches that are asked for.
IN_BRANCHES: Final[LiteralString] = """(
    line.project_id = ANY(%(nodes)s)
    OR covered.periods @> (
        (month.first_day + interval '1 month') AT TIME ZONE 'Europe/Amsterdam'
            - interval '1 second'
    )
)"""
# The lines of these months that are asked for, with who pays and when the month began.
ASKED: Final[LiteralString] = f"""
, asked AS (
    SELECT line.*, statement.organization_id,
        month.first_day::timestamp AT TIME ZONE 'Europe/Amsterdam' AS month_start
    FROM billing_statement AS statement
    JOIN billing_billingmonth AS month ON month.id = statement.month_id
    JOIN billing_statementline AS line ON line.statement_id = statement.id
    LEFT JOIN covered ON covered.organization_id = statement.organization_id
    WHERE statement.month_id = ANY(%(months)s) AND {IN_BRANCHES}
)
"""  # noqa: S608  (fragments of ours, here and below)
# What puts an earlier month right is in whole cents, as it was billed.
_LINES: Final[LiteralString] = f"""
{ASKED}
SELECT organization_id, project_id, sku_id, price_id, unit, unit_price, from_quantity, month_start,
       0, CASE kind WHEN 'usage' THEN exact ELSE amount END,
       cost_center, cost_object, commitment_number, kind, split_key_id
FROM asked
ORDER BY organization_id, project_id, sku_id, month_start, price_id,
         cost_center, cost_object, commitment_number, from_quantity, id
"""  # noqa: S608
_TOTALS: Final[LiteralString] = f"""
{ASKED}
SELECT month_start, sum(amount)
FROM asked
WHERE %(cost_center)s::text IS NULL OR coalesce(cost_center, '') = %(cost_center)s
GROUP BY month_start
"""  # noqa: S608
_PAYERS: Final[LiteralString] = """
SELECT organization_id FROM covered WHERE periods @> %(last_second)s
"""


def _by_day(chosen: LiteralString = "") -> LiteralString:
    """What is used over several days is spread over them by the second; what is paid once falls on
    one. Of one piece of use the lower tiers come first, so what is in them was used before.

    Args:
        chosen: which of ``asked`` and ``source``; empty is all.
    """
    return f"""
{ASKED}
, in_tier AS (
    SELECT
        source.id AS source_id, span.quantity AS held,
        sum(source.part) OVER (
            PARTITION BY source.span_id, source.started_at ORDER BY asked.from_quantity
        ) - source.part AS used_before
    FROM asked
    JOIN billing_statementlinesource AS source
        ON source.line_id = asked.id AND source.part IS NOT NULL
    JOIN billing_usagespan AS span ON span.id = source.span_id
    WHERE asked.kind = 'usage'
),
day_part AS (
    SELECT
        asked.organization_id, asked.project_id, slice.starts AS slice_start,
        round(source.amount * CASE
            WHEN asked.unit {AT_ONCE} THEN 1
            WHEN source.part IS NOT NULL THEN greatest(0, least(
                in_tier.held * date_part('epoch', slice.ends - source.started_at)::numeric,
                in_tier.used_before + source.part
            ) - greatest(
                in_tier.held * date_part('epoch', slice.starts - source.started_at)::numeric,
                in_tier.used_before
            )) / source.part
            ELSE date_part('epoch', least(source.ended_at, slice.ends)
                - greatest(source.started_at, slice.starts))::numeric / source.seconds
        END, 6) AS amount
    FROM asked
    JOIN billing_statementlinesource AS source ON source.line_id = asked.id
    LEFT JOIN in_tier ON in_tier.source_id = source.id
    JOIN slice ON slice.starts < source.ended_at AND slice.ends > source.started_at
    WHERE asked.kind = 'usage'
        AND (NOT asked.unit {AT_ONCE} OR source.started_at >= slice.starts) {chosen}
)
"""  # noqa: S608


_SUM_DAYS: Final[LiteralString] = """
SELECT slice_start, sum(amount) FROM day_part GROUP BY slice_start
"""
_DAYS: Final[LiteralString] = _by_day() + _SUM_DAYS
_DAYS_CHOSEN: Final[LiteralString] = (
    _by_day("""
        AND (%(cost_center)s::text IS NULL OR coalesce(asked.cost_center, '') = %(cost_center)s)
        AND (%(kind)s::text IS NULL OR EXISTS (
            SELECT FROM billing_usagespan AS used
            JOIN billing_meteredresource AS metered ON metered.id = used.resource_id
            WHERE used.id = source.span_id AND metered.kind = %(kind)s
        ))
""")
    + _SUM_DAYS
)
_WRITE_DAYS: Final[LiteralString] = f"""
{_by_day()}
INSERT INTO billing_summaryday (
    summary_id, is_expected, organization_id, project_id, day_start, exact
)
SELECT %(summary)s, false, organization_id, project_id, slice_start, sum(amount)
FROM day_part
GROUP BY organization_id, project_id, slice_start
"""  # noqa: S608
_BY_RESOURCE: Final[LiteralString] = f"""
{ASKED}
SELECT span.resource_id, sum(source.amount)
FROM asked
JOIN billing_statementlinesource AS source ON source.line_id = asked.id
JOIN billing_usagespan AS span ON span.id = source.span_id
WHERE asked.kind = 'usage'
GROUP BY span.resource_id
ORDER BY sum(source.amount) DESC, span.resource_id
"""  # noqa: S608
# What was billed of each piece of use, behind the lines that are asked for.
BILLED_CHARGES: Final[LiteralString] = f"""
SELECT
    source.span_id, span.resource_id, asked.project_id, asked.organization_id, asked.sku_id,
    asked.price_id, asked.unit, asked.unit_price, asked.from_quantity,
    CASE
        WHEN asked.unit {AT_ONCE} THEN coalesce(source.part, span.quantity)
        ELSE span.quantity
    END AS quantity,
    source.started_at, source.ended_at, source.seconds,
    coalesce(source.part, span.quantity) * CASE
        WHEN source.part IS NULL OR asked.unit {AT_ONCE} THEN source.seconds
        ELSE 1
    END AS quantity_seconds,
    source.amount,
    asked.cost_center, asked.cost_object, asked.commitment_number
FROM asked
JOIN billing_statementlinesource AS source ON source.line_id = asked.id
JOIN billing_usagespan AS span ON span.id = source.span_id
WHERE asked.kind = 'usage'
"""  # noqa: S608
_CHARGES: Final[LiteralString] = f"""
{ASKED}
{BILLED_CHARGES}
    AND source.span_id >= %(after_span)s
    AND (source.span_id, source.started_at, asked.from_quantity)
        > (%(after_span_id)s, %(after_started_at)s, %(after_from_quantity)s)
ORDER BY source.span_id, source.started_at, asked.from_quantity
LIMIT %(limit)s
"""
_CORRECTIONS: Final[LiteralString] = f"""
{ASKED}
SELECT id FROM asked WHERE kind <> 'usage'
"""  # noqa: S608


def closed_among(months: Iterable[Period]) -> dict[datetime, BillingMonth]:
    """Those of these business months that are closed, by their start: of them counts what was
    billed. One query.
    """
    found = BillingMonth.objects.filter(
        first_day__in=[day_of(month.start) for month in months], state=MonthState.CLOSED
    )
    return {month.period.start: month for month in found}


def find_closed(month: Period) -> BillingMonth | None:
    """This month, if it is closed."""
    return closed_among([month]).get(month.start)


def billed_lines(
    node_ids: Sequence[int], months: Collection[BillingMonth]
) -> dict[datetime, Costs]:
    """What is on the statements of these months, by the start of the month. One query."""
    lines: dict[datetime, list[CostLine]] = {month.period.start: [] for month in months}
    for row in _fetch(_LINES, node_ids, months):
        line = line_of(row)
        lines[line.month_start].append(line)
    return {start: Costs(lines=tuple(some)) for start, some in lines.items()}


def billed_totals(
    node_ids: Sequence[int], months: Collection[BillingMonth], *, cost_center: str | None = None
) -> dict[datetime, Decimal]:
    """The same added up. Months without any line are left out. One query.

    Args:
        cost_center: only what falls under this one; empty: under none.
    """
    query = query_months(node_ids, months)
    primary_keys = [month.pk for month in months]
    return dict(query.fetch(_TOTALS, months=primary_keys, cost_center=cost_center))


def billed_days(
    node_ids: Sequence[int],
    month: BillingMonth,
    *,
    kind: str | None = None,
    cost_center: str | None = None,
) -> dict[datetime, Decimal]:
    """What was billed of use on each day of a month, by its start, six decimals. One query.

    Corrections and credits are of no day.

    Args:
        kind: only of this kind of thing.
        cost_center: only what fell under this one; empty: under none.
    """
    query = _query_days(node_ids, month)
    if kind is None and cost_center is None:
        return dict(query.fetch(_DAYS, months=[month.pk]))
    chosen = {"kind": kind, "cost_center": cost_center}
    return dict(query.fetch(_DAYS_CHOSEN, months=[month.pk], **chosen))


def write_billed_days(node_ids: Sequence[int], month: BillingMonth, *, summary_id: int) -> None:
    """Keep what ``billed_days`` says, for each project and who pays for it, in a summary."""
    query = _query_days(node_ids, month)
    query.write(_WRITE_DAYS, months=[month.pk], summary=summary_id)


def payers_in(node_ids: Sequence[int], month: BillingMonth) -> list[int]:
    """The organizations whose statements of a month count in these branches. One query."""
    rows = query_months(node_ids, [month]).fetch(_PAYERS, last_second=last_second(month.period))
    return [pk for (pk,) in rows]


def billed_by_resource(project_id: int, month: BillingMonth) -> list[ResourceCost]:
    """What was billed of the use of each resource of a project, dearest first. One query."""
    return [
        ResourceCost(resource_id=resource_id, exact=exact, is_price_missing=False)
        for resource_id, exact in _fetch(_BY_RESOURCE, [project_id], [month])
    ]


def list_billed(
    node_ids: Sequence[int],
    *,
    month: BillingMonth,
    after: Position | None = None,
    limit: int | None = None,
) -> list[Charge]:
    """As ``list_charges``, but of a closed month, and what was billed of use. One query."""
    after = after or (0, month.period.start, Decimal(0))
    rows = query_months(node_ids, [month], after_span=after[0]).fetch(
        _CHARGES, months=[month.pk], **place_after(after), limit=limit
    )
    return [charge_of(row) for row in rows]


def stream_billed(
    node_ids: Sequence[int], *, month: BillingMonth, size: int = 2000
) -> Iterator[list[Charge]]:
    """The same, ``size`` at a time, as ``stream_charges``. One query."""
    first = place_after((0, month.period.start, Decimal(0)))
    query = query_months(node_ids, [month])
    for rows in query.stream(_CHARGES, size=size, months=[month.pk], **first, limit=None):
        yield [charge_of(row) for row in rows]


def billed_corrections(node_ids: Sequence[int], *, month: BillingMonth) -> list[StatementLine]:
    """What the statements of a closed month put right or give back of earlier ones, and
    what of them is shared by key. Two queries."""
    rows = _fetch(_CORRECTIONS, node_ids, [month])
    lines = StatementLine.objects.filter(pk__in=[pk for (pk,) in rows])
    related = (
        *("statement__organization", "used_in", "project", "sku", "price"),
        "split_key__source",
    )
    found = lines.select_related(*related).defer("statement__document")
    return list(found.order_by("statement__sequence", "position"))


def _fetch(
    select: LiteralString, node_ids: Sequence[int], months: Collection[BillingMonth]
) -> list[tuple[Any, ...]]:
    return query_months(node_ids, months).fetch(select, months=[month.pk for month in months])


def query_months(
    node_ids: Sequence[int], months: Collection[BillingMonth], *, after_span: int = 0
) -> ChargeQuery:
    """Of which only where organizations stood is asked, not what is charged."""
    period = next(iter(months)).period
    return _query_slices(node_ids, [period], period, after_span)


def _query_days(node_ids: Sequence[int], month: BillingMonth) -> ChargeQuery:
    return _query_slices(node_ids, days_in(month.period), month.period)


def _query_slices(
    node_ids: Sequence[int], pieces: Sequence[Period], month: Period, after_span: int = 0
) -> ChargeQuery:
    return ChargeQuery(
        node_ids=node_ids,
        slices=[Slice(period=piece, month_seconds=month.seconds) for piece in pieces],
        as_of=month.end,
        until=month.end,
        after_span=after_span,
        reads_charges=False,
    )
