"""Who sees the tree itself, and who changes it. Outside one's reach nothing exists (404)."""

from __future__ import annotations

from typing import Final

from django.db.models import Q, QuerySet
from django.utils.timezone import now

from portal.core.models import is_in_force, is_not_over
from portal.identity.access import (
    granted_node_ids,
    has_role,
    later_grants,
    reached_nodes,
    standing_grants,
)
from portal.identity.models import Deputy, Node, NodeKind, Person, Role, RoleGrant

# Who administers the tree, and who checks that.
TREE_ROLES: Final = (Role.QUOTA_ADMINISTRATOR, Role.AUDITOR)


def inspectable_nodes(person: Person) -> QuerySet[Node]:
    """The nodes whose facts and people the person sees."""
    return reached_nodes(person, *TREE_ROLES)


def administered_nodes(person: Person) -> QuerySet[Node]:
    """The living nodes that the person may change."""
    return reached_nodes(person, Role.QUOTA_ADMINISTRATOR).filter(ended_at=None)


def may_inspect(person: Person, node: Node) -> bool:
    return has_role(person, node, *TREE_ROLES)


def may_administer(person: Person, node: Node) -> bool:
    """A quota administrator of the node or of one above it."""
    return has_role(person, node, Role.QUOTA_ADMINISTRATOR)


def may_administer_from_above(person: Person, node: Node) -> bool:
    """A quota administrator of a node above it; of a root, its own: nothing stands above that."""
    return has_role(person, node.parent or node, Role.QUOTA_ADMINISTRATOR)


def may_move(person: Person, node: Node) -> bool:
    """Only who administers where it stands may take it away; so nobody moves a root."""
    return node.parent is not None and may_administer(person, node.parent)


def possible_owners(node: Node) -> QuerySet[Person]:
    """Who may answer for a node: everybody who has a role there now."""
    grants = RoleGrant.objects.filter(is_in_force(now()), node__in=node.lineage_ids)
    people = Person.objects.filter(pk__in=grants.values("person"), is_active=True)
    return people.order_by("name", "pk")


def possible_parents(person: Person, node: Node) -> QuerySet[Node]:
    """Under which organizations the person may move the node.

    Never below itself, nor to where the person would get another role on it than they have here,
    now or later, for themselves or for whom they replace: nobody grants themselves a role.
    """
    if not may_move(person, node):
        return Node.objects.none()
    organizations = administered_nodes(person).filter(kind=NodeKind.ORGANIZATION)
    other_roles = tuple(role for role in Role if role != Role.QUOTA_ADMINISTRATOR)
    absent = Deputy.objects.filter(is_not_over(now()), deputy=person).values("absent")
    theirs = Q(person=person, role__in=other_roles) | Q(person__in=absent, role=Role.APPROVER)
    grants = (standing_grants() | later_grants()).filter(theirs)
    held = {*granted_node_ids(person, other_roles), *grants.values_list("node_id", flat=True)}
    gained = held.difference(node.lineage_ids)
    return organizations.exclude(
        Q(pk__in=[node.pk, node.parent_id, *gained]) | Q(ancestor_ids__overlap=[node.pk, *gained])
    ).order_by("name", "pk")
