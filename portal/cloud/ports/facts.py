"""What a cloud offers, and what it can list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from portal.cloud.ports.objects import CloudObject, ServerUsage


@dataclass(frozen=True, kw_only=True)
class FlavorFacts:
    id: str
    name: str
    vcpus: int
    memory_mib: int
    disk_gib: int


@dataclass(frozen=True, kw_only=True)
class ImageFacts:
    id: str
    name: str
    min_disk_gib: int
    min_memory_mib: int


@dataclass(frozen=True, kw_only=True)
class VolumeTypeFacts:
    id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """What a cloud's operator offers to everybody; of two images with one name the last counts."""

    flavors: Sequence[FlavorFacts]
    images: Sequence[ImageFacts]
    volume_types: Sequence[VolumeTypeFacts]


class Listing(StrEnum):
    """What a cloud can list. The first seven also settle what waits in one cloud project."""

    SERVERS = "servers"
    VOLUMES = "volumes"
    SNAPSHOTS = "snapshots"
    BACKUPS = "backups"
    IMAGES = "images"
    LOAD_BALANCERS = "load_balancers"
    ZONES = "zones"
    NETWORKS = "networks"
    ROUTERS = "routers"
    FLOATING_IPS = "floating_ips"
    SECURITY_GROUPS = "security_groups"
    CONTAINERS = "containers"
    QUOTAS = "quotas"


# Swift lists the containers of one account, and limits are asked of one project at a time; every
# other list is of all projects.
LISTED_PER_PROJECT: Final = frozenset({Listing.CONTAINERS, Listing.QUOTAS})
# For these each project takes several calls, so that the projects take turns.
LISTED_IN_TURNS: Final = frozenset({Listing.QUOTAS})
UNLIMITED: Final = -1
# What backups of volumes take together. The tree has no metric of that name: it counts them as
# object storage.
BACKUP_GIB: Final = "backup_gib"
LARGEST_PAGE: Final = 1000  # more than this no service gives at a time, as installed


@dataclass(frozen=True, kw_only=True)
class Page:
    """One answer of a listing. ``after`` asks for the next page; "" when this was the last."""

    things: Sequence[CloudObject]
    after: str = ""


@dataclass(frozen=True, kw_only=True)
class UsagePage:
    """One answer of the report of use; ``after`` as in ``Page``."""

    usages: Sequence[ServerUsage]
    after: str = ""
