"""Placement: answers about a project, and the advice."""

from __future__ import annotations

from django.utils.timezone import localdate

from portal.core.formats import DATE_FORMATS
from portal.identity.models import Project, Role
from tests.authorisation.vocabulary import ROLES, Change, Row, act, call, see
from tests.authorisation.world import Tenant

ANSWERERS = {Role.QUOTA_ADMINISTRATOR}
ANSWERS = {
    "is_core_task": "yes",
    "personal_data": "some",
    "has_special_data": "no",
    "availability": "low",
    "integrity": "middle",
    "confidentiality": "low",
    "rubricering": "none",
    "base_register": "no",
    "is_workplace": "no",
    "is_vital": "no",
    "longest_outage_hours": "24",
    "review_on": localdate().strftime(DATE_FORMATS[0]),
}


NOT_TRIED = {"longest_outage_hours", "review_on"}
TRIED = {name: answer for name, answer in ANSWERS.items() if name not in NOT_TRIED}
# as programs send them
FACTS = {
    **ANSWERS,
    "is_core_task": True,
    "has_special_data": False,
    "is_workplace": False,
    "is_vital": False,
    "longest_outage_hours": 24,
    "review_on": localdate().isoformat(),
}
TRIED_FACTS = {name: fact for name, fact in FACTS.items() if name not in NOT_TRIED}


def project_of(tenant: Tenant) -> Project:
    return tenant.project


def in_project(tenant: Tenant) -> dict[str, str]:
    return {"project": str(tenant.project.public_id)}


ROWS = [
    see("catalog:placement"),
    see(
        "catalog:placement",
        case="for a project",
        query=in_project,
        by=ROLES,
        refused=404,
        unseen=404,
    ),
    act("catalog:placement", body=TRIED, answer=200, changes=Change.NOTHING),
    act(
        "catalog:workload-answer",
        case="as it was tried",
        of=project_of,
        body=TRIED | {"fill": "yes"},
        by=ANSWERERS,
        answer=200,
        changes=Change.NOTHING,
    ),
    see("api:workload-list"),
    see("api:workload-detail", of=project_of),
    see("api:workload-advice", of=project_of),
    Row(
        method="PUT",
        route="api:workload-detail",
        of=project_of,
        body=FACTS,
        by=ANSWERERS,
        changes=Change.FACTS,
        unseen=404,
        is_strong=True,
    ),
    call("api:placement-advice-list", body=TRIED_FACTS, answer=200, changes=Change.NOTHING),
    see("api:placement-decision-list"),
    see("catalog:workload", of=project_of),
    see("catalog:workload-answer", of=project_of, by=ANSWERERS),
    act("catalog:workload-answer", of=project_of, body=ANSWERS, by=ANSWERERS, is_strong=True),
]
