"""Lists over all projects, page by page: what reconciliation compares our records with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from openstack.block_storage.v3.backup import Backup
from openstack.block_storage.v3.snapshot import Snapshot
from openstack.block_storage.v3.volume import Volume
from openstack.compute.v2.server import Server
from openstack.connection import Connection
from openstack.dns.v2.zone import Zone
from openstack.exceptions import NotFoundException, raise_from_response
from openstack.image.v2.image import Image
from openstack.load_balancer.v2.load_balancer import LoadBalancer
from openstack.network.v2.floating_ip import FloatingIP
from openstack.network.v2.network import Network
from openstack.network.v2.router import Router
from openstack.network.v2.security_group import SecurityGroup
from openstack.proxy import Proxy
from openstack.resource import Resource

from portal.cloud.openstack.containers import read_container_row
from portal.cloud.openstack.copies import read_backup, read_snapshot
from portal.cloud.openstack.images import read_image
from portal.cloud.openstack.load_balancers import read_load_balancer
from portal.cloud.openstack.network import (
    read_floating_ip,
    read_group,
    read_network,
    read_router,
)
from portal.cloud.openstack.projects import keystone
from portal.cloud.openstack.quotas import Quotas
from portal.cloud.openstack.servers import read_server
from portal.cloud.openstack.volumes import read_volume
from portal.cloud.openstack.zones import read_zone
from portal.cloud.ports import LARGEST_PAGE, CloudObject, Listing, Page

_ALL_TENANTS: Final = {"all_tenants": "True"}
_REST: Final = "rest:"  # begins ``Page.after`` in the second of two lists; no id begins so


@dataclass(frozen=True)
class _Source:
    """Where a list is asked for, and how one row of it reads.

    Attributes:
        service: as errors name it; with an underscore it is the connection's attribute.
        query, headers: what makes it a list over all projects, where the role alone does not.
        owner: the attribute of a row that names its project.
        rest: what asks for those that the list leaves out, where one question gets not all.
    """

    service: str
    path: str
    row: type[Resource]
    read: Callable[[Any], CloudObject]
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    owner: str = "project_id"
    rest: Mapping[str, str] = field(default_factory=dict)


_SOURCES: Final = {
    Listing.SERVERS: _Source("compute", "/servers/detail", Server, read_server, _ALL_TENANTS),
    Listing.VOLUMES: _Source("block-storage", "/volumes/detail", Volume, read_volume, _ALL_TENANTS),
    Listing.SNAPSHOTS: _Source(
        "block-storage", "/snapshots/detail", Snapshot, read_snapshot, _ALL_TENANTS
    ),
    Listing.BACKUPS: _Source("block-storage", "/backups/detail", Backup, read_backup, _ALL_TENANTS),
    Listing.IMAGES: _Source(
        "image",
        "/images",
        Image,
        read_image,
        {"visibility": "all"},
        owner="owner",
        rest={"os_hidden": "true"},
    ),
    Listing.LOAD_BALANCERS: _Source(
        "load-balancer", "/lbaas/loadbalancers", LoadBalancer, read_load_balancer
    ),
    Listing.ZONES: _Source(
        "dns", "/zones", Zone, read_zone, headers={"X-Auth-All-Projects": "True"}
    ),
    Listing.NETWORKS: _Source("network", "/networks", Network, read_network),
    Listing.ROUTERS: _Source("network", "/routers", Router, read_router),
    Listing.FLOATING_IPS: _Source("network", "/floatingips", FloatingIP, read_floating_ip),
    Listing.SECURITY_GROUPS: _Source("network", "/security-groups", SecurityGroup, read_group),
}


class Listings(Quotas):
    """The lists of the port."""

    def list_page(
        self, listing: Listing, *, project: str = "", after: str = "", limit: int = LARGEST_PAGE
    ) -> Page:
        is_rest, last = after.startswith(_REST), after.removeprefix(_REST)
        query = {"limit": str(limit), **({"marker": last} if last else {})}
        source = _SOURCES.get(listing)
        if listing is Listing.QUOTAS:
            return self._quota_page(project)
        if source is None:
            return self._containers_page(project, query, limit)
        with self._asking(source.service, f"list {listing}") as cloud:
            proxy: Proxy = getattr(cloud, source.service.replace("-", "_"))
            asked = {**source.query, **(source.rest if is_rest else {}), **query}
            # Without the SDK's own iterator, which asks for the next page by itself.
            answer = proxy.get(source.path, params=asked, headers=dict(source.headers))
            raise_from_response(answer)
            page = _page(cloud, source, answer.json())
        if is_rest:
            return replace(page, after=f"{_REST}{page.after}" if page.after else "")
        return page if page.after or not source.rest else replace(page, after=_REST)

    def _quota_page(self, project: str) -> Page:
        """Nova and Cinder tell limits of a project that is gone, too."""
        with self._asking("identity", "find project") as cloud:
            try:
                name = keystone(cloud).get_project(project).name
            except NotFoundException:
                return Page(things=[])
        limits = self.fetch_quota(project)
        found = CloudObject(id=project, name=name, status="ACTIVE", project=project, details=limits)
        return Page(things=[found])

    def _containers_page(self, project: str, query: Mapping[str, str], limit: int) -> Page:
        """Swift tells by a full page alone that there may be more."""
        with self._asking("object-store", "list containers", project) as cloud:
            answer = cloud.object_store.get("", params={**query, "format": "json"})
            raise_from_response(answer)
            rows = answer.json() if answer.content else []
        things = [read_container_row(row, project) for row in rows]
        return Page(things=things, after=things[-1].id if len(things) == limit else "")


def _page(cloud: Connection, source: _Source, body: Mapping[str, Any]) -> Page:
    """What the answer holds. A service that has more says so with a link called "next"."""
    rows = [_row(cloud, source, facts) for facts in body[_key(source)]]
    things = [replace(source.read(row), project=getattr(row, source.owner) or "") for row in rows]
    return Page(
        things=things, after=things[-1].id if things and has_next(_key(source), body) else ""
    )


def _row(cloud: Connection, source: _Source, facts: Mapping[str, Any]) -> Resource:
    """Glance links a row to itself with a name that Python keeps for another use."""
    told = {name: value for name, value in facts.items() if name != "self"}
    return source.row.existing(connection=cloud, **told)


def _key(source: _Source) -> str:
    return str(source.row.resources_key)


def has_next(key: str, body: Mapping[str, Any]) -> bool:
    """Whether there is more than this answer, whose rows stand under ``key``.

    Glance has the link itself, Designate one object of links, the others a list of them.
    """
    if body.get("next"):
        return True
    links = body.get(f"{key}_links") or body.get("links") or []
    if isinstance(links, dict):
        return bool(links.get("next"))
    return any(link.get("rel") == "next" for link in links)
