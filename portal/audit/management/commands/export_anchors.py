from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from portal.audit.export import to_line
from portal.audit.models import AuditAnchor


class Command(BaseCommand):
    help = "Write every anchor as a line of JSON, to be kept outside: see verify_audit --anchors."

    def handle(self, *args: Any, **options: Any) -> None:
        for anchor in AuditAnchor.objects.order_by("number").iterator(chunk_size=500):
            self.stdout.write(to_line(anchor))
