"""Emptying a Keystone project of whatever its users made in it, by whatever service.

Each turn asks for everything that is there, and deletes what is not held by something else. What
goes slowly, or is still held, is left for the next turn.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from openstack.connection import Connection
from openstack.exceptions import BadRequestException, ConflictException, NotFoundException

from portal.cloud.openstack.connections import OnCloud
from portal.cloud.openstack.containers import empty, in_address
from portal.cloud.openstack.images import all_images
from portal.cloud.openstack.quotas import has_service
from portal.cloud.ports import CloudUnavailable

BY_NEUTRON: Final = "network:"  # what owns a port that goes with a router or an address
OF_A_ROUTER: Final = "network:router_interface"
OBJECTS_AT_ONCE: Final = 1000
TRIES: Final = 3
SHORT_PAUSE: Final = timedelta(seconds=2)
_HELD: Final = (ConflictException, BadRequestException)


@dataclass(frozen=True)
class _Group:
    """One kind of thing.

    Attributes:
        find: those of the project; the second connection is inside it.
        delete: as an operator, whom no lock of a user stops, or as a member of the project.
        is_slow: what is deleted is still there for a while.
    """

    name: str
    service: str
    find: Callable[[Connection, Connection, str], Iterable[Any]]
    delete: Callable[[Connection, Connection, Any], object]
    is_slow: bool = False


def _delete_router(admin: Connection, inside: Connection, router: Any) -> None:
    """Take its networks off first: Neutron deletes no router that has any."""
    for port in list(admin.network.ports(device_id=router.id)):
        if str(port.device_owner).startswith(OF_A_ROUTER):
            admin.network.remove_interface_from_router(router, port=port.id)
    admin.network.delete_router(router, ignore_missing=True)


def _free_ports(admin: Connection, inside: Connection, project: str) -> Iterator[Any]:
    """Those that do not go by themselves with what they belong to."""
    for port in admin.network.ports(project_id=project):
        if not str(port.device_owner or "").startswith(BY_NEUTRON):
            yield port


def _own_groups(admin: Connection, inside: Connection, project: str) -> Iterator[Any]:
    """The default one goes with the project: before that Neutron makes it anew."""
    for group in admin.network.security_groups(project_id=project):
        if group.name != "default":
            yield group


def _own_zones(admin: Connection, inside: Connection, project: str) -> Iterator[Any]:
    """Without those that another project shares with this one: they are not ours to delete."""
    for zone in inside.dns.zones():
        if zone.project_id == project:
            yield zone


def _delete_image(admin: Connection, inside: Connection, image: Any) -> None:
    if image.is_protected:
        inside.image.update_image(image, is_protected=False)
    inside.image.delete_image(image, ignore_missing=True)


def _delete_container(admin: Connection, inside: Connection, container: Any) -> None:
    """With what is in it; one with a great many objects takes several turns."""
    if empty(inside, container.name, at_most=OBJECTS_AT_ONCE):
        inside.object_store.delete_container(in_address(container.name), ignore_missing=True)


_GROUPS: Final = (
    _Group(
        "load balancers",
        "load-balancer",
        lambda admin, inside, project: admin.load_balancer.load_balancers(project_id=project),
        lambda admin, inside, item: admin.load_balancer.delete_load_balancer(item, cascade=True),
        is_slow=True,
    ),
    _Group(
        "servers",
        "compute",
        lambda admin, inside, project: inside.compute.servers(),
        lambda admin, inside, item: admin.compute.delete_server(item.id),
        is_slow=True,
    ),
    _Group(
        "server groups",
        "compute",
        lambda admin, inside, project: inside.compute.server_groups(),
        lambda admin, inside, item: inside.compute.delete_server_group(item),
    ),
    _Group(
        "backups",
        "block-storage",
        lambda admin, inside, project: inside.block_storage.backups(),
        lambda admin, inside, item: inside.block_storage.delete_backup(item),
        is_slow=True,
    ),
    _Group(
        "snapshots",
        "block-storage",
        lambda admin, inside, project: inside.block_storage.snapshots(),
        lambda admin, inside, item: inside.block_storage.delete_snapshot(item),
        is_slow=True,
    ),
    _Group(
        "volumes",
        "block-storage",
        lambda admin, inside, project: inside.block_storage.volumes(),
        lambda admin, inside, item: inside.block_storage.delete_volume(item),
        is_slow=True,
    ),
    _Group(
        "floating ips",
        "network",
        lambda admin, inside, project: admin.network.ips(project_id=project),
        lambda admin, inside, item: admin.network.delete_ip(item),
    ),
    _Group(
        "routers",
        "network",
        lambda admin, inside, project: admin.network.routers(project_id=project),
        _delete_router,
    ),
    _Group(
        "ports",
        "network",
        _free_ports,
        lambda admin, inside, item: admin.network.delete_port(item),
    ),
    _Group(
        "networks",
        "network",
        lambda admin, inside, project: admin.network.networks(project_id=project),
        lambda admin, inside, item: admin.network.delete_network(item),
    ),
    _Group(
        "security groups",
        "network",
        _own_groups,
        lambda admin, inside, item: admin.network.delete_security_group(item),
    ),
    _Group(
        "DNS zones",
        "dns",
        _own_zones,
        lambda admin, inside, item: inside.dns.delete_zone(item),
        is_slow=True,
    ),
    _Group(
        "images",
        "image",
        lambda admin, inside, project: all_images(inside, project),
        _delete_image,
    ),
    _Group(
        "containers",
        "object-store",
        lambda admin, inside, project: inside.object_store.containers(),
        _delete_container,
        is_slow=True,
    ),
)


class Clearing(OnCloud):
    """The part of the port that empties projects."""

    def clear_project(
        self, project: str, *, before_each: Callable[[], object] = lambda: None
    ) -> dict[str, int]:
        left: dict[str, int] = {}
        for group in _GROUPS:
            before_each()
            if number := self._clear_insisting(group, project):
                left[group.name] = number
        return left

    def _clear_insisting(self, group: _Group, project: str) -> int:
        """As ``_clear``, a few times, unless the cloud asks for a pause that is not short.

        A turn counts when all of it is answered, which with so many questions would else be seldom
        where some go wrong.
        """
        for _ in range(TRIES - 1):
            try:
                return self._clear(group, project)
            except CloudUnavailable as error:
                if error.retry_after > SHORT_PAUSE:
                    raise
                time.sleep(error.retry_after.total_seconds())
        return self._clear(group, project)

    def _clear(self, group: _Group, project: str) -> int:
        """How many of a kind are left, or may be."""
        left = 0
        with self._asking(group.service, f"clear {group.name}") as admin:
            if not has_service(admin, group.service):
                return 0
            with self._asking(group.service, f"clear {group.name}", project) as inside:
                for item in list(group.find(admin, inside, project)):
                    left += _is_left(group, admin, inside, item)
        return left


def _is_left(group: _Group, admin: Connection, inside: Connection, item: Any) -> bool:
    with suppress(NotFoundException):
        try:
            group.delete(admin, inside, item)
        except _HELD:
            return True
        return group.is_slow
    return False
