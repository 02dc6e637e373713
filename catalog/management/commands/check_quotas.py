from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.models import Quota
from catalog.services.quota_checks import (
    find_claims_of_nothing,
    find_differences,
    find_other_claims,
    repair_counters,
)


class Command(BaseCommand):
    help = (
        "Prove that every quota counter equals its claims, that every claim stands where its "
        "project does and is held by something, and that it holds what that needs. Exit status 1 "
        "and a line per fault."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--repair",
            action="store_true",
            help="set counters that differ to what their claims come to; the trail says so",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["repair"]:
            for line in repair_counters():
                self.stdout.write(self.style.WARNING(line))
        faults = [*find_differences(), *find_claims_of_nothing(), *find_other_claims()]
        for line in faults:
            self.stdout.write(self.style.ERROR(line))
        if faults:
            raise CommandError(f"{len(faults)} counters or claims are wrong")
        self.stdout.write(self.style.SUCCESS(f"{Quota.objects.count()} counters agree"))
