from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.core.errors import InvalidInput
from portal.identity.services.tree import create_organization


class Command(BaseCommand):
    help = (
        "Add an organization at the top of the tree. Nobody's role reaches above the top, so this "
        "is not on a page; everything below it is."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("code", help="what the identity provider's roles call it")
        parser.add_argument("name")
        parser.add_argument("--oin", default="", help="20 digits: people of this OIN log in here")
        parser.add_argument("--kvk-number", default="", help="8 digits")
        parser.add_argument("--rsin", default="", help="9 digits")

    def handle(self, *args: Any, **options: Any) -> None:
        values = {name: options[name] for name in ("code", "name", "oin", "kvk_number", "rsin")}
        try:
            organization = create_organization(parent=None, actor=None, **values)
        except InvalidInput as error:
            lines = [f"{name}: {' '.join(texts)}" for name, texts in error.errors.items()]
            raise CommandError("\n".join(lines)) from error
        self.stdout.write(f"{organization.name} is added: {organization.public_id}")
