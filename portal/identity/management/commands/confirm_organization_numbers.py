from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.core.errors import InvalidInput
from portal.identity.models import Node, Organization
from portal.identity.services.numbers import confirm_numbers, organizations_that_wait


class Command(BaseCommand):
    help = (
        "Confirm numbers that an organization's own administrators wrote down, once you know that "
        "they are its own: from then on people log in there with them. Without numbers it only "
        "says what waits."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("code", nargs="?", help="of the organization; of all when left out")
        parser.add_argument("numbers", nargs="*", help="the OIN, KvK number or RSIN you checked")

    def handle(self, *args: Any, code: str | None, numbers: list[str], **options: Any) -> None:
        if not code or not numbers:
            self._say_what_waits(code)
            return
        try:
            confirmed = confirm_numbers(code, numbers)
        except Organization.DoesNotExist as error:
            raise CommandError("no living organization has this code") from error
        except InvalidInput as error:
            lines = [f"{name}: {' '.join(texts)}" for name, texts in error.errors.items()]
            raise CommandError("\n".join(lines)) from error
        for name, number in confirmed.items():
            self.stdout.write(f"confirmed: {name} {number} of {code}")

    def _say_what_waits(self, code: str | None) -> None:
        waiting = organizations_that_wait()
        if code:
            waiting = waiting.filter(code=code)
        for organization in waiting:
            for name, number in organization.waiting_numbers.items():
                self.stdout.write(f"waits: {name} {number} of {organization.code}")
            self.stdout.write(f"  which is {_place_of(organization)}")
        if not waiting:
            self.stdout.write("no number waits")


def _place_of(organization: Organization) -> str:
    """Names from the root down: who claims it matters as much as what is claimed."""
    names = dict(Node.objects.filter(pk__in=organization.lineage_ids).values_list("pk", "name"))
    return " / ".join(names[node_id] for node_id in organization.lineage_ids)
