"""Who sees, proposes and decides on roles, and who answers for which people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.timezone import now

from portal.core.models import is_not_over
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
    Identity,
    Node,
    NodeKind,
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
    """The proposals about nodes that the person oversees, and about a deputy of their own."""
    return RoleProposal.objects.filter(Q(node__in=overseen_nodes(person)) | Q(absent=person))


def visible_bars(person: Person) -> QuerySet[ClaimBar]:
    """The bars, still in force, on nodes that the person oversees."""
    return ClaimBar.objects.filter(node__in=overseen_nodes(person), lifted_at=None)


def proposals_to_decide(person: Person) -> QuerySet[RoleProposal]:
    """The proposals that wait for this person: neither made by them nor about them."""
    waiting = decidable_proposals(person).filter(state=ProposalState.PROPOSED, expires_at__gt=now())
    return waiting.exclude(
        Q(proposed_by=person) | Q(person=person) | Q(emergency_identities(person))
    )


def decidable_proposals(person: Person) -> QuerySet[RoleProposal]:
    """The proposals on which the roles of this person allow a decision, settled or not.

    A privileged role is decided on from above: above the node, and above every node from which who
    proposed it administers; else colleagues of one node could give each other on a new part what
    they may not give on the node. Nothing is above a root. A deputy is decided on by the absent
    one, or by who administers all that they approve.
    """
    held_ids = granted_node_ids(person, (Role.QUOTA_ADMINISTRATOR,))
    here = _in_branches(held_ids, "node")
    elsewhere = standing_grants(Role.APPROVER).exclude(_in_branches(held_ids, "node"))
    deputies = Q(absent__isnull=False) & here & ~Exists(elsewhere.filter(person=OuterRef("absent")))
    from_above = Q(pk=None)
    for node in Node.objects.filter(pk__in=held_ids):
        level = standing_grants(Role.QUOTA_ADMINISTRATOR).filter(node__in=node.lineage_ids)
        below = Q(node__ancestor_ids__contains=[node.pk])
        if node.parent_id:
            from_above |= below & ~Q(proposed_by__in=level.values("person"))
        else:
            from_above |= below | Q(node=node)
    privileged = Q(role__in=PRIVILEGED_ROLES)
    roles = Q(absent=None) & ((privileged & from_above) | (~privileged & here))
    return RoleProposal.objects.filter(roles | deputies | Q(absent=person))


def may_decide(person: Person, proposal: RoleProposal) -> bool:
    return decidable_proposals(person).filter(pk=proposal.pk).exists()


def may_propose(person: Person, node: Node) -> bool:
    """A quota administrator of the node proposes roles on it and ends them."""
    return has_role(person, node, Role.QUOTA_ADMINISTRATOR)


def may_still_propose(proposal: RoleProposal) -> bool:
    """Whether who proposed it may do so now, also while their claim waits for the next login."""
    proposer, absent = proposal.proposed_by, proposal.absent
    nodes = list(approved_nodes(absent)) if absent else [proposal.node]
    held = administered_node_ids(proposer)
    return all(held.intersection(node.lineage_ids) for node in nodes)


def administered_node_ids(person: Person) -> set[int]:
    """Where the person administers by a grant of their own, now or at their next login."""
    standing = standing_grants(Role.QUOTA_ADMINISTRATOR).filter(person=person)
    held = {*standing.values_list("node_id", flat=True)}
    held.update(granted_node_ids(person, (Role.QUOTA_ADMINISTRATOR,)))
    return held


def may_lift(person: Person, bar: ClaimBar) -> bool:
    """A privileged role is allowed again from above; nothing is above a root."""
    node = bar.node
    above = node.parent if bar.role in PRIVILEGED_ROLES and node.parent else node
    return has_role(person, above, Role.QUOTA_ADMINISTRATOR)


def visible_people(person: Person) -> QuerySet[Person]:
    """Who has or had a role on a node that the person oversees, or logs in for it.

    Also whose login went to one of these: two who were linked are seen together.
    """
    people = _people_of(overseen_nodes(person))
    return Person.objects.filter(Q(pk__in=people) | Q(joined_into__in=people))


def people_beside(node: Node) -> QuerySet[Person]:
    """The active people who have or had a role in the same root organization, or log in for it.

    Without who logs in for another one by now, and without the person of emergency access, who
    gets no lasting role.
    """
    tree = Node.objects.filter(_in_branches([node.lineage_ids[0]]))
    here = Identity.objects.filter(node__in=tree).values("person")
    elsewhere = Identity.objects.exclude(node=None).exclude(node__in=tree).values("person")
    gone = Q(pk__in=elsewhere) & ~Q(pk__in=here)
    people = _people_of(tree).filter(is_active=True).exclude(gone)
    return people.exclude(identities__issuer=EMERGENCY)


def people_in(node: Node) -> QuerySet[Person]:
    """As ``people_beside``, of the organization that the node is or is part of, without more."""
    return _people_of(Node.objects.filter(_in_branches([_organization_id(node)])))


def emergency_identities(person: Person) -> Exists:
    """A condition that is true of everything, if the person is who uses emergency access."""
    return Exists(person.identities.filter(issuer=EMERGENCY))


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


def colleagues_in(nodes: Iterable[Node]) -> QuerySet[Person]:
    """Who has a role now in the organizations that these nodes are or are part of."""
    branches = _in_branches([_organization_id(node) for node in nodes], "node")
    return Person.objects.filter(pk__in=standing_grants().filter(branches).values("person"))


def approved_nodes(person: Person) -> QuerySet[Node]:
    """The nodes on which the person approves by a role of their own, the highest first."""
    nodes = Node.objects.filter(pk__in=_approves_on(person)).select_related("parent")
    return nodes.order_by("ancestor_ids__len", "pk")


def is_approver(person: Person) -> bool:
    """True when the person approves by a role of their own: a deputy has something to do."""
    return bool(_approves_on(person))


def may_propose_deputy(actor: Person, absent: Person) -> bool:
    """Who administers every node on which the absent one approves; not for oneself."""
    node_ids = _approves_on(absent)
    return actor.pk != absent.pk and bool(node_ids) and _administers(actor, node_ids)


def may_end_deputies(actor: Person, absent: Person) -> bool:
    """The absent one, or who could propose a deputy for them."""
    return actor.pk == absent.pk or may_propose_deputy(actor, absent)


def may_end(actor: Person, person: Person) -> bool:
    """Who administers every node on which the person has or will have a role; never oneself.

    Of somebody without a role: who administers what they log in for, or a node of that organization
    on which they had one. Emergency access is nobody's to end: it ends by itself.
    """
    if actor.pk == person.pk or is_emergency_person(person):
        return False
    later = RoleGrant.objects.filter(person=person, valid_from__gt=now(), end_reason="")
    held = later.values_list("node_id", flat=True).union(
        standing_grants().filter(person=person).values_list("node_id", flat=True)
    )
    if node_ids := list(held):
        return _administers(actor, node_ids)
    reached = reached_nodes(actor, Role.QUOTA_ADMINISTRATOR)
    had = RoleGrant.objects.filter(person=person, node__in=reached)
    homes = list(Node.objects.filter(identities__person=person))
    if homes:
        had = had.filter(_in_branches([home.lineage_ids[0] for home in homes], "node"))
    return reached.filter(pk__in=[home.pk for home in homes]).exists() or had.exists()


def may_reinstate(actor: Person, person: Person) -> bool:
    """Who could end them may let them in again, without any role.

    That is who administers all that the ending cut short; a former organization has no say.
    """
    cut = RoleGrant.objects.filter(person=person, valid_until__gte=person.ended_at or now())
    node_ids = list(cut.values_list("node_id", flat=True))
    if person.is_active or not node_ids:
        return may_end(actor, person)
    return actor.pk != person.pk and _administers(actor, node_ids)


def deputies_of(person: Person) -> QuerySet[Deputy]:
    """Who decides in this person's place now or later."""
    return Deputy.objects.filter(is_not_over(now()), absent=person).select_related("deputy")


