"""What fell under each value of one key of tags, cut where the value changed.

Stands behind ``charge``, and only where tags are asked for: no charge is cut for them anywhere
else. The parts of a charge add up to it, to the sixth decimal: a part is what was reached at its
end less what was reached at its beginning, each rounded.
"""

from __future__ import annotations

from typing import Final, LiteralString

from billing.services.unit_query import AT_ONCE

# Needs ``payer_project`` (organization_id, project_id) and ``whole`` (what is cut: resource_id,
# project_id, organization_id, unit, started_at, ended_at, seconds, amount; of lines
# also quantity_seconds, and more).
CUT: Final[LiteralString] = f"""
, tag_fact AS (
    SELECT node_id, resource_id, value, tstzrange(valid_from, valid_until) AS period
    FROM billing_tagfact
    WHERE key = %(tag_key)s AND (valid_until IS NULL OR valid_until > valid_from)
),
-- The resources of which something was said itself; zero stands for the rest of a project.
tag_holder AS (
    SELECT organization_id, project_id, 0 AS resource_id FROM payer_project
    UNION ALL
    SELECT payer_project.organization_id, payer_project.project_id, resource.id
    FROM payer_project
    JOIN billing_meteredresource AS resource ON resource.project_id = payer_project.project_id
    WHERE resource.id IN (SELECT resource_id FROM tag_fact WHERE resource_id IS NOT NULL)
),
-- What could hold, the nearest first, and nothing last.
candidate_tag AS (
    SELECT tag_holder.*, fact.value, -2 AS depth, fact.period
    FROM tag_holder JOIN tag_fact AS fact ON fact.resource_id = tag_holder.resource_id
    UNION ALL
    SELECT tag_holder.*, fact.value, -1, fact.period
    FROM tag_holder JOIN tag_fact AS fact ON fact.node_id = tag_holder.project_id
    UNION ALL
    SELECT tag_holder.*, fact.value, lineage.depth, lineage.period * fact.period
    FROM tag_holder
    JOIN lineage ON lineage.organization_id = tag_holder.organization_id
    JOIN tag_fact AS fact
        ON fact.node_id = lineage.ancestor_id AND fact.period && lineage.period
    UNION ALL
    SELECT tag_holder.*, NULL, 1000000, '(,)'::tstzrange FROM tag_holder
),
remaining_tag AS (
    SELECT
        candidate_tag.*,
        period::tstzmultirange - coalesce(
            range_agg(period) OVER (
                PARTITION BY organization_id, project_id, resource_id ORDER BY depth
                GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ),
            '{{}}'
        ) AS periods
    FROM candidate_tag
),
held_tag AS MATERIALIZED (
    SELECT
        organization_id, project_id, resource_id, value,
        coalesce(lower(period), '-infinity') AS since, coalesce(upper(period), 'infinity') AS until
    FROM (
        SELECT organization_id, project_id, resource_id, value, unnest(range_agg(periods)) AS period
        FROM remaining_tag
        GROUP BY organization_id, project_id, resource_id, value
    ) AS held
),
own_tag AS MATERIALIZED (SELECT DISTINCT resource_id FROM tag_holder WHERE resource_id > 0),
tag_part AS (
    SELECT
        whole.*, held.value AS tag_value,
        greatest(whole.started_at, held.since) AS part_started_at,
        least(whole.ended_at, held.until) AS part_ended_at
    FROM whole
    LEFT JOIN own_tag ON own_tag.resource_id = whole.resource_id
    JOIN held_tag AS held
        ON held.organization_id = whole.organization_id
        AND held.project_id = whole.project_id
        AND held.resource_id = coalesce(own_tag.resource_id, 0)
        AND held.since < whole.ended_at AND held.until > whole.started_at
    -- What is paid once is of the moment at which the use began.
    WHERE whole.unit IS NULL OR NOT whole.unit {AT_ONCE} OR held.since <= whole.started_at
),
tagged AS (
    SELECT
        tag_part.*,
        CASE WHEN unit {AT_ONCE} THEN seconds
            ELSE date_part('epoch', part_ended_at - part_started_at)::bigint
        END AS part_seconds,
        CASE WHEN unit {AT_ONCE} THEN amount
            -- 24 places before the division: its result is then never rounded twice.
            ELSE round((amount * date_part('epoch', part_ended_at - started_at)::numeric)
                    ::numeric(80, 24) / seconds, 6)
                - round((amount * date_part('epoch', part_started_at - started_at)::numeric)
                    ::numeric(80, 24) / seconds, 6)
        END AS part_amount
    FROM tag_part
)
"""  # noqa: S608  (fragments of ours, here and below)
# In its place where no tag is asked for: every charge is one part.
NOT_CUT: Final[LiteralString] = """
, tagged AS (
    SELECT
        whole.*, NULL::text AS tag_value, started_at AS part_started_at,
        ended_at AS part_ended_at, seconds AS part_seconds, amount AS part_amount
    FROM whole
)
"""
# Of what is reckoned: behind ``charge``.
WHOLE_CHARGES: Final[LiteralString] = """
, payer_project AS (SELECT DISTINCT organization_id, project_id FROM home),
whole AS (SELECT * FROM charge)
"""
CUT_CHARGES: Final[LiteralString] = WHOLE_CHARGES + CUT
# Of what was billed: behind ``asked`` of ``billing.services.billed``.
WHOLE_BILLED: Final[LiteralString] = f"""
, payer_project AS (SELECT DISTINCT organization_id, project_id FROM asked),
whole AS (
    SELECT
        span.resource_id, asked.project_id, asked.organization_id, asked.sku_id, asked.price_id,
        asked.unit, asked.unit_price, asked.from_quantity, asked.cost_center, asked.cost_object,
        asked.commitment_number, asked.month_start AS slice_start, source.started_at,
        source.ended_at, source.seconds, source.amount,
        coalesce(source.part, span.quantity) * CASE
            WHEN source.part IS NULL OR asked.unit {AT_ONCE} THEN source.seconds
            ELSE 1
        END AS quantity_seconds
    FROM asked
    JOIN billing_statementlinesource AS source ON source.line_id = asked.id
    JOIN billing_usagespan AS span ON span.id = source.span_id
    WHERE asked.kind = 'usage'
)
"""  # noqa: S608
CUT_BILLED: Final[LiteralString] = WHOLE_BILLED + CUT
LINES: Final[LiteralString] = """
SELECT organization_id, project_id, sku_id, price_id, unit, unit_price, from_quantity,
       slice_start, sum(quantity_seconds * part_seconds / seconds), coalesce(sum(part_amount), 0),
       cost_center, cost_object, commitment_number, 'usage', tag_value
FROM tagged
GROUP BY organization_id, project_id, sku_id, price_id, unit, unit_price, from_quantity,
         slice_start, cost_center, cost_object, commitment_number, tag_value
"""
# The same, and also by the kind of what was used.
LINES_BY_KIND: Final[LiteralString] = """
SELECT organization_id, tagged.project_id, sku_id, price_id, unit, unit_price, from_quantity,
       slice_start, sum(quantity_seconds * part_seconds / seconds), coalesce(sum(part_amount), 0),
       cost_center, cost_object, commitment_number, 'usage', tag_value, metered.kind
FROM tagged JOIN billing_meteredresource AS metered ON metered.id = tagged.resource_id
GROUP BY organization_id, tagged.project_id, sku_id, price_id, unit, unit_price, from_quantity,
         slice_start, cost_center, cost_object, commitment_number, tag_value, metered.kind
"""
# What is asked for, of ``tagged``.
_CHOSEN: Final[LiteralString] = """
, chosen AS (
    SELECT tagged.*
    FROM tagged JOIN billing_meteredresource AS metered ON metered.id = tagged.resource_id
    WHERE tag_value IS NOT DISTINCT FROM %(tag_value)s
        AND (%(kind)s::text IS NULL OR metered.kind = %(kind)s)
        AND (%(cost_center)s::text IS NULL OR coalesce(cost_center, '') = %(cost_center)s)
)
"""
OF_RESOURCES: Final[LiteralString] = f"""
{_CHOSEN}
SELECT resource_id, coalesce(sum(part_amount), 0), bool_or(price_id IS NULL)
FROM chosen
GROUP BY resource_id ORDER BY sum(part_amount) DESC NULLS LAST, resource_id
"""  # noqa: S608
# Of charges that were cut by days.
OF_SLICES: Final[LiteralString] = f"""
{_CHOSEN}
SELECT slice_start, coalesce(sum(part_amount), 0) FROM chosen GROUP BY slice_start
"""  # noqa: S608
# Of charges of a whole month, as they are cut by a tag: what is used over several days is spread
# over them by the second; what is paid once falls on one.
OF_DAYS: Final[LiteralString] = f"""
{_CHOSEN}
SELECT day.starts, coalesce(sum(CASE
    WHEN unit {AT_ONCE} THEN part_amount
    ELSE part_amount * date_part(
        'epoch', least(part_ended_at, day.ends) - greatest(part_started_at, day.starts)
    )::numeric / part_seconds
END), 0)
FROM chosen
JOIN unnest(%(day_starts)s::timestamptz[], %(day_ends)s::timestamptz[]) AS day (starts, ends)
    ON day.starts < part_ended_at AND day.ends > part_started_at
WHERE unit IS NULL OR NOT unit {AT_ONCE} OR started_at >= day.starts
GROUP BY day.starts
"""  # noqa: S608
# Of what was listed as ``used``, only that of one value; see ``billing.services.used_pieces``.
CUT_USED: Final[LiteralString] = (
    """
, payer_project AS (SELECT DISTINCT organization_id, project_id FROM used_whole),
whole AS (SELECT * FROM used_whole)
"""  # noqa: S608
    + CUT
    + """
, used AS (
    SELECT
        resource_id, is_chosen, part_started_at AS started_at, part_ended_at AS ended_at,
        part_amount AS amount, is_price_missing, cost_center, is_unused
    FROM tagged
    WHERE tag_value IS NOT DISTINCT FROM %(tag_value)s
)
"""
)
