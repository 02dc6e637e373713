"""What the pages of quotas cost for an organization of many projects and claims.

    python -m benchmarks.quota_page [--pairs N] [--visits N] [--projects N] [--claims N]
        [--changes N]

Needs CLOUDLOKET_DATABASE_URL, whose user may make a database beside it, and the other variables
of the portal. One organization has ten projects with a claim and a change of their limit each,
another a thousand with a hundred thousand claims and two hundred thousand changes. Both have a
quota administrator who asks for the tree, for what is nearly full (all of it is) and for one
quota, through all of the portal but the web server.

In turns, so many visits to each. Targets, for each page: as many queries for both, and a p95 of at
most 1.5 times that of ten projects (median of the ratios). It is asked of the pages as people get
them, which show at most so many parts at once; further pages are asked for too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from benchmarks.many_claims import hold_claims
from benchmarks.scratch import a_database
from catalog.models import LimitChange, Metric, Quota, QuotaLimit, QuotaReading
from portal.core.calendar import day_of
from portal.identity.models import Role
from tests.factories import PersonFactory, grant, make_organization, make_project
from tests.logins import log_in

TARGET: Final = 1.5
FEW: Final = 10
DEMAND: Final = dict.fromkeys([Metric.SERVERS, Metric.VCPUS, Metric.MEMORY_GIB], Decimal(1))
DAYS: Final = 90  # with a reading each


@dataclass(frozen=True, eq=False)
class Visitor:
    """Who administers the quotas of an organization, and where its pages are, by name."""

    client: Client
    pages: dict[str, str]

    def visit(self, page: str) -> bytes:
        response = self.client.get(self.pages[page])
        if response.status_code != 200:
            raise SystemExit(f"the page answers {response.status_code}")
        return bytes(response.content)

    def seconds(self, page: str) -> float:
        begin = time.perf_counter()
        self.visit(page)
        return time.perf_counter() - begin

    def p95(self, page: str, visits: int) -> float:
        """Seconds in which all but one of twenty visits are answered."""
        return statistics.quantiles([self.seconds(page) for _ in range(visits)], n=20)[-1]

    def costs(self, page: str) -> str:
        self.visit(page)  # what is remembered from then on
        with CaptureQueriesContext(connection) as captured:
            size = len(self.visit(page))
        return f"{len(captured)} queries, {size // 1024} KiB"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--visits", type=int, default=40, help="of each half of a pair")
    parser.add_argument("--projects", type=int, default=1000)
    parser.add_argument("--claims", type=int, default=100_000, help="in all those projects")
    parser.add_argument("--changes", type=int, default=200, help="of the limit of each project")
    options = parser.parse_args()
    with a_database():
        settings.ALLOWED_HOSTS = ["testserver"]  # whom the client asks
        few = make_visitor(FEW, FEW, 1)
        many = make_visitor(options.projects, options.claims, options.changes)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
        for page in few.pages:
            print(
                f"{page}: {few.costs(page)} with {FEW} projects,"
                f" {many.costs(page)} with {options.projects}",
                flush=True,
            )
            measure(page, few, many, options.pairs, options.visits)
        print(f"target: as many queries, and at most {TARGET}")


def measure(page: str, few: Visitor, many: Visitor, pairs: int, visits: int) -> None:
    seconds: dict[Visitor, list[float]] = {few: [], many: []}
    for pair in range(pairs):
        for visitor in (few, many) if pair % 2 else (many, few):
            seconds[visitor].append(visitor.p95(page, visits))
    ratios = [slow / fast for fast, slow in zip(seconds[few], seconds[many], strict=True)]
    print(
        f"  p95 {statistics.median(seconds[few]) * 1000:.1f} ms and"
        f" {statistics.median(seconds[many]) * 1000:.1f} ms, ratio median"
        f" {statistics.median(ratios):.2f}, from {min(ratios):.2f} to {max(ratios):.2f}",
        flush=True,
    )


def make_visitor(count: int, claims: int, changes: int) -> Visitor:
    """A new organization with so many projects, and claims spread over these.

    Changes are those of each project's limit of the metric that the tree shows first.
    """
    organization = make_organization()
    projects = [make_project(organization) for _ in range(count)]
    Quota.objects.bulk_create(
        Quota(node=node, metric=metric, limit_now=claims + 1)
        for node in (organization, *projects)
        for metric in DEMAND
    )
    hold_claims(projects, DEMAND, claims)
    rows = Quota.objects.filter(node__in=[organization, *projects])
    rows.update(limit_now=F("claimed") * Decimal("1.1"))  # all nearly full
    QuotaLimit.objects.bulk_create(
        QuotaLimit(quota=row, amount=row.limit_now, valid_from=now()) for row in rows
    )
    today = day_of(now())
    QuotaReading.objects.bulk_create(
        QuotaReading(
            quota=row, day=today - timedelta(days=ago), claimed=row.claimed / ago, limit=None
        )
        for row in rows
        for ago in range(1, DAYS)
    )
    person = PersonFactory()
    grant(person, Role.QUOTA_ADMINISTRATOR, organization)
    LimitChange.objects.bulk_create(
        LimitChange(
            quota=row,
            before=row.limit_now,
            amount=row.limit_now,
            valid_from=now(),
            changed_by=person,
            changed_at=now() - timedelta(weeks=ago),
        )
        for row in rows.filter(metric=Metric.SERVERS)
        for ago in range(changes)
    )
    pages = {
        "tree": reverse("catalog:quotas"),
        "nearly full": reverse("catalog:quotas-full"),
        "one quota": reverse(
            "catalog:quota-detail", args=[organization.public_id, Metric.SERVERS.value]
        ),
    }
    return Visitor(log_in(Client(), person), pages)


if __name__ == "__main__":
    main()
