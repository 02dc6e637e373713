from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils.timezone import now

from portal.core.calendar import year_of
from portal.identity.models import Node
from portal.web.demo.catalogue import load_catalogue
from portal.web.demo.money import load_money
from portal.web.demo.organizations import load_organizations


class Command(BaseCommand):
    help = "Fill an empty database with made-up organizations, prices and limits to try out."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("demo data is for CLOUDLOKET_DEMO=1 only")
        if Node.objects.exists():
            self.stdout.write("demo data is there already")
            return
        since = year_of(now()).start
        with transaction.atomic():
            load_organizations(since)
            load_catalogue()
            load_money(since)
        self.stdout.write("demo data loaded")
