"""Usage by the million, in a tree of organizations that moves, at prices that change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from django.db import connection, transaction

from billing.models import Price, PriceList, PriceUnit
from portal.cloud.models import Cloud
from portal.core.calendar import Period, month, start_of_day
from portal.identity.models import Node, NodeParent, Organization, Project
from tests.factories import CloudFactory, make_organization, make_project
from tests.factories.billing import LONG_AGO, SkuFactory

MONTH: Final[Period] = month(2026, 10)  # the one of 745 hours
UNITS: Final = [PriceUnit.MONTH] * 8 + [PriceUnit.GIB_MONTH] * 2
UNITS_OF_SKUS: Final = [*UNITS, PriceUnit.HOUR, PriceUnit.ONE_OFF]
TURN: Final = start_of_day(date(2026, 10, 11))  # prices change, and a tenth of the projects moves

_RESOURCES: Final = """
INSERT INTO billing_meteredresource
    (public_id, project_id, cloud_id, kind, name, openstack_id, tags)
SELECT
    gen_random_uuid(), projects.pks[1 + n %% cardinality(projects.pks)], %(cloud)s, 'server',
    'server-' || n, gen_random_uuid(), '{}'
FROM generate_series(1, %(count)s / 2) AS n, (SELECT %(projects)s::bigint[] AS pks) AS projects
"""
# Two in ten began in the month, and two in ten ended in it. One in five was resized, the others use
# two SKUs.
_SPANS: Final = """
WITH lived AS (
    SELECT
        resource.id,
        CASE WHEN random() < 0.2
            THEN %(start)s::timestamptz + trunc(random() * 15 * 86400) * interval '1 second'
            ELSE %(start)s::timestamptz - trunc(random() * 400 * 86400) * interval '1 second'
        END AS started_at,
        CASE WHEN random() < 0.2
            THEN %(end)s::timestamptz - trunc(random() * 10 * 86400) * interval '1 second'
        END AS ended_at,
        %(end)s::timestamptz
            - trunc((10 + random() * 5) * 86400) * interval '1 second' AS resized_at
    FROM billing_meteredresource AS resource WHERE resource.id > %(last)s
)
INSERT INTO billing_usagespan
    (resource_id, sku_id, quantity, started_at, ended_at, is_beginning, start_facts, end_facts)
SELECT
    lived.id, skus.pks[1 + (lived.id + sku) %% cardinality(skus.pks)], 1 + lived.id %% 16 + part,
    CASE part WHEN 2 THEN resized_at ELSE started_at END,
    CASE part WHEN 1 THEN resized_at ELSE ended_at END,
    true,
    jsonb_build_object('cloud', started_at, 'intended', started_at, 'observed', started_at),
    '{}'
FROM lived
JOIN (VALUES (true, 0, 1), (true, 0, 2), (false, 0, 0), (false, 5, 0))
    AS held (is_resized, sku, part) ON held.is_resized = (lived.id %% 5 = 0),
    (SELECT %(skus)s::bigint[] AS pks) AS skus
"""


def plant_tree(count: int) -> tuple[Organization, list[Project]]:
    """Twenty organizations on three levels below a root, and projects below the lowest two.

    At ``TURN`` one organization moves, and so do a tenth of the projects.
    """
    root = make_organization()
    levels = [[make_organization(root) for _ in range(2)]]
    for size in (6, 12):
        levels.append([make_organization(levels[-1][n % len(levels[-1])]) for n in range(size)])
    payers = [*levels[1], *levels[2]]
    projects = [make_project(payers[n % len(payers)]) for n in range(count)]
    NodeParent.objects.update(valid_from=LONG_AGO)
    with transaction.atomic():
        _move(levels[2][0], levels[1][1])
        for project in projects[::10]:
            _move(project, levels[1][2])
    return root, projects


def _move(node: Node, parent: Node) -> None:
    NodeParent.objects.filter(node=node).update(valid_until=TURN)
    NodeParent.objects.create(node=node, parent=parent, valid_from=TURN)
    # Its code is a name that no sibling has.
    Node.objects.filter(pk=node.pk).update(
        name=node.code, parent=parent, ancestor_ids=parent.lineage_ids
    )
    for child in Node.objects.filter(parent=node):
        lineage = [*parent.lineage_ids, node.pk]
        Node.objects.filter(pk=child.pk).update(ancestor_ids=lineage)


def set_prices() -> None:
    """Twelve SKUs, for everybody; four change at ``TURN``; some organizations have their own."""
    price_list, _ = PriceList.objects.get_or_create(name="Tarieven")
    skus = [SkuFactory(code=f"sku-{number}") for number in range(len(UNITS_OF_SKUS))]
    dated = [(sku, None, LONG_AGO, TURN if sku in skus[:4] else None) for sku in skus]
    dated += [(sku, None, TURN, None) for sku in skus[:4]]
    for organization in Organization.objects.order_by("pk")[3:9]:
        dated += [(sku, organization, LONG_AGO, None) for sku in skus[2:4]]
        dated += [(skus[5], organization, TURN, None)]
    Price.objects.bulk_create(
        Price(
            price_list=price_list,
            sku=sku,
            organization=organization,
            unit=UNITS_OF_SKUS[skus.index(sku)],
            amount=Decimal(number + 1) * Decimal("1.337001"),
            valid_from=since,
            valid_until=until,
        )
        for number, (sku, organization, since, until) in enumerate(dated)
    )


def use(projects: Sequence[Project], count: int) -> None:
    """So many usage spans more, all of them in ``MONTH``, spread over the projects.

    Set-based, and without the triggers that would look up each foreign key.
    """
    cloud = Cloud.objects.first() or CloudFactory()
    skus = list(Price.objects.order_by("sku").distinct("sku").values_list("sku", flat=True))
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM billing_meteredresource")
        (last,) = cursor.fetchone()
    facts = {
        "count": count,
        "projects": [project.pk for project in projects],
        "cloud": cloud.pk,
        "skus": skus,
        "start": MONTH.start,
        "end": MONTH.end,
        "last": last,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("SELECT setseed(0.5)")
        for statement in (_RESOURCES, _SPANS):
            cursor.execute(statement, facts)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
