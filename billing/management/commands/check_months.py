"""Calculate closed months again: manage.py check_months"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.services.checking import check_months
from billing.services.corrections import find_late_facts


class Command(BaseCommand):
    """Exits with 1 when a line, a total, a number or a document is not what it was.

    What became known after a month closed is no difference of that kind: it is told, and becomes
    corrections when the next month closes.
    """

    help = "Calculate closed months again, and compare lines, totals, numbers and documents."

    def handle(self, *args: Any, **options: Any) -> None:
        flaws: list[str] = []
        for check in check_months():
            counts = f"{check.statement_count} statements, {check.line_count} lines"
            self.stdout.write(
                f"{check.month}: {counts}, {'differs' if check.flaws else 'as it was'}"
            )
            flaws += check.flaws
        late = find_late_facts()
        self.stdout.write(f"{len(late.corrections)} corrections wait for the next month")
        if flaws:
            raise CommandError("\n".join(flaws))
