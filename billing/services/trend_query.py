"""The part of the statement of all charges that is about what the cloud is expected to count.

What is stored is held, and is expected to stay so, as a server is. What passed by is over: of that
a day to come is expected to have as much as a day had lately. The rules, with their reasons:
docs/adr/0039.

``trend_span`` has what is expected as use of days to come, in the columns of ``billing_usagespan``,
so prices, tiers, who pays and what costs fall under are found as those of all use. It is only in a
statement that looks ahead, where something of the projects that are asked for is measured so.
"""

from __future__ import annotations

from typing import Final, LiteralString

LATELY_DAYS: Final = 28  # four weeks, so that each day of the week counts as often
# Above every primary key, for a piece of use is found by that.
_FIRST_ID: Final[LiteralString] = "9000000000000000000"
_COLUMNS: Final[LiteralString] = (
    "id, resource_id, sku_id, quantity, started_at, ended_at, is_beginning, term_id"
)

# Where ``branch`` has the nodes that are asked for, and all that ever was below them.
IS_THERE: Final[LiteralString] = """
EXISTS (
    SELECT FROM billing_measureduse AS measured
    JOIN billing_meteredresource AS resource ON resource.id = measured.resource_id
    WHERE measured.ended_at IS NULL AND measured.measure = 'traffic'
        AND resource.project_id IN (SELECT id FROM branch)
)"""
SPANS_WITH_TREND: Final[LiteralString] = f"""(
    SELECT {_COLUMNS} FROM billing_usagespan
    UNION ALL
    SELECT {_COLUMNS} FROM trend_span
)"""  # noqa: S608  (fragments of ours)


def _passed(since: LiteralString, until: LiteralString) -> LiteralString:
    """How much of all ``span`` passed in that time; GiB, each in six decimals.

    What passed between two samples did so evenly, as far as anybody knows. Only a span that began
    before or ended after has to be divided.
    """
    return f"""
coalesce(sum(CASE
    WHEN span.started_at >= {since} AND span.ended_at <= {until} THEN span.quantity
    ELSE round((span.quantity * date_part(
        'epoch', least(span.ended_at, {until}) - greatest(span.started_at, {since})
    )::bigint)::numeric(80, 24) / date_part('epoch', span.ended_at - span.started_at)::bigint, 6)
END) FILTER (WHERE span.started_at < {until} AND span.ended_at > {since}), 0)"""


TREND_SPANS: Final[LiteralString] = f"""
today AS (
    SELECT
        day, day::timestamp AT TIME ZONE 'Europe/Amsterdam' AS starts,
        (day + 1)::timestamp AT TIME ZONE 'Europe/Amsterdam' AS ends
    FROM (SELECT (%(as_of)s::timestamptz AT TIME ZONE 'Europe/Amsterdam')::date AS day) AS given
),
-- What passes by now, and between which samples it is known how much. What was never asked, or not
-- answered yet, is not in it.
passing AS (
    SELECT
        measured.id, measured.resource_id, measured.sku_id, resource.end_date,
        sample.first_at AS known_since, least(sample.last_at, %(as_of)s) AS known_until
    FROM billing_measureduse AS measured
    JOIN billing_meteredresource AS resource ON resource.id = measured.resource_id
    CROSS JOIN LATERAL (
        SELECT min(measured_at) AS first_at, max(measured_at) AS last_at
        FROM billing_usagesample
        WHERE use_id = measured.id
    ) AS sample
    WHERE measured.ended_at IS NULL AND measured.measure = 'traffic'
        AND sample.first_at <= %(as_of)s
        AND resource.project_id = ANY(%(projects)s::bigint[])
),
-- The last whole days of that time, once for each: so that no piece of use has to work out where a
-- day begins. Before there is one: all of that time. Moments are whole seconds.
lately AS (
    SELECT
        passing.*, day_count, today.starts AS today_starts, today.ends AS today_ends,
        CASE WHEN day_count = 0 THEN known_since
            ELSE (last_day - day_count)::timestamp AT TIME ZONE 'Europe/Amsterdam'
        END AS counted_since,
        CASE WHEN day_count = 0 THEN known_until
            ELSE last_day::timestamp AT TIME ZONE 'Europe/Amsterdam'
        END AS counted_until
    FROM passing
    CROSS JOIN today
    -- The days in which that time begins, or just before which, and ends: neither is whole.
    CROSS JOIN LATERAL (
        SELECT
            ((known_since - interval '1 second') AT TIME ZONE 'Europe/Amsterdam')::date
                AS first_day,
            (known_until AT TIME ZONE 'Europe/Amsterdam')::date AS last_day
    ) AS known
    CROSS JOIN LATERAL (
        SELECT least(%(lately_days)s, greatest(0, last_day - first_day - 1)) AS day_count
    ) AS whole
),
-- How much one of those days had. Before there is one: as much as a day of that time, and within a
-- day of that as much as there was.
usual AS (
    SELECT
        lately.*, used_today,
        round((used_lately * 86400)::numeric(80, 24) / CASE
            WHEN day_count > 0 THEN day_count * 86400
            ELSE greatest(86400, date_part('epoch', counted_until - counted_since)::bigint)
        END, 6) AS of_a_day
    FROM lately
    CROSS JOIN LATERAL (
        SELECT
            {_passed("counted_since", "counted_until")} AS used_lately,
            {_passed("today_starts", "today_ends")} AS used_today
        FROM billing_usagespan AS span
        WHERE span.resource_id = lately.resource_id AND span.sku_id = lately.sku_id
            AND span.started_at < %(as_of)s AND span.ended_at > counted_since
    ) AS used
),
-- Today what is left of such a day, whatever the time is; then every day, to the end date or until
-- when is asked. Of months that are asked for in part all days, for tiers count these.
trend_span AS MATERIALIZED (
    SELECT
        {_FIRST_ID} + row_number() OVER (ORDER BY usual.id, ahead) AS id,
        resource_id, sku_id, quantity,
        greatest(%(as_of)s, (day + ahead)::timestamp AT TIME ZONE 'Europe/Amsterdam') AS started_at,
        (day + ahead + 1)::timestamp AT TIME ZONE 'Europe/Amsterdam' AS ended_at,
        true AS is_beginning, NULL::bigint AS term_id
    FROM today
    CROSS JOIN usual
    CROSS JOIN LATERAL generate_series(
        greatest(0, date_trunc(
            'month', %(since)s::timestamptz AT TIME ZONE 'Europe/Amsterdam'
        )::date - day),
        least(end_date, (
            (%(until)s::timestamptz - interval '1 second') AT TIME ZONE 'Europe/Amsterdam'
        )::date) - day
    ) AS ahead
    CROSS JOIN LATERAL (
        SELECT of_a_day - CASE WHEN ahead = 0 THEN used_today ELSE 0 END AS quantity
    ) AS expected
    WHERE quantity > 0
)
"""  # noqa: S608  (fragments of ours)
