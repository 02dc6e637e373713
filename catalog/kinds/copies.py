"""What all kinds have in common that keep something as it was at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from billing.meters import Meter
from catalog.kinds.base import Kind, Spec
from catalog.kinds.parts import Finding
from catalog.kinds.steps.copy import Copying
from catalog.models import OfferingVersion
from portal.cloud.ports import CloudObject


class Copy(Kind):
    """A kind of copy: ``copying`` says how it is made, ``sku`` what each GiB of it is charged as.

    An offering decides nothing.
    """

    copying: ClassVar[Copying]
    sku: ClassVar[str]
    keeps_a_moment = True

    def meters(self, version: OfferingVersion, spec: Spec) -> list[Meter]:
        return [Meter(self.sku, Decimal(spec[self.copying.size]))]

    def summary(self, spec: Spec) -> str:
        return f"{spec[self.copying.size]} GiB"

    def found(self, thing: CloudObject) -> Finding | None:
        return self.copying.found(thing)

    def usage_started_at(self, facts: Mapping[str, Any]) -> datetime | None:
        kept_at = facts.get("kept_at")
        return datetime.fromisoformat(kept_at) if kept_at else None
