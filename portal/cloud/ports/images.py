"""What the portal asks of a cloud about images that are made of its servers."""

from __future__ import annotations

from typing import Protocol

from portal.cloud.ports.objects import CloudObject, CopySpec


class ImagePort(Protocol):
    """A part of ``portal.cloud.ports.Cloud``, and promises what that does."""

    def find_images(self, project: str, marker: str) -> list[CloudObject]: ...

    def create_image(self, project: str, spec: CopySpec, marker: str) -> CloudObject:
        """Keep how the disk of a server is now; ``details`` has ``of_id`` and the least size.

        Those are ``min_disk_gib``, ``min_memory_mib``, and ``size_gib`` once it is ACTIVE. An
        image that fails goes by itself. Only of a server on a disk of its own: of one that
        starts from a volume the cloud would keep an empty image. One that is being worked on,
        or is rescued, is busy (CloudUnavailable). Of a server that was made from such an image,
        what others make of that is not marked as ours.
        """
        ...

    def delete_image(self, project: str, image_id: str) -> None:
        """Delete it; servers that were made from it run on."""
        ...

    def list_images(self, project: str) -> list[CloudObject]:
        """Those of the project itself, without what the operator offers to everybody."""
        ...
