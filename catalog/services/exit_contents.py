"""What an exit package is made from: all that the portal has on record of a project. No cloud is
asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from django.db.models import Max

from catalog.exit_package.fetching import CloudFetches
from catalog.exit_package.things import Surroundings, Thing
from catalog.exit_package.tofu import Block, distinct
from catalog.exit_policies import may_take_audit, may_take_costs
from catalog.kinds import get_kind
from catalog.models import Resource, ResourceState
from portal.cloud.models import Cloud, CloudProjectPurpose
from portal.core.models import is_in_force
from portal.identity.models import NodeParent, Person, Project


@dataclass(frozen=True, kw_only=True)
class CloudContents:
    """What runs in one cloud.

    Attributes:
        openstack_id: of the project there; "" where the portal has none of its own.
        things: what runs, in the order in which it was made.
        blocks: what makes all of it again.
        not_described: what none of the blocks is about.
    """

    cloud: Cloud
    openstack_id: str
    things: Surroundings
    blocks: Sequence[Block]
    not_described: Sequence[Thing]

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
        .select_related("cloud_project__cloud", "order_line__offering_version", "placement")
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
        shows_costs=may_take_costs(actor, project),
        shows_audit=may_take_audit(actor, project),
    )


def _cloud_contents(cloud: Cloud, living: Sequence[Resource]) -> CloudContents:
    managed = (
        item.cloud_project.openstack_project_id
        for item in living
        if item.cloud_project.purpose == CloudProjectPurpose.MANAGED
    )
    running = [item for item in living if item.state == ResourceState.ACTIVE]
    things = Surroundings([_thing(item) for item in running])
    code = [(thing, get_kind(thing.kind).as_code(thing, things)) for thing in things]
    return CloudContents(
        cloud=cloud,
        openstack_id=next(managed, ""),
        things=things,
        blocks=distinct([block for _thing, blocks in code for block in blocks]),
        not_described=[thing for thing, blocks in code if not blocks],
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
