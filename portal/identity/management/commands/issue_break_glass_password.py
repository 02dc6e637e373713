from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.core.errors import DomainError
from portal.identity.services.break_glass import issue_password


class Command(BaseCommand):
    help = (
        "Print a one-time password for emergency access at /login/break-glass, valid 15 minutes. "
        "Read docs/runbooks/break-glass.md first: auditors hear of it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--reason", required=True, help="why nobody can log in as usual")
        parser.add_argument("--by", required=True, help="who asks for it: your name")

    def handle(self, *args: Any, **options: Any) -> None:
        reason, issued_by = options["reason"].strip(), options["by"].strip()
        if not 10 <= len(reason) <= 300 or not 2 <= len(issued_by) <= 150:
            raise CommandError("--reason takes 10 to 300 characters, --by 2 to 150")
        try:
            password = issue_password(reason=reason, issued_by=issued_by)
        except DomainError as refusal:
            raise CommandError("emergency access is off: set CLOUDLOKET_BREAK_GLASS=1") from refusal
        self.stdout.write(password)
