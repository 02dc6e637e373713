"""What became known of closed months after they closed, as differences with what was billed.

The same statement that charges a month charges all closed months again; whatever it says now that
statements do not say yet is a correction. So it does not matter why: usage that was seen late,
ended earlier than was thought, a price or a move that was written down afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Final, LiteralString

from billing.models import BillingMonth, MonthState
from billing.services.charge_query import ChargeQuery, Slice
from portal.identity.models import Organization

# How much was used of a charge's price, in its unit: for a GROUP BY of unit and month_seconds.
QUANTITY_IN_UNIT: Final[LiteralString] = """
CASE unit
    WHEN 'one_off' THEN sum(quantity)
    ELSE round(
        sum(quantity * seconds)::numeric(80, 24)
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
           unit, unit_price, {QUANTITY_IN_UNIT} AS quantity, coalesce(sum(amount), 0) AS exact
    FROM charge
    GROUP BY organization_id, project_id, sku_id, price_id, slice_start,
             cost_center, cost_object, commitment_number, unit, unit_price, month_seconds
),
billed AS (
    SELECT
        statement.organization_id, line.project_id, line.sku_id, line.price_id,
        used_in.first_day::timestamp AT TIME ZONE 'Europe/Amsterdam' AS slice_start,
        {_FALLS_UNDER},
        line.unit, line.unit_price, sum(line.quantity) AS quantity, sum(line.exact) AS exact,
        sum(line.amount) AS amount, min(line.id) AS first_line
    FROM billing_statementline AS line
    JOIN billing_statement AS statement ON statement.id = line.statement_id
    JOIN billing_billingmonth AS used_in ON used_in.id = line.used_in_id
    WHERE line.kind IN ('usage', 'correction')
        AND used_in.first_day = ANY(%(first_days)s)
    GROUP BY statement.organization_id, line.project_id, line.sku_id, line.price_id,
             used_in.first_day, cost_center, cost_object, commitment_number,
             line.unit, line.unit_price
)
SELECT
    organization_id, project_id, sku_id, price_id, slice_start,
    nullif(center, ''), nullif(object, ''), nullif(commitment, ''),
    coalesce(known.unit, billed.unit), coalesce(known.unit_price, billed.unit_price),
    coalesce(known.quantity, 0) - coalesce(billed.quantity, 0),
    coalesce(known.exact, 0) - coalesce(billed.exact, 0),
    round(coalesce(known.exact, 0), 2) - coalesce(billed.amount, 0),
    billed.first_line
FROM known
FULL JOIN billed USING (
    organization_id, project_id, sku_id, price_id, slice_start, center, object, commitment
)
WHERE round(coalesce(known.exact, 0), 2) <> coalesce(billed.amount, 0)
    OR price_id IS NULL
ORDER BY organization_id, slice_start, project_id, sku_id, price_id, center, object, commitment
"""  # noqa: S608  (a fragment of ours)


@dataclass(frozen=True, kw_only=True)
class Correction:
    """Of one line of a closed month: what it should be, less what was billed of it so far.

    ``corrects_id``: the first line that was billed of it; None when nothing was.
    """

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
    quantity: Decimal
    exact: Decimal
    amount: Decimal
    corrects_id: int | None


@dataclass(frozen=True, kw_only=True)
class LateFacts:
    """What statements do not say yet of closed months.

    ``skus_without_price``: of late use that cannot be charged before it has a price.
    """

    corrections: tuple[Correction, ...] = ()
    skus_without_price: frozenset[int] = frozenset()


_FIELDS: Final = tuple(field.name for field in fields(Correction))


def find_late_facts() -> LateFacts:
    """Return what closed months should have cost otherwise, less what is on statements. One query.

    A difference of less than a cent is none: nobody could pay it. It is not lost, for the next
    look adds it up again.
    """
    closed = list(BillingMonth.objects.filter(state=MonthState.CLOSED).order_by("first_day"))
    if not closed:
        return LateFacts()
    rows = [
        dict(zip(_FIELDS, row, strict=True))
        for row in query_of_everybody(closed).fetch(
            _DIFFERENCES, first_days=[month.first_day for month in closed]
        )
    ]
    return LateFacts(
        corrections=tuple(Correction(**row) for row in rows if row["price_id"] is not None),
        skus_without_price=frozenset(row["sku_id"] for row in rows if row["price_id"] is None),
    )


def query_of_everybody(months: Sequence[BillingMonth]) -> ChargeQuery:
    """All charges of all organizations in ``months``, which are over and follow each other."""
    periods = [month.period for month in months]
    return ChargeQuery(
        node_ids=list(Organization.objects.values_list("pk", flat=True)),
        slices=[Slice(period=period, month_seconds=period.seconds) for period in periods],
        as_of=periods[-1].end,
        until=periods[-1].end,
    )
