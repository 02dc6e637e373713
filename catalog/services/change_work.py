"""Carrying an approved change out, and what becomes of one that does not come to its end.

Call all of this inside a transaction that holds the locks of order and resource.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.timezone import now

from billing.errors import PriceMissing
from billing.services.metering import UsageTime, change_metering, expect_until
from billing.services.quotes import Quote
from catalog.errors import ResourceBusy
from catalog.kinds.fees import paid_for
from catalog.models import (
    HOLDS_UP,
    OPEN_ORDER_STATES,
    UNDECIDED_ORDER_STATES,
    Metric,
    Offering,
    OfferingVersion,
    Operation,
    OperationKind,
    Order,
    OrderLine,
    OrderState,
    Resource,
    ResourceState,
)
from catalog.services.agreed_terms import months_that_bind
from catalog.services.operations import move_order, start_operation
from catalog.services.order_states import move_order_to
from catalog.services.orders import end_order
from catalog.services.preview import Priced, demand_of, quotes_of
from catalog.services.quotas import absorb_claim, release_claim
from catalog.services.sources import is_being_copied
from catalog.services.terms import is_longer
from portal.audit.services import record
from portal.cloud.models import Cloud
from portal.core.states import IllegalTransition
from portal.identity.models import Person

# --- approved ----------------------------------------------------------------------------------


def agree_on_change(line: OrderLine) -> None:
    """Check that an approved change can be carried out; one of the end date alone holds now.

    Call inside the transaction that approves, with the resource locked and before anything is
    audited.

    Raises:
        IllegalTransition: the resource does not run any more.
        ResourceBusy: something is being done to it, or made from it.
    """
    resource = line.changes
    if resource is None:
        return
    if resource.state != ResourceState.ACTIVE:
        raise IllegalTransition(state=resource.get_state_display())
    if resource.spec == line.spec:
        _settle(resource, line)
    elif resource.operations.filter(HOLDS_UP).exists() or is_being_copied(resource):
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
    time = UsageTime(cloud=None, intended=operation.started_at, observed=now())
    change_metering(
        resource.public_id,
        meters=paid_for(version_of(resource), resource.spec),
        time=time,
        agreed_months=months_that_bind(_line_of(operation), resource.project, at=time.start),
    )


def complete_change(operation: Operation, resource: Resource) -> None:
    """All of the change is done. Call inside a transaction that holds the locks."""
    line = _line_of(operation)
    take_over(resource, line.spec, operation=operation)
    _settle(resource, line)
    _complete(resource, line)


def complete_reversal(operation: Operation, resource: Resource) -> None:
    """A change was given up, and how the cloud has it is in the resource's spec by now.

    A longer term that was approved needs no cloud, so that holds all the same. Call inside a
    transaction that holds the locks.
    """
    line = _line_of(operation)
    before = line.before or {}
    if resource.spec == line.spec:
        move_order(operation, OrderState.PROVISIONING)
        complete_change(operation, resource)
        return
    if is_longer(resource, line.end_date):
        end_on(resource, line.end_date)
    if resource.spec == before.get("spec"):
        release_claim(line.claim)
    else:
        absorb_claim(resource.claim, line.claim, _demand(resource, _price_as_it_is(resource, line)))
    move_order_to(line.order, OrderState.CANCELED)
    record("operation.reverted", operation, actor=None, node_id=resource.project_id)


def expire_waiting_changes(resources: Sequence[Resource]) -> None:
    """Nobody need decide on changes of what goes. Call inside a transaction with all locked."""
    waiting = Order.objects.filter(
        lines__changes__in=resources, state__in=UNDECIDED_ORDER_STATES
    ).distinct()
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
        move_order_to(line.order, OrderState.CANCELED)


# --- what is known of changes -----------------------------------------------------------------


def open_change(resource: Resource) -> OrderLine | None:
    """What is asked or being done to change the resource, if anything."""
    lines = resource.changes.select_related("order")
    return lines.filter(order__state__in=OPEN_ORDER_STATES).first()


def agreed_line(resource: Resource) -> OrderLine | None:
    """The line that says what the resource is and costs by now: of its last change, or its own."""
    return agreed_lines([resource]).get(resource.pk)


def agreed_lines(resources: Collection[Resource]) -> dict[int, OrderLine]:
    """``agreed_line`` of each, by primary key of the resource."""
    own = {resource.pk: resource.order_line for resource in resources if resource.order_line}
    done = OrderLine.objects.filter(changes__in=resources, order__state=OrderState.COMPLETED)
    return own | {line.changes_id: line for line in done.order_by("pk") if line.changes_id}


def version_of(resource: Resource) -> OfferingVersion:
    """The version that the resource was ordered with: it says what is metered and claimed."""
    line = resource.order_line
    if line is None:
        return unoffered(resource.kind, resource.cloud_project.cloud)
    return line.offering_version


def unoffered(kind: str, cloud: Cloud) -> OfferingVersion:
    """What stands in for a version of what nobody ordered. It is never stored.

    It leaves no choice, so kinds find all that they need in the spec and the cloud.
    """
    return OfferingVersion(offering=Offering(kind=kind), cloud=cloud, choices={})


def _settle(resource: Resource, line: OrderLine) -> None:
    """From now on the resource holds, and is needed for, what the line says."""
    if resource.end_date != line.end_date:
        end_on(resource, line.end_date)
    absorb_claim(resource.claim, line.claim, _demand(resource, Quote.from_json(line.quote)))


def _demand(resource: Resource, price: Quote) -> dict[Metric, Decimal]:
    """What it needs as it is now, at this price."""
    return demand_of(version_of(resource), resource.spec, price)


def _price_as_it_is(resource: Resource, line: OrderLine) -> Quote:
    """What it costs now that only a part of the change came.

    Without a price by now it is the agreed one for the whole: no less may be held than is paid.
    """
    try:
        return quotes_of([Priced.now(version_of(resource), resource)], resource.project)[0]
    except PriceMissing:
        return Quote.from_json(line.quote)


def _complete(resource: Resource, line: OrderLine) -> None:
    record(
        "resource.changed",
        resource,
        actor=None,
        node_id=resource.project_id,
        data={"order": str(line.order.public_id)},
    )
    move_order_to(line.order, OrderState.COMPLETED)
    record("order.completed", line.order, actor=None, node_id=resource.project_id)


def end_on(resource: Resource, end_date: date | None) -> None:
    resource.end_date = end_date
    resource.save(update_fields=["end_date"])
    expect_until(resource.public_id, end_date)


def _line_of(operation: Operation) -> OrderLine:
    line = operation.order_line
    if line is None:
        raise ValueError(f"operation {operation.pk} changes nothing that was ordered")
    return line
