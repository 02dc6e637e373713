"""Usage ∩ price ∩ organization ∩ allocation at that time ∩ month, in one set-based statement.

``billing.rating`` says the same for one thing at a time; a test proves that both agree. Read the
statement from the bottom up: ``charge`` is what comes out, everything above it prepares what
``piece`` intersects. What there is little of (places, prices, allocation) is in ranges. Usage is in
plain moments and is read once, from the table into the join: at a million spans a range costs
seconds, and so does a copy.

Of a price with tiers one piece may be several charges: see ``billing.services.tier_query``. What is
in a minimum term has the price of that: see ``billing.services.term_query``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from django.db import connection

from billing.services.price_query import PRICES
from billing.services.term_query import FROZEN_PRICE, FROZEN_UNTIL
from billing.services.tier_query import ENDED_AT, tiered_charges
from portal.core.calendar import Period


def _pieces(
    prices: LiteralString,
    frozen_until: LiteralString = FROZEN_UNTIL,
    only_spans: LiteralString = "",
) -> LiteralString:
    """Usage ∩ price ∩ allocation ∩ slice, as ``timed``.

    Args:
        prices: which of them, as ``priced``, and how usage finds them.
        frozen_until: of a ``span``, until when these do not hold.
    """
    return f"""
-- Use, once for each time in which something else was said of the resource itself.
-- OFFSET is a fence: what is below it is read through, while the prices wait in a hash table. The
-- projects are an array, so that few are looked up in the index and not searched for in everything.
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
    JOIN billing_usagespan AS span ON span.resource_id = resource.id
    WHERE resource.project_id = ANY(ARRAY(SELECT project_id FROM home))
        AND (%(resource)s::uuid IS NULL OR resource.public_id = %(resource)s::uuid)
        AND span.started_at < %(until)s
        AND (span.ended_at IS NULL OR span.ended_at > %(since)s)
        AND span.id >= %(after_span)s {only_spans}
    OFFSET 0
),
-- Where a price and an allocation held (NULL is no bound); a fence again, so that both ends are
-- worked out once.
priced_usage AS (
    SELECT
        span_id, resource_id, usage.project_id, usage.sku_id, quantity, started_at, is_beginning,
        priced.organization_id, priced.price_id, priced.unit, priced.amount AS price_amount,
        coalesce(usage.cost_center, priced.cost_center) AS cost_center,
        coalesce(usage.cost_object, priced.cost_object) AS cost_object,
        coalesce(usage.commitment_number, priced.commitment_number) AS commitment_number,
        greatest(usage.started_at, priced.since, own_since, frozen_until) AS priced_since,
        least(usage.ended_at, priced.until, own_until) AS priced_until
    FROM usage
    JOIN {prices} AND priced.is_own = usage.is_own
    OFFSET 0
),
piece AS (
    SELECT
        span_id, resource_id, project_id, organization_id, sku_id, price_id, unit, price_amount,
        quantity AS held, is_beginning, cost_center, cost_object, commitment_number,
        priced_usage.started_at AS span_started_at,
        slice.month_seconds, slice.starts AS slice_start,
        greatest(priced_since, slice.starts) AS started_at,
        least(priced_until, slice.ends) AS ended_at
    FROM priced_usage
    JOIN slice ON slice.starts < priced_until AND slice.ends > priced_since
    WHERE priced_since < priced_until
),
timed AS (
    SELECT piece.*, date_part('epoch', ended_at - started_at)::bigint AS seconds
    FROM piece
    -- A one-off price, and one per GiB that passed, is due once, where the use begins.
    WHERE coalesce(unit, '') NOT IN ('one_off', 'gib')
        OR (is_beginning AND started_at = span_started_at)
)
"""  # noqa: S608


_BY_PROJECT: Final[LiteralString] = """
project_price AS priced
        ON priced.project_id = usage.project_id AND priced.sku_id = usage.sku_id
