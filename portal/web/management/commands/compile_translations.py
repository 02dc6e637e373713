"""``manage.py compile_translations``: make the .mo files that Django reads. Needs no gettext."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from portal.web.translations import compile_catalogue, find_catalogues


class Command(BaseCommand):
    help = "Compile the translations in locale/."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        for source in find_catalogues(Path(folder) for folder in settings.LOCALE_PATHS):
            target = compile_catalogue(source)
            self.stdout.write(f"{target.relative_to(settings.BASE_DIR)}")
