"""Usage ∩ price ∩ organization ∩ allocation at that time ∩ month, in one set-based statement.

``billing.rating`` says the same for one thing at a time; a test proves that both agree. Read the
statement from the bottom up: ``charge`` is what comes out, everything above it prepares what
``piece`` intersects. What there is little of (places, prices, allocation) is in ranges. Usage is in
plain moments and is read once, from the table through the joins: at a million spans a range costs
seconds, and so does a copy.

Of a price with tiers one piece may be several charges: see ``billing.services.tier_query``. What is
in a minimum term has the price of that: see ``billing.services.term_query``. What looks ahead also
has what the cloud is expected to count: see ``billing.services.trend_query``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from django.db import connection

from billing.services.charge_scope import Part, Scope
from billing.services.price_query import PRICES
from billing.services.term_query import FROZEN_UNTIL, TERM_PRICE
from billing.services.tier_query import ENDED_AT, tiered_charges
from billing.services.trend_query import IS_THERE, LATELY_DAYS, SPANS_WITH_TREND, TREND_SPANS
from portal.core.calendar import Period


def _pieces(
    price: LiteralString,
    found_by: LiteralString,
    frozen_until: LiteralString = FROZEN_UNTIL,
    only_spans: LiteralString = "",
    spans: LiteralString = "billing_usagespan",
) -> LiteralString:
    """Usage ∩ price ∩ allocation ∩ slice, as ``timed``.

    Args:
        price: where they are.
        found_by: how usage finds them.
        frozen_until: of a ``span``, until when these do not hold.
        spans: where usage is.
    """
    return f"""
-- Use, once for each time in which something else was said of the resource itself.
-- OFFSET is a fence, here and below: use is read through, and looked up in tables that are small
-- enough to wait for that, one after another. These are joined from the LEFT, for the planner knows
-- nothing of them and would expect that hardly any use is found there: nearly all is, and what is
-- not falls out in the end.
usage AS (
    SELECT
        span.id AS span_id,
        span.resource_id,
        resource.project_id,
        span.sku_id,
        span.quantity,
        span.started_at,
        span.is_beginning,
        span.term_id,
        {frozen_until} AS frozen_until,
        own.resource_id IS NOT NULL AS is_own,
        own.cost_center, own.cost_object, own.commitment_number,
        own.since AS own_since, own.until AS own_until,
        {ENDED_AT} AS ended_at
    FROM billing_meteredresource AS resource
    LEFT JOIN own_allocation AS own ON own.resource_id = resource.id
    JOIN {spans} AS span ON span.resource_id = resource.id
    WHERE resource.project_id = ANY(%(projects)s::bigint[])
        AND (%(resource)s::uuid IS NULL OR resource.public_id = %(resource)s::uuid)
        AND span.started_at < %(until)s
        AND (span.ended_at IS NULL OR span.ended_at > %(since)s)
        AND span.id >= %(after_span)s {only_spans}
    OFFSET 0
),
placed_usage AS (
    SELECT
        usage.span_id, usage.resource_id, usage.project_id, usage.sku_id, usage.term_id,
        usage.quantity, usage.is_beginning, usage.started_at, usage.ended_at,
        usage.own_since, usage.own_until, usage.frozen_until,
        place.organization_id, place.since AS paid_since, place.until AS paid_until,
        coalesce(usage.cost_center, place.cost_center) AS cost_center,
        coalesce(usage.cost_object, place.cost_object) AS cost_object,
        coalesce(usage.commitment_number, place.commitment_number) AS commitment_number
    FROM usage
    LEFT JOIN place ON place.project_id = usage.project_id AND place.is_own = usage.is_own
    OFFSET 0
),
-- The part of it in a slice in which a price held (NULL is no bound); both ends once.
piece AS (
    SELECT
        placed.span_id, placed.resource_id, placed.project_id, placed.organization_id,
        placed.sku_id, price.price_id, price.unit, price.amount AS price_amount,
        placed.quantity AS held, placed.is_beginning,
        placed.cost_center, placed.cost_object, placed.commitment_number,
        placed.started_at AS span_started_at, slice.starts AS slice_start, slice.month_seconds,
        price.exact_price, price.is_at_once,
        coalesce(price.per_unit, slice.month_seconds) AS per_unit,
        greatest(
            placed.started_at, frozen_until, own_since, paid_since, price.since, slice.starts
        ) AS started_at,
        least(placed.ended_at, own_until, paid_until, price.until, slice.ends) AS ended_at
    FROM placed_usage AS placed
    LEFT JOIN (
        {price} JOIN slice ON slice.starts < price.until AND slice.ends > price.since
    ) ON {found_by}
    OFFSET 0
),
timed AS (
    SELECT piece.*, date_part('epoch', ended_at - started_at)::bigint AS seconds
    FROM piece
    WHERE slice_start IS NOT NULL AND started_at < ended_at
        -- While it stood elsewhere others pay; a price that is found by its term asks nobody.
        AND organization_id IS NOT NULL
        -- What is due once is due where the use begins.
        AND (NOT is_at_once OR is_beginning AND started_at = span_started_at)
)
"""  # noqa: S608  (fragments of ours)


_OF_PAYER: Final[LiteralString] = """
        price.organization_id = placed.organization_id AND price.sku_id = placed.sku_id"""
_AT_ONE_PRICE: Final[LiteralString] = """
    SELECT
        timed.*, price_amount AS unit_price, 0::numeric AS from_quantity,
        held AS quantity, held * seconds AS quantity_seconds, NULL::numeric AS part,
        round(
            exact_price * held * CASE WHEN is_at_once THEN 1 ELSE seconds END / per_unit, 6
        ) AS amount
    FROM timed
