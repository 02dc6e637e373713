"""What it costs to compare 100,000 resources with a cloud.

    python -m benchmarks.reconciliation [--resources N] [--looks N]

Needs CLOUDLOKET_DATABASE_URL, whose user may make a database beside it, and the other variables
of the portal. The cloud is made up page by page, so that what is measured is ours: reading pages,
asking the database what they are about, comparing, writing what differs. Of every thousand
servers one is gone, one is stopped, and one was not ordered.

Each look runs in a process of its own, of which the greatest memory is printed. The first writes
down what differs, the second opens it, later ones see it again. Targets: less than 300 MB, and as
many calls as there are pages.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from datetime import timedelta
from multiprocessing.connection import Connection
from typing import Any, Final
from uuid import UUID

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from django.conf import settings
from django.db import connection, transaction
from django.utils.timezone import now

from benchmarks.scratch import a_database, processes
from catalog.models import Difference, PlacementDecision
from catalog.reconciliation import looking
from portal.cloud.markers import write_marker
from portal.cloud.models import Cloud, CloudProject
from portal.cloud.ports import LARGEST_PAGE, CloudObject, Listing, Page
from tests.factories import OfferingVersionFactory, make_project, priced

PROJECT: Final = "keystone-project"
TARGET_MB: Final = 300
EVERY: Final = 1000  # of so many servers one is gone, one is stopped, and one is strange
LINES: Final = 10_000  # of one order


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--resources", type=int, default=100_000)
    parser.add_argument("--looks", type=int, default=7)
    options = parser.parse_args()
    with a_database():
        write_resources(options.resources)
        connection.close()  # a process that is forked must not share it
        for number in range(1, options.looks + 1):
            print(in_a_process(number, options.resources), flush=True)
    print(f"targets: less than {TARGET_MB} MB; as many calls as pages")


def in_a_process(number: int, count: int) -> str:
    ours, theirs = processes.Pipe()
    process = processes.Process(target=look, args=(theirs, count))
    process.start()
    facts: dict[str, Any] = ours.recv()
    process.join()
    return (
        f"look {number}: {facts['seconds']:.1f} s for {facts['resources']} resources and"
        f" {facts['things']} things: {facts['calls']} calls, {facts['pages']} pages;"
        f" {facts['open']} differences open; peak memory {facts['after'] / 1024:.0f} MB,"
        f" of which {facts['before'] / 1024:.0f} MB before it began"
    )


def look(answers: Connection, count: int) -> None:
    settings.DRIFT_SECOND_LOOK_AFTER = timedelta(microseconds=1)
    cloud = PagedCloud(count)
    looking.get_cloud = lambda key: cloud  # type: ignore[assignment,return-value]  # a stand-in
    before = peak_kib()
    began = time.perf_counter()
    tally = looking.look_at(Cloud.objects.get())
    seconds = time.perf_counter() - began
    answers.send(
        {
            "seconds": seconds,
            "before": before,
            "after": peak_kib(),
            "calls": cloud.calls,
            "pages": tally.pages,
            "resources": tally.resources,
            "things": tally.things,
            "open": Difference.objects.filter(state="open").count(),
        }
    )
    connection.close()


def peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


class PagedCloud:
    """Servers by number, made up when their page is asked for; the other lists are empty."""

    def __init__(self, count: int) -> None:
        self.calls = 0
        self._count = count

    def list_page(
        self, listing: Listing, *, project: str = "", after: str = "", limit: int = LARGEST_PAGE
    ) -> Page:
        self.calls += 1
        if listing != Listing.SERVERS:
            return Page(things=[])
        start = int(after.removeprefix("s-")) + 1 if after else 0
        stop = min(start + limit, self._count)
        things = [made_up(number) for number in range(start, stop) if number % EVERY != 1]
        return Page(things=things, after=f"s-{stop - 1}" if stop < self._count else "")


def made_up(number: int) -> CloudObject:
    is_strange = number % EVERY == 3
    return CloudObject(
        id=f"strange-{number}" if is_strange else f"s-{number}",
        name=f"server-{number}",
        status="SHUTOFF" if number % EVERY == 2 else "ACTIVE",
        created_at=now() - timedelta(days=1),
        marker="" if is_strange else write_marker(UUID(int=number), "server"),
        project=PROJECT,
        details={"flavor": "gp.small", "task_state": "", "addresses": [], "volume_ids": []},
    )


# --- our side ----------------------------------------------------------------------------------

_CLAIMS: Final = """
INSERT INTO catalog_quotaclaim (public_id, project_id, state)
SELECT gen_random_uuid(), %(project)s, 'committed' FROM generate_series(1, %(count)s)
"""
_LINES: Final = """
INSERT INTO catalog_orderline (public_id, order_id, position, offering_version_id, name, spec,
    quote, monthly_price, claim_id, placement_id)
