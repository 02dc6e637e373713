"""The catalogue for programs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.utils.timezone import localdate

from catalog.models import OfferingVersion
from portal.identity.models import Role
from tests.authorisation.rows.catalog import OVERSEERS, REPAIRERS, SOLVED, name_of_resource
from tests.authorisation.rows.things import (
    active_resource,
    failed_action,
    failed_operation,
    name_of_assembly,
    node_of_project,
    operation_on_trial,
    own_solution_of_operation,
    pending_order,
    project,
    protected_resource,
    resource_with_secret,
    running_assembly,
    running_operation,
    solution_of_operation,
)
from tests.authorisation.vocabulary import EVERYBODY, Change, Who, call, see
from tests.authorisation.world import Tenant
from tests.factories import SPEC

SOON = (localdate() + timedelta(days=30)).isoformat()


def offering(tenant: Tenant) -> Any:
    """What everybody may see; its address takes the id of the offering, not of the version."""
    version: OfferingVersion = tenant.version
    return version.offering


def limit_of_project(tenant: Tenant) -> dict[str, Any]:
    """A limit for the tenant's project."""
    limit = {"node": str(tenant.project.public_id), "metric": "vcpus", "amount": "9000"}
    return {"limits": [limit], "reason": "Nieuw jaar"}


def look_at_limit(tenant: Tenant) -> dict[str, Any]:
    return {**limit_of_project(tenant), "dry_run": True}


def order_body(tenant: Tenant) -> dict[str, Any]:
    """A complete order, for the tenant's project."""
    return {
        "project": str(tenant.project.public_id),
        "offering": str(tenant.version.offering.public_id),
        "name": "nieuwe-server",
        "purpose": "Zaken behandelen",
        "spec": SPEC,
    }


ROWS = [
    see("api:offering-list"),
    see("api:offering-detail", of=offering, by=EVERYBODY, unseen=None),
    see("api:order-list"),
    see("api:order-list", case="of a project", query=project),
    see("api:order-detail", of=pending_order),
    call(
        "api:order-list",
        body=order_body,
        headers={"Idempotency-Key": str(uuid4())},
        by={Role.REQUESTER},
        unseen=400,
    ),
    call(
        "api:order-approvals",
        of=pending_order,
        body={"decision": "approved"},
        by={Role.APPROVER},
        is_strong=True,
    ),
    call(
        "api:order-comments",
        of=pending_order,
        body={"text": "Dit is nodig voor november."},
        by={*REPAIRERS, Role.APPROVER},
    ),
    call(
        "api:order-questions",
        of=pending_order,
        body={"text": "Waarom zo groot?"},
        by={Role.APPROVER},
    ),
    call("api:order-withdrawal", of=pending_order, by={Who.ASKER}, answer=200),
    see("api:approval-list"),
    see("api:approval-list", case="of a project", query=project),
    see("api:resource-list"),
    see("api:resource-list", case="of a project", query=project),
    see("api:resource-detail", of=active_resource),
    call(
        "api:resource-actions",
        of=active_resource,
        body={"action": "stop"},
        by=REPAIRERS,
        answer=202,
    ),
    call(
        "api:resource-changes",
        of=active_resource,
        body={"purpose": "Meer zaken", "spec": {"volume_gib": 50}},
        by={Role.REQUESTER},
        headers={"Idempotency-Key": str(uuid4())},
    ),
    call(
        "api:resource-term",
        of=active_resource,
        body={"end_date": SOON},
        by={Role.REQUESTER},
        answer=200,
    ),
    call(
        "api:resource-protection",
        of=active_resource,
        body={"is_protected": True},
        by=REPAIRERS,
        answer=200,
    ),
    call(
        "api:resource-protection",
        case="switched off",
        of=protected_resource,
        body={"is_protected": False},
        by=REPAIRERS,
        answer=200,
        is_strong=True,
    ),
    see("api:resource-secrets", of=resource_with_secret),
    call(
        "api:resource-secrets",
        of=resource_with_secret,
        body={"slot": "console"},
        by={Who.ASKER},
        answer=200,
        refused=404,  # somebody else's secret does not exist
    ),
    call(
        "api:assembly-retirement",
        of=running_assembly,
        body=name_of_assembly,
        by=REPAIRERS,
        answer=202,
        is_strong=True,
    ),
    call(
        "api:resource-retirement",
        of=active_resource,
        body=name_of_resource,
        by=REPAIRERS,
        answer=202,
        is_strong=True,
    ),
    see("api:operation-list", by=OVERSEERS),
    see("api:operation-list", case="of a project", query=project, by=OVERSEERS),
    see("api:operation-detail", of=failed_operation, by=OVERSEERS),
    call("api:operation-resumption", of=failed_operation, by=REPAIRERS, answer=202),
    call(
        "api:operation-resumption",
        case="from a step",
        of=failed_operation,
        body={"position": 1},
        by={Role.OPERATOR},
        answer=202,
    ),
    call(
        "api:operation-compensation",
        of=failed_operation,
        by=REPAIRERS,
        answer=202,
        is_strong=True,
    ),
    call("api:operation-confirmation", of=operation_on_trial, by=REPAIRERS, answer=202),
    call("api:operation-abandonment", of=failed_action, by=REPAIRERS, answer=202),
    call(
        "api:operation-cancellation",
        of=running_operation,
        by=REPAIRERS,
        answer=202,
        is_strong=True,
    ),
    call(
        "api:operation-solutions",
        of=failed_action,
        body=SOLVED,
        by={Role.OPERATOR},
        is_strong=True,
    ),
    call(
        "api:operation-solution-decision",
        of=solution_of_operation,
        body={"decision": "confirmed"},
        by={Role.OPERATOR},
        answer=200,
        is_strong=True,
    ),
    call(
        "api:operation-solution-withdrawal",
        of=own_solution_of_operation,
        by={Role.OPERATOR},
        answer=200,
    ),
    see("api:quota-list"),
    see("api:quota-list", case="of a project", query=node_of_project),
    call(
        "api:quota-set-limits",
        body=limit_of_project,
        by={Role.QUOTA_ADMINISTRATOR},
        answer=200,
        unseen=400,
        is_strong=True,
    ),
    call(
        "api:quota-set-limits",
        case="that only looks",
        body=look_at_limit,
        by={Role.QUOTA_ADMINISTRATOR},
        answer=200,
        changes=Change.NOTHING,
        unseen=400,
    ),
]
