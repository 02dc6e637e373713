"""Repairs that change money: one operator proposes, another decides."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now

from catalog.errors import OwnRepair, RepairNotOffered, RepairSettled
from catalog.models import (
    DriftRepair,
    RepairAction,
    RepairState,
    Resource,
    ResourceState,
)
from catalog.services.adoption import check_unused
from catalog.services.drift import clean_reason, lock_difference, lock_idle_resource, solve
from catalog.services.operations import lock_order_and_resource
from catalog.services.repair_actions import carry_out, offered_repairs
from portal.audit.services import record, record_refusal
from portal.core.errors import NotAllowed
from portal.core.locks import lock_tree_shared
from portal.identity.access import has_role
from portal.identity.four_eyes import check_other_humans
from portal.identity.models import Person, Role
from portal.identity.sensitive import sensitive
from portal.identity.services.roles import refuse_emergency_access


@transaction.atomic(durable=True)
def propose_repair(
    public_id: UUID, *, action: RepairAction, reason: str, actor: Person
) -> DriftRepair:
    """Propose a repair; it is carried out when another operator agrees.

    Raises:
        EmergencyDecidesNothing: the actor uses emergency access.
        InvalidInput: there is no reason.
        RepairNotOffered: it makes no sense for this difference.
        DifferenceSettled: it was solved meanwhile.
        RepairSettled: a repair waits already.
        StillInUse: it is to be removed, and something uses it.
    """
    refuse_emergency_access(actor)
    because = clean_reason(reason)
    difference = lock_difference(public_id)
    if action not in offered_repairs(difference, difference.resource):
        raise RepairNotOffered()
    if action == RepairAction.REMOVE:
        check_unused(difference)
    if difference.repairs.filter(state=RepairState.PROPOSED).exists():
        raise RepairSettled(state=RepairState.PROPOSED.label)
    repair = DriftRepair.objects.create(
        difference=difference,
        action=action,
        reason=because,
        proposed_by=actor,
        proposed_at=now(),
    )
    _record("drift.repair_proposed", repair, actor)
    return repair


@sensitive("drift.confirm_repair")
def confirm_repair(public_id: UUID, *, actor: Person) -> DriftRepair:
    """Agree with a repair, and carry it out.

    Raises:
        OwnRepair, SameHuman: the actor proposed it, or may have, with another login.
        NotAllowed: the actor is no operator there, or by emergency access only.
        RepairSettled, DifferenceSettled: somebody was first, or it came right.
        RepairNotOffered, ResourceBusy: meanwhile it makes no sense, or something else is done.
        ResourceProtected: it is to be cleaned up, and somebody switched that off.
        AdoptedAlready, CannotBeTold, NameTaken, PlacementRefused, PriceMissing, ProjectEnded,
            StillInUse: as ``carry_out``.
    """
    return _deciding(public_id, actor, lambda: _confirm(public_id, actor))


@sensitive("drift.refuse_repair")
def refuse_repair(public_id: UUID, *, reason: str, actor: Person) -> DriftRepair:
    """Disagree with a repair; the difference stays.

    Raises:
        InvalidInput: there is no reason.
        OwnRepair, NotAllowed, RepairSettled: as in ``confirm_repair``.
    """
    because = clean_reason(reason)
    return _deciding(public_id, actor, lambda: _refuse(public_id, actor, because))


@transaction.atomic(durable=True)
def withdraw_repair(public_id: UUID, *, actor: Person) -> DriftRepair:
    """Take one's own proposal back.

    Raises:
        NotAllowed: somebody else proposed it.
        RepairSettled: somebody decided already.
    """
    repair = _lock_waiting(public_id)
    if repair.proposed_by_id != actor.pk:
        raise NotAllowed()
    _settle(repair, RepairState.WITHDRAWN, actor)
    _record("drift.repair_withdrawn", repair, actor)
    return repair


def _deciding(public_id: UUID, actor: Person, decide: Callable[[], DriftRepair]) -> DriftRepair:
    """Decide, and write a refused attempt down."""
    try:
        return decide()
    except (OwnRepair, NotAllowed) as refusal:
        repair = DriftRepair.objects.select_related("difference").get(public_id=public_id)
        record_refusal(
            "drift.repair_decision_refused",
            repair,
            actor=actor,
            node_id=repair.difference.project_id,
            code=refusal.code,
        )
        raise


@transaction.atomic(durable=True)
def _confirm(public_id: UUID, actor: Person) -> DriftRepair:
    found = DriftRepair.objects.select_related("difference__resource__order_line").get(
        public_id=public_id
    )
    _check_decider(found, actor)
    resource = _lock_subject(found.difference.resource)
    difference = lock_difference(found.difference.public_id)
    repair = _lock_waiting(public_id)
    if repair.action not in offered_repairs(difference, resource):
        raise RepairNotOffered()
    _settle(repair, RepairState.CONFIRMED, actor)
    solve(difference)
    carry_out(RepairAction(repair.action), difference, resource, actor=actor)
    _record("drift.repair_confirmed", repair, actor)
    return repair


@transaction.atomic(durable=True)
def _refuse(public_id: UUID, actor: Person, reason: str) -> DriftRepair:
    repair = _lock_waiting(public_id)
    _check_decider(repair, actor)
    repair.decision_reason = reason
    _settle(repair, RepairState.REFUSED, actor)
    _record("drift.repair_refused", repair, actor)
    return repair


def _lock_subject(resource: Resource | None) -> Resource | None:
    """Lock what it is about: before the difference, and nothing may be done to it."""
    if resource is None:
        lock_tree_shared()
        return None
    if resource.state == ResourceState.RETIRED:
        return lock_order_and_resource(resource)
    return lock_idle_resource(resource)


def _check_decider(repair: DriftRepair, actor: Person) -> None:
    if repair.proposed_by_id == actor.pk:
        raise OwnRepair()
    refuse_emergency_access(actor)
    check_other_humans([repair.proposed_by_id], [actor.pk])
    if not has_role(actor, repair.difference.project, Role.OPERATOR):
        raise NotAllowed()


def _lock_waiting(public_id: UUID) -> DriftRepair:
    repair = (
        DriftRepair.objects.select_for_update(of=("self",))
        .select_related("difference__project")
        .get(public_id=public_id)
    )
    if repair.state != RepairState.PROPOSED:
        raise RepairSettled(state=repair.get_state_display())
    return repair


def _settle(repair: DriftRepair, state: RepairState, actor: Person) -> None:
    repair.state, repair.decided_by, repair.decided_at = state, actor, now()
    repair.save(update_fields=["state", "decided_by", "decided_at", "decision_reason"])


def _record(event: str, repair: DriftRepair, actor: Person) -> None:
    difference = repair.difference
    data = {"action": repair.action, "difference": str(difference.public_id)}
    record(event, repair, actor=actor, node_id=difference.project_id, data=data)
