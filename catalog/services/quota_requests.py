"""Asking for a higher limit: one person asks, another who governs the level above decides.

What is granted holds at once, in the same transaction. Of a part and metric one request of each
person waits at a time. Each is judged when somebody decides on it, so what one is given may be all
that another asked. When the part ends, what waits for it can only be taken back or left: nobody
decides on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final, TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext as _

from catalog.amounts import amount_in_words
from catalog.errors import ReasonRequired
from catalog.models import Cart, Metric, QuotaRequest
from catalog.quota_errors import (
    LimitsRefused,
    OwnQuotaRequest,
    QuotaNotThere,
    QuotaRequestOvertaken,
    QuotaRequestSettled,
    QuotaRequestWaits,
)
from catalog.quota_policies import levels_to_read, nodes_to_ask_for, nodes_to_limit
from catalog.services.governing import clean_reason, find_amount_problem
from catalog.services.limit_periods import NO_END, limits_through, lowest_of, periods_below
from catalog.services.limits import NewLimit, lock_levels, set_limits
from portal.audit.services import record, record_refusal
from portal.core.calendar import day_of, end_of_day, last_day_before
from portal.core.errors import InvalidInput, NotAllowed
from portal.core.formats import day
from portal.core.locks import lock_tree_shared
from portal.core.text import clean_text
from portal.identity.four_eyes import check_other_humans
from portal.identity.models import Node, Person
from portal.identity.models.proposed import DECISION_LENGTH, DecisionState
from portal.identity.sensitive import sensitive
from portal.identity.services.roles import refuse_emergency_access

LONGEST: Final = timedelta(days=3652)  # who needs it for longer, needs it for good
Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What somebody asks: that the limit of the node become ``amount``.

    Attributes:
        end_date: the last day on which it is needed; None is for good.
        cart: what waits for it; one of the person's own.
    """

    node: Node
    metric: Metric
    amount: Decimal
    reason: str
    end_date: date | None = None
    cart: Cart | None = None


def ask_quota(asked: Asked, *, actor: Person) -> tuple[QuotaRequest, bool]:
    """Ask for a higher limit; True when this call did, so that it may be repeated.

    What the actor asked before and can no longer be given makes way: the platform takes it back.

    Raises:
        NotAllowed: the actor neither orders nor governs there, or it is not their cart.
        InvalidInput: about the amount, the end or the reason; also where there is enough already.
        QuotaRequestWaits: the actor asked something else of the same, and it waits.
    """
    reason = clean_reason(asked.reason)
    if problem := find_amount_problem(asked.metric, asked.amount):
        raise InvalidInput({"amount": [problem]})
    _check_end_date(asked.end_date)
    return _ask(asked, reason, actor)


@transaction.atomic(durable=True)
def _ask(asked: Asked, reason: str, actor: Person) -> tuple[QuotaRequest, bool]:
    lock_tree_shared()
    node = nodes_to_ask_for(actor).filter(pk=asked.node.pk).first()
    if node is None or (asked.cart and asked.cart.owner_id != actor.pk):
        raise NotAllowed()
    until = end_of_day(asked.end_date) if asked.end_date else None
    limit = lowest_of(limits_through(node, asked.metric, now(), until))
    says = {
        "amount": asked.amount,
        "valid_until": until,
        "reason": reason,
        "cart": asked.cart,
    }
    waiting = QuotaRequest.objects.filter(
        node=node, metric=asked.metric, proposed_by=actor, state=DecisionState.PROPOSED
    )
    if asked.amount <= limit:
        raise InvalidInput({"amount": [_enough(node, asked.metric, limit, actor)]})
    overtaken = _clear_away_overtaken(waiting)
    request, is_new = waiting.get_or_create(
        defaults={
            "node": node,
            "metric": asked.metric,
            "before": limit,
            "proposed_by": actor,
            "proposed_at": now(),
            **says,
        }
    )
    for earlier in overtaken:
        _tell("quota.request_overtaken", earlier, None)
    if is_new:
        _tell("quota.requested", request, actor)
    elif any(getattr(request, name) != value for name, value in says.items()):
        raise QuotaRequestWaits(request)
    return request, is_new


@sensitive("quota_request.confirm")
def grant_request(public_id: UUID, *, actor: Person) -> QuotaRequest:
    """Give what was asked: the limit holds at once, and ends with the period that was asked.

    Where as much or more holds or is planned in that period, that stays.

    Raises:
        OwnQuotaRequest, SameHuman: the actor asked it, or may have, with another login.
        NotAllowed: the actor does not govern the level that gives, or came by emergency access.
        QuotaRequestSettled: somebody was first.
        QuotaRequestOvertaken: there is nothing left to give.
        QuotaNotThere: the level that gives would hand out more than it has.
    """
    return _deciding(public_id, actor, lambda: _grant(public_id, actor))


@sensitive("quota_request.refuse")
def refuse_request(public_id: UUID, *, actor: Person, reason: str) -> QuotaRequest:
    """Say no, with a reason that the requester reads.

    Raises:
        ReasonRequired, InvalidInput: about the reason.
        OwnQuotaRequest, SameHuman, NotAllowed, QuotaRequestSettled: as in ``grant_request``.
    """
    if not reason.strip():
        raise ReasonRequired(field="reason")
    try:
        because = clean_text(reason, max_length=DECISION_LENGTH, multiline=True)
    except ValueError as error:
        raise InvalidInput({"reason": [str(error)]}) from error
    return _deciding(public_id, actor, lambda: _refuse(public_id, actor, because))


