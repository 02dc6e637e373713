"""The part of the statement of all charges that is about prices with tiers.

Tiers count what a project uses at one price in a business month while one organization pays for it,
in the order in which that use began; of what began together by what it is, for in which order it
became known must not matter. So all of that is counted, whatever is asked for: of a day, a
resource or a branch, each piece then knows how much came before it, and finds its tiers. Parts add
up to the whole.

Without any price that has tiers nothing of this is in the statement, and use at other prices never
meets it.
"""

from __future__ import annotations

from typing import Final, LiteralString

from billing.services.term_query import FROZEN_UNTIL
from billing.services.unit_query import AT_ONCE

# Open usage counts until %(as_of)s, and is expected to go on until its end date or %(until)s; in a
# minimum term it is due until that ends.
ENDED_AT: Final[LiteralString] = f"""
least(%(until)s, CASE
    WHEN span.ended_at IS NOT NULL THEN span.ended_at
    WHEN resource.end_date IS NULL THEN %(until)s
    ELSE greatest(
        %(as_of)s, (resource.end_date + 1)::timestamp AT TIME ZONE 'Europe/Amsterdam',
        {FROZEN_UNTIL}
    )
END)
"""
TIERED_PRICES: Final[LiteralString] = """
tiered_price AS (SELECT * FROM billing_price WHERE tier_quantities <> '{}')
"""


def _counted(spans: LiteralString) -> LiteralString:
    return f"""
tier AS (
    SELECT price.id AS price_id, tier.since, tier.until, tier.amount
    FROM tiered_price AS price
    CROSS JOIN LATERAL unnest(
        array_prepend(0::numeric, price.tier_quantities),
        array_append(price.tier_quantities, NULL),
        array_prepend(price.amount, price.tier_amounts)
    ) AS tier (since, until, amount)
),
-- The months of what is asked for, whole.
whole_month AS (
    SELECT
        starts,
        tstzrange(starts, starts + make_interval(secs => month_seconds::float8)) AS period
    FROM (
        SELECT DISTINCT date_trunc('month', starts, 'Europe/Amsterdam') AS starts, month_seconds
        FROM slice
    ) AS month
),
-- Who paid for a project at a price with tiers, when; also while they stood in another branch.
counted_price AS MATERIALIZED (
    SELECT
        paid.project_id, paid.organization_id, tariff.sku_id, tariff.price_id, tariff.unit,
        whole_month.starts AS month_start,
        lower(paid.period * tariff.period * whole_month.period) AS since,
        upper(paid.period * tariff.period * whole_month.period) AS until
    FROM (
        SELECT
            node_id AS project_id, parent_id AS organization_id, unnest(range_agg(period)) AS period
        FROM parenthood
        WHERE (node_id, parent_id) IN (SELECT project_id, organization_id FROM home)
        GROUP BY node_id, parent_id
    ) AS paid
    JOIN tariff
        ON tariff.organization_id = paid.organization_id AND tariff.period && paid.period
    JOIN tiered_price ON tiered_price.id = tariff.price_id
    JOIN whole_month ON whole_month.period && paid.period * tariff.period
),
-- How much was used before each piece that is not cut but by months, prices and who pays.
counted AS (
    SELECT
        span_id, price_id, organization_id, started_at, ended_at,
        sum(used) OVER (
            PARTITION BY organization_id, project_id, price_id, month_start
            ORDER BY started_at, public_id ROWS UNBOUNDED PRECEDING
        ) - used AS before
    FROM (
        SELECT
            held.*,
            quantity * CASE
                WHEN unit {AT_ONCE} THEN 1
                ELSE date_part('epoch', ended_at - started_at)::bigint
            END AS used
        FROM (
            SELECT
                priced.*, resource.public_id, span.id AS span_id, span.quantity, span.is_beginning,
                span.started_at AS span_started_at,
                greatest(span.started_at, priced.since, {FROZEN_UNTIL}) AS started_at,
                least({ENDED_AT}, priced.until) AS ended_at
            FROM counted_price AS priced
            JOIN billing_meteredresource AS resource ON resource.project_id = priced.project_id
            JOIN {spans} AS span
                ON span.resource_id = resource.id AND span.sku_id = priced.sku_id
        ) AS held
        WHERE started_at < ended_at
            AND (NOT unit {AT_ONCE} OR is_beginning AND started_at = span_started_at)
    ) AS used_piece
)
"""  # noqa: S608  (fragments of ours, here and below)


def tiered_charges(pieces: LiteralString, spans: LiteralString) -> LiteralString:
    """Common table expressions of which the last, ``tiered_charge``, is to be added to ``charge``.

    Args:
        pieces: those of which the last is ``timed``, for prices with tiers alone.
        spans: where usage is.
    """
    return f"""
{_counted(spans)},
tiered_charge AS (
    WITH {pieces}
    SELECT
        timed.*, tier.amount AS unit_price, tier.since AS from_quantity,
        CASE WHEN is_at_once THEN part ELSE held END AS quantity,
        part * CASE WHEN is_at_once THEN seconds ELSE 1 END AS quantity_seconds,
        part,
        round((part * tier.amount)::numeric(80, 24) / per_unit, 6) AS amount
    FROM timed
    JOIN counted
        ON counted.span_id = timed.span_id
        AND counted.price_id = timed.price_id
        AND counted.organization_id = timed.organization_id
        AND counted.started_at <= timed.started_at
        AND counted.ended_at >= timed.ended_at
    CROSS JOIN LATERAL (
        SELECT
            held * CASE WHEN is_at_once THEN 1 ELSE seconds END AS used,
            before + held * CASE
                WHEN is_at_once THEN 0
                ELSE date_part('epoch', timed.started_at - counted.started_at)::bigint
            END AS used_before
    ) AS place
    JOIN tier
        ON tier.price_id = timed.price_id
        AND tier.since * per_unit < used_before + used
        AND (tier.until IS NULL OR tier.until * per_unit > used_before)
    CROSS JOIN LATERAL (
        SELECT
            least(used_before + used, tier.until * per_unit)
                - greatest(used_before, tier.since * per_unit) AS part
    ) AS overlap
)
"""  # noqa: S608  (fragments of ours)
