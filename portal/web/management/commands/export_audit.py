from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from datetime import date, timedelta
from typing import Any

from django.core.management.base import BaseCommand

from portal.audit.reading import legible_entries
from portal.core.calendar import start_of_day
from portal.web.trail.exporting import CONTENT_TYPES, export
from portal.web.trail.filters import FIRST_DAY, LAST_DAY, EntryFilter


class Command(BaseCommand):
    help = "Write the audit trail to standard output, oldest entry first: ids, never names."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="since", type=_day, help="2026-11-01")
        parser.add_argument("--until", type=_day, help="the last day, inclusive")
        parser.add_argument("--format", choices=sorted(CONTENT_TYPES), default="jsonl")

    def handle(self, *args: Any, **options: Any) -> None:
        since, until = options["since"], options["until"]
        chosen = EntryFilter(
            since=start_of_day(since) if since else None,
            until=start_of_day(until + timedelta(days=1)) if until else None,
        )
        for piece in export(chosen.apply(legible_entries()), options["format"]):
            self.stdout.write(piece, ending="")


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not a day, as 2026-11-01") from error
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ArgumentTypeError(f"choose a day from {FIRST_DAY} up to and including {LAST_DAY}")
    return day
