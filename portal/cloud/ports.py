"""What the portal asks of a cloud, in ids and facts. Only this file is known to the rest.

A ``create_`` call makes exactly one thing with the marker in its body, and never retries by
itself. A ``find_`` call returns everything that carries the marker, oldest first. The engine
(``catalog.provisioning``) does the rest: look up, create, adopt, remove what is double.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from portal.cloud.image_port import ImagePort
from portal.cloud.objects import CloudObject as CloudObject
from portal.cloud.objects import CopySpec as CopySpec
from portal.cloud.objects import ServerLoad as ServerLoad
from portal.cloud.objects import ServerUsage as ServerUsage
from portal.cloud.objects import Traffic as Traffic

# Every marker starts with this, so that a listing tells what the portal made from what others did.
MARKER_PREFIX: Final = "cloudloket"


class CloudError(Exception):
    """A call that did not succeed.

    Attributes:
        request_id: OpenStack's ``x-openstack-request-id``, or "" when no answer came.
        service: ``compute``, ``network``, ``block-storage``, ``image`` or ``identity``.
        operation: what was asked, e.g. ``create server``.
        status: the HTTP status, or None when no answer came.
    """

    def __init__(
        self,
        message: str,
        *,
        request_id: str = "",
        service: str = "",
        operation: str = "",
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.request_id = request_id
        self.service = service
        self.operation = operation
        self.status = status


class CloudUnavailable(CloudError):
    """Try later: the cloud did not answer, or asked us to wait.

    ``outcome_unknown`` is True when the request may have been carried out all the same: the
    connection broke after it was sent, a time-out, a 5xx from a gateway. ``retry_after`` is how
    long the cloud asked to be left alone.
    """

    def __init__(
        self,
        message: str,
        *,
        outcome_unknown: bool = False,
        retry_after: timedelta = timedelta(),
        **facts: object,
    ) -> None:
        super().__init__(message, **facts)  # type: ignore[arg-type]  # CloudError names them
        self.outcome_unknown = outcome_unknown
        self.retry_after = retry_after


class CloudRefused(CloudError):
    """The cloud answered no. Trying again unchanged will not work; a person must look."""


class CloudQuotaRefused(CloudRefused):
    """The cloud's own quota is too small: later while our push is under way, else a person."""


class CloudMissing(CloudRefused):
    """What was asked for is not there (404). On retirement that is success."""


class CloudTaken(CloudRefused):
    """What is there by that name was made by somebody else."""


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


