"""The part of the statement of all charges that is about who pays, and at which price, when.

Everything here is in ranges, of which there are few; it knows nothing of usage. The last of the
common table expressions is ``project_price``: what each project pays for each SKU, cut where the
price, the payer or what costs fall under changes.
"""

from __future__ import annotations

from typing import Final, LiteralString

from billing.services.tier_query import TIERED_PRICES

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
PRICES: Final[LiteralString] = (
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