@transaction.atomic(durable=True)
def take_back_request(public_id: UUID, *, actor: Person) -> QuotaRequest:
    """Take one's own request back.

    Raises:
        NotAllowed: somebody else asked it.
        QuotaRequestSettled: somebody decided already.
    """
    request = _lock_waiting(public_id)
    if request.proposed_by_id != actor.pk:
        raise NotAllowed()
    _settle(request, DecisionState.WITHDRAWN, actor)
    _tell("quota.request_taken_back", request, actor)
    return request


def why_overtaken(request: QuotaRequest, *, reader: Person) -> str:
    """Why what was asked can no longer be given, in words for the reader; empty when it can."""
    node, metric = request.node, Metric(request.metric)
    if node.ended_at:
        return _("“{node}” has ended.").format(node=node.name)
    if request.valid_until and request.valid_until <= now():
        return _("It was needed until {day} only.").format(
            day=day(last_day_before(request.valid_until))
        )
    limit = lowest_of(limits_through(node, metric, now(), request.valid_until))
    return _enough(node, metric, limit, reader) if limit >= request.amount else ""


def _check_end_date(end_date: date | None) -> None:
    today = day_of(now())
    if end_date is None or today <= end_date <= today + LONGEST:
        return
    text = _("Choose a day from today on, not later than {day}.").format(day=day(today + LONGEST))
    raise InvalidInput({"end_date": [text]})


def _enough(node: Node, metric: Metric, limit: Decimal, reader: Person) -> str:
    if node.pk not in levels_to_read(reader, node):
        return _("“{node}” has this much already.").format(node=node.name)
    if limit == NO_END:
        return _("“{node}” has no limit for this, so nothing need be asked.").format(node=node.name)
    return _("“{node}” has a limit of {limit} already.").format(
        node=node.name, limit=amount_in_words(metric, limit)
    )


def _deciding(public_id: UUID, actor: Person, decide: Callable[[], Answer]) -> Answer:
    """Decide, and write a refused attempt down."""
    try:
        return decide()
    except (OwnQuotaRequest, NotAllowed) as refusal:
        request = QuotaRequest.objects.select_related("node").get(public_id=public_id)
        record_refusal(
            "quota.request_decision_refused",
            request.node,
            actor=actor,
            node_id=request.node_id,
            code=refusal.code,
        )
        raise


@transaction.atomic(durable=True)
def _grant(public_id: UUID, actor: Person) -> QuotaRequest:
    request = _lock_for_decision(public_id, actor)
    lock_levels([_limit(request, now(), request.valid_until)])  # what is judged is what changes
    raised = _raised(request)  # before the next look, which refuses where this found nothing
    if why := why_overtaken(request, reader=actor):
        raise QuotaRequestOvertaken(why=why)
    _settle(request, DecisionState.CONFIRMED, actor)
    try:
        # Without its reason: more people read what was done to a limit than what was asked.
        set_limits(raised, actor=actor, request=request)
    except LimitsRefused as error:
        raise QuotaNotThere(problem=str(error)) from error
    _tell("quota.request_confirmed", request, actor)
    return request


def _raised(request: QuotaRequest) -> list[NewLimit]:
    """What was asked, only where less holds: what is planned to be higher stays."""
    metric = Metric(request.metric)
    held = limits_through(request.node, metric, now(), request.valid_until)
    lower = periods_below(held, request.amount)
    return [_limit(request, period.since, period.until) for period in lower]


def _limit(request: QuotaRequest, since: datetime, until: datetime | None) -> NewLimit:
    return NewLimit(
        node=request.node,
        metric=Metric(request.metric),
        amount=request.amount,
        valid_from=since,
        valid_until=until,
    )


@transaction.atomic(durable=True)
def _refuse(public_id: UUID, actor: Person, reason: str) -> QuotaRequest:
    request = _lock_for_decision(public_id, actor)
    request.decision_reason = reason
    _settle(request, DecisionState.REFUSED, actor)
    _tell("quota.request_refused", request, actor)
    return request


def _lock_for_decision(public_id: UUID, actor: Person) -> QuotaRequest:
    request = _lock_waiting(public_id)
    if request.node.ended_at:
        raise QuotaRequestOvertaken(why=why_overtaken(request, reader=actor))
    if request.proposed_by_id == actor.pk:
        raise OwnQuotaRequest()
    check_other_humans([request.proposed_by_id], [actor.pk])
    if not nodes_to_limit(actor).filter(pk=request.node_id).exists():
        raise NotAllowed()
    refuse_emergency_access(actor)
    return request


def _lock_waiting(public_id: UUID) -> QuotaRequest:
    lock_tree_shared()
    requests = QuotaRequest.objects.select_for_update(of=("self",))
    request = requests.select_related("node", "proposed_by").get(public_id=public_id)
    if request.state != DecisionState.PROPOSED:
        raise QuotaRequestSettled(state=request.get_state_display())
    return request


def _clear_away_overtaken(own: QuerySet[QuotaRequest]) -> list[QuotaRequest]:
    """Take back in the name of who asked what nobody can grant any more; that is to be told.

    The row says that they took it back, for nobody decided on it; the trail says that the platform
    did.
    """
    locked = own.select_for_update(of=("self",)).select_related("node", "proposed_by")
    overtaken = [each for each in locked if why_overtaken(each, reader=each.proposed_by)]
    for request in overtaken:
        _settle(request, DecisionState.WITHDRAWN, request.proposed_by)
    return overtaken


def _settle(request: QuotaRequest, state: DecisionState, actor: Person) -> None:
    request.state, request.decided_by, request.decided_at = state, actor, now()
    request.save(update_fields=["state", "decided_by", "decided_at", "decision_reason"])


def _tell(event: str, request: QuotaRequest, actor: Person | None) -> None:
    data = {
        "request": str(request.public_id),
        "metric": request.metric,
        "amount": str(request.amount),
    }
    record(event, request.node, actor=actor, node_id=request.node_id, data=data)
