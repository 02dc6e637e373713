"""What became known of closed months after they closed, as differences with what was billed.

The same statement that charges a month charges all closed months again; whatever it says now that
statements do not say yet is a correction. So it does not matter why: usage that was seen late,
ended earlier than was thought, a price or a move that was written down afterwards.

Of what was given back as a credit before, a correction would give back twice. What then went back
beyond the cost of the use is set off against the credit, so that no use ever costs less than
nothing; and it is given again when the use turns out to cost something after all. In whichever
order things become known, statements come to the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, LiteralString

from billing.models import BillingMonth, LineKind, MonthState
from billing.services.charge_query import ChargeQuery, Slice
from portal.identity.models import Organization

# How much was used of a charge's price, in its unit: for a GROUP BY of unit and month_seconds.
QUANTITY_IN_UNIT: Final[LiteralString] = """
CASE unit
    WHEN 'one_off' THEN sum(quantity)
    WHEN 'gib' THEN sum(quantity)
    ELSE round(
        sum(quantity_seconds)::numeric(80, 24)
            / CASE unit WHEN 'hour' THEN 3600 ELSE month_seconds END,
        12
    )
END
"""
# Nothing is an empty text here, for NULL joins nothing.
_FALLS_UNDER: Final[LiteralString] = """
coalesce(cost_center, '') AS center, coalesce(cost_object, '') AS object,
coalesce(commitment_number, '') AS commitment
"""
_DIFFERENCES: Final[LiteralString] = f"""
, known AS (
    SELECT organization_id, project_id, sku_id, price_id, slice_start,
           {_FALLS_UNDER},
           unit, unit_price, from_quantity,
           {QUANTITY_IN_UNIT} AS quantity, coalesce(sum(amount), 0) AS exact
    FROM charge
    GROUP BY organization_id, project_id, sku_id, price_id, slice_start,
             cost_center, cost_object, commitment_number, unit, unit_price, from_quantity,
             month_seconds
),
billed AS (
    SELECT
        statement.organization_id, line.project_id, line.sku_id, line.price_id,
        used_in.first_day::timestamp AT TIME ZONE 'Europe/Amsterdam' AS slice_start,
        {_FALLS_UNDER},
        line.unit, line.unit_price, line.from_quantity,
        sum(line.quantity) AS quantity, sum(line.exact) AS exact,
        sum(line.amount) AS amount, min(line.id) AS first_line
    FROM billing_statementline AS line
    JOIN billing_statement AS statement ON statement.id = line.statement_id
    JOIN billing_billingmonth AS used_in ON used_in.id = line.used_in_id
    WHERE line.kind IN ('usage', 'correction')
        AND used_in.first_day = ANY(%(first_days)s)
    GROUP BY statement.organization_id, line.project_id, line.sku_id, line.price_id,
             used_in.first_day, cost_center, cost_object, commitment_number,
             line.unit, line.unit_price, line.from_quantity
),
-- What was promised to be given back of it, and what of that was set off on statements so far.
given AS (
    SELECT
        statement.organization_id, line.project_id, line.sku_id, line.price_id,
        used_in.first_day::timestamp AT TIME ZONE 'Europe/Amsterdam' AS slice_start,
        {_FALLS_UNDER},
        line.from_quantity, sum(promised.amount) AS credited, sum(promised.set_off) AS set_off
    FROM (
        SELECT line_id, amount, 0 AS set_off FROM billing_credit WHERE taken_back_at IS NULL
        UNION ALL
        SELECT id, 0, amount FROM billing_statementline WHERE kind = 'set_off'
    ) AS promised
    JOIN billing_statementline AS line ON line.id = promised.line_id
    JOIN billing_statement AS statement ON statement.id = line.statement_id
    JOIN billing_billingmonth AS used_in ON used_in.id = line.used_in_id
    WHERE used_in.first_day = ANY(%(first_days)s)
    GROUP BY statement.organization_id, line.project_id, line.sku_id, line.price_id,
             used_in.first_day, cost_center, cost_object, commitment_number, line.from_quantity
),
compared AS (
    SELECT
        organization_id, project_id, sku_id, price_id, slice_start, center, object, commitment,
        from_quantity, coalesce(known.unit, billed.unit) AS unit,
        coalesce(known.unit_price, billed.unit_price) AS unit_price,
        coalesce(known.quantity, 0) - coalesce(billed.quantity, 0) AS quantity,
        coalesce(known.exact, 0) - coalesce(billed.exact, 0) AS exact,
        round(coalesce(known.exact, 0), 2) - coalesce(billed.amount, 0) AS amount,
        greatest(0, coalesce(given.credited, 0) - round(coalesce(known.exact, 0), 2))
            - coalesce(given.set_off, 0) AS set_off,
        billed.first_line
    FROM known
    FULL JOIN billed USING (
        organization_id, project_id, sku_id, price_id, slice_start, center, object, commitment,
        from_quantity
    )
    LEFT JOIN given USING (
        organization_id, project_id, sku_id, price_id, slice_start, center, object, commitment,
        from_quantity
    )
)
SELECT
    'correction' AS kind, organization_id, project_id, sku_id, price_id, slice_start,
    nullif(center, ''), nullif(object, ''), nullif(commitment, ''),
    unit, unit_price, from_quantity, quantity, exact, amount, first_line
