"""Who governs the catalogue, and for whom a version of an offering exists.

The catalogue is the platform's: a role in one organization decides nothing for all of them. So it
is governed by the people of the one organization that ``CATALOGUE_ORGANIZATION`` names.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from django.db.models import Exists, OuterRef, Q, QuerySet

from catalog.models import (
    OfferingVersion,
    OfferingVersionState,
    Publication,
    PublicationState,
)
from portal.identity.access import granted_node_ids, has_role
from portal.identity.models import Node, Person, Project, Role
from portal.identity.platform import platform_organization

DRAFTERS: Final = (Role.OPERATOR,)
DECIDERS: Final = (Role.OPERATOR, Role.QUOTA_ADMINISTRATOR)
READERS: Final = (Role.OPERATOR, Role.QUOTA_ADMINISTRATOR, Role.AUDITOR)


def may_look_behind(person: Person) -> bool:
    """Drafts and history of the catalogue: for who makes it, decides on it or audits it."""
    return _governs(person, *READERS)


def nameable_versions(person: Person) -> QuerySet[OfferingVersion]:
    """What a rule may name, one version of each offering, with the offering.

    Those that are on offer where the person has a role; for who may look behind the catalogue
    also what is not yet, or no longer.
    """
    versions = published_versions().filter(is_offered_in_reach_of(person))
    if may_look_behind(person):
        versions = OfferingVersion.objects.all()
    return newest_versions(versions)


def newest_versions(versions: QuerySet[OfferingVersion]) -> QuerySet[OfferingVersion]:
    """Of each offering the newest of these versions, in the order of the catalogue."""
    newest = versions.order_by("offering__position", "offering__code", "-number")
    return newest.distinct("offering__position", "offering__code").select_related("offering")


def may_draft(person: Person) -> bool:
    """An operator of the governing organization makes drafts and proposes them."""
    return _governs(person, *DRAFTERS)


def may_decide_on_offers(person: Person) -> bool:
    """An operator or quota administrator there publishes what another proposed, or withdraws."""
    return _governs(person, *DECIDERS)


def managed_versions(person: Person) -> QuerySet[OfferingVersion]:
    """Every version of everything, for who may look behind; nothing for anybody else."""
    versions = OfferingVersion.objects.all()
    return versions if may_look_behind(person) else versions.none()


def publications_to_decide(person: Person) -> QuerySet[Publication]:
    """The publications that wait for this person: never those that they proposed themselves."""
    waiting = Publication.objects.filter(state=PublicationState.PROPOSED)
    return waiting.exclude(proposed_by=person) if may_decide_on_offers(person) else waiting.none()


def is_offered_to(node_ids: Collection[int]) -> Q:
    """The versions that exist for who belongs below one of these nodes, or is one of them.

    Args:
        node_ids: primary keys of a node and all above it.
    """
    chosen = OfferingVersion.visible_to.through.objects.filter(offeringversion=OuterRef("pk"))
    return Q(~Exists(chosen)) | Q(Exists(chosen.filter(organization__in=node_ids)))


def is_offered_in(projects: QuerySet[Project]) -> Q:
    """The versions that exist in at least one of the projects."""
    chosen = OfferingVersion.visible_to.through.objects.filter(offeringversion=OuterRef("pk"))
    below_it = projects.filter(ancestor_ids__contains=[OuterRef("organization_id")])
    for_everybody = Q(~Exists(chosen), Exists(projects))
    return for_everybody | Q(Exists(chosen.filter(Exists(below_it))))


def is_offered_in_reach_of(person: Person) -> Q:
    """The versions that exist anywhere the person has a role."""
    chosen = OfferingVersion.visible_to.through.objects.filter(offeringversion=OuterRef("pk"))
    node_ids = granted_node_ids(person, ())
    reached = Q(organization__in=node_ids) | Q(organization__ancestor_ids__overlap=node_ids)
    granted = Node.objects.filter(pk__in=node_ids)
    below_it = granted.filter(ancestor_ids__contains=[OuterRef("organization_id")])
    in_reach = chosen.filter(reached | Q(Exists(below_it)))
    return Q(~Exists(chosen)) | Q(Exists(in_reach))


def published_versions() -> QuerySet[OfferingVersion]:
    """What can be ordered now, for whomever it exists."""
    return OfferingVersion.objects.filter(state=OfferingVersionState.PUBLISHED)


def _governs(person: Person, *roles: Role) -> bool:
    organization = platform_organization()
    return organization is not None and has_role(person, organization, *roles)
