"""Acts of the catalogue that bind somebody else."""

from __future__ import annotations

from decimal import Decimal

from django.utils.timezone import now

from catalog.models import DriftRepair, Metric, Operation, Publication, PublicationState, Quota
from catalog.services.approvals import approve_order, reject_order
from catalog.services.assemblies import retire_assembly
from catalog.services.drift_repairs import confirm_repair, refuse_repair
from catalog.services.governing import change_limits, permit_overcommit
from catalog.services.limit_plans import PlanLine, apply_plan, preview_limits, seal_plan
from catalog.services.limits import NewLimit
from catalog.services.protection import protect_resource, unprotect_resource
from catalog.services.publications import (
    propose_publication,
    publish_version,
    refuse_publication,
    withdraw_version,
)
from catalog.services.resources import retire_resource
from catalog.services.solutions import confirm_solution, solve_operation
from catalog.services.undoing import cancel_operation, compensate_operation
from portal.identity.models import (
    Node,
    Person,
    Role,
)
from tests.factories import (
    PersonFactory,
    begun,
    delivered,
    failed,
    grant,
    place,
    place_whole,
    stuck,
)
from tests.factories.drift import gone, proposed
from tests.portal.identity.doors import Doors, Get


def approving(get: Get) -> Doors:
    order = place(get("requester"), get("project"), get("version"))
    approver = get("approver")
    return Doors(
        actor=approver,
        service=lambda: approve_order(order.public_id, approver=approver),
        page=f"/approvals/{order.public_id}/approve",
        stands_on=f"/approvals/{order.public_id}",
        form={"reason": "Prima"},
        api=f"/api/v1/orders/{order.public_id}/approvals",
        body={"decision": "approved"},
    )


def rejecting(get: Get) -> Doors:
    order = place(get("requester"), get("project"), get("version"))
    approver = get("approver")
    return Doors(
        actor=approver,
        service=lambda: reject_order(order.public_id, approver=approver, reason="Te duur"),
        page=f"/approvals/{order.public_id}/reject",
        stands_on=f"/approvals/{order.public_id}",
        form={"reason": "Te duur"},
        api=f"/api/v1/orders/{order.public_id}/approvals",
        body={"decision": "rejected", "reason": "Te duur"},
    )


def setting_a_limit(get: Get) -> Doors:
    project, governor = get("project"), PersonFactory()
    grant(governor, Role.QUOTA_ADMINISTRATOR, project.parent)
    new = NewLimit(node=project, metric=Metric.VCPUS, amount=Decimal(1), valid_from=now())
    return Doors(
        actor=governor,
        service=lambda: change_limits([new], reason="Groei", actor=governor),
        page=f"/quotas/{project.public_id}/vcpus/limit",
        stands_on=f"/quotas?metric=vcpus&node={project.public_id}",
        form={"amount": "1", "reason": "Groei"},
    )


def letting_hand_out_more(get: Get) -> Doors:
    organization, governor = get("project").parent, PersonFactory()
    grant(governor, Role.QUOTA_ADMINISTRATOR, organization)
    Quota.objects.filter(node=organization).update(overcommit_allowed=False)
    return Doors(
        actor=governor,
        service=lambda: permit_overcommit(
            organization, Metric.VCPUS, is_allowed=True, actor=governor
        ),
        page=f"/quotas/{organization.public_id}/vcpus/overcommit",
        stands_on=f"/quotas?metric=vcpus&node={organization.public_id}",
        form={"allow": "yes"},
    )


def setting_limits_of_a_plan(get: Get) -> Doors:
    project, administrator = get("project"), get("administrator")
    line = PlanLine(node=project, metric=Metric.VCPUS, amount=Decimal(1))
    preview = preview_limits([line], actor=administrator)
    return Doors(
        actor=administrator,
        service=lambda: apply_plan(
            [line], seen=preview.seen, reason="Nieuw jaar", actor=administrator
        ),
        page="/quotas/plan",
        form={"plan": seal_plan(preview, actor=administrator), "reason": "Nieuw jaar"},
        api="/api/v1/quotas/limits",
        body={
            "limits": [{"node": str(project.public_id), "metric": "vcpus", "amount": "1"}],
            "reason": "Nieuw jaar",
        },
    )


