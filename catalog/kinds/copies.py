"""What all kinds have in common that keep something as it was at one moment."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _

from billing.meters import Meter
from catalog.exit_package.fetching import Fetch, disk_file
from catalog.exit_package.things import Thing
from catalog.kinds.base import Kind, Spec
from catalog.kinds.parts import Finding
from catalog.kinds.steps.copy import Copying
from catalog.models import OfferingVersion
from portal.cloud.ports import CloudObject


class Copy(Kind):
    """A kind of copy: ``copying`` says how it is made, ``sku`` what each GiB of it is charged as.

    An offering decides nothing. ``file_of`` is what its content becomes when it is fetched.
    """

    copying: ClassVar[Copying]
    sku: ClassVar[str]
    keeps_a_moment = True
    not_described = _("It is what was kept of one moment: fetch.sh saves that as a file.")

    @abstractmethod
    def fetch_commands(self, cloud_id: str, size_gib: int) -> list[str]:
        """How what it keeps becomes the file ``file_of`` it."""

    def file_of(self, cloud_id: str) -> str:
        return disk_file(cloud_id)

    def to_fetch(self, made: Thing) -> Sequence[Fetch]:
        part, size_gib = self.copying.part, made.spec[self.copying.size]
        cloud_id = made.cloud_ids.get(part)
        if not cloud_id:
            return []
        return [
            Fetch(
                kind=part,
                name=made.name,
                cloud_id=cloud_id,
                size_gib=size_gib,
                file=self.file_of(cloud_id),
                commands=self.fetch_commands(cloud_id, size_gib),
            )
        ]

    def meters(self, version: OfferingVersion, spec: Spec) -> list[Meter]:
        return [Meter(self.sku, Decimal(spec[self.copying.size]))]

    def summary(self, spec: Spec) -> str:
        return f"{spec[self.copying.size]} GiB"

    def found(self, thing: CloudObject) -> Finding | None:
        return self.copying.found(thing)

    def usage_started_at(self, facts: Mapping[str, Any]) -> datetime | None:
        kept_at = facts.get("kept_at")
        return datetime.fromisoformat(kept_at) if kept_at else None
