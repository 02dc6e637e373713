"""What the FOCUS files of a month of a whole tree take, written piece by piece.

    python -m benchmarks.exports [--spans N ...]

Needs CLOUDLOKET_DATABASE_URL, whose user may make a database beside it, and the other variables
of the portal. For each number of usage spans: both forms, each in a process of its own; how many
seconds, how large a file, and how much memory at most. Target: 300 MB.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from typing import Final

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from django.db import connection

from benchmarks.many_spans import MONTH, plant_tree, set_prices, use
from benchmarks.scratch import a_database, processes
from billing.focus.files import Form, focus_file

TARGET_MB: Final = 300
PROJECTS: Final = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--spans", type=int, nargs="+", default=[100_000, 1_000_000])
    options = parser.parse_args()
    with a_database():
        root, projects = plant_tree(PROJECTS)
        set_prices()
        planted = 0
        for spans in options.spans:
            use(projects, spans - planted)
            planted = spans
            for form in Form:
                connection.close()  # a process that is forked must not share it
                process = processes.Process(target=write, args=(root.pk, form, spans))
                process.start()
                process.join()
    print(f"target: {TARGET_MB} MB")


def write(root_id: int, form: Form, spans: int) -> None:
    begin = time.perf_counter()
    pieces = focus_file([root_id], form, month=MONTH, as_of=MONTH.end)
    size = sum(map(len, pieces))
    taken = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{spans} spans as {form}: {size / 1e6:.0f} MB in {taken:.1f} s;"
        f" at most {peak:.0f} MB of memory",
        flush=True,
    )


if __name__ == "__main__":
    main()
