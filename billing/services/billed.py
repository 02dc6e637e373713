"""What closed months were billed for: the same charges, as they stand behind the statements.

Late facts change what a month would be charged now, never what was billed; so of closed months
this is what files for other programs are made of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final, LiteralString

from billing.models import BillingMonth, StatementLine
from billing.services.charge_query import ChargeQuery, Slice
from billing.services.charging import Charge, charge_of

# What belongs to the branches asked for, at the time; a project that is asked for is always there.
_CHARGES: Final[LiteralString] = """
SELECT
    source.span_id, span.resource_id, line.project_id, statement.organization_id, line.sku_id,
    line.price_id, line.unit, line.unit_price, span.quantity, source.started_at, source.ended_at,
    source.seconds, source.amount, line.cost_center, line.cost_object, line.commitment_number
FROM billing_statement AS statement
JOIN billing_statementline AS line ON line.statement_id = statement.id
JOIN billing_statementlinesource AS source ON source.line_id = line.id
JOIN billing_usagespan AS span ON span.id = source.span_id
LEFT JOIN covered ON covered.organization_id = statement.organization_id
WHERE statement.month_id = %(month)s
    AND (line.project_id = ANY(%(nodes)s) OR covered.periods @> source.started_at)
ORDER BY source.span_id, source.started_at
"""
_CORRECTIONS: Final[LiteralString] = """
SELECT line.id
FROM billing_statement AS statement
JOIN billing_statementline AS line ON line.statement_id = statement.id
LEFT JOIN covered ON covered.organization_id = statement.organization_id
WHERE statement.month_id = %(month)s AND line.kind <> 'usage'
    AND (line.project_id = ANY(%(nodes)s) OR covered.periods @> %(last_second)s)
"""


def stream_billed(
    node_ids: Sequence[int], *, month: BillingMonth, size: int = 2000
) -> Iterator[list[Charge]]:
    """As ``stream_charges``, but of a closed month, and what was billed. One query."""
    rows_by_size = _query(node_ids, month).stream(_CHARGES, size=size, month=month.pk)
    for rows in rows_by_size:
        yield [charge_of(row) for row in rows]


def billed_corrections(node_ids: Sequence[int], *, month: BillingMonth) -> list[StatementLine]:
    """What the statements of a closed month put right or give back of earlier ones. Two queries."""
    last_second = month.period.end - timedelta(seconds=1)
    rows = _query(node_ids, month).fetch(_CORRECTIONS, month=month.pk, last_second=last_second)
    lines = StatementLine.objects.filter(pk__in=[pk for (pk,) in rows])
    related = ("statement__organization", "used_in", "project", "sku", "price")
    return list(lines.select_related(*related).order_by("statement__sequence", "position"))


def _query(node_ids: Sequence[int], month: BillingMonth) -> ChargeQuery:
    period = month.period
    return ChargeQuery(
        node_ids=node_ids,
        slices=[Slice(period=period, month_seconds=period.seconds)],
        as_of=period.end,
        until=period.end,
    )