def replaced_by(person: Person) -> QuerySet[Deputy]:
    """In whose place this person decides now or later."""
    return Deputy.objects.filter(is_not_over(now()), deputy=person).select_related("absent")


def visible_deputies(person: Person) -> QuerySet[Deputy]:
    """The appointments of who approves on a node that the person oversees."""
    approvers = standing_grants(Role.APPROVER).filter(node__in=overseen_nodes(person))
    return Deputy.objects.filter(absent__in=approvers.values("person"))


def _organization_id(node: Node) -> int | None:
    return node.pk if node.kind == NodeKind.ORGANIZATION else node.parent_id


def _in_branches(node_ids: Sequence[int | None], key: str = "") -> Q:
    """These nodes and all below them; with a foreign key, what stands there."""
    nodes, ancestors = (f"{key}__in", f"{key}__") if key else ("pk__in", "")
    return Q(**{nodes: node_ids}) | Q(**{f"{ancestors}ancestor_ids__overlap": node_ids})


def _administers(actor: Person, node_ids: list[int]) -> bool:
    """True when the person is a quota administrator of each of these nodes."""
    reached = reached_nodes(actor, Role.QUOTA_ADMINISTRATOR).filter(pk__in=node_ids)
    return reached.count() == len(set(node_ids))


def _approves_on(person: Person) -> list[int]:
    grants = standing_grants(Role.APPROVER).filter(person=person)
    return list(grants.values_list("node_id", flat=True))


def _people_of(nodes: QuerySet[Node]) -> QuerySet[Person]:
    """Where a provider gives no roles, the login alone says where somebody belongs."""
    grants, known = (
        RoleGrant.objects.filter(node__in=nodes),
        Identity.objects.filter(node__in=nodes),
    )
    return Person.objects.filter(
        Q(pk__in=grants.values("person")) | Q(pk__in=known.values("person"))
    )
