"""What is said of a thing that the cloud must make, and what it tells once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    name: str
    cidr: str
    dns_nameservers: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class SecurityRule:
    """One opening: ``direction`` ingress or egress, ports inclusive.

    Without ``remote_cidr`` it is for the members of the group itself.
    """

    direction: str
    protocol: str | None = None
    port_min: int | None = None
    port_max: int | None = None
    remote_cidr: str | None = None


@dataclass(frozen=True, kw_only=True)
class VolumeSpec:
    name: str
    size_gib: int
    volume_type: str | None = None
    image_id: str | None = None  # makes it bootable
    snapshot_id: str | None = None  # begins with what that holds
    backup_id: str | None = None  # likewise


@dataclass(frozen=True, kw_only=True)
class PortSpec:
    """A port of a network.

    Args:
        address: which it should have, if that is free; "" where any will do.
    """

    name: str
    network_id: str
    security_group_ids: Sequence[str]
    address: str = ""


@dataclass(frozen=True, kw_only=True)
class ServerSpec:
    """What a server is made of.

    Args:
        image_id: what its own disk is written from; "" with a ``boot_volume_id``.
        boot_volume_id: a bootable volume that it starts from, and that stays when it goes.
        server_group_id: what says beside which others it may stand.
    """

    name: str
    flavor_id: str
    port_id: str
    image_id: str = ""
    boot_volume_id: str = ""
    server_group_id: str = ""
    user_data: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class LoadBalancerSpec:
    """One port that is spread over members, by turns.

    Args:
        protocol: HTTP or TCP; so its members are asked whether they live.
        members: address and port of each.
    """

    name: str
    network_id: str
    protocol: str
    port: int
    members: Sequence[tuple[str, int]]


@dataclass(frozen=True, kw_only=True)
class ZoneSpec:
    """A DNS zone; ``name`` ends with a dot, ``email`` is of who answers for it."""

    name: str
    email: str
    ttl_seconds: int = 3600


# Of any other type, SOA and NS among them, the portal keeps no record.
DNS_TYPES: Final = ("A", "AAAA", "CNAME", "MX", "TXT")


@dataclass(frozen=True, kw_only=True)
class DnsRecord:
    """All values of one name and type in a zone; ``name`` ends with a dot.

    ``type`` is one of ``DNS_TYPES``.
    """

    name: str
    type: str
    values: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class ContainerSpec:
    """A place for objects that takes at most ``quota_gib``."""

    name: str
    quota_gib: int


@dataclass(frozen=True, kw_only=True)
class IssuedCredential:
    """An application credential as it is told once, and where it logs in."""

    id: str
    secret: str = field(repr=False)
    auth_url: str
    region: str
