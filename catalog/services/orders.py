"""Asking, deciding, withdrawing: the life of an order until the engine takes over."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils.timezone import localdate, now
from django.utils.translation import gettext as _

from billing.services.budgets import BudgetPosition
from billing.services.quotes import Quote
from catalog.approval_rules import Route, judged_amount
from catalog.errors import (
    CartChanged,
    IdempotencyConflict,
    NameTaken,
    OfferingUnavailable,
    ProjectEnded,
)
from catalog.models import (
    ORDER_TRANSITIONS,
    UNDECIDED_ORDER_STATES,
    Cart,
    OfferingVersion,
    OperationQueue,
    Order,
    OrderLine,
    OrderState,
    Resource,
    ResourceState,
)
from catalog.offering_policies import is_offered_to, published_versions
from catalog.services.approval_routes import as_conditions, route_for, waiting_node
from catalog.services.hard_stops import check_hard_stops
from catalog.services.order_costs import Cost
from catalog.services.order_lines import LineRequest, check_count, clean_lines, refusals_of
from catalog.services.placement import decide_placement
from catalog.services.preview import Priced, budget_effect, demand_of, quotes_of, together
from catalog.services.quotas import claim_quota, lock_counters, release_claims
from catalog.services.sources import lock_all_sources, lock_sources
from catalog.services.terms import grant_grace, is_longer
from catalog.services.wholes import Memberships
from portal.audit.services import record
from portal.core.calendar import end_of_day
from portal.core.dispatch import enqueue_on_commit
from portal.core.errors import InvalidInput, NotAllowed
from portal.core.faults import each_by_itself
from portal.core.locks import lock_tree_shared
from portal.core.states import check_transition
from portal.core.text import clean_text
from portal.identity.models import Person, Project

PURPOSE_LENGTH = 300
# Public id of the offering (or of what is to change), name, spec and end date, as they came in.
AskedLine = tuple[UUID, str, Mapping[str, Any], date | str | None]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Who asked, where, what for, and how a repetition is known again.

    ``cart``: what it was collected in, and ends in it.
    """

    requested_by: Person
    project: Project
    purpose: str
    idempotency_key: str
    fingerprint: str
    submitted_at: datetime = field(default_factory=now)
    cart: Cart | None = None


def place_order(
    *,
    requested_by: Person,
    project: Project,
    purpose: str,
    lines: Sequence[LineRequest],
    idempotency_key: str,
    cart: Cart | None = None,
) -> tuple[Order, bool]:
    """Submit an order: its quota is claimed and its price frozen, together or not at all.

    Args:
        cart: where the lines were read from; it ends in the order.

    Returns:
        The order, and True when this call made it; False when the same key made it before.

    Raises:
        InvalidInput: something is not right in a field; of several lines that is
            ``lines.2.name``.
        LineRefused: of several lines this one is in the way, for one of these reasons.
        NameTaken, OfferingUnavailable, PlacementRefused, QuotaExceeded, PriceMissing: as named.
        BudgetExceeded: a budget with a hard stop has too little left.
        ProjectEnded: somebody ended the project meanwhile.
        SourceGone, SourceChanged, ResourceBusy: what it is to be made from is not as it was.
        IdempotencyConflict: the key was used before for something else.
        CartChanged: the cart is no longer as it was read.
    """
    check_count(len(lines))
    as_sent = [
        (line.version.offering.public_id, line.name, line.spec, line.end_date) for line in lines
    ]
    tags = [line.tags for line in lines]
    fingerprint = fingerprint_of(project.public_id, purpose, as_sent, tags)
    # First: what could be ordered then need not be possible today, and is not asked again.
    earlier = find_earlier_order(requested_by, idempotency_key, fingerprint)
    if earlier:
        return earlier, False
    cleaned = clean_lines(lines, project)
    asked = Asked(
        requested_by=requested_by,
        project=project,
        purpose=clean_purpose(purpose),
        idempotency_key=idempotency_key,
        fingerprint=fingerprint,
        cart=cart,
    )
    return place_once(asked, lambda: _place(asked, cleaned))


def place_once(asked: Asked, place: Callable[[], tuple[Order, bool]]) -> tuple[Order, bool]:
    """Place an order, or return the one that the same key placed at the same moment."""
    try:
        return place()
    except IntegrityError as error:
        if "order_one_per_idempotency_key" not in str(error):
            raise
        earlier = find_earlier_order(asked.requested_by, asked.idempotency_key, asked.fingerprint)
        if earlier is None:
            raise
        return earlier, False


def find_earlier_order(person: Person, key: str, fingerprint: str) -> Order | None:
    """The order that this person placed with this key, if any.

    Raises:
        IdempotencyConflict: the key was used for something else.
    """
    order = Order.objects.filter(requested_by=person, idempotency_key=key).first()
    if order and order.fingerprint != fingerprint:
        raise IdempotencyConflict()
    return order


