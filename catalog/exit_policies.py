"""Who takes along what a project has, and who tests whether it can leave."""

from __future__ import annotations

from typing import Final

from django.db.models import QuerySet

from billing.policies import visible_cost_nodes
from catalog.models import ExitPackage, ExitTest
from portal.identity.access import has_role, reached_projects
from portal.identity.models import Person, Project, Role

EXIT_ROLES: Final = (Role.REQUESTER, Role.QUOTA_ADMINISTRATOR, Role.AUDITOR)
TEST_ROLES: Final = (Role.REQUESTER, Role.QUOTA_ADMINISTRATOR)


def may_take_exit(person: Person, project: Project) -> bool:
    """The package holds all that the portal knows of the project, but costs and audit trail, which
    are in it for who sees those anyhow."""
    return has_role(person, project, *EXIT_ROLES)


def may_take_costs(person: Person, project: Project) -> bool:
    """Only who sees those anyhow."""
    return visible_cost_nodes(person).filter(pk=project.pk).exists()


def may_take_audit(person: Person, project: Project) -> bool:
    """Only who reads the trail there anyhow."""
    return has_role(person, project, Role.AUDITOR)


def may_test_exit(person: Person, project: Project) -> bool:
    """Who works there, while it lives; an auditor only reads."""
    return project.ended_at is None and has_role(person, project, *TEST_ROLES)


def visible_exits(person: Person) -> QuerySet[Project]:
    """The projects of which the person reads who took what along, and what tests showed."""
    return reached_projects(person)


def visible_exit_packages(person: Person) -> QuerySet[ExitPackage]:
    """That they were made; what was in one the portal does not keep."""
    return ExitPackage.objects.filter(project__in=visible_exits(person))


def visible_exit_tests(person: Person) -> QuerySet[ExitTest]:
    return ExitTest.objects.filter(project__in=visible_exits(person))
