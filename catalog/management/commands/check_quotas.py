from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.models import Quota
from catalog.services.quotas import find_differences


class Command(BaseCommand):
    help = (
        "Prove that every quota counter equals its claims, and that every claim stands where its "
        "project does. Exit status 1 and a line per fault."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        differences = find_differences()
        for line in differences:
            self.stdout.write(self.style.ERROR(line))
        if differences:
            raise CommandError(f"{len(differences)} counters or claims are wrong")
        self.stdout.write(self.style.SUCCESS(f"{Quota.objects.count()} counters agree"))
