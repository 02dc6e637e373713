"""What has no owner now, or would have none: projects, and branches without a living role."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.utils.timezone import now

from portal.core.models import is_in_force
from portal.identity.access import standing_grants
from portal.identity.models import Node, NodeKind, Person, Project, ProjectOwner, Role, RoleGrant
from portal.identity.role_policies import overseen_nodes


@dataclass(frozen=True, kw_only=True)
class Gaps:
    """Living nodes that lack somebody.

    Attributes:
        without_owner: projects for which nobody who works here answers.
        without_approver: projects for which nobody can approve.
        without_administrator: nodes that no quota administrator reaches.
    """

    without_owner: QuerySet[Project]
    without_approver: QuerySet[Node]
    without_administrator: QuerySet[Node]

    def count(self) -> int:
        parts: Iterable[QuerySet[Project] | QuerySet[Node]] = (
            self.without_owner,
            self.without_approver,
            self.without_administrator,
        )
        return sum(part.count() for part in parts)


def find_gaps(person: Person) -> Gaps:
    """The gaps among the nodes that the person oversees."""
    nodes = overseen_nodes(person).filter(ended_at=None)
    return Gaps(
        without_owner=_without_owner().filter(pk__in=nodes.values("pk")),
        without_approver=_uncovered(nodes.filter(kind=NodeKind.PROJECT), Role.APPROVER),
        without_administrator=_uncovered(nodes, Role.QUOTA_ADMINISTRATOR),
    )


def gaps_after(grants: Collection[RoleGrant], *, leaver: Person | None = None) -> Gaps:
    """The gaps that ending these grants, and the departure of ``leaver``, would make."""
    owned = ProjectOwner.objects.filter(is_in_force(now()), owner=leaver)
    return Gaps(
        without_owner=Project.objects.filter(
            ended_at=None, pk__in=owned.values("project")
        ).order_by("name", "pk"),
        without_approver=_uncovered(
            _branches(grants, Role.APPROVER).filter(kind=NodeKind.PROJECT), Role.APPROVER, grants
        ),
        without_administrator=_uncovered(
            _branches(grants, Role.QUOTA_ADMINISTRATOR), Role.QUOTA_ADMINISTRATOR, grants
        ),
    )


def _without_owner() -> QuerySet[Project]:
    owned = ProjectOwner.objects.filter(is_in_force(now()), owner__is_active=True)
    projects = Project.objects.filter(ended_at=None).exclude(pk__in=owned.values("project"))
    return projects.order_by("name", "pk")


def _branches(grants: Collection[RoleGrant], role: Role) -> QuerySet[Node]:
    """The living nodes that the grants of this role reach."""
    node_ids = [grant.node_id for grant in grants if grant.role == role]
    reached = Q(pk__in=node_ids) | Q(ancestor_ids__overlap=node_ids)
    return Node.objects.filter(reached, ended_at=None)


def _uncovered(
    nodes: QuerySet[Node], role: Role, without: Collection[RoleGrant] = ()
) -> QuerySet[Node]:
    """The nodes that nobody has the role on, not counting the grants ``without``."""
    left = standing_grants(role).exclude(pk__in=[grant.pk for grant in without])
    node_ids = list(left.values_list("node_id", flat=True).distinct())
    covered = Q(pk__in=node_ids) | Q(ancestor_ids__overlap=node_ids)
    return nodes.exclude(covered).order_by("name", "pk")
