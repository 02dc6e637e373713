"""The usage rows of the running portal, and what they come to by ``billing.rating`` alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg.rows import namedtuple_row

from billing.rating import Unit, UnitPrice, Usage, rate
from portal.core.calendar import month_of
from portal.core.money import to_cents

_SPANS: LiteralString = """
SELECT resource.public_id AS resource, project.name AS project, span.sku_id AS sku,
       span.quantity, span.started_at, span.ended_at, price.unit, price.amount
FROM billing_usagespan span
JOIN billing_meteredresource resource ON resource.id = span.resource_id
JOIN identity_node project ON project.id = resource.project_id
JOIN billing_price price ON price.sku_id = span.sku_id
ORDER BY span.id
"""
_CHANGING_PRICES: LiteralString = """
SELECT sku_id FROM billing_price GROUP BY sku_id
HAVING count(*) > 1 OR bool_or(organization_id IS NOT NULL OR valid_until IS NOT NULL)
"""
_CLAIM: LiteralString = """
SELECT claim.state FROM catalog_resource resource
JOIN catalog_quotaclaim claim ON claim.id = resource.claim_id WHERE resource.public_id = %s
"""


@dataclass(frozen=True)
class Ledger:
    """Reads the portal's database beside the portal, and computes what the pages should say."""

    connection: psycopg.Connection[Any]

    @classmethod
    @contextmanager
    def open(cls, url: str) -> Iterator[Ledger]:
        with psycopg.connect(url, autocommit=True, row_factory=namedtuple_row) as connection:
            ledger = cls(connection)
            # One price per SKU, for everybody and without end: the sums below count on it.
            assert ledger._rows(_CHANGING_PRICES) == []
            yield ledger

    def per_project(self, at: datetime) -> dict[str, Decimal]:
        """Cents that each project used this month until ``at``; a line is a project at a price."""
        lines: defaultdict[tuple[str, int], Decimal] = defaultdict(Decimal)
        for span in self._spans():
            lines[span.project, span.sku] += _cost(span, at)
        totals: defaultdict[str, Decimal] = defaultdict(Decimal)
        for (project, _), exact in lines.items():
            totals[project] += to_cents(exact)
        return dict(totals)

    def of_resource(self, resource: UUID, at: datetime) -> Decimal:
        """What one resource used this month until ``at``, six decimals."""
        spans = [span for span in self._spans() if span.resource == resource]
        return sum((_cost(span, at) for span in spans), Decimal(0))

    def open_spans(self, resource: UUID) -> int:
        """How many meters of the resource still run."""
        spans = [span for span in self._spans() if span.resource == resource]
        assert spans, "it was never metered"
        return sum(span.ended_at is None for span in spans)

    def claim_state(self, resource: UUID) -> str:
        return str(self._rows(_CLAIM, resource)[0].state)

    def _spans(self) -> Sequence[Any]:
        return self._rows(_SPANS)

    def _rows(self, query: LiteralString, *values: object) -> list[Any]:
        return self.connection.execute(query, values).fetchall()


def _cost(span: Any, at: datetime) -> Decimal:
    """The part of a usage span that falls in the month of ``at``, up to that moment."""
    start = max(span.started_at, month_of(at).start)
    end = min(span.ended_at or at, at)
    if end <= start:
        return Decimal(0)
    price = UnitPrice(Unit(span.unit), span.amount)
    return rate(Usage(span.quantity, start.astimezone(UTC), end.astimezone(UTC)), price)
