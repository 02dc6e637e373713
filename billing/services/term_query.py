"""The part of the statement of all charges that is about minimum terms.

What began in a term costs the price of its term until that ends, whoever pays by then and whatever
holds for others; from there on it is like all other use. So this is a join of its own, by the term
instead of by project and SKU, of the few spans that have one. Use without a term meets nothing of
it but the look whether it has one.
"""

from __future__ import annotations

from typing import Final, LiteralString

# Until when the price of its term holds for a span; NULL for most. No join: of a span without a
# term nothing is looked up.
FROZEN_UNTIL: Final[LiteralString] = """
CASE WHEN span.term_id IS NOT NULL THEN (
    SELECT ends_at FROM billing_minimumterm AS term WHERE term.id = span.term_id
) END
"""
# As ``project_price``, but by term, and cut by no price: who pays, and what it falls under.
FROZEN_PRICE: Final[LiteralString] = """
frozen_price AS MATERIALIZED (
    SELECT
        resource.project_id, home.organization_id, term.id AS term_id, term.sku_id,
        price.id AS price_id, price.unit, price.amount,
        falls.is_own, falls.cost_center, falls.cost_object, falls.commitment_number,
        lower(asked.period * home.period * held.period * falls.period) AS since,
        upper(asked.period * home.period * held.period * falls.period) AS until
    FROM (SELECT tstzrange(min(starts), max(ends)) AS period FROM slice) AS asked
    JOIN billing_minimumterm AS term
        ON term.ends_at > lower(asked.period) AND term.started_at < upper(asked.period)
    CROSS JOIN LATERAL (SELECT tstzrange(term.started_at, term.ends_at) AS period) AS held
    JOIN billing_meteredresource AS resource ON resource.id = term.resource_id
    JOIN billing_price AS price ON price.id = term.price_id
    JOIN home ON home.project_id = resource.project_id
    JOIN project_allocation AS falls ON falls.project_id = home.project_id
    WHERE NOT isempty(asked.period * home.period * held.period * falls.period)
)
"""