SELECT gen_random_uuid(), (%(orders)s::bigint[])[1 + n / %(lines)s], n %% %(lines)s, %(version)s,
    'server-' || n, %(spec)s, '[]', 1, claim, %(placement)s
FROM (SELECT id AS claim, row_number() OVER (ORDER BY id) AS n FROM catalog_quotaclaim) claims
"""
_RESOURCES: Final = """
INSERT INTO catalog_resource (public_id, kind, name, project_id, cloud_project_id, order_line_id,
    claim_id, placement_id, state, spec, cloud_ids, facts, created_at, activated_at)
SELECT lpad(to_hex(n), 32, '0')::uuid, %(kind)s, 'server-' || n, %(project)s, %(cloud_project)s,
    line, claim_id, %(placement)s, 'active', %(spec)s,
    jsonb_build_object('server', 's-' || n), %(facts)s, %(since)s, %(since)s
FROM (SELECT id AS line, claim_id, row_number() OVER (ORDER BY id) - 1 AS n
      FROM catalog_orderline) lines
"""
_METERED: Final = """
INSERT INTO billing_meteredresource (public_id, project_id, cloud_id, kind, name, openstack_id,
    tags)
SELECT public_id, project_id, %(cloud)s, kind, name, '', '{}' FROM catalog_resource
"""
_SPANS: Final = """
INSERT INTO billing_usagespan (resource_id, sku_id, quantity, started_at, start_facts, end_facts)
SELECT id, (SELECT min(id) FROM billing_sku), 1, %(since)s, '{}', '{}' FROM billing_meteredresource
"""


def write_resources(count: int) -> None:
    """Running servers that are paid for, each with its line and claim, as the services make them.

    Set-based, and with the triggers off that would judge an order of so many lines.
    """
    priced()
    version = OfferingVersionFactory()
    project = make_project()
    place = CloudProject.objects.create(
        project=project, cloud=version.cloud, openstack_project_id=PROJECT
    )
    decision = PlacementDecision.objects.create(
        project=project,
        cloud=version.cloud,
        verdict="allowed",
        ruleset="benchmark",
        decided_at=now(),
    )
    facts = {
        "count": count,
        "project": project.pk,
        "cloud": version.cloud_id,
        "cloud_project": place.pk,
        "version": version.pk,
        "placement": decision.pk,
        "kind": version.offering.kind,
        "spec": json.dumps({"flavor": "gp.small", "volume_gib": 0}),
        "facts": json.dumps({"status": "ACTIVE"}),
        "since": (now() - timedelta(days=1)).replace(microsecond=0),
        "lines": LINES,
        "orders": orders(project.pk, count // LINES + 1),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for statement in (_CLAIMS, _LINES, _RESOURCES, _METERED, _SPANS):
            cursor.execute(statement, facts)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def orders(project_id: int, count: int) -> list[int]:
    """Primary keys of orders that are done."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "INSERT INTO catalog_order (public_id, number, project_id, requested_by_id, purpose,"
            " state, idempotency_key, fingerprint, submitted_at, expires_at, monthly_price,"
            " conditions) SELECT gen_random_uuid(), n, %s, 0, '', 'completed', n, '', now(), now(),"
            " 1, '{}' FROM generate_series(1, %s) n RETURNING id",
            [project_id, count],
        )
        return [row[0] for row in cursor.fetchall()]


if __name__ == "__main__":
    main()
