"""What it costs to charge a month of a whole tree, beside writing down as many rows.

    python -m benchmarks.charging [--pairs N] [--spans N ...]

Needs CLOUDLOKET_DATABASE_URL, whose user may make a database beside it, and the other variables
of the portal. Twenty-one organizations, a thousand projects, twelve SKUs; in the month prices
change, an organization moves and so do a hundred projects.

For each number of usage spans, in turns: the charges of the month, from the statement that every
page and statement uses, into an empty table; and a bare ``INSERT … SELECT`` of the same rows from
one table into another. All tables have the same columns. Once they are as what is kept has to be,
in the write-ahead log and with a primary key; and once, as a look at the statement alone, neither.
Targets: a median ratio of at most 3 for what is kept; ten times the rows in at most 11 times the
seconds; and less than 300 MB for this process, which also makes the lines of the month.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, LiteralString

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from django.db import connection

from benchmarks.many_spans import MONTH, plant_tree, set_prices, use
from benchmarks.scratch import a_database
from billing.services.charge_query import ChargeQuery, Slice
from billing.services.charging import costs
from portal.identity.models import Organization

TARGET: Final = 3
TARGET_GROWTH: Final = 11
TARGET_MB: Final = 300
PROJECTS: Final = 1000
TABLES: Final = ("charged", "copied", "kept")

_TABLE: Final = """
CREATE {how} TABLE {name} (
    span_id bigint, resource_id bigint, project_id bigint, organization_id bigint, sku_id bigint,
    price_id bigint, unit text, unit_price numeric(18, 6), quantity numeric(18, 6),
    started_at timestamptz, ended_at timestamptz, seconds bigint, amount numeric
)
"""
_KEY: Final = "ALTER TABLE {name} ADD PRIMARY KEY (span_id, started_at)"
_CHARGE: Final[LiteralString] = """
INSERT INTO charged
SELECT span_id, resource_id, project_id, organization_id, sku_id, price_id, unit, unit_price,
       quantity, started_at, ended_at, seconds, amount
FROM charge
"""
_COPY: Final = "INSERT INTO copied SELECT * FROM kept"


@dataclass(frozen=True)
class Medians:
    """Seconds in which the month is charged, and in which as many rows are copied."""

    charged: float
    copied: float


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--spans", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    options = parser.parse_args()
    with a_database():
        root, projects = plant_tree(PROJECTS)
        set_prices()
        measured: list[tuple[int, Medians]] = []
        for spans in options.spans:
            use(projects, spans - (measured[-1][0] if measured else 0))
            make_tables("UNLOGGED")
            measure(f"{spans} spans, without log and key", root, options.pairs)
            make_tables("")
            for table in TABLES:
                run(_KEY.format(name=table))
            taken = measure(f"{spans} spans, as what is kept", root, options.pairs)
            measured.append((spans, taken))
            print_growth(measured)
            print_lines(root)
    print(f"targets: a ratio of {TARGET}, {TARGET_GROWTH} times the seconds, {TARGET_MB} MB")


def make_tables(how: str) -> None:
    """Empty ones; they are ``UNLOGGED``, or nothing special."""
    for name in TABLES:
        run(f"DROP TABLE IF EXISTS {name}")
        run(_TABLE.format(how=how, name=name))


def measure(title: str, root: Organization, pairs: int) -> Medians:
    """The seconds of both; printed with the ratio."""
    month = Slice(period=MONTH, month_seconds=MONTH.seconds)
    query = ChargeQuery(node_ids=[root.pk], slices=[month], as_of=MONTH.end, until=MONTH.end)
    parts: dict[str, Callable[[], int]] = {
        "charged": lambda: query.write(_CHARGE),
        "copied": lambda: run(_COPY),
    }
    rows = seconds_of("charged", parts["charged"])[1]  # the first is to warm up
    run("INSERT INTO kept TABLE charged")
    found: dict[str, list[float]] = {name: [] for name in parts}
    for pair in range(pairs):
        for name in sorted(parts, reverse=bool(pair % 2)):
            taken, written = seconds_of(name, parts[name])
            if written != rows:
                raise SystemExit(f"{written} rows instead of {rows}")
            found[name].append(taken)
    print_ratio(f"{title}: {rows} charges", found["charged"], found["copied"])
    return Medians(**{name: statistics.median(seconds) for name, seconds in found.items()})


def seconds_of(table: str, write: Callable[[], int]) -> tuple[float, int]:
    """How long it takes to fill an empty table, and with how many rows."""
    run(f"TRUNCATE {table}")
    begin = time.perf_counter()
    rows = write()
    return time.perf_counter() - begin, rows


def run(statement: str) -> int:
    """The number of rows that it wrote."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return int(cursor.rowcount)


def print_ratio(title: str, ours: Sequence[float], bare: Sequence[float]) -> None:
    ratios = [slow / fast for slow, fast in zip(ours, bare, strict=True)]
    print(
        f"{title} in {statistics.median(ours):.2f} s beside {statistics.median(bare):.2f} s, ratio"
        f" median {statistics.median(ratios):.2f}, from {min(ratios):.2f} to {max(ratios):.2f}",
        flush=True,
    )


def print_lines(root: Organization) -> None:
    """The lines of the month, as pages and statements have them, and the memory of all so far."""
    begin = time.perf_counter()
    lines = costs([root.pk], period=MONTH, as_of=MONTH.end).lines
    taken = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  {len(lines)} lines in {taken:.2f} s; at most {peak:.0f} MB of memory", flush=True)


def print_growth(measured: Sequence[tuple[int, Medians]]) -> None:
    """What so many times the spans take; what is written takes the machine as much, and says so."""
    for (few, fast), (many, slow) in pairwise(measured[-2:]):
        print(
            f"  {many / few:.0f} times the spans in {slow.charged / fast.charged:.1f} times the"
            f" seconds, the copy in {slow.copied / fast.copied:.1f} times",
            flush=True,
        )


if __name__ == "__main__":
    main()
