"""Lists over all projects of the fake cloud, page by page."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from portal.cloud.fake.memory import Memory, asked
from portal.cloud.fake.projects import DEFAULT_LIMITS
from portal.cloud.ports import LARGEST_PAGE, LISTED_PER_PROJECT, CloudObject, Listing, Page

_KINDS: Final = {
    Listing.SERVERS: "server",
    Listing.VOLUMES: "volume",
    Listing.SNAPSHOTS: "snapshot",
    Listing.BACKUPS: "backup",
    Listing.IMAGES: "image",
    Listing.LOAD_BALANCERS: "load_balancer",
    Listing.ZONES: "zone",
    Listing.NETWORKS: "network",
    Listing.ROUTERS: "router",
    Listing.FLOATING_IPS: "floating_ip",
    Listing.SECURITY_GROUPS: "security_group",
    Listing.CONTAINERS: "container",
}


class FakeListings(Memory):
    @asked
    def list_page(
        self, listing: Listing, *, project: str = "", after: str = "", limit: int = LARGEST_PAGE
    ) -> Page:
        if listing is Listing.QUOTAS:
            return Page(things=self._quotas(project))
        things = self._listed(listing, project)
        ids = [thing.id for thing in things]
        start = ids.index(after) + 1 if after else 0
        page = things[start : start + limit]
        is_last = start + limit >= len(things)
        return Page(things=page, after="" if is_last else page[-1].id)

    def _quotas(self, project: str) -> list[CloudObject]:
        thing = self.things.get(project)
        if thing is None:
            return []
        limits = {**DEFAULT_LIMITS, **self.limits.get(project, {})}
        return [
            CloudObject(
                id=project, name=thing.name, status="ACTIVE", project=project, details=limits
            )
        ]

    def _listed(self, listing: Listing, project: str) -> list[CloudObject]:
        there = [thing for thing in self.things.values() if thing.kind == _KINDS[listing]]
        if listing not in LISTED_PER_PROJECT:
            return [replace(thing.facts(), project=thing.project) for thing in there]
        return [
            CloudObject(
                id=thing.name,
                name=thing.name,
                status="ACTIVE",
                project=project,
                details={"used_gib": thing.details["used_gib"]},
            )
            for thing in there
            if thing.project == project
        ]
