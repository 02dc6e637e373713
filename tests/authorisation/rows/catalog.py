"""The pages of the catalogue."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.core.files.uploadedfile import SimpleUploadedFile

from portal.identity.models import Role
from tests.authorisation.rows.things import (
    active_resource,
    directorate_itself,
    failed_action,
    failed_operation,
    filled_cart,
    line_in_cart,
    name_of_assembly,
    node_of_project,
    operation_on_trial,
    own_solution,
    pending_order,
    project,
    project_itself,
    protected_resource,
    resource_with_secret,
    running_assembly,
    running_operation,
    waiting_solution,
)
from tests.authorisation.vocabulary import ROLES, Change, Place, Visitor, Who, act, see
from tests.authorisation.world import Tenant
from tests.factories import SPEC

OFFERING = ("virtual-server",)
REPAIRERS = {Role.REQUESTER, Role.OPERATOR}
OVERSEERS = {Role.OPERATOR, Role.AUDITOR}
LIMITS_ELSEWHERE = Visitor(Place.ELSEWHERE, Role.QUOTA_ADMINISTRATOR)
LIMITS_NEXT_DOOR = Visitor(Place.NEXT_DOOR, Who.EVERY_ROLE)
OF_REACHED_PROJECT: dict[str, Any] = {"case": "of a project", "by": ROLES, "unseen": 404}
SOLVED = {"reason": "Met de hand hersteld."}


def limit_of_project(tenant: Tenant) -> dict[str, Any]:
    """The form of many limits, with one filled in."""
    public_id = str(tenant.project.public_id)
    return {"metric": "vcpus", "part": public_id, f"limit-{public_id}": "9000"}


def file_with_limit(tenant: Tenant) -> dict[str, Any]:
    text = f"code;metric;limit\n{tenant.project.code};vcpus;9000\n"
    return {"file": SimpleUploadedFile("limieten.csv", text.encode())}


def order_answers(tenant: Tenant) -> dict[str, Any]:
    """A complete form, for the tenant's project."""
    return {
        **SPEC,
        "idempotency_key": str(uuid4()),
        "project": str(tenant.project.public_id),
        "cards_for": str(tenant.project.public_id),
        "name": "nieuwe-server",
        "purpose": "Zaken behandelen",
    }


def change_answers(tenant: Tenant) -> dict[str, Any]:
    """A complete form, for a larger disk."""
    return {
        "idempotency_key": str(uuid4()),
        "flavor": SPEC["flavor"],
        "volume_gib": "50",
        "purpose": "Meer zaken",
    }


def cart_as_seen(tenant: Tenant) -> dict[str, str]:
    """What the page of the cart sends."""
    cart = tenant.things[filled_cart]
    cart.refresh_from_db()
    return {"purpose": "Zaken behandelen", "revision": str(cart.revision)}


def name_of_resource(tenant: Tenant) -> dict[str, str]:
    return {"confirmation": tenant.things[active_resource].name}


