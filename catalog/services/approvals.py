"""Deciding on an order: by another person, with open eyes, once."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.formats import number_format
from django.utils.timezone import now

from catalog.approval_rules import Route, judged_amount, step_at
from catalog.errors import (
    AlreadyApproved,
    AlreadyDecided,
    AnswerAwaited,
    ApprovalAboveLimit,
    EndDatePassed,
    ReasonRequired,
    SelfApproval,
)
from catalog.models import (
    Approval,
    ApprovalRuleVersion,
    Decision,
    OfferingVersion,
    OperationKind,
    Order,
    OrderLine,
    OrderState,
    Resource,
)
from catalog.services.approval_routes import (
    humans_who_approved,
    is_one_of,
    route_for,
    route_of,
    waiting_node,
    wholes_of,
)
from catalog.services.change_work import agree_on_change, carry_out_change
from catalog.services.conditions import check_conditions, costs_now, lines_of, price_now
from catalog.services.hard_stops import check_hard_stops
from catalog.services.operations import lock_order_and_resource, start_operation
from catalog.services.orders import end_undecided
from catalog.services.placement import decide_placement
from catalog.services.quotas import commit_claim
from catalog.services.resources import open_resource
from catalog.services.sources import lock_all_sources
from portal.audit.services import record, record_refusal
from portal.core.calendar import end_of_day
from portal.core.errors import DomainError, InvalidInput, NotAllowed
from portal.core.faults import each_by_itself
from portal.core.formats import day
from portal.core.locks import lock_tree_shared
from portal.core.text import clean_text
from portal.identity.access import absent_ids, approval_limit, has_role
from portal.identity.four_eyes import check_other_humans
from portal.identity.models import Deputy, Person, Role
from portal.identity.sensitive import sensitive

REASON_LENGTH = 1000
RULE_DECIDES_WITHIN = timedelta(minutes=5)  # or what it meets is in the way


@sensitive("order.approve")
def approve_order(
    public_id: UUID, *, approver: Person, reason: str = "", accepts_changes: bool = False
) -> Order:
    """Approve an order; with the last yes that is needed its resources come into being.

    Args:
        accepts_changes: the approver saw what got worse since submission, and agrees.

    Raises:
        SelfApproval: the approver asked for it, or stands in for who did.
        NotAllowed, ApprovalAboveLimit: the approver's role does not reach it.
        SameHuman: the approver may be who asked for it, with another login.
        AlreadyDecided: somebody was first, or it was withdrawn or expired.
        AnswerAwaited: somebody asked the requester something, and there is no answer yet.
        AlreadyApproved: of several that are needed, this human was one already.
        EndDatePassed: something was needed until a day that is over.
        BudgetExceeded: a budget with a hard stop has too little left.
        ConditionsChanged: price, budget or choice got worse and ``accepts_changes`` is False.
        PriceMissing: there is no price any more, so nobody knows what they would agree to.
        PlacementRefused: meanwhile the data may not stand there.
        IllegalTransition, ResourceBusy: what it changes does not run, or is being worked on.
        SourceGone, SourceChanged: what it is made from went, or became something else.
    """
    try:
        return _approve(public_id, approver, _clean_reason(reason), accepts_changes)
    except (SelfApproval, NotAllowed, ApprovalAboveLimit) as refusal:
        _record_refusal("order.approval_refused", public_id, approver, refusal)
        raise


@transaction.atomic(durable=True)
def _approve(public_id: UUID, approver: Person, reason: str, accepts_changes: bool) -> Order:
    order = _lock_for_decision(public_id, approver)
    if order.state == OrderState.NEEDS_INFORMATION:
        raise AnswerAwaited()
    lines = lines_of(order)
    _check_amount(order, lines, approver)
    _check_end_dates(lines)
    check_conditions(order, lines, accepts_changes=accepts_changes)
    _decide(order, approver, Decision.APPROVED, reason)
    steps, given = route_of(order).steps, len(humans_who_approved(order))
    if step_at(steps, given) is not None:
        order.waits_for = waiting_node(order.project, steps, given)
        order.save(update_fields=["waits_for"])
        data = {"given": given}
        record("order.approved_in_part", order, actor=approver, node_id=order.project_id, data=data)
        return order
    _deliver(order, lines, approver=approver, data={})
    return order


def approve_waiting_by_rule() -> int:
    """Approve what a rule lets through and no message was heard about. Return how many.

    Raises:
        ExceptionGroup: what went wrong with some; all others had their turn.
    """
    waiting = Order.objects.filter(
        state=OrderState.PENDING_APPROVAL,
        conditions__approval__automatic__isnull=False,
        expires_at__gt=now(),
    ).exclude(conditions__approval__automatic=None)
    return each_by_itself(approve_by_rule, waiting.values_list("pk", flat=True))


@transaction.atomic(durable=True)
def approve_by_rule(order_id: int) -> bool:
    """Approve an order that a rule lets through; True when that happened now.

    What got worse since it was placed waits for a person after all, as does what somebody decided
    or asked about, and what the rules of this moment would not let through.
    """
    order = _lock_order(Order.objects.values_list("public_id", flat=True).get(pk=order_id))
    lines = lines_of(order)
    automatic = _rule_that_agrees(order, lines)
    if automatic is None:
        return False
    version = ApprovalRuleVersion.objects.select_related("rule").get(public_id=automatic)
    try:
        with transaction.atomic():
            _say_yes_by_rule(order, version)
            _deliver(order, lines, approver=None, data={"rule": str(automatic)})
    except DomainError:
        return False
    return True


def waits_for_rule(order: Order) -> bool:
    """Whether a rule is about to approve it; False too when that should have happened by now."""
    is_new = order.submitted_at > now() - RULE_DECIDES_WITHIN
    return is_new and _rule_that_agrees(order, lines_of(order)) is not None


def _rule_that_agrees(order: Order, lines: list[OrderLine]) -> UUID | None:
    """The rule by which the order needs no person, as things are now."""
    automatic = route_of(order).automatic
    is_waiting = order.state == OrderState.PENDING_APPROVAL and order.expires_at > now()
    if automatic is None or not is_waiting or _somebody_looked(order):
        return None
    if _route_now(order, lines).automatic != automatic:
        return None
    try:
        _check_end_dates(lines)
        check_conditions(order, lines, accepts_changes=False)
    except DomainError:
        return None
    return automatic


def _somebody_looked(order: Order) -> bool:
    return order.approvals.exists() or order.comments.filter(is_question=True).exists()


def _route_now(order: Order, lines: list[OrderLine]) -> Route:
    """How it would be approved by the rules, and about the data, of this moment."""
    return route_for(
        order.project,
        requested_by=order.requested_by,
        amount=order.judged_amount,
        lines=[_versions_of(line) for line in lines],
        budget=None,  # that is among the conditions
        changes=next((line.changes for line in lines if line.changes), None),
        placed=order,
    )


def _versions_of(line: OrderLine) -> list[OfferingVersion]:
    return [line.offering_version, *wholes_of(line)]


def _say_yes_by_rule(order: Order, version: ApprovalRuleVersion) -> None:
    Approval.objects.create(
        order=order,
        requester_id=order.requested_by_id,
        approver=None,
        rule=f"{version.rule.name} ({version.number})",
        rule_version=version,
        decision=Decision.APPROVED,
        decided_at=now(),
    )


def _deliver(
    order: Order, lines: list[OrderLine], *, approver: Person | None, data: dict[str, str]
) -> None:
    """Let come into being what was approved, by the last approver or by a rule (None)."""
    order.state, order.waits_for = OrderState.PROVISIONING, None
    order.save(update_fields=["state", "waits_for"])
    new = [line for line in lines if line.changes_id is None]
    lock_all_sources([(line.offering_version, line.spec) for line in new], order.project)
    check_hard_stops(order.project, costs_now(order, lines), besides=order)
    for line in lines:
        line.order = order
        line.placement = decide_placement(order.project, *_versions_of(line))
        commit_claim(line.claim)
        agree_on_change(line)
    resources = [open_resource(line) for line in new]
    record("order.approved", order, actor=approver, node_id=order.project_id, data=data)
    asked_by = approver or order.requested_by
    for resource in resources:
        start_operation(resource, OperationKind.PROVISION, requested_by=asked_by)
    for line in lines:
        carry_out_change(line, approver=asked_by)


@sensitive("order.reject")
def reject_order(public_id: UUID, *, approver: Person, reason: str) -> Order:
    """Refuse an order with a reason that the requester reads; its quota is free again.

    Raises:
        ReasonRequired: there is none.
        SelfApproval, NotAllowed, AlreadyDecided: as in ``approve_order``.
    """
    reason = _clean_reason(reason)
    if not reason:
        raise ReasonRequired(field="reason")
    try:
        return _reject(public_id, approver, reason)
    except (SelfApproval, NotAllowed) as refusal:
        _record_refusal("order.rejection_refused", public_id, approver, refusal)
        raise


@transaction.atomic(durable=True)
def _reject(public_id: UUID, approver: Person, reason: str) -> Order:
    order = _lock_for_decision(public_id, approver)
    _decide(order, approver, Decision.REJECTED, reason)
    return end_undecided(order, OrderState.REJECTED, actor=approver)


def _lock_for_decision(public_id: UUID, approver: Person) -> Order:
    order = _lock_order(public_id)
    deciding = {approver.pk, *absent_ids(approver)}
    if order.requested_by_id in deciding:
        raise SelfApproval()
    check_other_humans([order.requested_by_id], deciding)
    if not has_role(approver, order.waits_for or order.project, Role.APPROVER):
        raise NotAllowed()
    if not order.is_undecided:
        raise AlreadyDecided(state=order.get_state_display())
    if order.expires_at <= now():
        raise AlreadyDecided(state=OrderState.EXPIRED.label)  # the clock has yet to write it
    _check_not_counted_yet(order, deciding)
    return order


def _check_not_counted_yet(order: Order, deciding: set[int]) -> None:
    """One human says yes once: with whichever login, and whoever they do it for.

    Raises:
        AlreadyApproved: they did, or somebody did in their place.
        SameHuman: who did may be one of them, with another login.
    """
    given = humans_who_approved(order)
    if not given:
        return
    replaced = Deputy.objects.filter(
        Q(valid_until=None) | Q(valid_until__gt=order.submitted_at), deputy__in=given
    )
    if is_one_of([*given, *replaced.values_list("absent", flat=True)], sorted(deciding)):
        raise AlreadyApproved()
    check_other_humans(given, deciding)


def _lock_order(public_id: UUID) -> Order:
    """Lock the order, and what it changes, in the one order of locks."""
    lock_tree_shared()
    for resource in Resource.objects.filter(changes__order__public_id=public_id):
        lock_order_and_resource(resource)
    return (
        Order.objects.select_for_update(of=("self",))
        .select_related("project", "requested_by", "waits_for")
        .get(public_id=public_id)
    )


def _check_amount(order: Order, lines: list[OrderLine], approver: Person) -> None:
    """Of a price that changed meanwhile the higher one counts: that is what they agree to."""
    limit = approval_limit(approver, order.project)
    if limit is None:
        return
    price = price_now(order, lines)
    today = judged_amount(monthly=price.judged_monthly, one_off=price.one_off, later=price.later)
    if max(order.judged_amount, today) > limit:
        raise ApprovalAboveLimit(limit=f"€ {number_format(limit, 2)}")


def _check_end_dates(lines: list[OrderLine]) -> None:
    """An order expires on that day itself; those placed before it did so may still wait."""
    for line in lines:
        if line.end_date and end_of_day(line.end_date) <= now():
            raise EndDatePassed(name=line.name, day=day(line.end_date))


def _decide(order: Order, approver: Person, decision: Decision, reason: str) -> None:
    Approval.objects.create(
        order=order,
        requester_id=order.requested_by_id,
        approver=approver,
        decision=decision,
        reason=reason,
        decided_at=now(),
    )


def _clean_reason(reason: str) -> str:
    try:
        return clean_text(reason, max_length=REASON_LENGTH, multiline=True)
    except ValueError as error:
        raise InvalidInput({"reason": [str(error)]}) from error


def _record_refusal(event: str, public_id: UUID, approver: Person, refusal: DomainError) -> None:
    order = Order.objects.get(public_id=public_id)
    record_refusal(
        event,
        order,
        actor=approver,
        node_id=order.project_id,
        code=refusal.code,
    )