# --- the catalogue -----------------------------------------------------------------------------


def publishing(get: Get) -> Doors:
    publication, actor = publication_that_waits(get), get("platform").colleague
    return Doors(
        actor=actor,
        service=lambda: publish_version(publication.public_id, actor=actor),
        page=f"/catalogue/manage/publications/{publication.public_id}/publish",
        stands_on=f"/catalogue/manage/versions/{publication.version.public_id}",
        api=decision_on(publication),
        body={"decision": "published"},
    )


def refusing_a_publication(get: Get) -> Doors:
    publication, actor = publication_that_waits(get), get("platform").colleague
    facts = {"actor": actor, "reason": "Nog niet"}
    return Doors(
        actor=actor,
        service=lambda: refuse_publication(publication.public_id, **facts),
        page=f"/catalogue/manage/publications/{publication.public_id}/refuse",
        stands_on=f"/catalogue/manage/versions/{publication.version.public_id}",
        form={"reason": "Nog niet"},
        api=decision_on(publication),
        body={"decision": "refused", "reason": "Nog niet"},
    )


def withdrawing_a_version(get: Get) -> Doors:
    version, actor = get("version"), get("platform").drafter
    return Doors(
        actor=actor,
        service=lambda: withdraw_version(version.public_id, actor=actor),
        page=f"/catalogue/manage/versions/{version.public_id}/withdraw",
        api=f"/api/v1/offering-versions/{version.public_id}/withdrawal",
    )


def publication_that_waits(get: Get) -> Publication:
    """The same for every row that asks: there is one draft."""
    draft = get("draft")
    waiting = draft.publications.filter(state=PublicationState.PROPOSED).first()
    return waiting or propose_publication(draft.public_id, actor=get("platform").drafter)


def decision_on(publication: Publication) -> str:
    version = f"/api/v1/offering-versions/{publication.version.public_id}"
    return f"{version}/publications/{publication.public_id}/decision"


# --- resources ---------------------------------------------------------------------------------


def retiring_a_resource(get: Get) -> Doors:
    requester = get("requester")
    order = place(requester, get("project"), get("version"))
    resource = delivered(order, approver=get("approver"))
    page = f"/resources/{resource.public_id}"
    return Doors(
        actor=requester,
        service=lambda: retire_resource(
            resource.public_id, actor=requester, confirmation=resource.name
        ),
        page=f"{page}/retire",
        form={"confirmation": resource.name},
        api=f"/api/v1{page}/retirement",
        body={"confirmation": resource.name},
    )


def retiring_a_whole(get: Get) -> Doors:
    requester = get("requester")
    order = place_whole(requester, get("project"), get("version"), name="zaak")
    delivered(order, approver=get("approver"))
    assembly = order.assemblies.get()
    page = f"/assemblies/{assembly.public_id}"
    return Doors(
        actor=requester,
        service=lambda: retire_assembly(
            assembly.public_id, actor=requester, confirmation=assembly.name
        ),
        page=f"{page}/retire",
        form={"confirmation": assembly.name},
        api=f"/api/v1{page}/retirement",
        body={"confirmation": assembly.name},
    )


def ending_a_protection(get: Get) -> Doors:
    requester = get("requester")
    order = place(requester, get("project"), get("version"))
    resource = delivered(order, approver=get("approver"))
    protect_resource(resource.public_id, actor=requester)
    page = f"/resources/{resource.public_id}"
    return Doors(
        actor=requester,
        service=lambda: unprotect_resource(resource.public_id, actor=requester),
        page=f"{page}/unprotect",
        stands_on=page,
        api=f"/api/v1{page}/protection",
        body={"is_protected": False},
    )


