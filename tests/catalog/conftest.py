"""Who govern the catalogue, of an organization that is nobody's tenant; and who operate it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from catalog.models import Offering, OfferingVersion, OfferingVersionState
from portal.identity.models import Organization, Person, Project, Role
from tests.factories import OfferingVersionFactory, PersonFactory, grant, make_organization


@dataclass(frozen=True)
class Platform:
    """The organization that runs the platform, and its people."""

    organization: Organization
    drafter: Person
    colleague: Person
    administrator: Person
    auditor: Person


@pytest.fixture
def platform(db: None, settings: Any) -> Platform:
    organization = make_organization(name="Overheidsdatacenter")
    settings.CATALOGUE_ORGANIZATION = organization.code
    roles = (Role.OPERATOR, Role.OPERATOR, Role.QUOTA_ADMINISTRATOR, Role.AUDITOR)
    names = ("Mila de Boer", "Ruben Prins", "Joost Meulen", "Tess Vos")
    people = [PersonFactory(name=name) for name in names]
    for person, role in zip(people, roles, strict=True):
        grant(person, role, organization)
    return Platform(organization, *people)


@pytest.fixture
def draft(version: OfferingVersion) -> OfferingVersion:
    """Version 2 of the virtual server, under construction."""
    return OfferingVersionFactory(
        offering=version.offering,
        state=OfferingVersionState.DRAFT,
        name_en="Server, renewed",
        name_nl="Server, vernieuwd",
    )


@pytest.fixture
def disk(version: OfferingVersion) -> OfferingVersion:
    """A published disk, beside the virtual server."""
    return OfferingVersionFactory(
        offering=Offering.objects.create(code="disk", kind="volume", position=2),
        name_en="Disk",
        name_nl="Schijf",
        choices={
            "volume_types": ["standard"],
            "volume_gib": {"minimum": 1, "maximum": 10, "default": 5},
        },
    )


@pytest.fixture
def operators(project: Project) -> list[Person]:
    """Two of them."""
    pair = [PersonFactory(), PersonFactory()]
    for person in pair:
        grant(person, Role.OPERATOR, project.parent)
    return pair
