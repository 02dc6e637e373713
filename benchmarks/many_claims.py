"""Claims by the million, which nobody would make one by one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from django.db import connection, transaction

from catalog.models import QuotaClaim
from catalog.services.quotas import Demand
from portal.identity.models import Project

_CLAIMS: Final = """
INSERT INTO catalog_quotaclaim (public_id, project_id, state)
SELECT gen_random_uuid(), projects.pks[1 + n %% cardinality(projects.pks)], 'committed'
FROM generate_series(1, %(count)s) AS n, (SELECT %(projects)s::bigint[] AS pks) AS projects
"""
_LINES: Final = """
INSERT INTO catalog_quotaclaimline (claim_id, quota_id, amount)
SELECT claim.id, quota.id, asked.amount
FROM catalog_quotaclaim AS claim
JOIN identity_node AS project ON project.id = claim.project_id
JOIN catalog_quota AS quota ON quota.node_id = ANY(project.ancestor_ids || project.id)
JOIN unnest(%(metrics)s::text[], %(amounts)s::numeric[]) AS asked (metric, amount)
    ON asked.metric = quota.metric
WHERE claim.id > %(last)s
"""
_COUNTERS: Final = """
UPDATE catalog_quota AS quota SET claimed = held.amount
FROM (SELECT quota_id, sum(amount) AS amount FROM catalog_quotaclaimline GROUP BY quota_id) AS held
WHERE held.quota_id = quota.id
"""


def hold_claims(projects: Iterable[Project], demand: Demand, count: int) -> None:
    """So many claims more, spread over these projects, with lines and counters that agree.

    Set-based, and without the triggers that would look up each foreign key.
    """
    newest = QuotaClaim.objects.order_by("-pk").first()
    facts = {
        "count": count,
        "projects": [project.pk for project in projects],
        "last": newest.pk if newest else 0,
        "metrics": [metric.value for metric in demand],
        "amounts": list(demand.values()),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for statement in (_CLAIMS, _LINES, _COUNTERS):
            cursor.execute(statement, facts)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE catalog_quotaclaim, catalog_quotaclaimline, catalog_quota")
