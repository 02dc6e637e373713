"""Images of servers: Nova makes them, Glance has them. The marker is a property of the image.

Nova copies the properties of the image that a server was made from to an image of that server,
ours among them. So a second one names the server, which Nova itself writes down as well: only
where both agree is the marker what this image was made with.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

from openstack.connection import Connection
from openstack.exceptions import raise_from_response

from portal.cloud.openstack.connections import OnCloud
from portal.cloud.openstack.reading import carrying, made, moment, ours
from portal.cloud.ports import CloudObject, CopySpec

MARKER_KEY: Final = "cloudloket"
OF_SERVER_KEY: Final = "cloudloket_server"
BYTES_PER_GIB: Final = 1024**3


class Images(OnCloud):
    """What is kept of servers, in the port."""

    def find_images(self, project: str, marker: str) -> list[CloudObject]:
        return carrying(marker, self.list_images(project))

    def create_image(self, project: str, spec: CopySpec, marker: str) -> CloudObject:
        with self._asking("compute", "create image", project) as cloud:
            told = {MARKER_KEY: marker, OF_SERVER_KEY: spec.of_id}
            body = {"createImage": {"name": spec.name, "metadata": told}}
            # Without the SDK's verb for it, which then asks for the image as well.
            answer = cloud.compute.post(f"/servers/{spec.of_id}/action", json=body)
            raise_from_response(answer)
            image_id = str(answer.json().get("image_id") or "")
        # The rest is told by the next listing.
        found = CloudObject(id=image_id, name=spec.name, status="QUEUED", marker=marker)
        return made(found, "create image")

    def delete_image(self, project: str, image_id: str) -> None:
        with self._asking("image", "delete image", project) as cloud:
            cloud.image.delete_image(image_id, ignore_missing=False)

    def list_images(self, project: str) -> list[CloudObject]:
        with self._asking("image", "list images", project) as cloud:
            return [read_image(item) for item in all_images(cloud, project)]


def all_images(cloud: Connection, project: str) -> Iterator[Any]:
    """Of a project, also those that somebody hides: Glance tells only one sort at a time."""
    for is_hidden in (False, True):
        yield from cloud.image.images(owner=project, is_hidden=is_hidden)


def read_image(item: Any) -> CloudObject:
    properties = item.properties or {}
    of_id = item.instance_uuid or ""
    is_its_own = properties.get(OF_SERVER_KEY) == of_id
    return CloudObject(
        id=item.id,
        name=item.name or "",
        status=str(item.status or "").upper(),
        created_at=moment(item.created_at),
        marker=ours(properties.get(MARKER_KEY)) if is_its_own else "",
        details={
            "of_id": of_id,
            "min_disk_gib": item.min_disk or 0,
            "min_memory_mib": item.min_ram or 0,
            "size_gib": math.ceil((item.virtual_size or item.size or 0) / BYTES_PER_GIB),
        },
    )
