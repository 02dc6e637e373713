"""Who sees which costs."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404

from billing.models import MeteredResource
from portal.identity.access import has_role, reached_nodes, reached_projects, roles_of
from portal.identity.models import Node, Person, Role

# Who pays, who decides what is paid, and who checks.
COST_ROLES: Final = (Role.FINANCE, Role.APPROVER, Role.AUDITOR)


def visible_cost_nodes(person: Person) -> QuerySet[Node]:
    """The organizations and projects whose costs the person sees."""
    return reached_nodes(person, *COST_ROLES)


def may_see_costs(person: Person) -> bool:
    """True when the person has a role for costs anywhere."""
    return bool(roles_of(person) & set(COST_ROLES))


def find_cost_node(person: Person, public_id: UUID) -> Node:
    """Return the organization or project with this id, whose costs the person sees.

    Raises:
        Http404: the person does not reach it, so for them it does not exist.
        PermissionDenied: they reach it, with another role.
    """
    node = get_object_or_404(reached_nodes(person), public_id=public_id)
    if not has_role(person, node, *COST_ROLES):
        raise PermissionDenied
    return node


def topmost(nodes: QuerySet[Node]) -> QuerySet[Node]:
    """Those of ``nodes`` that stand below none of the others: together they cover all of them."""
    return nodes.exclude(parent__in=nodes.values("pk"))


def visible_metered_resources(person: Person) -> QuerySet[MeteredResource]:
    """Everybody with a role on a project sees what its resources cost."""
    return MeteredResource.objects.filter(project__in=reached_projects(person))
