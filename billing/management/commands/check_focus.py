from __future__ import annotations

from argparse import ArgumentParser
from itertools import islice
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from billing.focus.checker import WHOLE_FILE, Problem, check
from billing.focus.parquet_checker import check_parquet, is_parquet

MOST_SHOWN: Final = 100


class Command(BaseCommand):
    help = "Check whether a CSV or Parquet file is FOCUS 1.2, by the norm; 1 when it is not."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            problems = _first_problems(path)
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{path} cannot be read: {error}") from error
        for problem in problems:
            row = "file" if problem.row == WHOLE_FILE else f"row {problem.row}"
            where = f"{row}, {problem.column}" if problem.column else row
            self.stdout.write(f"{where}: breaks “{problem.rule}”")
        if problems:
            raise CommandError(f"{path} is not FOCUS 1.2: {_counted(len(problems))} found")
        self.stdout.write(f"{path} is FOCUS 1.2")


def _first_problems(path: Path) -> list[Problem]:
    if is_parquet(path):
        return list(islice(check_parquet(path), MOST_SHOWN))
    with path.open(encoding="utf-8", newline="") as lines:
        return list(islice(check(lines), MOST_SHOWN))


def _counted(found: int) -> str:
    if found == MOST_SHOWN:
        return f"{found} problems or more"
    return "1 problem" if found == 1 else f"{found} problems"
