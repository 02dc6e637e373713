"""What the portal asks of a cloud about servers."""

from __future__ import annotations

from typing import Protocol

from portal.cloud.ports.objects import CloudObject, ServerLoad
from portal.cloud.ports.specs import ServerSpec


class ServerPort(Protocol):
    """A part of ``portal.cloud.ports.Cloud``, and promises what that does."""

    def find_server_groups(self, project: str, marker: str) -> list[CloudObject]:
        """``details`` has ``policy`` and ``server_ids`` of the servers that are in it."""
        ...

    def create_server_group(self, project: str, policy: str, marker: str) -> CloudObject:
        """Make a group that is called by its marker, for Nova keeps no other of it.

        Args:
            policy: affinity, anti-affinity, soft-affinity or soft-anti-affinity.
        """
        ...

    def delete_server_group(self, project: str, server_group_id: str) -> None:
        """Delete it; servers that are in it stay where they are."""
        ...

    def find_servers(self, project: str, marker: str) -> list[CloudObject]: ...

    def create_server(self, project: str, spec: ServerSpec, marker: str) -> CloudObject: ...

    def delete_server(self, project: str, server_id: str) -> None: ...

    def list_servers(self, project: str) -> list[CloudObject]:
        """All servers of the project with status, fault, addresses and launched_at, in one call."""
        ...

    def start_server(self, project: str, server_id: str) -> None:
        """Power it on. One that runs already is busy (CloudUnavailable): look before asking."""
        ...

    def stop_server(self, project: str, server_id: str) -> None:
        """Power it off, after a warning to its operating system; as ``start_server``."""
        ...

    def reboot_server(self, project: str, server_id: str, *, is_hard: bool) -> None:
        """Restart it: by its operating system, or (hard) by cutting the power."""
        ...

    def resize_server(self, project: str, server_id: str, flavor_id: str) -> None:
        """Give it another flavor than it has; it restarts, and becomes VERIFY_RESIZE.

        Until that is confirmed or reverted the cloud keeps both. One that neither runs nor stands
        still, or is being worked on, is busy (CloudUnavailable): look before asking.
        """
        ...

    def confirm_resize(self, project: str, server_id: str) -> None:
        """Let go what the server was before it was resized.

        Success while that is being done: look afterwards.
        """
        ...

    def revert_resize(self, project: str, server_id: str) -> None:
        """Let a resized server become what it was.

        Success, and nothing more, while it is being confirmed: look afterwards.
        """
        ...

    def rebuild_server(self, project: str, server_id: str, image_id: str, *, mark: str) -> None:
        """Write its own disk anew from the image; addresses and volumes stay.

        ``details["rebuild"]`` tells the mark of the last one that the cloud took on, so look
        before asking. It is REBUILD meanwhile; one that is busy is busy (CloudUnavailable).
        """
        ...

    def rescue_server(self, project: str, server_id: str) -> None:
        """Start it from a disk for repairs, with its own beside that; it becomes RESCUE."""
        ...

    def unrescue_server(self, project: str, server_id: str) -> None:
        """Start it from its own disk again."""
        ...

    def open_console(self, project: str, server_id: str) -> str:
        """The address of the server's screen, for a few minutes, to whoever has it."""
        ...

    def attach_volume(self, project: str, server_id: str, volume_id: str) -> None:
        """Attach; success when it is attached to this server already."""
        ...

    def detach_volume(self, project: str, server_id: str, volume_id: str) -> None:
        """Detach; success when it is not attached, also where only the server is gone."""
        ...

    def server_load(self, server_id: str) -> ServerLoad:
        """How busy a server is at this moment.

        Raises:
            CloudMissing: it is gone.
            CloudUnavailable: also when it does not run (409), or its hypervisor cannot tell (501).
            CloudRefused: with status 403, the cloud's policy keeps this from the portal.
        """
        ...
