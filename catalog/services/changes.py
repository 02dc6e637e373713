"""Changing what runs: larger, smaller, longer. Asked for and approved as any order.

What a line says that changes a resource is how the whole of it will be. Until the cloud has it so,
the resource's own record stays as it was, and what is more is claimed beside what it holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now

from billing.services.metering import UsageTime, change_metering, expect_until
from billing.services.pricing import Quote
from catalog.errors import ChangeWaits, NothingChanged, NotShorter, ResourceBusy
from catalog.kinds import get_kind
from catalog.kinds.parameters import Parameter, clean_spec
from catalog.models import (
    OPEN_OPERATION_STATES,
    OPEN_ORDER_STATES,
    Metric,
    OfferingVersion,
    OfferingVersionState,
    Operation,
    OperationKind,
    Order,
    OrderLine,
    OrderState,
    Resource,
    ResourceState,
)
from catalog.services.operations import (
    lock_order_and_resource,
    move_order,
    settle_order,
    start_operation,
)
from catalog.services.orders import (
    Asked,
    check_end_date,
    clean_purpose,
    end_order,
    find_earlier_order,
    fingerprint_of,
    last_moment_to_decide,
    place_once,
    write_order,
)
from catalog.services.placement import decide_placement, judge_placement
from catalog.services.preview import (
    Before,
    Consequences,
    budget_effect,
    demand_of,
    quota_effects,
    quote_of,
)
from catalog.services.quotas import absorb_claim, amounts_of, claim_quota, release_claim
from portal.audit.services import record
from portal.core.errors import InvalidInput
from portal.core.states import IllegalTransition
from portal.identity.models import Person


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """How the whole of a resource must become, and until when it is needed."""

    spec: Mapping[str, Any]
    end_date: date | None


@dataclass(frozen=True, kw_only=True)
class ChangePreview:
    """What a change would mean now: ``consequences`` beside how it is, and what people notice."""

    before: Before
    consequences: Consequences
    effects: list[str]

    @property
    def monthly_difference(self) -> Decimal:
        """What it costs more in a month; below zero: less."""
        return self.consequences.quote.monthly - self.before.quote.monthly


def changeable_parameters(resource: Resource) -> list[Parameter]:
    """What may be answered otherwise, with what is offered for it now."""
    kind = get_kind(resource.kind)
    return kind.changeable(_version_to_choose_from(resource), resource.spec)


def clean_change(resource: Resource, answers: Mapping[str, Any], end_date: date | None) -> Wanted:
    """What the resource must become by these answers; what is not answered stays.

    Raises:
        InvalidInput: with all wrong fields in one answer.
        NothingChanged: it is so already.
    """
    version = version_of(resource)
    parameters = [item for item in changeable_parameters(resource) if item.name in answers]
    errors: dict[str, list[str]] = {}
    changed: dict[str, Any] = {}
    try:
        changed = clean_spec(parameters, answers)
    except InvalidInput as error:
        errors |= error.errors
    try:
        check_end_date(version, end_date)
    except InvalidInput as error:
        errors |= error.errors
    if errors:
        raise InvalidInput(errors)
    wanted = Wanted(spec={**resource.spec, **changed}, end_date=end_date)
    if wanted == Wanted(spec=resource.spec, end_date=resource.end_date):
        raise NothingChanged()
    return wanted


def is_only_shorter(resource: Resource, wanted: Wanted) -> bool:
    """Whether it only ends earlier, which costs nobody anything and holds at once."""
    if wanted.spec != resource.spec or wanted.end_date is None:
        return False
    return resource.end_date is None or wanted.end_date < resource.end_date


def preview_change(resource: Resource, wanted: Wanted) -> ChangePreview:
    """What the change would mean now. Changes nothing, locks nothing.

    Raises:
        PriceMissing: there is no price for how it is or will be.
    """
    version, project = version_of(resource), resource.project
    price = quote_of(version, wanted.spec, project)
    before = Before(quote=quote_of(version, resource.spec, project), end_date=resource.end_date)
    more = _more(resource, demand_of(version, wanted.spec, price))
    return ChangePreview(
        before=before,
        consequences=Consequences(
            quote=price,
            verdict=judge_placement(project, version.cloud),
            quota=quota_effects(project, more),
            budget=budget_effect(project, price, wanted.end_date, before=before),
        ),
        effects=[
            str(text) for text in get_kind(resource.kind).change_effects(resource.spec, wanted.spec)
        ],
    )


def place_change(
    *,
    requested_by: Person,
    resource: Resource,
    purpose: str,
    answers: Mapping[str, Any],
    end_date: date | None,
    idempotency_key: str,
) -> tuple[Order, bool]:
    """Submit an order that changes a resource: what it takes more of is claimed at once.

    Args:
        answers: to the questions of ``changeable_parameters``; those left out stay as they are.
        end_date: the last day on which it is needed; None is no end.

    Returns:
        As ``place_order``.

    Raises:
        InvalidInput, NothingChanged: as ``clean_change``; the purpose too.
        IllegalTransition: the resource does not run.
        ChangeWaits: another order changes it already.
        PlacementRefused, QuotaExceeded, PriceMissing: as named.
        IdempotencyConflict: the key was used before for something else.
    """
    as_sent = (resource.public_id, resource.name, answers, end_date)
    fingerprint = fingerprint_of(resource.project.public_id, purpose, [as_sent])
    earlier = find_earlier_order(requested_by, idempotency_key, fingerprint)
    if earlier:
        return earlier, False
    asked = Asked(
        requested_by=requested_by,
        project=resource.project,
        purpose=clean_purpose(purpose),
        idempotency_key=idempotency_key,
        fingerprint=fingerprint,
    )
    return place_once(asked, lambda: _place(asked, resource.public_id, answers, end_date))


@transaction.atomic(durable=True)
def _place(
    asked: Asked, public_id: UUID, answers: Mapping[str, Any], end_date: date | None
) -> Order:
    resource = _lock_changeable(public_id)
    version = version_of(resource)
    wanted = clean_change(resource, answers, end_date)
    preview = preview_change(resource, wanted)
    price = preview.consequences.quote
    expires_at = last_moment_to_decide(asked, version, end_date)
    order = write_order(asked, expires_at, price.monthly, preview.consequences.budget)
    more = _more(resource, demand_of(version, wanted.spec, price))
    claim = claim_quota(asked.project, more, expires_at=expires_at)
    OrderLine.objects.create(
        order=order,
        position=1,
        offering_version=version,
        name=resource.name,
        spec=dict(wanted.spec),
        end_date=end_date,
        quote=price.as_json(),
        monthly_price=price.monthly,
        placement=decide_placement(asked.project, version.cloud),
        claim=claim,
        changes=resource,
        before={
            "spec": resource.spec,
            "end_date": resource.end_date.isoformat() if resource.end_date else None,
            "quote": preview.before.quote.as_json(),
        },
    )
    record(
        "order.submitted",
        order,
        actor=asked.requested_by,
        node_id=asked.project.pk,
        data={"changes": str(resource.public_id)},
    )
    return order


@transaction.atomic(durable=True)
def shorten_term(public_id: UUID, *, end_date: date, actor: Person) -> Resource:
    """Let a resource end earlier. That costs nobody anything, so it holds at once.

    Raises:
        NotShorter: it is not earlier than the present end date.
        InvalidInput: the day has passed.
        IllegalTransition, ChangeWaits: as ``place_change``.
    """
    resource = _lock_changeable(public_id)
    if not is_only_shorter(resource, Wanted(spec=resource.spec, end_date=end_date)):
        raise NotShorter(field="end_date")
    check_end_date(version_of(resource), end_date)
    was = resource.end_date.isoformat() if resource.end_date else None
    _end_on(resource, end_date)
    record(
        "resource.term_shortened",
        resource,
        actor=actor,
        node_id=resource.project_id,
        data={"was": was, "end_date": end_date.isoformat()},
    )
    return resource


# --- approved ----------------------------------------------------------------------------------


def agree_on_change(line: OrderLine) -> None:
    """Check that an approved change can be carried out; one of the end date alone holds now.

    Call inside the transaction that approves, with the resource locked and before anything is
    audited.

    Raises:
        IllegalTransition: the resource does not run any more.
        ResourceBusy: something is being done to it.
    """
    resource = line.changes
    if resource is None:
        return
    if resource.state != ResourceState.ACTIVE:
        raise IllegalTransition(state=resource.get_state_display())
    if resource.spec == line.spec:
        _settle(resource, line)
    elif resource.operations.filter(state__in=OPEN_OPERATION_STATES).exists():
        raise ResourceBusy(name=resource.name)


def carry_out_change(line: OrderLine, *, approver: Person) -> None:
    """Begin the work in the cloud, or write down that there is none. After ``agree_on_change``."""
    resource = line.changes
    if resource is None:
        return
    if resource.spec != line.spec:
        start_operation(resource, OperationKind.CHANGE, requested_by=approver, order_line=line)
    else:
        _complete(resource, line)


# --- carried out -------------------------------------------------------------------------------


def take_over(resource: Resource, spec: Mapping[str, Any], *, operation: Operation) -> None:
    """The cloud has these parameters so by now: from this moment that is what is paid for.

    Call inside a transaction with the resource locked; may be repeated.
    """
    if spec.items() <= resource.spec.items():
        return
    resource.spec = {**resource.spec, **spec}
    resource.save(update_fields=["spec"])
    change_metering(
        resource.public_id,
        meters=get_kind(resource.kind).meters(version_of(resource), resource.spec),
        time=UsageTime(cloud=None, intended=operation.started_at, observed=now()),
    )


def complete_change(operation: Operation, resource: Resource) -> None:
    """All of the change is done. Call inside a transaction that holds the locks."""
    line = _line_of(operation)
    take_over(resource, line.spec, operation=operation)
    _settle(resource, line)
    _complete(resource, line)


def complete_reversal(operation: Operation, resource: Resource) -> None:
    """A change was given up, and how the cloud has it is in the resource's spec by now.

    Call inside a transaction that holds the locks.
    """
    line = _line_of(operation)
    before = line.before or {}
    if resource.spec == line.spec:
        move_order(operation, OrderState.PROVISIONING)
        complete_change(operation, resource)
        return
    if resource.spec == before.get("spec"):
        release_claim(line.claim)
    else:
        absorb_claim(resource.claim, line.claim, _demand(resource, line))
    settle_order(line.order, OrderState.CANCELED)
    record("operation.reverted", operation, actor=None, node_id=resource.project_id)


def expire_waiting_changes(resource: Resource) -> None:
    """Nobody need decide on changes of what goes. Call inside a transaction with it locked."""
    waiting = Order.objects.filter(lines__changes=resource, state=OrderState.PENDING_APPROVAL)
    orders = list(waiting)
    for order in orders:
        end_order(order, OrderState.EXPIRED)
    for order in orders:
        record("order.expired", order, actor=None, node_id=order.project_id)


def drop_failed_changes(resource: Resource) -> None:
    """What was to change is gone, and with it what that claimed. Call with it locked."""
    lines = resource.changes.filter(order__state=OrderState.FAILED)
    for line in lines.select_related("order", "claim"):
        release_claim(line.claim)
        settle_order(line.order, OrderState.CANCELED)


def open_change(resource: Resource) -> OrderLine | None:
    """What is asked or being done to change the resource, if anything."""
    lines = resource.changes.select_related("order")
    return lines.filter(order__state__in=OPEN_ORDER_STATES).first()


def agreed_line(resource: Resource) -> OrderLine | None:
    """The line that says what the resource is and costs by now: of its last change, or its own."""
    done = resource.changes.filter(order__state=OrderState.COMPLETED).order_by("-pk").first()
    return done or resource.order_line


def version_of(resource: Resource) -> OfferingVersion:
    """The version that the resource was ordered with: it says what is metered and claimed."""
    line = resource.order_line
    if line is None:
        raise ValueError(f"resource {resource.pk} comes from no order")
    return line.offering_version


def _version_to_choose_from(resource: Resource) -> OfferingVersion:
    """What is offered now in the same place, else what was offered when it was ordered."""
    own = version_of(resource)
    current = own.offering.versions.select_related("offering", "cloud").filter(
        state=OfferingVersionState.PUBLISHED, cloud=own.cloud_id
    )
    return current.first() or own


def _lock_changeable(public_id: UUID) -> Resource:
    found = Resource.objects.get(public_id=public_id)
    lock_order_and_resource(found)
    resource = Resource.objects.select_related(
        "project",
        "claim",
        "order_line__offering_version__offering",
        "order_line__offering_version__cloud",
    ).get(pk=found.pk)
    if resource.state != ResourceState.ACTIVE:
        raise IllegalTransition(state=resource.get_state_display())
    waiting = open_change(resource)
    if waiting:
        raise ChangeWaits(number=waiting.order.number)
    return resource


def _more(resource: Resource, needed: Mapping[Metric, Decimal]) -> dict[Metric, Decimal]:
    """What is needed beyond what the resource holds."""
    held = amounts_of(resource.claim)
    beyond = {metric: amount - held.get(metric, Decimal(0)) for metric, amount in needed.items()}
    return {metric: amount for metric, amount in beyond.items() if amount > 0}


def _settle(resource: Resource, line: OrderLine) -> None:
    """From now on the resource holds, and is needed for, what the line says."""
    if resource.end_date != line.end_date:
        _end_on(resource, line.end_date)
    absorb_claim(resource.claim, line.claim, _demand(resource, line))


def _demand(resource: Resource, line: OrderLine) -> dict[Metric, Decimal]:
    """What it needs as it is now, at the price that was agreed."""
    return demand_of(version_of(resource), resource.spec, Quote.from_json(line.quote))


def _complete(resource: Resource, line: OrderLine) -> None:
    record(
        "resource.changed",
        resource,
        actor=None,
        node_id=resource.project_id,
        data={"order": str(line.order.public_id)},
    )
    settle_order(line.order, OrderState.COMPLETED)
    record("order.completed", line.order, actor=None, node_id=resource.project_id)


def _end_on(resource: Resource, end_date: date | None) -> None:
    resource.end_date = end_date
    resource.save(update_fields=["end_date"])
    expect_until(resource.public_id, end_date)


def _line_of(operation: Operation) -> OrderLine:
    line = operation.order_line
    if line is None:
        raise ValueError(f"operation {operation.pk} changes nothing that was ordered")
    return line