"""

_PLAIN: Final = _pieces("payer_price AS price", f"{_OF_PAYER} AND NOT price.has_tiers")
_PLAIN_CHARGES: Final = f"""
    SELECT plain.*, false AS is_in_term FROM ({_AT_ONE_PRICE}) AS plain"""  # noqa: S608  (fragments of ours)
_HAS_TIERS: Final[LiteralString] = (
    "EXISTS (SELECT FROM billing_price WHERE tier_quantities <> '{}')"
)


def _tiered(when: LiteralString, spans: LiteralString = "billing_usagespan") -> Part:
    pieces = _pieces(
        "payer_price AS price",
        f"{_OF_PAYER} AND price.has_tiers",
        only_spans="AND span.sku_id IN (SELECT sku_id FROM tiered_price)",
        spans=spans,
    )
    return Part(
        when=when,
        tables=tiered_charges(pieces, spans),
        charges="SELECT tiered_charge.*, false AS is_in_term FROM tiered_charge",
    )


_IN_A_TERM: Final = _pieces(
    "term_price AS price",
    "price.term_id = placed.term_id",
    frozen_until="NULL::timestamptz",
    only_spans="AND span.term_id IN (SELECT term_id FROM term_price)",
)
_TERMS: Final = Part(
    when="EXISTS (SELECT FROM billing_minimumterm)",
    tables=f"""{TERM_PRICE},
term_charge AS (
    WITH {_IN_A_TERM}
    {_AT_ONE_PRICE}
    WHERE EXISTS (SELECT FROM term_price)
)""",
    charges="SELECT term_charge.*, true AS is_in_term FROM term_charge",
)
_EXPECTED: Final = _pieces(
    "payer_price AS price", f"{_OF_PAYER} AND NOT price.has_tiers", spans="trend_span"
)
_TREND: Final = Part(
    when=IS_THERE,
    tables=f"""{TREND_SPANS},