def fingerprint_of(
    project: UUID,
    purpose: str,
    lines: Sequence[AskedLine],
    tags: Sequence[Mapping[str, str]] = (),
) -> str:
    """What tells a repetition from a mistake: the same request gives the same text, whatever
    the catalogue offers by then.

    Args:
        tags: of each line. Without any the text is that of releases that knew none.
    """
    content = [
        str(project),
        purpose,
        *([str(offering), name, dict(spec), str(day)] for offering, name, spec, day in lines),
    ]
    if any(tags):
        content.append([dict(some) for some in tags])
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@transaction.atomic(durable=True)
def _place(asked: Asked, lines: Sequence[LineRequest]) -> tuple[Order, bool]:
    project = asked.project
    expires_at = min(
        last_moment_to_decide(asked, version, line.end_date)
        for line in lines
        for version in line.versions
    )
    quotes = quotes_of([Priced(version=line.version, spec=line.spec) for line in lines], project)
    costs = [
        Cost(quote=quoted, end_date=line.end_date)
        for line, quoted in zip(lines, quotes, strict=True)
    ]
    position = budget_effect(project, costs)
    lock_tree_shared()
    if asked.cart and (ended_in := _lock_cart(asked.cart)):
        return ended_in, False
    _check_project_lives(project)
    _check_offered(project, lines)
    sent = lines[-1].number
    lock_all_sources([(line.version, line.spec) for line in lines], project)
    for line in lines:
        with refusals_of(line, line.number, of=sent):
            lock_sources(line.version, line.spec, project)
    check_hard_stops(project, costs)
    price = together(quotes)
    route = route_for(
        project,
        requested_by=asked.requested_by,
        amount=judged_amount(
            monthly=price.judged_monthly, one_off=price.one_off, later=price.later
        ),
        lines=[line.versions for line in lines],
        budget=position,
    )
    order = write_order(asked, expires_at, price, position, route=route)
    lock_counters(
        project,
        [
            demand_of(line.version, line.spec, quoted)
            for line, quoted in zip(lines, quotes, strict=True)
        ],
    )
    memberships = Memberships(order)
    for number, (line, quoted) in enumerate(zip(lines, quotes, strict=True), start=1):
        with refusals_of(line, line.number, of=sent):
            _write_line(order, number, line, quoted, memberships)
    if asked.cart:
        Cart.objects.filter(pk=asked.cart.pk).update(order=order)
    record("order.submitted", order, actor=asked.requested_by, node_id=project.pk)
    ring_for_rule(order, route)
    return order, True


def _lock_cart(read: Cart) -> Order | None:
    """The order in which the cart ended already, if it did.

    Raises:
        CartChanged: something was put in or taken out since it was read.
    """
    cart = Cart.objects.select_for_update(of=("self",)).select_related("order").get(pk=read.pk)
    if cart.order is None and cart.revision != read.revision:
        raise CartChanged()
    return cart.order


def _write_line(
    order: Order, number: int, line: LineRequest, price: Quote, memberships: Memberships
) -> None:
    """Claim what the line needs, and write it down. Call with all counters locked."""
    project = order.project
    demand = demand_of(line.version, line.spec, price)
    claim = claim_quota(project, demand, expires_at=order.expires_at)
    _check_name_is_free(project, line)
    row = OrderLine.objects.create(
        order=order,
        position=number,
        offering_version=line.version,
        name=line.name,
        spec=dict(line.spec),
        end_date=line.end_date,
        quote=price.as_json(),
        monthly_price=price.monthly,
        placement=decide_placement(project, *line.versions),
        claim=claim,
        tags=dict(line.tags),
        **memberships.columns(line.membership),
    )
    memberships.add(row, line.membership)


def write_order(
    asked: Asked,
    expires_at: datetime,
    price: Quote,
    position: BudgetPosition | None,
    *,
    route: Route,
) -> Order:
    """Write down an order without its lines. Call inside the transaction that adds them.

    Args:
        price: what all of it costs, without what fell due before.
        route: how it will be approved.
    """
    return Order.objects.create(
        number=_next_number(),
        project=asked.project,
        requested_by=asked.requested_by,
        purpose=asked.purpose,
        idempotency_key=asked.idempotency_key,
        fingerprint=asked.fingerprint,
        submitted_at=asked.submitted_at,
        expires_at=expires_at,
        monthly_price=price.monthly,
        one_off_price=price.one_off,
        expected_price=price.expected,
        later_price=price.later,
        conditions={
            "budget_free": str(position.free_after) if position else None,
            **as_conditions(route),
        },
        waits_for=waiting_node(asked.project, route.steps, 0),
    )


