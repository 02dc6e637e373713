"""What the portal asks of a cloud about object storage."""

from __future__ import annotations

from typing import Protocol

from portal.cloud.ports.objects import CloudObject
from portal.cloud.ports.specs import ContainerSpec


class ContainerPort(Protocol):
    """A part of ``portal.cloud.ports.Cloud``, and promises what that does."""

    def find_containers(self, project: str, name: str, marker: str) -> list[CloudObject]:
        """The container of that name, none or one; its id is its name.

        ``details`` has ``quota_gib``, and ``used_gib`` rounded up, as far as it was counted by now.

        Args:
            marker: "" for one that has none.

        Raises:
            CloudRefused: it is there with another marker, or without this one.
        """
        ...

    def create_container(self, project: str, spec: ContainerSpec, marker: str) -> CloudObject:
        """Make the container. Of one that is there with this marker the quota is written anew.

        Raises:
            CloudRefused: another is called so.
        """
        ...

    def container_bytes(self, project: str) -> dict[str, int]:
        """By the name of each container what is stored in it, as far as it was counted by now."""
        ...

    def set_container_quota(self, project: str, name: str, quota_gib: int) -> None:
        """Let it take at most so much, also where it holds more; safe to repeat.

        Raises:
            CloudMissing: it is gone.
        """
        ...

    def open_container(self, project: str, name: str, *, of_project: str, user: str) -> None:
        """Let that user, coming from that project, read, write and delete in it; and only them."""
        ...

    def fetch_storage_url(self, project: str) -> str:
        """Where the project's containers are reached."""
        ...

    def empty_container(self, project: str, name: str, *, at_most: int) -> bool:
        """Delete up to so many objects; True when none is left."""
        ...

    def delete_container(self, project: str, name: str) -> None:
        """Delete an empty container; one with objects is busy."""
        ...
