"""Object storage containers. Swift makes one of a name only once; the marker is metadata of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from openstack.connection import Connection
from openstack.exceptions import NotFoundException, raise_from_response

from portal.cloud.openstack.connections import OnCloud
from portal.cloud.ports import LARGEST_PAGE, CloudObject, CloudRefused, CloudTaken, ContainerSpec

SERVICE: Final = "object-store"
MARKER_HEADER: Final = "X-Container-Meta-Cloudloket"
QUOTA_HEADER: Final = "X-Container-Meta-Quota-Bytes"
USED_HEADER: Final = "X-Container-Bytes-Used"
BYTES_PER_GIB: Final = 1024**3


class Containers(OnCloud):
    """The object storage part of the port."""

    def find_containers(self, project: str, name: str, marker: str) -> list[CloudObject]:
        with self._asking(SERVICE, "find container", project) as cloud:
            headers = _headers(cloud, name)
            if headers is None:
                return []
            if headers.get(MARKER_HEADER, "") != marker:
                raise CloudTaken(f"another container is called {name!r}", service=SERVICE)
            return [_container(name, marker, headers)]

    def create_container(self, project: str, spec: ContainerSpec, marker: str) -> CloudObject:
        self.find_containers(project, spec.name, marker)  # refuses one that is another's
        with self._asking(SERVICE, "create container", project) as cloud:
            quota = str(spec.quota_gib * BYTES_PER_GIB)
            answer = cloud.object_store.put(
                _path(spec.name), headers={MARKER_HEADER: marker, QUOTA_HEADER: quota}
            )
            raise_from_response(answer)
        return CloudObject(id=spec.name, name=spec.name, status="ACTIVE", marker=marker)

    def container_bytes(self, project: str) -> dict[str, int]:
        counted: dict[str, int] = {}
        last, is_full = "", True
        with self._asking(SERVICE, "count containers", project) as cloud:
            while is_full:
                rows = _rows_after(cloud, last)
                counted |= {row["name"]: row["bytes"] for row in rows}
                last, is_full = rows[-1]["name"] if rows else "", len(rows) == LARGEST_PAGE
        return counted

    def set_container_quota(self, project: str, name: str, quota_gib: int) -> None:
        with self._asking(SERVICE, "set container quota", project) as cloud:
            headers = {QUOTA_HEADER: str(quota_gib * BYTES_PER_GIB)}
            raise_from_response(cloud.object_store.post(_path(name), headers=headers))

    def open_container(self, project: str, name: str, *, of_project: str, user: str) -> None:
        # By ids: a name may be given to somebody else. docs.openstack.org/swift, "Access Control
        # Lists (ACLs)".
        who = f"{of_project}:{user}"
        with self._asking(SERVICE, "open container", project) as cloud:
            headers = {"X-Container-Read": who, "X-Container-Write": who}
            raise_from_response(cloud.object_store.post(_path(name), headers=headers))

    def fetch_storage_url(self, project: str) -> str:
        with self._asking(SERVICE, "find account", project) as cloud:
            return str(cloud.session.get_endpoint(service_type=SERVICE))

    def empty_container(self, project: str, name: str, *, at_most: int) -> bool:
        with self._asking(SERVICE, "empty container", project) as cloud:
            return empty(cloud, name, at_most=at_most)

    def delete_container(self, project: str, name: str) -> None:
        with self._asking(SERVICE, "delete container", project) as cloud:
            cloud.object_store.delete_container(in_address(name), ignore_missing=False)


def in_address(name: str) -> str:
    """A name as the SDK must get it: it writes what it is given into an address as it is.

    There a "?", "#" or "%" would make it another's name.

    Raises:
        CloudRefused: it cannot stand in an address: dots lead to what it is in.
    """
    if name in {".", ".."}:
        raise CloudRefused(f"what is called {name!r} must be removed in Swift", service=SERVICE)
    return quote(name, safe="")


def empty(cloud: Connection, name: str, *, at_most: int) -> bool:
    """Delete up to so many objects of a container; True when none is left."""
    container = in_address(name)
    for number, item in enumerate(cloud.object_store.objects(container)):
        if number == at_most:
            return False
        cloud.object_store.delete_object(
            in_address(item.name), ignore_missing=True, container=container
        )
    return True


def read_container_row(row: Mapping[str, Any], project: str) -> CloudObject:
    """A row of the list of an account, which tells neither marker nor quota."""
    details = {"used_gib": _gib(row["bytes"])}
    return CloudObject(
        id=row["name"], name=row["name"], status="ACTIVE", project=project, details=details
    )


def _container(name: str, marker: str, headers: Mapping[str, str]) -> CloudObject:
    details = {
        "quota_gib": int(headers.get(QUOTA_HEADER, 0)) // BYTES_PER_GIB,
        "used_gib": _gib(int(headers.get(USED_HEADER, 0))),
    }
    return CloudObject(id=name, name=name, status="ACTIVE", marker=marker, details=details)


def _gib(size_bytes: int) -> int:
    """Rounded up."""
    return -(-size_bytes // BYTES_PER_GIB)


def _rows_after(cloud: Connection, last: str) -> list[dict[str, Any]]:
    """What Swift lists of an account behind this name; an account that was never used is empty."""
    asked = {"format": "json", "limit": str(LARGEST_PAGE), **({"marker": last} if last else {})}
    answer = cloud.object_store.get("", params=asked)
    raise_from_response(answer)
    return list(answer.json()) if answer.content else []


def _path(name: str) -> str:
    return f"/{in_address(name)}"


def _headers(cloud: Connection, name: str) -> dict[str, str] | None:
    """What Swift says of a container; None when there is none of this name."""
    try:
        answer = cloud.object_store.head(_path(name))
        raise_from_response(answer)
    except NotFoundException:
        return None
    return dict(answer.headers)
