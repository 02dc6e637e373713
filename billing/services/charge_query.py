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

from billing.services.term_query import FROZEN_PRICE, FROZEN_UNTIL
from billing.services.tier_query import ENDED_AT, TIERED_PRICES, tiered_charges
from portal.core.calendar import Period

# What ``WITH RECURSIVE`` begins with; a comma comes behind it.
LINEAGE: Final[LiteralString] = """
-- Under which parent a node stood, when. Where no history is known: where it stands now. Worked out
-- once, for each level of the tree looks at it anew.
parenthood AS MATERIALIZED (
    SELECT node_id, parent_id, tstzrange(valid_from, valid_until) AS period
    FROM identity_nodeparent
    UNION ALL
    SELECT
        node.id,
        node.parent_id,
        unnest(
            '{(,)}'::tstzmultirange - coalesce(
                (
                    SELECT range_agg(tstzrange(known.valid_from, known.valid_until))
                    FROM identity_nodeparent AS known WHERE known.node_id = node.id
                ),
                '{}'
            )
        )
    FROM identity_node AS node
    WHERE node.parent_id IS NOT NULL
),
-- Every organization with itself (depth 0) and those above it, when.
lineage (organization_id, ancestor_id, depth, period) AS (
    SELECT id, id, 0, '(,)'::tstzrange FROM identity_node WHERE kind = 'organization'
    UNION ALL
    SELECT
        lineage.organization_id, above.parent_id, lineage.depth + 1, lineage.period * above.period
    FROM lineage
    JOIN parenthood AS above
        ON above.node_id = lineage.ancestor_id AND above.period && lineage.period
)
"""
_PRICES: Final[LiteralString] = (
    """
WITH RECURSIVE
-- The periods asked for. Each lies within one month, by whose seconds a monthly price is divided.
slice AS (
    SELECT starts, ends, month_seconds
    FROM unnest(
        %(starts)s::timestamptz[], %(ends)s::timestamptz[], %(month_seconds)s::int[]
    ) AS given (starts, ends, month_seconds)
),"""  # noqa: S608  (a fragment of ours)
    + LINEAGE
    + """,
-- When each organization belonged to the branches asked for.
covered AS (
    SELECT organization_id, range_agg(period) AS periods
    FROM lineage WHERE ancestor_id = ANY(%(nodes)s) GROUP BY organization_id
),
candidate_project AS (
    SELECT id FROM identity_node
    WHERE id = ANY(%(nodes)s) OR parent_id IN (SELECT organization_id FROM covered)
    UNION
    SELECT node_id FROM identity_nodeparent
    WHERE parent_id IN (SELECT organization_id FROM covered)
),
-- Which organization pays for a project, when, as far as that was asked for.
home AS (
    SELECT
        parenthood.node_id AS project_id,
        parenthood.parent_id AS organization_id,
        unnest(range_agg(
            parenthood.period::tstzmultirange * CASE
                WHEN parenthood.node_id = ANY(%(nodes)s) THEN '{(,)}'::tstzmultirange
                ELSE covered.periods
            END
        )) AS period
    FROM parenthood
    JOIN candidate_project ON candidate_project.id = parenthood.node_id
    JOIN identity_project AS project ON project.node_ptr_id = parenthood.node_id
    LEFT JOIN covered ON covered.organization_id = parenthood.parent_id
    GROUP BY parenthood.node_id, parenthood.parent_id
),
-- The SKUs that were ever used, by one look into the index for each.
used_sku AS (
    SELECT id AS sku_id FROM billing_sku AS sku
    WHERE EXISTS (SELECT FROM billing_usagespan AS span WHERE span.sku_id = sku.id)
),
-- What could be the price for an organization; the lowest depth goes first, no price comes last.
candidate_price AS (
    SELECT
        lineage.organization_id, price.sku_id, price.id AS price_id, price.unit, price.amount,
        lineage.depth, lineage.period * tstzrange(price.valid_from, price.valid_until) AS period
    FROM lineage
    JOIN billing_price AS price ON price.organization_id = lineage.ancestor_id
    WHERE lineage.organization_id IN (SELECT organization_id FROM home)
        AND price.sku_id IN (SELECT sku_id FROM used_sku)
    UNION ALL
    SELECT
        payer.organization_id, price.sku_id, price.id, price.unit, price.amount,
        1000000, tstzrange(price.valid_from, price.valid_until)
    FROM billing_price AS price
    CROSS JOIN (SELECT DISTINCT organization_id FROM home) AS payer
    WHERE price.organization_id IS NULL AND price.sku_id IN (SELECT sku_id FROM used_sku)
    UNION ALL
    SELECT payer.organization_id, used.sku_id, NULL, NULL, NULL, 1000001, '(,)'::tstzrange
    FROM (SELECT DISTINCT organization_id FROM home) AS payer
    CROSS JOIN used_sku AS used
),
-- Of each candidate, the time in which no nearer candidate holds.
remaining_price AS (
    SELECT
        candidate_price.*,
        period::tstzmultirange - coalesce(
            range_agg(period) OVER (
                PARTITION BY organization_id, sku_id ORDER BY depth
                GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ),
            '{}'
        ) AS periods
    FROM candidate_price
),
-- The price that holds for an organization, when. Both readers of it work it out: as a table the
-- planner would know nothing of it.
tariff AS NOT MATERIALIZED (
    SELECT
        organization_id, sku_id, price_id, unit, amount, unnest(range_agg(periods)) AS period
    FROM remaining_price
    GROUP BY organization_id, sku_id, price_id, unit, amount
),
"""
    + TIERED_PRICES
    + """,
-- What was said of nodes and resources that costs fall under.
allocation_fact AS (
    SELECT node_id, resource_id, key, value, tstzrange(valid_from, valid_until) AS period
    FROM billing_allocationfact
    WHERE valid_from < %(until)s AND (valid_until IS NULL OR valid_until > %(since)s)
    UNION ALL
    SELECT node_id, NULL, 'cost_center', code, tstzrange(valid_from, valid_until)
    FROM identity_costcentre
    WHERE valid_from < %(until)s AND (valid_until IS NULL OR valid_until > %(since)s)
),
-- The resources of which something was said itself; zero stands for the rest of a project.
holder AS (
    SELECT DISTINCT project_id, 0 AS resource_id FROM home
    UNION ALL
    SELECT resource.project_id, resource.id
    FROM billing_meteredresource AS resource
    WHERE resource.id IN (
            SELECT resource_id FROM allocation_fact WHERE resource_id IS NOT NULL
        )
        AND resource.project_id = ANY(ARRAY(SELECT project_id FROM home))
        AND (%(resource)s::uuid IS NULL OR resource.public_id = %(resource)s::uuid)
),
-- As with prices: what could hold, the nearest first, and nothing last.
candidate_allocation AS (
    SELECT holder.project_id, holder.resource_id, fact.key, fact.value, -2 AS depth, fact.period
    FROM holder
    JOIN allocation_fact AS fact ON fact.resource_id = holder.resource_id
    UNION ALL
    SELECT holder.project_id, holder.resource_id, fact.key, fact.value, -1, fact.period
    FROM holder
    JOIN allocation_fact AS fact ON fact.node_id = holder.project_id
    UNION ALL
    SELECT
        holder.project_id, holder.resource_id, fact.key, fact.value, lineage.depth,
        home.period * lineage.period * fact.period
    FROM allocation_fact AS fact
    JOIN lineage ON lineage.ancestor_id = fact.node_id AND lineage.period && fact.period
    JOIN home
        ON home.organization_id = lineage.organization_id
        AND home.period && lineage.period * fact.period
    JOIN holder ON holder.project_id = home.project_id
    UNION ALL
    SELECT holder.project_id, holder.resource_id, key, NULL, 1000000, '(,)'::tstzrange
    FROM holder
    CROSS JOIN (VALUES ('cost_center'), ('cost_object'), ('commitment_number')) AS each (key)
),
remaining_allocation AS (
    SELECT
        candidate_allocation.*,
        period::tstzmultirange - coalesce(
            range_agg(period) OVER (
                PARTITION BY project_id, resource_id, key ORDER BY depth
                GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ),
            '{}'
        ) AS periods
    FROM candidate_allocation
),
held_allocation AS MATERIALIZED (
    SELECT project_id, resource_id, key, value, unnest(range_agg(periods)) AS period
    FROM remaining_allocation
    GROUP BY project_id, resource_id, key, value
),
-- The three keys together.
allocation AS MATERIALIZED (
    SELECT
        center.project_id, center.resource_id,
        center.value AS cost_center, object.value AS cost_object,
        commitment.value AS commitment_number,
        center.period * object.period * commitment.period AS period
    FROM held_allocation AS center
    JOIN held_allocation AS object
        ON object.project_id = center.project_id AND object.resource_id = center.resource_id
        AND object.key = 'cost_object' AND object.period && center.period
    JOIN held_allocation AS commitment
        ON commitment.project_id = center.project_id
        AND commitment.resource_id = center.resource_id
        AND commitment.key = 'commitment_number'
        AND commitment.period && center.period * object.period
    WHERE center.key = 'cost_center'
),
-- What the rest of a project falls under; beside it one line for the resources that have their own,
-- so that their prices are not cut where only the rest changes.
project_allocation AS (
    SELECT project_id, false AS is_own, cost_center, cost_object, commitment_number, period
    FROM allocation WHERE resource_id = 0
    UNION ALL
    SELECT DISTINCT project_id, true, NULL, NULL, NULL, '(,)'::tstzrange
    FROM holder WHERE resource_id > 0
),
own_allocation AS MATERIALIZED (
    SELECT
        resource_id, cost_center, cost_object, commitment_number,
        lower(period) AS since, upper(period) AS until
    FROM allocation WHERE resource_id > 0
),
-- The prices per project, within what is asked for. Materialized: joined to usage one by one,
-- tariff and home would first pair all usage with the prices of every organization. The ids are
-- those of the tables, for of these the planner knows how many there are.
project_price AS MATERIALIZED (
    SELECT
        project.node_ptr_id AS project_id, home.organization_id, sku.id AS sku_id,
        tariff.price_id, tariff.unit, tariff.amount,
        EXISTS (SELECT FROM tiered_price WHERE tiered_price.id = tariff.price_id) AS has_tiers,
        falls.is_own, falls.cost_center, falls.cost_object, falls.commitment_number,
        lower(asked.period * home.period * tariff.period * falls.period) AS since,
        upper(asked.period * home.period * tariff.period * falls.period) AS until
    FROM (SELECT tstzrange(min(starts), max(ends)) AS period FROM slice) AS asked
    JOIN home ON home.period && asked.period
    JOIN identity_project AS project ON project.node_ptr_id = home.project_id
    JOIN project_allocation AS falls ON falls.project_id = home.project_id
    JOIN tariff
        ON tariff.organization_id = home.organization_id
        AND tariff.period && asked.period * home.period
    JOIN billing_sku AS sku ON sku.id = tariff.sku_id
    -- Not by &&, of which the planner expects so little that it would try all with all.
    WHERE NOT isempty(asked.period * home.period * tariff.period * falls.period)
)
"""
)


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
{_PRICES},
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
