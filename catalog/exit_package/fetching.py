"""How to get what is kept in a cloud out of it: commands for OpenStack's own client.

The portal runs none of them. Whoever does needs access to the project in OpenStack. What a command
makes on the way is called after the id of what is fetched, so that nothing is mixed up.

Source: python-openstackclient, documentation of the commands used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from shlex import quote
from typing import Final

from portal.core.text import on_one_line

COLUMNS: Final = ("kind", "name", "openstack_id", "size_gib", "file", "commands")
_FOLDER: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")  # on any disk, and never outside
_HEADER: Final = (
    "#!/bin/sh",
    "# Fetches images, disks and stored objects, one after the other. It needs the OpenStack",
    "# command line client, and access to each of the projects below. Give what else it needs to",
    "# log in beforehand, in OS_CLOUD or in the other variables that start with OS_.",
    "# What it makes on the way in OpenStack has a name that begins with “exit-”: remove that",
    "# afterwards. If it stops halfway, remove that too, and run it again: what it has, it skips.",
    "set -eu",
)


@dataclass(frozen=True, kw_only=True)
class Fetch:
    """Something that can be fetched, and how.

    Attributes:
        kind, name: what people call it.
        size_gib: how large it can be; None is unknown.
        file: what it becomes: a file, or a folder, which ends with a slash.
    """

    kind: str
    name: str
    cloud_id: str
    size_gib: int | None
    file: str
    commands: Sequence[str]

    def row(self) -> tuple[str, ...]:
        """The cells of ``COLUMNS``."""
        size = "" if self.size_gib is None else str(self.size_gib)
        how = " && ".join(self.commands)
        return (self.kind, self.name, self.cloud_id, size, self.file, how)


@dataclass(frozen=True)
class CloudFetches:
    """What is to be fetched from one project in OpenStack."""

    cloud: str
    project_id: str
    fetches: Sequence[Fetch]


def image_file(cloud_id: str) -> str:
    return f"images/{cloud_id}.img"


def disk_file(cloud_id: str) -> str:
    return f"disks/{cloud_id}.img"


def image_commands(cloud_id: str) -> list[str]:
    """An image that is there already."""
    return _save(cloud_id, image_file(cloud_id))


def server_commands(cloud_id: str) -> list[str]:
    """The disk that belongs to a server, which goes on running."""
    name = _passing(cloud_id)
    return [
        f"openstack server image create --wait --name {quote(name)} {quote(cloud_id)}",
        *_save(name, disk_file(cloud_id)),
    ]


def free_disk_commands(cloud_id: str) -> list[str]:
    """A disk that is attached to nothing."""
    return _disk_as_file(cloud_id, disk_file(cloud_id), _passing(cloud_id))


def used_disk_commands(cloud_id: str, size_gib: int) -> list[str]:
    """A disk that is in use, by way of a snapshot."""
    name = _passing(cloud_id)
    return [
        f"openstack volume snapshot create --force --volume {quote(cloud_id)} {quote(name)}",
        _until("volume snapshot", name, "available"),
        *snapshot_commands(name, size_gib, of=cloud_id),
    ]


def snapshot_commands(cloud_id: str, size_gib: int, *, of: str = "") -> list[str]:
    """A snapshot. ``of``: the disk whose file it becomes, where that is what is wanted."""
    name = _passing(of or cloud_id)
    return [
        f"openstack volume create --snapshot {quote(cloud_id)} --size {size_gib} {quote(name)}",
        _until("volume", name, "available"),
        *_disk_as_file(name, disk_file(of or cloud_id), name),
    ]


def backup_commands(cloud_id: str, size_gib: int) -> list[str]:
    """A backup, by way of a disk on which it is put back."""
    name = _passing(cloud_id)
    return [
        f"openstack volume create --size {size_gib} {quote(name)}",
        _until("volume", name, "available"),
        f"openstack volume backup restore --force {quote(cloud_id)} {quote(name)}",
        _until("volume", name, "available"),
        *_disk_as_file(name, disk_file(cloud_id), name),
    ]


def container_commands(name: str) -> list[str]:
    """All that is stored in a container."""
    folder = quote(container_folder(name))
    return [f"mkdir -p -- {folder}", f"(cd {folder} && openstack container save -- {quote(name)})"]


def container_folder(name: str) -> str:
    """By its name, where a folder can be called that: else by a digest of it."""
    folder = name if _FOLDER.fullmatch(name) else sha256(name.encode()).hexdigest()[:32]
    return f"objects/{folder}/"


def script(clouds: Iterable[CloudFetches]) -> str:
    """``fetch.sh``: the commands for all of it."""
    lines = [*_HEADER, "mkdir -p images disks objects"]
    for place in clouds:
        if place.fetches:
            lines += ["", f"# {on_one_line(place.cloud)}"]
            lines.append(f"export OS_PROJECT_ID={quote(place.project_id)}")
        for fetch in place.fetches:
            lines += ["", f"# {on_one_line(fetch.kind)}: {on_one_line(fetch.name)}"]
            lines.append(f"if [ ! -f {quote(fetch.file)} ]; then")  # always true of a folder
            lines += [*fetch.commands, "fi"]
    return "\n".join(lines) + "\n"


def _disk_as_file(volume: str, file: str, image: str) -> list[str]:
    return [
        f"openstack image create --volume {quote(volume)} {quote(image)}",
        _until("image", image, "active"),
        *_save(image, file),
    ]


def _save(image: str, file: str) -> list[str]:
    """By way of another file, so that half of it never looks like the whole."""
    part = f"{file}.part"
    save = f"openstack image save --file {quote(part)} {quote(image)}"
    return [save, f"mv {quote(part)} {quote(file)}"]


def _until(what: str, name: str, status: str) -> str:
    """Waits for the cloud, which answers before it is done; fails where that fails."""
    shown = f"openstack {what} show -f value -c status {quote(name)}"
    looked = f'case "$is" in {status}) exit 0 ;; *error* | killed) exit 1 ;; esac'
    return f"(while is=$({shown}); do {looked}; sleep 10; done; exit 1)"


def _passing(cloud_id: str) -> str:
    return f"exit-{cloud_id}"
