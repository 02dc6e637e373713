"""Three directorates that hold the same things, and everybody who may come by.

Every name in a directorate holds its marker, so that what leaks is seen in any answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.utils.timezone import now

from billing.models import TagKey
from catalog.models import OfferingVersion
from portal.identity.models import Node, Organization, Person, Project, Role
from tests.factories import (
    OfferingVersionFactory,
    PersonFactory,
    generous_limits,
    grant,
    make_organization,
    make_project,
    priced,
)

Maker = Callable[["Tenant"], Any]


@dataclass(frozen=True)
class Tenant:
    """A directorate with a project, its people, and what the rows of the table are about.

    Attributes:
        marker: a word that stands in every name of this tenant, and in no other.
        ministry: that of the directorate; its name is no secret to those below it.
        asker: the requester who places the orders.
        people: one for each role, with nothing of their own.
        all_rounder: somebody with every role.
        things: what each ``of`` in the table made here.
    """

    marker: str
    ministry: Organization
    directorate: Organization
    project: Project
    version: OfferingVersion
    asker: Person
    people: dict[Role, Person]
    all_rounder: Person
    things: dict[Maker, Any] = field(default_factory=dict)

    def named(self, word: str) -> str:
        """A name for something of this tenant."""
        return f"{self.marker}-{word}"

    def furnish(self, makers: Iterable[Maker]) -> None:
        """Make what the rows are about; each thing once."""
        for maker in makers:
            if maker not in self.things:
                self.things[maker] = maker(self)


@dataclass(frozen=True)
class World:
    here: Tenant
    next_door: Tenant
    elsewhere: Tenant
    chief: Person
    nobody: Person

    @property
    def tenants(self) -> tuple[Tenant, ...]:
        return self.here, self.next_door, self.elsewhere


def make_world() -> World:
    """Two directorates of one ministry, and one of another where people have their role on top."""
    priced()
    version = OfferingVersionFactory()
    ministry, other_ministry = make_organization(), make_organization()
    return World(
        here=_make_tenant("zilvermeeuw", ministry, version),
        next_door=_make_tenant("kokmeeuw", ministry, version),
        elsewhere=_make_tenant("lepelaar", other_ministry, version, roles_on=other_ministry),
        chief=_make_person("Hoofdbeheerder", ministry, Role.QUOTA_ADMINISTRATOR),
        nobody=PersonFactory(name="Iemand"),
    )


def _make_tenant(
    marker: str, ministry: Organization, version: OfferingVersion, roles_on: Node | None = None
) -> Tenant:
    directorate = make_organization(ministry, name=f"Directie {marker}")
    project = make_project(directorate, name=f"{marker}-systeem")
    TagKey.objects.create(organization=directorate, name="fase", valid_from=now())
    generous_limits(project)
    node = roles_on or directorate
    return Tenant(
        marker=marker,
        ministry=ministry,
        directorate=directorate,
        project=project,
        version=version,
        asker=_make_person(f"Aanvrager {marker}", node, Role.REQUESTER),
        people={role: _make_person(f"{role.value} {marker}", node, role) for role in Role},
        all_rounder=_make_person(f"Alleskunner {marker}", node, *Role),
    )


def _make_person(name: str, node: Node, *roles: Role) -> Person:
    person: Person = PersonFactory(name=name)
    for role in roles:
        grant(person, role, node)
    return person
