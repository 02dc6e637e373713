from __future__ import annotations

from argparse import ArgumentParser, FileType
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.audit.export import read_lines
from portal.audit.verification import Proof


class Command(BaseCommand):
    help = (
        "Prove that the audit trail is whole, and keep what was found for its readers. Exit status"
        " 1 and a line per fault if it is not: docs/runbooks/audit-broken.md."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--anchors",
            type=FileType(encoding="utf-8"),
            help="anchors that export_anchors wrote, kept outside the database",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            exported = list(read_lines(options["anchors"] or ()))
        except ValueError as error:
            raise CommandError(f"--anchors: {error}") from error
        proof = Proof(exported)
        is_read = False
        try:
            for fault in proof.find_faults():
                self.stdout.write(self.style.ERROR(fault))
            is_read = True
        finally:  # whoever reads along may go away, or the database; what was found stays
            if is_read or proof.faults:
                proof.store()
        counts = f"{proof.entries} entries, {proof.anchors} anchors"
        if proof.faults:
            raise CommandError(f"the audit trail is broken: {proof.faults} faults in {counts}")
        self.stdout.write(self.style.SUCCESS(f"the audit trail is whole: {counts}"))
