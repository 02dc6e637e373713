"""What an exit package is made from: all that the portal has on record of a project. No cloud is
asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from django.db.models import Max

from billing.policies import visible_cost_nodes
from catalog.exit_package.fetching import CloudFetches
from catalog.exit_package.things import Surroundings, Thing
from catalog.exit_package.tofu import Block
from catalog.kinds import get_kind
from catalog.models import Resource, ResourceState
from portal.cloud.models import Cloud, CloudProjectPurpose
from portal.core.models import is_in_force
from portal.identity.access import has_role
from portal.identity.models import NodeParent, Person, Project, Role


@dataclass(frozen=True, kw_only=True)
class CloudContents:
    """What runs in one cloud.

    Attributes:
        openstack_id: of the project there; "" where the portal has none of its own.
        resources: that run, in the order in which they were made; ``things`` are the same.
    """

    cloud: Cloud
    openstack_id: str
    resources: Sequence[Resource]
    things: Surroundings

    def blocks(self) -> list[Block]:
        """What makes all of it again."""
        found: list[Block] = []
        for thing in self.things:
            found += get_kind(thing.kind).as_code(thing, self.things)
        return found

    def not_described(self) -> list[Thing]:
        """What none of the blocks is about."""
        return [
            thing for thing in self.things if not get_kind(thing.kind).as_code(thing, self.things)
        ]

    def fetches(self) -> CloudFetches:
        found = [fetch for thing in self.things for fetch in get_kind(thing.kind).to_fetch(thing)]
        return CloudFetches(self.cloud.name, self.openstack_id, found)


@dataclass(frozen=True, kw_only=True)
class ExitContents:
    """What somebody takes along.

    Attributes:
        living: all resources, also those that are being made or cleaned up.
        since: what was before, when the project or what is above it stood elsewhere, is others' to
            read.
    """

    project: Project
    actor: Person
    at: datetime
    living: Sequence[Resource]
    clouds: Sequence[CloudContents]
    since: datetime
    shows_costs: bool
    shows_audit: bool


def read_contents(project: Project, *, actor: Person, at: datetime) -> ExitContents:
    """Five queries, whatever there is."""
    living = list(
        Resource.objects.filter(project=project)
        .exclude(state=ResourceState.RETIRED)
        .select_related("cloud_project__cloud", "order_line__offering_version")
        .order_by("cloud_project__cloud__key", "created_at", "pk")
    )
    return ExitContents(
        project=project,
        actor=actor,
        at=at,
        living=living,
        clouds=[
            _cloud_contents(cloud, list(resources))
            for cloud, resources in groupby(living, key=lambda item: item.cloud_project.cloud)
        ],
        since=_stands_since(project, at),
        shows_costs=visible_cost_nodes(actor).filter(pk=project.pk).exists(),
        shows_audit=has_role(actor, project, Role.AUDITOR),
    )


def _cloud_contents(cloud: Cloud, living: Sequence[Resource]) -> CloudContents:
    managed = (
        item.cloud_project.openstack_project_id
        for item in living
        if item.cloud_project.purpose == CloudProjectPurpose.MANAGED
    )
    running = [item for item in living if item.state == ResourceState.ACTIVE]
    return CloudContents(
        cloud=cloud,
        openstack_id=next(managed, ""),
        resources=running,
        things=Surroundings([_thing(item) for item in running]),
    )


def _thing(resource: Resource) -> Thing:
    line = resource.order_line
    return Thing(
        public_id=str(resource.public_id),
        kind=resource.kind,
        name=resource.name,
        spec=resource.spec,
        facts=resource.facts,
        cloud_ids=resource.cloud_ids,
        settings=line.offering_version.choices if line else {},
        is_found=resource.is_unmanaged,
    )


def _stands_since(project: Project, at: datetime) -> datetime:
    stands = NodeParent.objects.filter(is_in_force(at), node__in=project.lineage_ids)
    newest: datetime | None = stands.aggregate(at=Max("valid_from"))["at"]
    return newest or project.created_at