FROM compared
WHERE amount <> 0 OR price_id IS NULL
UNION ALL
SELECT
    'set_off', organization_id, project_id, sku_id, price_id, slice_start,
    nullif(center, ''), nullif(object, ''), nullif(commitment, ''),
    unit, unit_price, from_quantity, 0, set_off, set_off, first_line
FROM compared
WHERE set_off <> 0
ORDER BY 2, 6, 3, 4, 5, 7, 8, 9, from_quantity, kind
"""  # noqa: S608  (a fragment of ours)


@dataclass(frozen=True, kw_only=True)
class Correction:
    """Of one line of a closed month: what it should be, less what was billed of it so far.

    Attributes:
        kind: a correction of the use, or what is set off against credits of it.
        corrects_id: the first line that was billed of it; None when nothing was.
    """

    kind: LineKind
    organization_id: int
    project_id: int
    sku_id: int
    price_id: int
    month_start: datetime
    cost_center: str | None
    cost_object: str | None
    commitment_number: str | None
    unit: str
    unit_price: Decimal
    from_quantity: Decimal
    quantity: Decimal
    exact: Decimal
    amount: Decimal
    corrects_id: int | None


@dataclass(frozen=True, kw_only=True)
class LateFacts:
    """What statements do not say yet of closed months.

    ``without_price``: late use that cannot be charged before it has a price, by SKU and beginning
    of the closed month.
    """

    corrections: tuple[Correction, ...] = ()
    without_price: frozenset[tuple[int, datetime]] = frozenset()


_FIELDS: Final = tuple(field.name for field in fields(Correction))


def find_late_facts(months: Iterable[BillingMonth] | None = None) -> LateFacts:
    """Return what closed months should have cost otherwise, less what is on statements.

    A difference of less than a cent is none: nobody could pay it. It is not lost, for the next
    look adds it up again. Three queries for each row of months
    without a gap.

    Args:
        months: closed ones, the first one first; None is all of them.
    """
    if months is None:
        months = BillingMonth.objects.filter(state=MonthState.CLOSED).order_by("first_day")
    rows = [row for closed in _without_gaps(months) for row in _differences(closed)]
    return LateFacts(
        corrections=tuple(
            sorted(
                (Correction(**row) for row in rows if row["price_id"] is not None),
                key=lambda one: one.organization_id,
            )
        ),
        without_price=frozenset(
            (row["sku_id"], row["month_start"]) for row in rows if row["price_id"] is None
        ),
    )


def _differences(months: Sequence[BillingMonth]) -> list[dict[str, Any]]:
    rows = query_of_everybody(months).fetch(
        _DIFFERENCES, first_days=[month.first_day for month in months]
    )
    return [dict(zip(_FIELDS, row, strict=True)) for row in rows]


def _without_gaps(months: Iterable[BillingMonth]) -> list[list[BillingMonth]]:
    """The months in rows of which each follows the one before it."""
    rows: list[list[BillingMonth]] = []
    for month in months:
        if rows and rows[-1][-1].period.end == month.period.start:
            rows[-1].append(month)
        else:
            rows.append([month])
    return rows


def query_of_everybody(months: Sequence[BillingMonth]) -> ChargeQuery:
    """All charges of all organizations in ``months``, which are over and follow each other."""
    periods = [month.period for month in months]
    return ChargeQuery(
        node_ids=list(Organization.objects.values_list("pk", flat=True)),
        slices=[Slice(period=period, month_seconds=period.seconds) for period in periods],
        as_of=periods[-1].end,
        until=periods[-1].end,
    )