class Cloud(ImagePort, Protocol):
    """One OpenStack cloud. Every call raises CloudUnavailable, CloudRefused or a subclass.

    ``project`` is always the Keystone project's id. No call waits for the cloud to finish. A
    ``delete_`` call of something that is not there raises CloudMissing.
    """

    # --- over all projects -----------------------------------------------------------------

    def fetch_inventory(self) -> Inventory: ...

    def find_projects(self, *, domain_name: str, name: str) -> list[CloudObject]: ...

    def create_project(self, *, domain_name: str, name: str, description: str) -> CloudObject:
        """Make the Keystone project, or find it: the name is unique in the domain.

        Gives the portal's service user the member role in it; when only that fails the error
        says ``outcome_unknown``, since the project is there.
        """
        ...

    def ensure_project_access(self, project: str, *, user: str = "") -> None:
        """Give the user, or else the portal's own, the member role in the project; may be
        repeated.
        """
        ...

    def set_quota(self, project: str, limits: Mapping[str, int]) -> None:
        """Set the project's quotas, by our metric names: servers, vcpus, memory_gib, volumes,
        volume_gib, snapshots, networks, routers, floating_ips, load_balancers, dns_zones,
        object_gib, and backup_gib; unnamed ones stay. UNLIMITED is no limit. Repeatable. A service
        that the cloud lacks is passed over.

        Raises:
            CloudUnavailable: also where a limit of storage or network is below what is used, which
                may be on its way out.
        """
        ...

    def fetch_quota(self, project: str) -> dict[str, int]:
        """The project's quotas by the same metric names."""
        ...

    def fetch_usage(self, project: str) -> dict[str, int]:
        """What the project uses of them, in the same units, rounded up."""
        ...

    def clear_project(
        self, project: str, *, before_each: Callable[[], object] = ...
    ) -> dict[str, int]:
        """Delete what stands in the project, whoever made it, as far as that is possible now.

        Args:
            before_each: called before each kind of thing; together they may take minutes.

        Returns:
            What is left, by kind of thing; nothing left is {}. Repeat until then.
        """
        ...

    def delete_project(self, project: str) -> None:
        """Delete an empty Keystone project."""
        ...

    # --- who comes in by itself ------------------------------------------------------------

    def find_users(self, *, domain_name: str, name: str) -> list[CloudObject]: ...

    def create_user(self, *, domain_name: str, name: str, project: str) -> CloudObject:
        """Make a user who is a member of the project and of nothing else.

        The name is unique in the domain, and that user is found. Nobody knows its password.
        """
        ...

    def delete_user(self, user: str) -> None:
        """Delete the user with its credentials and keypairs; its tokens work no longer."""
        ...

    def list_credentials(self, user: str) -> list[CloudObject]:
        """The user's application credentials; ``details`` has ``expires_at`` in ISO 8601."""
        ...

    def create_credential(
        self,
        project: str,
        user: str,
        *,
        name: str,
        expires_at: datetime | None,
        storage_path: str = "",
    ) -> IssuedCredential:
        """Make an application credential with which the user comes into the project.

        Only this answer ever tells its secret.

        Args:
            storage_path: the path in object storage that alone it opens, with what is below it;
                "": all that the user may do.

        Raises:
            CloudUnavailable: also when the user has one of that name.
        """
        ...

    def delete_credential(self, user: str, credential: str) -> None:
        """From now on nobody logs in with it; tokens that it gave are refused."""
        ...

    def list_page(
        self, listing: Listing, *, project: str = "", after: str = "", limit: int = LARGEST_PAGE
    ) -> Page:
        """One page of a list over all projects, in one call; nothing is passed over or repeated.

        Each thing tells its ``project``. Of a listing in ``LISTED_PER_PROJECT`` only that of the
        named project is listed, without markers. Its limits are one thing, with the project's own
        id, and by the names of ``set_quota`` in ``details``; none when the project is gone.
        """
        ...

    def server_usage_page(
        self, start: datetime, end: datetime, *, after: str = "", limit: int = LARGEST_PAGE
    ) -> UsagePage:
        """One page of the use of servers in a period, over all projects, gone servers included.

        Counts from the moment that a server first ran; one that never did is left out.

        Args:
            start, end: whole seconds; ``end`` may not be to come, or use would be counted that
                was not there yet.
        """
        ...

    def server_load(self, server_id: str) -> ServerLoad:
        """How busy a server is at this moment.

        Raises:
            CloudMissing: it is gone.
            CloudUnavailable: also when it does not run (409), or its hypervisor cannot tell (501).
            CloudRefused: with status 403, the cloud's policy keeps this from the portal.
        """
        ...

    # --- network ---------------------------------------------------------------------------

    def find_networks(self, project: str, marker: str) -> list[CloudObject]: ...

    def create_network(self, project: str, spec: NetworkSpec, marker: str) -> CloudObject: ...

    def delete_network(self, project: str, network_id: str) -> None: ...

    def find_subnets(self, project: str, marker: str) -> list[CloudObject]: ...

    def create_subnet(
        self, project: str, network_id: str, spec: NetworkSpec, marker: str
    ) -> CloudObject: ...

    def delete_subnet(self, project: str, subnet_id: str) -> None: ...

    def find_routers(self, project: str, marker: str) -> list[CloudObject]: ...

    def create_router(self, project: str, name: str, marker: str) -> CloudObject:
        """Make a router with its gateway on the cloud's external network, where there is one."""
        ...

    def delete_router(self, project: str, router_id: str) -> None:
        """Delete a router without interfaces; with them it is busy (CloudUnavailable)."""
        ...

    def ensure_router_interface(self, project: str, router_id: str, subnet_id: str) -> None: ...

    def remove_router_interface(self, project: str, router_id: str, subnet_id: str) -> None:
        """Take the subnet off the router; success when it is not on it."""
        ...

    def find_security_groups(self, project: str, marker: str) -> list[CloudObject]: ...

    def create_security_group(self, project: str, name: str, marker: str) -> CloudObject: ...

    def delete_security_group(self, project: str, security_group_id: str) -> None: ...

    def ensure_security_rules(
        self, project: str, security_group_id: str, rules: Sequence[SecurityRule]
    ) -> None:
        """Add the rules that are not there yet; safe to repeat."""
        ...

    def remove_other_security_rules(
        self, project: str, security_group_id: str, rules: Sequence[SecurityRule]
    ) -> None:
        """Remove what lets anything in beside these rules; what goes out stays. Safe to repeat."""
        ...

    def find_ports(self, project: str, marker: str) -> list[CloudObject]:
        """``details`` has ``addresses`` and ``security_group_ids``."""
        ...

    def create_port(self, project: str, spec: PortSpec, marker: str) -> CloudObject: ...

    def set_port_security_groups(
        self, project: str, port_id: str, security_group_ids: Sequence[str]
    ) -> None:
        """Put the port in exactly these groups, all at once; safe to repeat.

        Raises:
            CloudMissing: the port or one of the groups is gone.
        """
        ...

    def delete_port(self, project: str, port_id: str) -> None: ...

    def find_floating_ips(self, project: str, marker: str) -> list[CloudObject]: ...

    def create_floating_ip(self, project: str, marker: str) -> CloudObject:
        """Take an address of the cloud's external network; ``details`` has ``address``.

        Raises:
            CloudRefused: the cloud has no external network.
        """
        ...

    def delete_floating_ip(self, project: str, floating_ip_id: str) -> None: ...

    def point_floating_ip(self, project: str, floating_ip_id: str, port_id: str) -> None:
        """Let it lead to this port, or with "" to nowhere; safe to repeat.

        ``details`` of the address has ``port_id``; it leads nowhere once the port is gone.

        Raises:
            CloudRefused: the port's network has no way to the outside.
        """
        ...

    # --- volumes ---------------------------------------------------------------------------

    def find_volumes(self, project: str, marker: str) -> list[CloudObject]: ...

    def create_volume(self, project: str, spec: VolumeSpec, marker: str) -> CloudObject: ...

    def delete_volume(self, project: str, volume_id: str) -> None: ...

    def extend_volume(self, project: str, volume_id: str, size_gib: int) -> None:
        """Let it grow, attached or not, to more than it is: look before asking.

        It is EXTENDING meanwhile; one that is busy with anything is busy (CloudUnavailable).
        """
        ...

    def list_volumes(self, project: str) -> list[CloudObject]: ...

    def find_snapshots(self, project: str, marker: str) -> list[CloudObject]: ...

    def create_snapshot(self, project: str, spec: CopySpec, marker: str) -> CloudObject:
        """Keep how a volume is now, attached or not; ``details`` has ``size_gib`` and ``of_id``.

        As long as it is there, deleting the volume is refused as busy (CloudUnavailable); so is
        a snapshot of a volume that is being worked on.
        """
        ...

    def delete_snapshot(self, project: str, snapshot_id: str) -> None: ...

    def list_snapshots(self, project: str) -> list[CloudObject]: ...

    def find_backups(self, project: str, marker: str) -> list[CloudObject]: ...

    def create_backup(self, project: str, spec: CopySpec, marker: str) -> CloudObject:
        """Copy a volume to another place, attached or not; ``details`` as of a snapshot.

        It stays when the volume goes. Meanwhile the volume is BACKING-UP.
        """
        ...

    def delete_backup(self, project: str, backup_id: str) -> None: ...

    def list_backups(self, project: str) -> list[CloudObject]: ...

    # --- servers ---------------------------------------------------------------------------

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

    # --- load balancers --------------------------------------------------------------------

    def find_load_balancers(self, project: str, marker: str) -> list[CloudObject]: ...

    def create_load_balancer(
        self, project: str, spec: LoadBalancerSpec, marker: str
    ) -> CloudObject:
        """Make it with its listener, pool, members and monitor; ``details`` has ``address``."""
        ...

    def delete_load_balancer(self, project: str, load_balancer_id: str) -> None:
        """Delete it with all its parts; while it is being made it is busy."""
        ...

    def list_load_balancers(self, project: str) -> list[CloudObject]: ...

    def list_members(self, project: str, load_balancer_id: str) -> list[tuple[str, int]]:
        """Address and port of each member, without those that are on their way out."""
        ...

    def set_members(
        self, project: str, load_balancer_id: str, members: Sequence[tuple[str, int]]
    ) -> None:
        """Make these its members, and no others; those that stay are left as they are.

        It is PENDING_UPDATE meanwhile; one that is busy with anything is busy (CloudUnavailable).
        """
        ...

    def load_balancer_traffic(self, project: str, load_balancer_id: str) -> Traffic:
        """What passed through it since the cloud began to count.

        The count is set back, in whole or in part, when what carries the traffic is replaced.

        Raises:
            CloudMissing: it is gone.
        """
        ...

    # --- DNS -------------------------------------------------------------------------------

    def find_zones(self, project: str, marker: str) -> list[CloudObject]: ...

    def create_zone(self, project: str, spec: ZoneSpec, marker: str) -> CloudObject:
        """Make the zone.

        Raises:
            CloudRefused: somebody has a zone of that name.
        """
        ...

    def delete_zone(self, project: str, zone_id: str) -> None: ...

    def list_zones(self, project: str) -> list[CloudObject]: ...

    def list_records(self, project: str, zone_id: str) -> list[DnsRecord]:
        """Its records of ``DNS_TYPES``, without those that are on their way out."""
        ...

    def set_records(self, project: str, zone_id: str, records: Sequence[DnsRecord]) -> None:
        """Make these its records of ``DNS_TYPES``, and no others; safe to repeat.

        Where something changes, the zone is PENDING_UPDATE until its name servers know.

        Raises:
            CloudRefused: a record cannot stand there; what came before it is done by then.
        """
        ...

    # --- object storage --------------------------------------------------------------------

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
