"""Who sees, proposes and decides on roles, and who answers for which people."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.utils.timezone import now

from portal.audit.models import AuditEntry
from portal.identity.access import (
    granted_node_ids,
    has_role,
    reached_nodes,
    standing_grants,
)
from portal.identity.models import (
    PRIVILEGED_ROLES,
    ClaimBar,
    Deputy,
    Node,
    Person,
    ProposalState,
    Role,
    RoleGrant,
    RoleProposal,
)
from portal.identity.services.break_glass import ISSUER as EMERGENCY

# Who sees the roles of others on a node; a quota administrator also changes them.
OVERSIGHT_ROLES = (Role.QUOTA_ADMINISTRATOR, Role.AUDITOR, Role.OPERATOR)


def overseen_nodes(person: Person) -> QuerySet[Node]:
    """The nodes of which the person sees who has which role."""
    return reached_nodes(person, *OVERSIGHT_ROLES)


def visible_grants(person: Person) -> QuerySet[RoleGrant]:
    """The grants on nodes that the person oversees, ended ones included."""
    return RoleGrant.objects.filter(node__in=overseen_nodes(person))


def visible_proposals(person: Person) -> QuerySet[RoleProposal]:
    """The proposals about nodes that the person oversees."""
    return RoleProposal.objects.filter(node__in=overseen_nodes(person))


def visible_bars(person: Person) -> QuerySet[ClaimBar]:
    """The bars, still in force, on nodes that the person oversees."""
    return ClaimBar.objects.filter(node__in=overseen_nodes(person), lifted_at=None)


def proposals_to_decide(person: Person) -> QuerySet[RoleProposal]:
    """The proposals that wait for this person: neither made by them nor about them."""
    held = granted_node_ids(person, (Role.QUOTA_ADMINISTRATOR,))
    above = Q(node__ancestor_ids__overlap=held) | Q(node__in=held, node__parent=None)
    return RoleProposal.objects.filter(
        above | (Q(node__in=held) & ~Q(role__in=PRIVILEGED_ROLES)),
        state=ProposalState.PROPOSED,
        expires_at__gt=now(),
    ).exclude(Q(proposed_by=person) | Q(person=person))


def may_propose(person: Person, node: Node) -> bool:
    """A quota administrator of the node proposes roles on it and ends them."""
    return has_role(person, node, Role.QUOTA_ADMINISTRATOR)


def may_still_propose(person: Person, node: Node) -> bool:
    """As ``may_propose``, also while a role from a claim waits for the next login."""
    standing = standing_grants(Role.QUOTA_ADMINISTRATOR).filter(person=person)
    return may_propose(person, node) or standing.filter(node__in=node.lineage_ids).exists()


def may_decide_on(person: Person, node: Node, role: str) -> bool:
    """A privileged role is decided on from above; nothing is above a root."""
    above = node.parent if role in PRIVILEGED_ROLES and node.parent else node
    return has_role(person, above, Role.QUOTA_ADMINISTRATOR)


def visible_people(person: Person) -> QuerySet[Person]:
    """Who has or had a role on a node that the person oversees, or joined there."""
    return _people_of(overseen_nodes(person))


def people_beside(node: Node) -> QuerySet[Person]:
    """The active people who have or had a role in the same root organization, or joined there.

    Without the person of emergency access, who gets no lasting role.
    """
    root = node.lineage_ids[0]
    tree = Node.objects.filter(Q(pk=root) | Q(ancestor_ids__contains=[root]))
    return _people_of(tree).filter(is_active=True).exclude(identities__issuer=EMERGENCY)


def is_emergency_person(person: Person) -> bool:
    """True for the one person whom everybody with an emergency password becomes."""
    return person.identities.filter(issuer=EMERGENCY).exists()


def possible_deputies(absent: Person) -> QuerySet[Person]:
    """Active colleagues with a role now, in a root where the person approves."""
    roots = {
        node.lineage_ids[0]
        for node in Node.objects.filter(pk__in=_approves_on(absent)).only("pk", "ancestor_ids")
    }
    below = Q(node__in=roots) | Q(node__ancestor_ids__overlap=list(roots))
    colleagues = standing_grants().filter(below)
    return Person.objects.filter(is_active=True, pk__in=colleagues.values("person")).exclude(
        pk=absent.pk
    )


def is_approver(person: Person) -> bool:
    """True when the person approves by a role of their own: a deputy has something to do."""
    return bool(_approves_on(person))


def may_appoint_for(actor: Person, absent: Person) -> bool:
    """The absent one, or who administers every node on which the absent one approves."""
    node_ids = _approves_on(absent)
    return actor.pk == absent.pk or bool(node_ids and _administers(actor, node_ids))


def may_end(actor: Person, person: Person) -> bool:
    """Who administers every node on which the person has a role; nobody ends themselves.

    Of somebody without a role: who administers a node on which they had one. Emergency access
    is nobody's to end: it ends by itself.
    """
    if actor.pk == person.pk or is_emergency_person(person):
        return False
    node_ids = standing_grants().filter(person=person).values_list("node_id", flat=True)
    if node_ids:
        return _administers(actor, list(node_ids))
    return (
        RoleGrant.objects.filter(person=person)
        .filter(node__in=reached_nodes(actor, Role.QUOTA_ADMINISTRATOR))
        .exists()
    )


def may_reinstate(actor: Person, person: Person) -> bool:
    """Who could end them may let them in again, without any role."""
    return may_end(actor, person)


def deputies_of(person: Person) -> QuerySet[Deputy]:
    """Who decides in this person's place now or later."""
    return Deputy.objects.filter(_not_over(), absent=person).select_related("deputy")


def replaced_by(person: Person) -> QuerySet[Deputy]:
    """In whose place this person decides now or later."""
    return Deputy.objects.filter(_not_over(), deputy=person).select_related("absent")


def visible_deputies(person: Person) -> QuerySet[Deputy]:
    """The appointments of who approves on a node that the person oversees."""
    approvers = standing_grants(Role.APPROVER).filter(node__in=overseen_nodes(person))
    return Deputy.objects.filter(absent__in=approvers.values("person"))


def _administers(actor: Person, node_ids: list[int]) -> bool:
    """True when the person is a quota administrator of each of these nodes."""
    reached = reached_nodes(actor, Role.QUOTA_ADMINISTRATOR).filter(pk__in=node_ids)
    return reached.count() == len(set(node_ids))


def _approves_on(person: Person) -> list[int]:
    grants = standing_grants(Role.APPROVER).filter(person=person)
    return list(grants.values_list("node_id", flat=True))


def _people_of(nodes: QuerySet[Node]) -> QuerySet[Person]:
    """Where a provider gives no roles, the first login alone says where somebody belongs."""
    grants = RoleGrant.objects.filter(node__in=nodes)
    joined = AuditEntry.objects.filter(event="person.joined", node_id__in=nodes.values("pk"))
    return Person.objects.filter(
        Q(pk__in=grants.values("person")) | Q(public_id__in=joined.values("subject_public_id"))
    )


def _not_over() -> Q:
    moment = now()
    return Q(valid_until=None) | Q(valid_until__gt=moment)