def undoing_a_delivery(get: Get) -> Doors:
    requester = get("requester")
    order = place(requester, get("project"), get("version"))
    operation = stuck(order, approver=get("approver"))
    return Doors(
        actor=requester,
        service=lambda: compensate_operation(operation.public_id, actor=requester),
        page=f"/operations/{operation.public_id}/compensate",
        stands_on=f"/orders/{order.public_id}",
        api=f"/api/v1/operations/{operation.public_id}/compensation",
    )


def stopping_a_delivery(get: Get) -> Doors:
    requester = get("requester")
    order = place(requester, get("project"), get("version"))
    operation = begun(order, approver=get("approver"))
    return Doors(
        actor=requester,
        service=lambda: cancel_operation(operation.public_id, actor=requester),
        page=f"/operations/{operation.public_id}/cancel",
        form={"back": "operation"},
        api=f"/api/v1/operations/{operation.public_id}/cancellation",
    )


def operator_at(project: Node) -> Person:
    person = PersonFactory()
    grant(person, Role.OPERATOR, project)
    return person


def removal_that_hangs(get: Get) -> Operation:
    requester = get("requester")
    order = place(requester, get("project"), get("version"))
    resource = delivered(order, approver=get("approver"))
    facts = {"actor": requester, "confirmation": resource.name}
    return failed(retire_resource(resource.public_id, **facts))


def solving_by_hand(get: Get) -> Doors:
    operation, operator = removal_that_hangs(get), operator_at(get("project"))
    page = f"/operations/{operation.public_id}"
    return Doors(
        actor=operator,
        service=lambda: solve_operation(operation.public_id, actor=operator, reason="Weggehaald"),
        page=f"{page}/solve",
        form={"reason": "Weggehaald"},
        api=f"/api/v1{page}/solutions",
        body={"reason": "Weggehaald"},
    )


def confirming_a_solution(get: Get) -> Doors:
    operation, operator = removal_that_hangs(get), operator_at(get("project"))
    solution = solve_operation(
        operation.public_id, actor=operator_at(get("project")), reason="Weggehaald"
    )
    page = f"/operations/{operation.public_id}"
    return Doors(
        actor=operator,
        service=lambda: confirm_solution(solution.public_id, actor=operator),
        page=f"/solutions/{solution.public_id}/confirm",
        stands_on=page,
        api=f"/api/v1{page}/solutions/{solution.public_id}/decision",
        body={"decision": "confirmed"},
    )


def confirming_a_repair(get: Get) -> Doors:
    repair, operator = repair_that_waits(get), operator_at(get("project"))
    return Doors(
        actor=operator,
        service=lambda: confirm_repair(repair.public_id, actor=operator),
        page=f"/drift/repairs/{repair.public_id}/confirm",
        stands_on=f"/drift/{repair.difference.public_id}",
        api=decision_on_repair(repair),
        body={"decision": "confirmed"},
    )


def refusing_a_repair(get: Get) -> Doors:
    repair, operator = repair_that_waits(get), operator_at(get("project"))
    facts = {"actor": operator, "reason": "Bestaat nog"}
    return Doors(
        actor=operator,
        service=lambda: refuse_repair(repair.public_id, **facts),
        page=f"/drift/repairs/{repair.public_id}/refuse",
        stands_on=f"/drift/{repair.difference.public_id}",
        form={"reason": "Bestaat nog"},
        api=decision_on_repair(repair),
        body={"decision": "refused", "reason": "Bestaat nog"},
    )


def decision_on_repair(repair: DriftRepair) -> str:
    about = repair.difference.public_id
    return f"/api/v1/differences/{about}/repairs/{repair.public_id}/decision"


def repair_that_waits(get: Get) -> DriftRepair:
    order = place(get("requester"), get("project"), get("version"))
    difference = gone(delivered(order, approver=get("approver")), openstack_id="weg-1")
    return proposed(difference, operator_at(get("project")))
