"""Who can get in: projects, users and credentials in Keystone, and secrets not read yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from openstack.connection import Connection

from catalog.kinds.steps.container_access import OWN as OF_A_CONTAINER
from catalog.kinds.steps.environment import OWN as OF_AN_ENVIRONMENT
from catalog.models import Resource, ResourceState
from portal.cloud.markers import read_marker, write_marker
from portal.cloud.models import CloudProject, CloudProjectPurpose, Secret
from tests.faults.offers import ENVIRONMENT


def is_gone(cloud_project: CloudProject) -> bool:
    """True for the Keystone project of an environment that is retired, or never came."""
    if cloud_project.purpose != CloudProjectPurpose.ENVIRONMENT:
        return False
    return not cloud_project.resources.filter(state=ResourceState.ACTIVE).exists()


def differences_of_access(operator: Connection) -> Iterator[str]:
    """Everything in Keystone that carries one of our marks, and no more than that."""
    living = Resource.objects.filter(state=ResourceState.ACTIVE).select_related("cloud_project")
    open_to_others = {
        write_marker(found.public_id, "user"): _credentials(found)
        for found in living
        if found.kind == ENVIRONMENT or found.facts.get("credentials")
    }
    users = {user.name: user for user in operator.identity.users() if _is_ours(user)}
    yield from _unequal("users", users, open_to_others)
    yield from _unequal(
        "projects", [item.name for item in operator.identity.projects() if _is_ours(item)], _rooms()
    )
    for name, expected in open_to_others.items():
        if name in users:
            found = operator.identity.application_credentials(user=users[name].id)
            yield from _unequal(f"credentials of {name}", [item.name for item in found], expected)
    yield from _unreadable_secrets(living)


def _credentials(resource: Resource) -> list[str]:
    """By name, as the record says that they exist."""
    own = OF_AN_ENVIRONMENT if resource.kind == ENVIRONMENT else OF_A_CONTAINER
    people = [item["person"] for item in resource.facts.get("credentials", [])]
    return [f"person-{person.replace('-', '')}" if person else own for person in people]


def _rooms() -> list[str]:
    """Of every place that is used, and the empty ones of who comes in to one container."""
    places = CloudProject.objects.exclude(openstack_project_id="")
    rooms = [write_marker(place.public_id, "project") for place in places if not is_gone(place)]
    containers = Resource.objects.filter(state=ResourceState.ACTIVE).exclude(kind=ENVIRONMENT)
    return rooms + [
        write_marker(found.public_id, "entrance")
        for found in containers
        if found.facts.get("credentials")
    ]


def _is_ours(item: Any) -> bool:
    """Others work in the same cloud too."""
    mark = read_marker(item.name)
    return mark is not None and (
        Resource.objects.filter(public_id=mark[0]).exists()
        or CloudProject.objects.filter(public_id=mark[0]).exists()
    )


def _unreadable_secrets(living: Iterable[Resource]) -> Iterator[str]:
    """Secrets of what is gone, or of credentials that are."""
    slots = {(found.public_id, slot) for found in living for slot in _credentials(found)}
    for secret in Secret.objects.all():
        if (secret.about, secret.slot) not in slots:
            yield f"{secret} opens nothing any more"


def _unequal(what: str, found: Iterable[str], expected: Iterable[str]) -> Iterator[str]:
    there, wanted = Counter(list(found)), Counter(list(expected))
    if there != wanted:
        yield f"{what}: {sorted((there - wanted).elements())} too many"
        yield f"{what}: {sorted((wanted - there).elements())} missing"