ROWS = [
    # approvals
    see("catalog:approvals"),
    see("catalog:approval", of=pending_order, by={Role.APPROVER}, refused=302),  # to the order
    act(
        "catalog:approval-approve",
        of=pending_order,
        by={Role.APPROVER},
        is_strong=True,
    ),
    act(
        "catalog:approval-reject",
        of=pending_order,
        body={"reason": "Er is al een server."},
        by={Role.APPROVER},
        is_strong=True,
    ),
    act(
        "catalog:approval-question",
        of=pending_order,
        body={"text": "Waarom zo groot?"},
        by={Role.APPROVER},
    ),
    # cart
    see("catalog:cart"),
    act(
        "catalog:cart-order",
        of=filled_cart,
        body=cart_as_seen,
        by={Who.ASKER},
        seen_by={Who.ASKER},
        answer=303,
    ),
    act("catalog:cart-take", of=line_in_cart, by={Who.ASKER}, seen_by={Who.ASKER}),
    # catalogue
    see("catalog:catalogue"),
    see("catalog:catalogue", case="for a project", query=project, by=ROLES, unseen=404),
    see("catalog:order-form", arguments=OFFERING, by={Role.REQUESTER}),
    see(
        "catalog:order-form",
        case="for a project",
        arguments=OFFERING,
        query=project,
        by={Role.REQUESTER},
        unseen=404,
        asks_role_first=True,
    ),
    act(
        "catalog:order-form",
        arguments=OFFERING,
        body=order_answers,
        by={Role.REQUESTER},
        answer=303,
        unseen=422,
        asks_role_first=True,
    ),
    act(
        "catalog:order-to-cart",
        arguments=OFFERING,
        body=order_answers,
        by={Role.REQUESTER},
        unseen=422,
        asks_role_first=True,
    ),
    act(
        "catalog:order-ask-more",
        arguments=OFFERING,
        query={"metric": "vcpus", "amount": "20000"},
        body=order_answers,
        by={Role.REQUESTER},
        unseen=422,
        asks_role_first=True,
    ),
    act(
        "catalog:order-preview",
        arguments=OFFERING,
        body=order_answers,
        by={Role.REQUESTER},
        answer=200,
        changes=Change.NOTHING,
    ),
    # operations
    act("catalog:operation-resume", of=failed_operation, by=REPAIRERS),
    act("catalog:operation-keep", of=operation_on_trial, by=REPAIRERS),
    act("catalog:operation-abandon", of=failed_action, by=REPAIRERS),
    see("catalog:operation-compensate", of=failed_operation, by=REPAIRERS),
    act("catalog:operation-compensate", of=failed_operation, by=REPAIRERS, is_strong=True),
    see("catalog:operations", by=OVERSEERS),
    see("catalog:operation", of=failed_operation, by=OVERSEERS, refused=302),  # to the resource
    see("catalog:operation-cancel", of=running_operation, by=REPAIRERS),
    act("catalog:operation-cancel", of=running_operation, by=REPAIRERS, is_strong=True),
    act(
        "catalog:operation-retry",
        of=failed_operation,
        body={"position": "1"},
        by={Role.OPERATOR},
    ),
    see("catalog:operation-solve", of=failed_action, by={Role.OPERATOR}),
    act(
        "catalog:operation-solve",
        of=failed_action,
        body=SOLVED,
        by={Role.OPERATOR},
        is_strong=True,
    ),
    act("catalog:solution-confirm", of=waiting_solution, by={Role.OPERATOR}, is_strong=True),
    act("catalog:solution-refuse", of=waiting_solution, body=SOLVED, by={Role.OPERATOR}),
    act("catalog:solution-withdraw", of=own_solution, by={Role.OPERATOR}),
    # orders
    see("catalog:orders"),
    see("catalog:order", of=pending_order),
    act(
        "catalog:order-comment",
        of=pending_order,
        body={"text": "Dit is nodig voor november."},
        by={*REPAIRERS, Role.APPROVER},
        answer=303,
    ),
    act("catalog:order-lines-to-cart", of=pending_order, by={Role.REQUESTER}),
    act("catalog:order-withdraw", of=pending_order, by={Who.ASKER}),
    # quotas
    see("catalog:quotas"),
    see("catalog:quotas", case="of a project", query=node_of_project, by=ROLES, unseen=404),
    see("catalog:quota-limit", of=project_itself, arguments=("servers",), by=ROLES),
    see("catalog:quota-overcommit", of=directorate_itself, arguments=("servers",), by=ROLES),
    act(
        "catalog:quota-limit",
        of=project_itself,
        arguments=("servers",),
        body={"amount": "9000", "reason": "Groei"},
        by={Role.QUOTA_ADMINISTRATOR},
        is_strong=True,
    ),
    act(
        "catalog:quota-overcommit",
        of=directorate_itself,
        arguments=("servers",),
        body={"allow": "no"},
        by={Role.QUOTA_ADMINISTRATOR},
        is_strong=True,
    ),
    see("catalog:quota-bulk", by={Role.QUOTA_ADMINISTRATOR}),
    act(
        "catalog:quota-bulk",
        body=limit_of_project,
        by={Role.QUOTA_ADMINISTRATOR},
        answer=200,
        changes=Change.NOTHING,
        but={LIMITS_ELSEWHERE: 422, LIMITS_NEXT_DOOR: 422},  # of this part they set none
    ),
    see("catalog:quota-export", arguments=("csv",)),
    see(
        "catalog:quota-export",
        case="of a project",
        arguments=("csv",),
        query=node_of_project,
        by=ROLES,
        unseen=404,
    ),
    see("catalog:quota-import", by={Role.QUOTA_ADMINISTRATOR}),
    act(
        "catalog:quota-import",
        body=file_with_limit,
        by={Role.QUOTA_ADMINISTRATOR},
        answer=200,
        changes=Change.NOTHING,
        but={LIMITS_ELSEWHERE: 422, LIMITS_NEXT_DOOR: 422},  # of this part they set none
    ),
    see("catalog:quota-example", arguments=("csv",)),
    see("catalog:quota-plan", answer=302),
    act(
        "catalog:quota-plan",
        body={"plan": "made-up", "reason": "Nieuw jaar"},
        answer=422,
        changes=Change.NOTHING,
    ),
    see("catalog:quota-detail", of=project_itself, arguments=("servers",)),
    see("catalog:quotas-full"),
    # resources
    see("catalog:resources"),
    see("catalog:resources-costs"),
    see("catalog:resources-costs", query=node_of_project, **OF_REACHED_PROJECT),
    see("catalog:resources-costs-sheet", arguments=("csv",)),
    see(
        "catalog:resources-costs-sheet",
        arguments=("csv",),
        query=node_of_project,
        **OF_REACHED_PROJECT,
    ),
    see("catalog:resource", of=active_resource),
    see(
        "catalog:resource-act",
        case="that loses something",
        of=active_resource,
        arguments=("rebuild",),
        by=REPAIRERS,
    ),
    act(
        "catalog:resource-act",
        of=active_resource,
        arguments=("stop",),
        by=REPAIRERS,
        answer=303,
    ),
    see("catalog:resource-change", of=active_resource, by={Role.REQUESTER}),
    act(
        "catalog:resource-change",
        of=active_resource,
        body=change_answers,
        by={Role.REQUESTER},
        answer=303,
    ),
    act(
        "catalog:resource-change-preview",
        of=active_resource,
        body=change_answers,
        by={Role.REQUESTER},
        answer=200,
        changes=Change.NOTHING,
    ),
    act("catalog:resource-protect", of=active_resource, by=REPAIRERS, answer=303),
    act(
        "catalog:resource-unprotect",
        of=protected_resource,
        by=REPAIRERS,
        answer=303,
        is_strong=True,
    ),
    see("catalog:assembly-retire", of=running_assembly, by=REPAIRERS),
    act(
        "catalog:assembly-retire",
        of=running_assembly,
        body=name_of_assembly,
        by=REPAIRERS,
        answer=303,
        is_strong=True,
    ),
    act(
        "catalog:resource-secret",
        of=resource_with_secret,
        body={"slot": "console"},
        by={Who.ASKER},
        answer=200,
        refused=404,  # somebody else's secret does not exist
    ),
    see("catalog:resource-retire", of=active_resource, by=REPAIRERS),
    act(
        "catalog:resource-retire",
        of=active_resource,
        body=name_of_resource,
        by=REPAIRERS,
        answer=303,
        is_strong=True,
    ),
]
