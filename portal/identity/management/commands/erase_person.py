from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.identity.errors import PersonIsActive
from portal.identity.models import Person
from portal.identity.services.people import erase_person


class Command(BaseCommand):
    help = "Forget name and e-mail address of somebody who left; what they did stays."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("public_id", type=UUID, help="as in the address of the person's page")

    def handle(self, *args: Any, public_id: UUID, **options: Any) -> None:
        try:
            erase_person(public_id)
        except Person.DoesNotExist as error:
            raise CommandError("nobody has this id") from error
        except PersonIsActive as error:
            raise CommandError("this person has access; end that first") from error
        self.stdout.write("erased")
