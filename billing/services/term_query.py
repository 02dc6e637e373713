"""The part of the statement of all charges that is about minimum terms.

What began in a term costs the price of its term until that ends, whoever pays by then and whatever
holds for others; from there on it is like all other use. So this is a join of its own, by the term
instead of by project and SKU, of the few spans that have one. Use without a term meets nothing of
it but the look whether it has one.
"""

from __future__ import annotations

from typing import Final, LiteralString

from billing.services.unit_query import reckoned

# Until when the price of its term holds for a span; NULL for most. No join: of a span without a
# term nothing is looked up.
FROZEN_UNTIL: Final[LiteralString] = """
CASE WHEN span.term_id IS NOT NULL THEN (
    SELECT ends_at FROM billing_minimumterm AS term WHERE term.id = span.term_id
) END
"""
# As ``payer_price``, but by term: what is in one costs this to whoever pays.
TERM_PRICE: Final[LiteralString] = f"""
term_price AS MATERIALIZED (
    SELECT
        term.id AS term_id, price.id AS price_id, price.unit, price.amount,
        {reckoned("price")},
        term.started_at AS since, term.ends_at AS until
    FROM asked_period AS asked
    JOIN billing_minimumterm AS term
        ON term.ends_at > lower(asked.period) AND term.started_at < upper(asked.period)
    JOIN billing_meteredresource AS resource ON resource.id = term.resource_id
    JOIN billing_price AS price ON price.id = term.price_id
    WHERE resource.project_id = ANY(%(projects)s::bigint[])
)
"""  # noqa: S608  (a fragment of ours)
