"""An image of a server: how its disk was at one moment, to make other servers from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from catalog.exit_package.fetching import image_commands, image_file
from catalog.exit_package.things import Surroundings, Thing
from catalog.exit_package.tofu import Block
from catalog.kinds.base import Spec, register
from catalog.kinds.copies import Copy
from catalog.kinds.image_code import image_block
from catalog.kinds.own_images import MEMORY, SIZE, least_of
from catalog.kinds.parameters import Parameter, Widget
from catalog.kinds.parts import Finding, Record, status
from catalog.kinds.steps.chosen_image import PART
from catalog.kinds.steps.copy import Copying
from catalog.kinds.steps.power import BOOTS_FROM, IMAGE
from catalog.models import Metric, OfferingVersion, Resource
from portal.cloud.ports import CloudObject, Listing

READY: Final = "ACTIVE"


def _usable(record: Record) -> str:
    return READY


def _has_own_disk(facts: Mapping[str, Any]) -> bool:
    """Of a server that starts from a volume Nova keeps an empty image."""
    return bool(facts.get(BOOTS_FROM, IMAGE) == IMAGE)


SERVER_IMAGE: Final = Copying(
    part=PART,
    label=_("Image"),
    gone_label=_("Image removed"),
    listing=Listing.IMAGES,
    find=lambda cloud, project, marker: cloud.find_images(project, marker),
    create=lambda cloud, project, spec, marker: cloud.create_image(project, spec, marker),
    delete=lambda cloud, project, copy_id: cloud.delete_image(project, copy_id),
    list=lambda cloud, project: cloud.list_images(project),
    of="server",
    size=SIZE,
    ready=READY,
    compared=[status(ours=_usable, settled=[READY, "DEACTIVATED"])],
)


@register
class ServerImage(Copy):
    """Spec: ``server``, the public id of the server, and what a server from it needs at least, as
    it was when it was ordered: ``image_gib``, which is charged too, and ``image_memory_mib``.
    Images are kept where objects are, so that quota holds them.
    """

    key = "server_image"
    icon = "copy"
    label = _("Image of a server")
    made_from = frozenset({"server"})
    follows = frozenset({SIZE, MEMORY})
    copying = SERVER_IMAGE
    sku = "image"
    plans = SERVER_IMAGE.plans()
    parts = [SERVER_IMAGE.cloud_part()]

    def parameters(self, version: OfferingVersion) -> list[Parameter]:
        return [
            Parameter(
                name="server",
                label=_("Which server"),
                widget=Widget.SELECT,
                section=_("Server"),
                hint=_(
                    "The server stays in use. Stop it first for an image in which nothing is half "
                    "written. What is on a disk for data is not in it. No image can be made of a "
                    "server that starts from a disk in storage, so it is not in this list."
                ),
                of_kinds=["server"],
                suits=_has_own_disk,
            )
        ]

    def settle(
        self, version: OfferingVersion, spec: Spec, sources: Mapping[str, Resource]
    ) -> dict[str, Any]:
        server = sources.get("server")
        if server is None:
            return {**spec, SIZE: 1, MEMORY: 0}
        return {**spec, **least_of(version.cloud, server)}

    def quota_demand(self, version: OfferingVersion, spec: Spec) -> dict[Metric, Decimal]:
        return {Metric.OBJECT_GIB: Decimal(spec[SIZE])}

    def as_code(self, made: Thing, around: Surroundings) -> Sequence[Block]:
        return [image_block(made)] if PART in made.cloud_ids else []

    def fetch_commands(self, cloud_id: str, size_gib: int) -> list[str]:
        return image_commands(cloud_id)

    def file_of(self, cloud_id: str) -> str:
        return image_file(cloud_id)

    def found(self, thing: CloudObject) -> Finding | None:
        """As large as the disk that it needs, where the cloud tells that it needs more."""
        finding = super().found(thing)
        if finding is None:
            return None
        size = max(finding.spec[SIZE], thing.details["min_disk_gib"])
        memory = thing.details["min_memory_mib"]
        return Finding(spec={**finding.spec, SIZE: size, MEMORY: memory}, facts=finding.facts)
