"""Who answers questions about data, who assesses places, and who sees it. Else: nothing (404)."""

from __future__ import annotations

from typing import Final

from django.db.models import Q, QuerySet
from django.utils.timezone import now

from billing.policies import COST_ROLES
from catalog.models import SealMinimum, SupplyProfile
from catalog.offering_policies import (
    is_offered_in_reach_of,
    may_decide_on_offers,
    may_draft,
    may_look_behind,
    published_versions,
)
from portal.core.models import is_in_force
from portal.identity.access import has_role, reached_nodes, reached_projects, workplace_id
from portal.identity.models import DataOwner, Node, Person, Project, ProjectOwner, Role
from portal.identity.models.proposed import DecisionState

# Who says where data may stand, who checks that, and who pays for it.
REGISTER_READERS: Final = frozenset({Role.QUOTA_ADMINISTRATOR, Role.AUDITOR, Role.FINANCE})


def visible_workloads(person: Person) -> QuerySet[Project]:
    """The projects of which the person sees the answers: all where they have a role."""
    return reached_projects(person, *Role)


def may_classify(person: Person, node: Node) -> bool:
    """A quota administrator there, and whoever answers for the data or the project now."""
    if has_role(person, node, Role.QUOTA_ADMINISTRATOR):
        return True
    at = now()
    nearest = DataOwner.objects.filter(is_in_force(at), node__in=node.lineage_ids)
    data_owner = max(nearest, key=lambda row: node.lineage_ids.index(row.node_id), default=None)
    if data_owner is not None and data_owner.owner_id == person.pk:
        return True
    return ProjectOwner.objects.filter(is_in_force(at), project=node.pk, owner=person).exists()


def may_draft_supplies(person: Person) -> bool:
    """An operator of the platform assesses places: they are everybody's, as the catalogue is."""
    return may_draft(person)


def may_decide_on_supplies(person: Person) -> bool:
    """An operator or quota administrator of the platform confirms what another proposed."""
    return may_decide_on_offers(person)


def visible_supplies(person: Person) -> QuerySet[SupplyProfile]:
    """What is in force, for everybody; for who may look behind the catalogue also all else.

    Of one offering only for whom the offering exists.
    """
    if may_look_behind(person):
        return SupplyProfile.objects.all()
    in_force = SupplyProfile.objects.filter(state=DecisionState.CONFIRMED, ended_at=None)
    offered = published_versions().filter(is_offered_in_reach_of(person))
    return in_force.filter(Q(offering=None) | Q(offering__in=offered.values("offering")))


def supplies_to_decide(person: Person) -> QuerySet[SupplyProfile]:
    """The proposals that wait for this person: never those that they made themselves."""
    waiting = SupplyProfile.objects.filter(state=DecisionState.PROPOSED, is_draft=False)
    if not may_decide_on_supplies(person):
        return waiting.none()
    return waiting.exclude(proposed_by=person)


def visible_minimums(person: Person) -> QuerySet[SealMinimum]:
    """How the lowest SEALs came to be, for who may look behind the catalogue."""
    minimums = SealMinimum.objects.all()
    return minimums if may_look_behind(person) else minimums.none()


def minimums_to_decide(person: Person) -> QuerySet[SealMinimum]:
    """The proposals that wait for this person: never those that they made themselves."""
    waiting = SealMinimum.objects.filter(state=DecisionState.PROPOSED)
    if not may_decide_on_supplies(person):
        return waiting.none()
    return waiting.exclude(proposed_by=person)


def register_nodes(person: Person) -> QuerySet[Node]:
    """The parts of which the person reads the register of known use."""
    return reached_nodes(person, *REGISTER_READERS)


def register_projects(person: Person) -> QuerySet[Project]:
    """The projects among those."""
    return reached_projects(person, *REGISTER_READERS)


def register_payers(person: Person) -> QuerySet[Node]:
    """Those of which the person sees all costs too, also of what moved away since."""
    return reached_nodes(person, *(REGISTER_READERS & set(COST_ROLES)))


def register_workplace(person: Person) -> int | None:
    """The highest node of which the person reads the register; primary key."""
    return workplace_id(person, *REGISTER_READERS)