trend_charge AS (
    WITH {_EXPECTED}
    {_AT_ONE_PRICE}
)""",
    charges="SELECT trend_charge.*, false AS is_in_term FROM trend_charge",
)
# What few use is charged by, where any is: see ``billing.services.charge_scope``.
_PARTS: Final = (_tiered(_HAS_TIERS), _TERMS)
_PARTS_AHEAD: Final = (
    _TREND,
    _tiered(f"{_HAS_TIERS} AND NOT {IS_THERE}"),
    _tiered(f"{_HAS_TIERS} AND {IS_THERE}", SPANS_WITH_TREND),
    _TERMS,
)


@dataclass(frozen=True, kw_only=True)
class Slice:
    """A period within one business month, and the seconds of that month."""

    period: Period
    month_seconds: int


@dataclass(frozen=True, kw_only=True)
class ChargeQuery:
    """Which charges are asked for.

    Attributes:
        node_ids: organizations (everything that belonged below them) and projects.
        slices: in order, without gaps.
        as_of: what is open counts until here.
        until: not before ``as_of``; from there on open use is expected to continue, and what the
            cloud counts to go on as it did.
        resource: only this one; None is all.
        after_span: only usage spans with this primary key or a higher one.
        reads_charges: False of whoever reads only who pays for what, or when: ``covered``,
            ``home``, ``lineage``, ``project_allocation``, ``slice``. That takes one query, charges
            take two: the first asks what the second has to do with.
    """

    node_ids: Sequence[int]
    slices: Sequence[Slice]
    as_of: datetime
    until: datetime
    resource: UUID | None = None
    after_span: int = 0
    reads_charges: bool = True

    def fetch(self, select: LiteralString, **parameters: Any) -> list[tuple[Any, ...]]:
        """Run the statement that ``select`` ends; it reads from ``charge``."""
        with connection.cursor() as cursor:
            cursor.execute(*self.statement(select, **parameters))
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows

    def write(self, insert: LiteralString, **parameters: Any) -> int:
        """Run the statement that ``insert`` ends; it writes what it reads from ``charge``.

        Returns:
            The number of rows written.
        """
        with connection.cursor() as cursor:
            cursor.execute(*self.statement(insert, **parameters))
            return int(cursor.rowcount)

    def stream(
        self, select: LiteralString, *, size: int, **parameters: Any
    ) -> Iterator[list[tuple[Any, ...]]]:
        """As ``fetch``, at most ``size`` rows at a time: the rest waits in the database.

        The statement runs once, and its result outlives its transaction: whoever reads slowly
        holds no lock and no snapshot.
        """
        statement = self.statement(select, **parameters)
        with connection.chunked_cursor() as cursor:
            cursor.execute(*statement)
            while rows := cursor.fetchmany(size):
                yield rows

    def statement(self, select: LiteralString, **parameters: Any) -> tuple[str, dict[str, Any]]:
        """The text that ``select`` ends, and its parameters. One query, where it reads charges."""
        if not self.reads_charges:
            return PRICES + select, {**self._parameters(), **parameters}
        scope = Scope.of(self.node_ids, _PARTS_AHEAD if self.until > self.as_of else _PARTS)
        tables = "".join(f",\n{part.tables}" for part in scope.parts)
        charges = "".join(f"\n    UNION ALL {part.charges}" for part in scope.parts)
        text = f"{PRICES},\n{_PLAIN}{tables},\ncharge AS ({_PLAIN_CHARGES}{charges}\n){select}"
        return text, {"projects": scope.project_ids, **self._parameters(), **parameters}

    def _parameters(self) -> dict[str, Any]:
        as_of = self.as_of.replace(microsecond=0)
        return {
            "nodes": list(self.node_ids),
            "starts": [piece.period.start for piece in self.slices],
            "ends": [piece.period.end for piece in self.slices],
            "month_seconds": [piece.month_seconds for piece in self.slices],
            "since": self.slices[0].period.start,
            "as_of": as_of,
            "until": max(as_of, self.until.replace(microsecond=0)),
            "lately_days": LATELY_DAYS,
            "resource": self.resource,
            "after_span": self.after_span,
        }