"""
_BY_TERM: Final[LiteralString] = "frozen_price AS priced ON priced.term_id = usage.term_id"
_AT_ONE_PRICE: Final[LiteralString] = """
    SELECT
        timed.*, price_amount AS unit_price, 0::numeric AS from_quantity,
        held AS quantity, held * seconds AS quantity_seconds, NULL::numeric AS part,
        -- 24 places before the division: its result is then never rounded twice.
        round(
            (held * price_amount * CASE WHEN unit IN ('one_off', 'gib') THEN 1 ELSE seconds END)
            ::numeric(80, 24) / CASE unit
                WHEN 'one_off' THEN 1 WHEN 'gib' THEN 1 WHEN 'hour' THEN 3600 ELSE month_seconds
            END,
            6
        ) AS amount
    FROM timed
"""
_PLAIN: Final = _pieces(f"{_BY_PROJECT} AND priced.has_tiers IS false")
_TIERED: Final = _pieces(
    f"{_BY_PROJECT} AND priced.has_tiers IS true",
    only_spans="AND span.sku_id IN (SELECT sku_id FROM tiered_price)",
)
_IN_A_TERM: Final = _pieces(
    _BY_TERM, "NULL::timestamptz", "AND span.term_id IN (SELECT term_id FROM frozen_price)"
)
CHARGES: Final[LiteralString] = f"""
{PRICES},
{_PLAIN},
{tiered_charges(_TIERED)},
{FROZEN_PRICE},
term_charge AS (
    WITH {_IN_A_TERM}
    {_AT_ONE_PRICE}
    WHERE EXISTS (SELECT FROM frozen_price)
),
charge AS (
    {_AT_ONE_PRICE}
    UNION ALL
    SELECT * FROM tiered_charge
    UNION ALL
    SELECT * FROM term_charge
)
"""  # noqa: S608


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
        until: not before ``as_of``; from there on open use is expected to continue.
        resource: only this one; None is all.
        after_span: only usage spans with this primary key or a higher one.
    """

    node_ids: Sequence[int]
    slices: Sequence[Slice]
    as_of: datetime
    until: datetime
    resource: UUID | None = None
    after_span: int = 0

    def fetch(self, select: LiteralString, **parameters: Any) -> list[tuple[Any, ...]]:
        """Run the statement that ``select`` ends; it reads from ``charge``."""
        with connection.cursor() as cursor:
            cursor.execute(CHARGES + select, {**self.parameters(), **parameters})
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows

    def write(self, insert: LiteralString, **parameters: Any) -> int:
        """Run the statement that ``insert`` ends; it writes what it reads from ``charge``.

        Returns:
            The number of rows written.
        """
        with connection.cursor() as cursor:
            cursor.execute(CHARGES + insert, {**self.parameters(), **parameters})
            return int(cursor.rowcount)

    def stream(
        self, select: LiteralString, *, size: int, **parameters: Any
    ) -> Iterator[list[tuple[Any, ...]]]:
        """As ``fetch``, at most ``size`` rows at a time: the rest waits in the database.

        The statement runs once, and its result outlives its transaction: whoever reads slowly
        holds no lock and no snapshot.
        """
        with connection.chunked_cursor() as cursor:
            cursor.execute(CHARGES + select, {**self.parameters(), **parameters})
            while rows := cursor.fetchmany(size):
                yield rows

    def parameters(self) -> dict[str, Any]:
        """What the statement is executed with."""
        as_of = self.as_of.replace(microsecond=0)
        return {
            "nodes": list(self.node_ids),
            "starts": [piece.period.start for piece in self.slices],
            "ends": [piece.period.end for piece in self.slices],
            "month_seconds": [piece.month_seconds for piece in self.slices],
            "since": self.slices[0].period.start,
            "as_of": as_of,
            "until": max(as_of, self.until.replace(microsecond=0)),
            "resource": self.resource,
            "after_span": self.after_span,
        }
