"""Who answers questions about data, and who sees the answers. Elsewhere nothing exists (404)."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.timezone import now

from portal.core.models import is_in_force
from portal.identity.access import has_role, reached_projects
from portal.identity.models import DataOwner, Node, Person, Project, ProjectOwner, Role


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
