from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal.audit.retention import CannotDrop, drop_months


class Command(BaseCommand):
    help = (
        "Drop the whole months of the audit trail that are longer ago than is kept. As the owner of"
        " the database only: CLOUDLOKET_AS_DATABASE_OWNER=1."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--keep-years",
            type=int,
            default=settings.AUDIT_RETENTION_YEARS,
            help="default: CLOUDLOKET_AUDIT_RETENTION_YEARS; 3 at least",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            dropped = drop_months(keep_years=options["keep_years"])
        except CannotDrop as refusal:
            raise CommandError(f"nothing was dropped: {refusal}") from refusal
        self.stdout.write(f"dropped {dropped.entries} entries of before {dropped.until:%Y-%m-%d}")
