"""``manage.py check_translations [--update]``: is every text of the portal translated?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polib
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.web.translations import (
    find_catalogues,
    find_messages,
    find_problems,
    update_catalogue,
)


class Command(BaseCommand):
    help = "Fail when a text has no translation, or a translation no text."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--update",
            action="store_true",
            help="first add new texts to the catalogues, and drop those no longer used",
        )

    def handle(self, *args: Any, update: bool, **options: Any) -> None:
        messages = list(find_messages(settings.BASE_DIR))
        problems = []
        for path in find_catalogues(Path(folder) for folder in settings.LOCALE_PATHS):
            catalogue = polib.pofile(str(path), wrapwidth=100)
            if update:
                update_catalogue(messages, catalogue)
                catalogue.save()
            problems += find_problems(messages, catalogue)
        if problems:
            raise CommandError("\n".join(problems))
        self.stdout.write(f"{len({message.key for message in messages})} texts, all translated")