def ring_for_rule(order: Order, route: Route) -> None:
    """Have a worker approve the order, where a rule says that no person need to."""
    if route.automatic:
        enqueue_on_commit(
            "catalog.approve_by_rule", queue=OperationQueue.INTERACTIVE, order_id=order.pk
        )


def last_moment_to_decide(
    asked: Asked, version: OfferingVersion, end_date: date | None
) -> datetime:
    """The term of the offering, but never after the day until which it is needed."""
    term = asked.submitted_at + timedelta(days=version.approval_days)
    return min(term, end_of_day(end_date)) if end_date else term


@transaction.atomic(durable=True)
def withdraw_order(public_id: UUID, *, actor: Person) -> Order:
    """Take one's own order back before somebody decided; its quota is free again.

    Raises:
        NotAllowed: somebody else asked for it.
        IllegalTransition: it was decided, has expired, or was taken back before.
    """
    lock_tree_shared()
    order = Order.objects.select_for_update().get(public_id=public_id)
    if order.requested_by_id != actor.pk:
        raise NotAllowed()
    return end_undecided(order, OrderState.WITHDRAWN, actor=actor)


def expire_orders() -> int:
    """End every order whose time to decide has passed; returns how many."""
    overdue = Order.objects.filter(state__in=UNDECIDED_ORDER_STATES, expires_at__lte=now())
    return each_by_itself(_expire, overdue.values_list("pk", flat=True))


@transaction.atomic(durable=True)
def _expire(order_id: int) -> bool:
    lock_tree_shared()
    order = Order.objects.select_for_update().get(pk=order_id)
    if not order.is_undecided:
        return False
    end_undecided(order, OrderState.EXPIRED, actor=None)
    return True


def end_undecided(order: Order, target: OrderState, *, actor: Person | None) -> Order:
    """End an order that will not be approved. What it was to renew has its grace anew.

    Call inside a transaction with the order locked, and last: it writes the audit entry.
    """
    end_order(order, target)
    for line in order.lines.select_related("changes__order_line__offering_version"):
        if line.changes and is_longer(line.changes, line.end_date):
            grant_grace(line.changes)
    record(f"order.{target.value}", order, actor=actor, node_id=order.project_id)
    return order


def end_order(order: Order, target: OrderState) -> None:
    """End an order that nobody approved, and free its quota. Call with the order locked."""
    check_transition(ORDER_TRANSITIONS, OrderState(order.state), target)
    order.state, order.settled_at = target, now()
    order.save(update_fields=["state", "settled_at"])
    release_claims([line.claim for line in order.lines.select_related("claim")])


def clean_purpose(purpose: str) -> str:
    """Return the purpose as it is kept.

    Raises:
        InvalidInput: it is empty, too long, or holds characters that cannot be shown.
    """
    try:
        text = clean_text(purpose, max_length=PURPOSE_LENGTH)
    except ValueError as error:
        raise InvalidInput({"purpose": [str(error)]}) from error
    if not text:
        raise InvalidInput({"purpose": [_("Fill this in.")]})
    return text


def _check_project_lives(project: Project) -> None:
    """Raise ProjectEnded when it has. Sure only under the tree lock, which ending takes too."""
    if Project.objects.filter(pk=project.pk, ended_at__isnull=False).exists():
        raise ProjectEnded(name=project.name)


def _check_offered(project: Project, lines: Sequence[LineRequest]) -> None:
    """Raise OfferingUnavailable when something was withdrawn, or does not exist in the project."""
    asked = {version.pk for line in lines for version in line.versions}
    offered = published_versions().filter(is_offered_to(project.lineage_ids), pk__in=asked)
    if offered.count() < len(asked):
        raise OfferingUnavailable()


def _check_name_is_free(project: Project, line: LineRequest) -> None:
    """Raise NameTaken when something living or asked for in the project is called so.

    Sure only while the project's quota rows are locked: they keep rivals outside.
    """
    if is_name_taken(project, line.version.offering.kind, line.name):
        raise NameTaken(field="name", name=line.name)


def is_name_taken(project: Project, kind: str, name: str) -> bool:
    """Whether something living of the kind, or asked for, is called so in the project."""
    living = Resource.objects.filter(project=project, kind=kind, name=name).exclude(
        state=ResourceState.RETIRED
    )
    waiting = OrderLine.objects.filter(
        order__project=project,
        order__state__in=UNDECIDED_ORDER_STATES,
        offering_version__offering__kind=kind,
        name=name,
        changes=None,
    )
    return living.exists() or waiting.exists()


def _next_number() -> str:
    """Year and count, e.g. 2026-00418. Unique, not gapless: an order is not an invoice."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('catalog_order_number')")
        (count,) = cursor.fetchone()
    return f"{localdate().year}-{count:05d}"
