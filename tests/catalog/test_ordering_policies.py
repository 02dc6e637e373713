"""The one statement of who may order what where says what the querysets say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils.timezone import now

from catalog.models import OfferingVersion, OfferingVersionState
from catalog.ordering_policies import find_opening
from catalog.policies import offered_versions, projects_to_order_in
from portal.identity.models import Organization, Person, Project, Role, RoleGrant
from tests.factories import (
    OfferingVersionFactory,
    PersonFactory,
    deputize,
    grant,
    make_organization,
    make_project,
    place_whole,
)

pytestmark = pytest.mark.django_db


@dataclass
class World:
    """Somebody who orders nothing yet, and a project under two organizations."""

    person: Person
    ministry: Organization
    agency: Organization
    project: Project


@pytest.fixture
def world() -> World:
    ministry = make_organization()
    agency = make_organization(ministry)
    return World(PersonFactory(), ministry, agency, make_project(agency))


def by_querysets(world: World) -> bool:
    version = offered_versions().filter(offering__code="virtual-server").first()
    if version is None:
        return False
    return world.project in projects_to_order_in(world.person, version)


def by_statement(world: World) -> bool:
    return find_opening(world.person, "virtual-server", world.project.public_id) is not None


def may_order(world: World, node: object = None) -> RoleGrant:
    return grant(world.person, Role.REQUESTER, node or world.project)


def changed(grant_: RoleGrant, **facts: object) -> None:
    RoleGrant.objects.filter(pk=grant_.pk).update(**facts)


def ended(world: World) -> None:
    Project.objects.filter(pk=world.project.pk).update(ended_at=now())


def is_away(world: World) -> None:
    """Another requester there has this person as deputy, which gives no right to order."""
    absent = PersonFactory()
    for role in (Role.APPROVER, Role.REQUESTER):
        grant(absent, role, world.project)
    grant(world.person, Role.AUDITOR, world.agency)
    deputize(absent, world.person)


WHO: dict[str, tuple[Callable[[World], object], bool]] = {
    "in the project": (may_order, True),
    "by the agency": (lambda world: may_order(world, world.agency), True),
    "by the ministry": (lambda world: may_order(world, world.ministry), True),
    "nobody": (lambda world: None, False),
    "elsewhere": (lambda world: may_order(world, make_project(world.agency)), False),
    "as approver": (lambda world: grant(world.person, Role.APPROVER, world.project), False),
    "of another": (lambda world: grant(PersonFactory(), Role.REQUESTER, world.project), False),
    "for who is away": (is_away, False),
    "until just now": (lambda world: changed(may_order(world), valid_until=now()), False),
    "from later on": (
        lambda world: changed(may_order(world), valid_from=now() + timedelta(hours=1)),
        False,
    ),
    "in what ended": (lambda world: (may_order(world), ended(world)), False),
}


@pytest.mark.parametrize("who", WHO)
def test_who_may_order(world, who):
    OfferingVersionFactory()
    prepare, may = WHO[who]
    prepare(world)

    assert by_statement(world) is by_querysets(world) is may


FOR: dict[str, tuple[Callable[[World], list[Organization]], bool]] = {
    "everybody": (lambda world: [], True),
    "the agency": (lambda world: [world.agency], True),
    "the ministry, and another": (lambda world: [make_organization(), world.ministry], True),
    "another": (lambda world: [make_organization()], False),
    "a part of the agency": (lambda world: [make_organization(world.agency)], False),
}


@pytest.mark.parametrize("for_whom", FOR)
def test_for_whom_it_exists(world, for_whom):
    organizations, may = FOR[for_whom]
    OfferingVersionFactory(visible_to=organizations(world))
    may_order(world)

    assert by_statement(world) is by_querysets(world) is may


@pytest.mark.parametrize("state", OfferingVersionState)
def test_what_is_published(world, state):
    OfferingVersionFactory(state=state)
    may_order(world)

    is_published = state == OfferingVersionState.PUBLISHED
    assert by_statement(world) is by_querysets(world) is is_published


def test_what_was_replaced_is_offered_as_it_is_now(world):
    OfferingVersionFactory(state=OfferingVersionState.WITHDRAWN, name_en="Old")
    version = OfferingVersionFactory(name_en="New")
    may_order(world)

    opening = find_opening(world.person, "virtual-server", world.project.public_id)

    assert opening is not None
    assert (opening.version, opening.project) == (version, world.project)
    assert opening.version.name_en == "New"


def test_nothing_is_found_of_what_does_not_exist(world, version):
    may_order(world)

    assert find_opening(world.person, "no-such-thing", world.project.public_id) is None
    assert find_opening(world.person, "virtual-server", uuid4()) is None


def test_one_query_reads_the_sizes_and_images_too(world, version, django_assert_num_queries):
    may_order(world)
    with django_assert_num_queries(1):
        opening = find_opening(world.person, "virtual-server", world.project.public_id)
        assert opening is not None
        flavors = {flavor.name for flavor in opening.version.cloud.seen_flavors}
        images = {image.name for image in opening.version.cloud.seen_images}

    cloud = OfferingVersion.objects.get(pk=version.pk).cloud
    assert flavors == set(cloud.flavors.values_list("name", flat=True)) != set()
    assert images == set(cloud.images.values_list("name", flat=True)) != set()


def test_what_is_made_of_others_is_judged_the_long_way(requester, project, version):
    place_whole(requester, project, version)

    assert find_opening(requester, "whole", project.public_id) is None
    assert find_opening(requester, "virtual-server", project.public_id) is not None
