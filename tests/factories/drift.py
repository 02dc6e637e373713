"""Differences, as looks would have found them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils.timezone import now

from catalog.models import (
    Difference,
    DifferenceKind,
    DifferenceState,
    DriftRepair,
    Metric,
    Resource,
)
from catalog.services.cloud_rooms import ROOMS
from catalog.services.drift_repairs import propose_repair
from portal.cloud.models import Cloud, CloudProject
from portal.cloud.ports import Listing
from portal.identity.models import Person, Project

# What ``unordered`` would be as a resource.
DISK = {
    "kind": "volume",
    "spec": {"volume_gib": 7, "volume_type": "standard"},
    "facts": {},
    "used_by": [],
}


def gone(resource: Resource, **changes: Any) -> Difference:
    """The server is charged, and is not in the cloud."""
    return _difference(
        resource,
        kind=DifferenceKind.CHARGED_BUT_ABSENT,
        **{"openstack_id": "server-1", **changes},
    )


def stopped(resource: Resource, **changes: Any) -> Difference:
    """Somebody stopped the server without the portal."""
    facts = {"field": "status", "ours": "ACTIVE", "theirs": "SHUTOFF", "openstack_id": "server-1"}
    return _difference(resource, kind=DifferenceKind.DIFFERS, **{**facts, **changes})


def uncharged(resource: Resource, **changes: Any) -> Difference:
    """The server runs, and nobody pays for it."""
    return _difference(resource, kind=DifferenceKind.NOT_CHARGED, **{"theirs": "ACTIVE", **changes})


def unordered(project: Project, cloud: Cloud, **changes: Any) -> Difference:
    """A disk that nobody ordered."""
    facts = {
        "listing": Listing.VOLUMES,
        "name": "tmp-export",
        "openstack_id": "volume-9",
        "theirs": "AVAILABLE",
    }
    return _make(project=project, cloud=cloud, kind=DifferenceKind.UNKNOWN, **{**facts, **changes})


def grown(resource: Resource, **changes: Any) -> Difference:
    """Somebody made its disk larger without the portal."""
    facts = {
        "listing": Listing.VOLUMES,
        "part": "volume",
        "field": "size_gib",
        "ours": "40",
        "theirs": "60",
        "openstack_id": "volume-1",
    }
    return _difference(resource, kind=DifferenceKind.DIFFERS, **{**facts, **changes})


def opened(group: Resource, **changes: Any) -> Difference:
    """Somebody opened a security group to the world without the portal."""
    facts = {
        "listing": Listing.SECURITY_GROUPS,
        "part": "security_group",
        "field": "rules",
        "ours": "tcp 443 0.0.0.0/0",
        "theirs": "tcp 22 0.0.0.0/0, tcp 443 0.0.0.0/0",
        "openstack_id": "group-1",
    }
    return _difference(group, kind=DifferenceKind.DIFFERS, **{**facts, **changes})


def copied(resource: Resource, **changes: Any) -> Difference:
    """A second server carries its mark."""
    facts = {"ours": "server-1", "theirs": "ACTIVE", "openstack_id": "server-2"}
    return _difference(resource, kind=DifferenceKind.DUPLICATE, **{**facts, **changes})


def narrow(place: CloudProject, **changes: Any) -> Difference:
    """The cloud gives the project room for fewer servers than it has."""
    if not place.openstack_project_id:
        place.openstack_project_id = f"project-{place.pk}"
        place.save(update_fields=["openstack_project_id"])
    facts = {
        "listing": ROOMS,
        "field": Metric.SERVERS,
        "ours": "1",
        "theirs": "0",
        "openstack_id": place.openstack_project_id,
    }
    kind = DifferenceKind.QUOTA
    return _make(project=place.project, cloud=place.cloud, kind=kind, **{**facts, **changes})


def proposed(difference: Difference, actor: Person, action: Any = "retire") -> DriftRepair:
    """A repair that waits for a second operator."""
    return propose_repair(
        difference.public_id, action=action, reason="Het is echt weg.", actor=actor
    )


def _difference(resource: Resource, **facts: Any) -> Difference:
    return _make(
        resource=resource,
        project=resource.project,
        cloud=resource.cloud_project.cloud,
        part=facts.pop("part", "server"),
        name=resource.name,
        **{"listing": Listing.SERVERS, **facts},
    )


def _make(**facts: Any) -> Difference:
    at = now()
    usual = {
        "state": DifferenceState.OPEN,
        "first_seen_at": at - timedelta(hours=1),
        "last_seen_at": at,
    }
    return Difference.objects.create(**{**usual, **facts})
