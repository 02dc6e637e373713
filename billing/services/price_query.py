"""The part of the statement of all charges that is about who pays, and at which price, when.

Everything here is in ranges, of which there are few; it knows nothing of usage. What comes out is
``place``, who pays for each project and what that falls under, and ``payer_price``, what each of
those pays for each SKU. Both are small: their product, what each project pays for each SKU, is not,
and use finds its way by the one to the other.
"""

from __future__ import annotations

from typing import Final, LiteralString

from billing.services.tier_query import TIERED_PRICES
from billing.services.unit_query import reckoned

# What ``WITH RECURSIVE`` begins with; a comma comes behind it.
LINEAGE: Final[LiteralString] = """
-- Under which parent a node stood, when. Where no history is known: where it stands now. Worked out
-- once, for each level of the tree looks at it anew.
parenthood AS MATERIALIZED (
    SELECT node_id, parent_id, tstzrange(valid_from, valid_until) AS period
    FROM identity_nodeparent
    UNION ALL
    SELECT
        node.id, node.parent_id, unnest('{(,)}'::tstzmultirange - coalesce(known.periods, '{}'))
    FROM identity_node AS node
    LEFT JOIN (
        SELECT node_id, range_agg(tstzrange(valid_from, valid_until)) AS periods
        FROM identity_nodeparent GROUP BY node_id
    ) AS known ON known.node_id = node.id
    WHERE node.parent_id IS NOT NULL
),
-- The same of organizations alone, of which there are few beside all projects.
organization_parenthood AS MATERIALIZED (
    SELECT parenthood.*
    FROM parenthood
    JOIN identity_node AS node ON node.id = parenthood.node_id AND node.kind = 'organization'
),
-- Every organization with itself (depth 0) and those above it, when.
lineage (organization_id, ancestor_id, depth, period) AS (
    SELECT id, id, 0, '(,)'::tstzrange FROM identity_node WHERE kind = 'organization'
    UNION ALL
    SELECT
        lineage.organization_id, above.parent_id, lineage.depth + 1, lineage.period * above.period
    FROM lineage
    JOIN organization_parenthood AS above
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
        %(starts)s::timestamptz[], %(ends)s::timestamptz[], %(month_seconds)s::numeric[]
    ) AS given (starts, ends, month_seconds)
),
asked_period AS (SELECT tstzrange(min(starts), max(ends)) AS period FROM slice),"""  # noqa: S608  (a fragment of ours)
    + LINEAGE
    + """,
-- When each organization belonged to the branches asked for.
covered AS (
    SELECT organization_id, range_agg(period) AS periods
    FROM lineage WHERE ancestor_id = ANY(%(nodes)s) GROUP BY organization_id
),
-- Which organization pays for a project, when, as far as that was asked for; of what was not even
-- in part, nothing.
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
    JOIN identity_project AS project ON project.node_ptr_id = parenthood.node_id
    JOIN asked_period AS asked ON asked.period && parenthood.period
    LEFT JOIN covered ON covered.organization_id = parenthood.parent_id
    WHERE covered.organization_id IS NOT NULL OR parenthood.node_id = ANY(%(nodes)s)
    GROUP BY parenthood.node_id, parenthood.parent_id
),
paying AS MATERIALIZED (SELECT DISTINCT organization_id FROM home),
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
    WHERE lineage.organization_id IN (SELECT organization_id FROM paying)
        AND price.sku_id IN (SELECT sku_id FROM used_sku)
    UNION ALL
    SELECT
        paying.organization_id, price.sku_id, price.id, price.unit, price.amount,
        1000000, tstzrange(price.valid_from, price.valid_until)
    FROM billing_price AS price
    CROSS JOIN paying
    WHERE price.organization_id IS NULL AND price.sku_id IN (SELECT sku_id FROM used_sku)
    UNION ALL
    SELECT paying.organization_id, used.sku_id, NULL, NULL, NULL, 1000001, '(,)'::tstzrange
    FROM paying
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
-- Of whom it is to be known what costs fall under: of organizations that pay, and, because
-- something was said of them themselves, of some projects and resources. Zero is none.
own_project AS MATERIALIZED (
    SELECT DISTINCT home.project_id
    FROM allocation_fact AS fact JOIN home ON home.project_id = fact.node_id
),
own_resource AS MATERIALIZED (
    SELECT resource.project_id, resource.id AS resource_id
    FROM billing_meteredresource AS resource
    WHERE resource.id IN (
            SELECT resource_id FROM allocation_fact WHERE resource_id IS NOT NULL
        )
        AND resource.project_id = ANY(ARRAY(SELECT project_id FROM home))
        AND (%(resource)s::uuid IS NULL OR resource.public_id = %(resource)s::uuid)
),
holder AS MATERIALIZED (
    SELECT organization_id, 0 AS project_id, 0 AS resource_id FROM paying
    UNION ALL
    SELECT 0, project_id, 0 FROM own_project
    UNION ALL
    SELECT 0, project_id, resource_id FROM own_resource
),
-- Who pays for what each of them is, when.
holder_home AS (
    SELECT holder.*, organization_id AS payer_id, '(,)'::tstzrange AS period
    FROM holder WHERE project_id = 0
    UNION ALL
    SELECT holder.*, home.organization_id, home.period
    FROM holder JOIN home ON home.project_id = holder.project_id
),
-- As with prices: what could hold, the nearest first, and nothing last.
candidate_allocation AS (
    SELECT holder.*, fact.key, fact.value, -2 AS depth, fact.period
    FROM holder
    JOIN allocation_fact AS fact ON fact.resource_id = holder.resource_id
    UNION ALL
    SELECT holder.*, fact.key, fact.value, -1, fact.period
    FROM holder
    JOIN allocation_fact AS fact ON fact.node_id = holder.project_id
    UNION ALL
    SELECT
        held.organization_id, held.project_id, held.resource_id, fact.key, fact.value,
        lineage.depth, held.period * lineage.period * fact.period
    FROM allocation_fact AS fact
    JOIN lineage ON lineage.ancestor_id = fact.node_id AND lineage.period && fact.period
    JOIN holder_home AS held
        ON held.payer_id = lineage.organization_id
        AND held.period && lineage.period * fact.period
    UNION ALL
    SELECT holder.*, key, NULL, 1000000, '(,)'::tstzrange
    FROM holder
    CROSS JOIN (VALUES ('cost_center'), ('cost_object'), ('commitment_number')) AS each (key)
),
remaining_allocation AS (
    SELECT
        candidate_allocation.*,
        period::tstzmultirange - coalesce(
            range_agg(period) OVER (
                PARTITION BY organization_id, project_id, resource_id, key ORDER BY depth
                GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ),
            '{}'
        ) AS periods
    FROM candidate_allocation
),
held_allocation AS MATERIALIZED (
    SELECT
        organization_id, project_id, resource_id, key, value, unnest(range_agg(periods)) AS period
    FROM remaining_allocation
    GROUP BY organization_id, project_id, resource_id, key, value
),
-- The three keys together.
allocation AS MATERIALIZED (
    SELECT
        organization_id, project_id, resource_id,
        center.value AS cost_center, object.value AS cost_object,
        commitment.value AS commitment_number,
        center.period * object.period * commitment.period AS period
    FROM held_allocation AS center
    JOIN held_allocation AS object USING (organization_id, project_id, resource_id)
    JOIN held_allocation AS commitment USING (organization_id, project_id, resource_id)
    WHERE center.key = 'cost_center'
        AND object.key = 'cost_object' AND object.period && center.period
        AND commitment.key = 'commitment_number'
        AND commitment.period && center.period * object.period
),
-- Who pays for a project and what that falls under, when: what was said of the project itself, or
-- else what holds for who pays.
project_allocation AS (
    SELECT
        home.project_id, home.organization_id,
        falls.cost_center, falls.cost_object, falls.commitment_number,
        home.period * falls.period AS period
    FROM home
    JOIN allocation AS falls
        ON falls.organization_id = home.organization_id AND falls.period && home.period
    WHERE home.project_id NOT IN (SELECT project_id FROM own_project)
    UNION ALL
    SELECT
        home.project_id, home.organization_id,
        falls.cost_center, falls.cost_object, falls.commitment_number,
        home.period * falls.period
    FROM home
    JOIN allocation AS falls
        ON falls.project_id = home.project_id AND falls.period && home.period
    WHERE falls.resource_id = 0
),
own_allocation AS MATERIALIZED (
    SELECT
        resource_id, cost_center, cost_object, commitment_number,
        lower(period) AS since, upper(period) AS until
    FROM allocation WHERE resource_id > 0
),
-- The same within what is asked for; beside it, where only who pays changes, for the resources of
-- which something was said themselves: so that their use is not cut where only the rest changes.
place AS MATERIALIZED (
    SELECT
        falls.project_id, false AS is_own, falls.organization_id,
        falls.cost_center, falls.cost_object, falls.commitment_number,
        lower(falls.period * asked.period) AS since, upper(falls.period * asked.period) AS until
    FROM project_allocation AS falls
    JOIN asked_period AS asked ON falls.period && asked.period
    UNION ALL
    SELECT
        home.project_id, true, home.organization_id, NULL, NULL, NULL,
        lower(home.period * asked.period), upper(home.period * asked.period)
    FROM home
    JOIN asked_period AS asked ON home.period && asked.period
    WHERE home.project_id IN (SELECT project_id FROM own_resource)
),
"""
    + f"""
payer_price AS MATERIALIZED (
    SELECT
        tariff.organization_id, tariff.sku_id, tariff.price_id, tariff.unit, tariff.amount,
        {reckoned("tariff")},
        EXISTS (SELECT FROM tiered_price WHERE tiered_price.id = tariff.price_id) AS has_tiers,
        lower(tariff.period * asked.period) AS since, upper(tariff.period * asked.period) AS until
    FROM tariff
    JOIN asked_period AS asked ON tariff.period && asked.period
)
"""  # noqa: S608  (fragments of ours)
)
