"""Placement: answers about a project, and the advice."""

from __future__ import annotations

from django.utils.timezone import localdate

from portal.core.formats import DATE_FORMATS
from portal.identity.models import Project, Role
from tests.authorisation.vocabulary import act, see
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


def project_of(tenant: Tenant) -> Project:
    return tenant.project


ROWS = [
    see("catalog:workload", of=project_of),
    see("catalog:workload-answer", of=project_of, by=ANSWERERS),
    act("catalog:workload-answer", of=project_of, body=ANSWERS, by=ANSWERERS, is_strong=True),
]
