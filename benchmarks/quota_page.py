"""What the page of quotas costs for an organization of many projects.

    python -m benchmarks.quota_page [--pairs N] [--visits N] [--projects N]

Needs CLOUDLOKET_DATABASE_URL, whose user may make a database beside it, and the other variables
of the portal. One organization has ten projects, another a thousand, with claims in each; both have
a quota administrator who asks for the page through all of the portal but the web server.

In turns, so many visits to each. Targets: as many queries for both, and a p95 of at most 1.5 times
that of ten projects (median of the ratios). The first is asked of the page as people get it, which
shows at most so many parts at once; further pages are asked for too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from typing import Final

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from benchmarks.scratch import a_database
from catalog.models import Metric, Quota, QuotaLimit
from catalog.services.quotas import hold_found
from portal.identity.models import Role
from tests.factories import PersonFactory, grant, make_organization, make_project
from tests.logins import log_in

TARGET: Final = 1.5
FEW: Final = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--visits", type=int, default=40, help="of each half of a pair")
    parser.add_argument("--projects", type=int, default=1000)
    options = parser.parse_args()
    with a_database():
        settings.ALLOWED_HOSTS = ["testserver"]  # whom the client asks
        visitors = {count: visitor(count) for count in (FEW, options.projects)}
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
        for count, client in visitors.items():
            print(
                f"{count} projects: {queries(client)} queries, {size_kib(client)} KiB", flush=True
            )
        measure(visitors, options.pairs, options.visits)


def measure(visitors: dict[int, Client], pairs: int, visits: int) -> None:
    few, many = visitors
    ratios = []
    for pair in range(1, pairs + 1):
        order = sorted(visitors, reverse=bool(pair % 2))
        seconds = {count: p95(visitors[count], visits) for count in order}
        ratios.append(seconds[many] / seconds[few])
        print(
            f"pair {pair}: p95 {seconds[few] * 1000:.1f} ms with {few} projects,"
            f" {seconds[many] * 1000:.1f} ms with {many}, ratio {ratios[-1]:.2f}",
            flush=True,
        )
    print(
        f"ratio median {statistics.median(ratios):.2f}, from {min(ratios):.2f} to"
        f" {max(ratios):.2f} (target: at most {TARGET})"
    )


def p95(client: Client, visits: int) -> float:
    """Seconds in which all but one of twenty visits are answered."""
    return statistics.quantiles([visit_seconds(client) for _ in range(visits)], n=20)[-1]


def visit_seconds(client: Client) -> float:
    begin = time.perf_counter()
    visit(client)
    return time.perf_counter() - begin


def visit(client: Client) -> bytes:
    response = client.get(reverse("catalog:quotas"))
    if response.status_code != 200:
        raise SystemExit(f"the page answers {response.status_code}")
    return bytes(response.content)


def queries(client: Client) -> int:
    visit(client)  # what is remembered from then on
    with CaptureQueriesContext(connection) as captured:
        visit(client)
    return len(captured)


def size_kib(client: Client) -> int:
    return len(visit(client)) // 1024


def visitor(count: int) -> Client:
    """Who administers the quotas of a new organization with so many projects."""
    organization = make_organization()
    projects = [make_project(organization) for _ in range(count)]
    metrics = [Metric.SERVERS, Metric.VCPUS, Metric.MEMORY_GIB]
    rows = Quota.objects.bulk_create(
        Quota(node=node, metric=metric, limit_now=10 * count)
        for node in (organization, *projects)
        for metric in metrics
    )
    QuotaLimit.objects.bulk_create(
        QuotaLimit(quota=row, amount=row.limit_now, valid_from=now()) for row in rows
    )
    for project in projects:
        with transaction.atomic():
            hold_found(project, dict.fromkeys(metrics, 1))
    person = PersonFactory()
    grant(person, Role.QUOTA_ADMINISTRATOR, organization)
    return log_in(Client(), person)


if __name__ == "__main__":
    main()
