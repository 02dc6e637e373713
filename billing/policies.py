"""Who sees which costs."""

from __future__ import annotations

from typing import Final

from django.db.models import QuerySet

from billing.models import MeteredResource
from portal.identity.access import reached_nodes, reached_projects
from portal.identity.models import Node, Person, Role

# Who pays, who decides what is paid, and who checks.
COST_ROLES: Final = (Role.FINANCE, Role.APPROVER, Role.AUDITOR)


def visible_cost_nodes(person: Person) -> QuerySet[Node]:
    """The organizations and projects whose costs the person sees."""
    return reached_nodes(person, *COST_ROLES)


def topmost(nodes: QuerySet[Node]) -> QuerySet[Node]:
    """Those of ``nodes`` that stand below none of the others: together they cover all of them."""
    return nodes.exclude(parent__in=nodes.values("pk"))


def visible_metered_resources(person: Person) -> QuerySet[MeteredResource]:
    """Everybody with a role on a project sees what its resources cost."""
    return MeteredResource.objects.filter(project__in=reached_projects(person))
