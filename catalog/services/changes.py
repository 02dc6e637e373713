"""Changing what runs: larger, smaller, longer. Asked for and approved as any order.

What a line says that changes a resource is how the whole of it will be. Until the cloud has it so,
the resource's own record stays as it was, and what is more is claimed beside what it holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.timezone import localdate, now

from billing.services.quotes import Quote
from billing.services.term_reading import StillDue, agreed_terms, still_due
from catalog.approval_rules import judged_amount
from catalog.errors import ChangeWaits, NothingChanged, NotOrdered, NotShorter
from catalog.kinds import get_kind
from catalog.kinds.parameters import Parameter, clean_spec
from catalog.models import (
    Metric,
    OfferingVersion,
    Order,
    OrderLine,
    Resource,
    ResourceState,
)
from catalog.offering_policies import is_offered_to, published_versions
from catalog.services.approval_routes import route_for, route_of, wholes_of
from catalog.services.change_work import end_on, open_change, version_of
from catalog.services.hard_stops import check_hard_stops, find_stop
from catalog.services.operations import lock_order_and_resource
from catalog.services.order_costs import Before, Cost
from catalog.services.order_lines import check_end_date
from catalog.services.orders import (
    Asked,
    clean_purpose,
    find_earlier_order,
    fingerprint_of,
    last_moment_to_decide,
    place_once,
    ring_for_rule,
    write_order,
)
from catalog.services.placement import Place, decide_placement, opinions_at
from catalog.services.preview import (
    Consequences,
    Priced,
    budget_effect,
    demand_of,
    quota_effects,
    quotes_of,
)
from catalog.services.quotas import amounts_of, claim_quota
from portal.audit.services import record
from portal.core.errors import InvalidInput
from portal.core.states import IllegalTransition
from portal.identity.models import Person


class Term(StrEnum):
    """What may be said of the end date instead of a day, or of none."""

    KEPT = "kept"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """How the whole of a resource must become, and until when it is needed."""

    spec: Mapping[str, Any]
    end_date: date | None


@dataclass(frozen=True, kw_only=True)
class ChangePreview:
    """What a change would mean now: ``consequences`` beside how it is, and what people notice.

    ``price`` is of the whole as it will be; in ``consequences`` it is without what was paid once.
    ``still_due``: what of its minimum terms it would use no more, and pay until they end.
    """

    before: Before
    price: Quote
    consequences: Consequences
    effects: list[str]
    still_due: list[StillDue]

    @property
    def monthly_difference(self) -> Decimal:
        """What it costs more in a month; below zero: less."""
        return self.price.monthly - self.before.quote.monthly


def changeable_parameters(resource: Resource) -> list[Parameter]:
    """What may be answered otherwise, with what is offered for it now."""
    kind = get_kind(resource.kind)
    return kind.changeable(version_to_choose_from(resource), resource.spec)


def clean_change(resource: Resource, answers: Mapping[str, Any], end_date: date | None) -> Wanted:
    """What the resource must become by these answers; what is not answered stays.

    Raises:
        InvalidInput: with all wrong fields in one answer.
        NothingChanged: it is so already.
    """
    parameters = [item for item in changeable_parameters(resource) if item.name in answers]
    errors: dict[str, list[str]] = {}
    changed: dict[str, Any] = {}
    try:
        changed = clean_spec(parameters, answers)
    except InvalidInput as error:
        errors |= error.errors
    try:
        check_new_end_date(resource, end_date)
    except InvalidInput as error:
        errors |= error.errors
    if errors:
        raise InvalidInput(errors)
    wanted = Wanted(spec={**resource.spec, **changed}, end_date=end_date)
    if wanted == Wanted(spec=resource.spec, end_date=resource.end_date):
        raise NothingChanged()
    return wanted


def check_new_end_date(resource: Resource, end_date: date | None) -> None:
    """Raise InvalidInput when the offering does not allow it.

    What it was already may stay, unless that day has passed.
    """
    has_passed = end_date is not None and end_date < localdate()
    if end_date != resource.end_date or has_passed:
        check_end_date(version_of(resource), end_date)


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
    price, was = (
        quotes_of([Priced.now(version, resource, spec)], project)[0]
        for spec in (wanted.spec, resource.spec)
    )
    terms = agreed_terms(resource.public_id, at=now())
    before = Before(quote=was, end_date=resource.end_date, terms=terms)
    more = _more(resource, demand_of(version, wanted.spec, price))
    costs = [Cost(quote=price, end_date=wanted.end_date, before=before)]
    return ChangePreview(
        before=before,
        price=price,
        consequences=Consequences(
            quote=price.after(before.quote),
            placements=opinions_at(
                project, [Place.of(one) for one in (version, *wholes_of(resource.order_line))]
            ),
            quota=quota_effects(project, more),
            budget=budget_effect(project, costs),
            stop=find_stop(project, costs),
        ),
        effects=[
            str(text) for text in get_kind(resource.kind).change_effects(resource.spec, wanted.spec)
        ],
        still_due=still_due(resource.public_id, at=now(), kept=price.quantity_by_sku),
    )


def place_change(
    *,
    requested_by: Person,
    resource: Resource,
    purpose: str,
    answers: Mapping[str, Any],
    end_date: date | Term | None,
    idempotency_key: str,
) -> tuple[Order, bool]:
    """Submit an order that changes a resource: what it takes more of is claimed at once.

    Args:
        answers: to the questions of ``changeable_parameters``; those left out stay as they are.
        end_date: the last day on which it is needed; None is no end, and Term.KEPT what it is.

    Returns:
        As ``place_order``.

    Raises:
        InvalidInput, NothingChanged: as ``clean_change``; the purpose too.
        IllegalTransition: the resource does not run.
        ChangeWaits: another order changes it already.
        PlacementRefused, QuotaExceeded, PriceMissing: as named.
        BudgetExceeded: a budget with a hard stop has too little left for what it costs more.
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
    asked: Asked, public_id: UUID, answers: Mapping[str, Any], asked_end: date | Term | None
) -> tuple[Order, bool]:
    resource = _lock(public_id)
    # Once more: the same request may have been just before this one.
    earlier = find_earlier_order(asked.requested_by, asked.idempotency_key, asked.fingerprint)
    if earlier:
        return earlier, False
    _check_changeable(resource)
    end_date = resource.end_date if isinstance(asked_end, Term) else asked_end
    order = _write_change(asked, resource, clean_change(resource, answers, end_date))
    record(
        "order.submitted",
        order,
        actor=asked.requested_by,
        node_id=asked.project.pk,
        data={"changes": str(resource.public_id)},
    )
    ring_for_rule(order, route_of(order))
    return order, True


def _write_change(asked: Asked, resource: Resource, wanted: Wanted) -> Order:
    """Write the order down with its line, and claim what it takes more of."""
    version = version_of(resource)
    preview = preview_change(resource, wanted)
    price, due = preview.price, preview.consequences.quote
    expires_at = last_moment_to_decide(asked, version, wanted.end_date)
    budget, wholes = preview.consequences.budget, wholes_of(resource.order_line)
    route = route_for(
        asked.project,
        requested_by=asked.requested_by,
        amount=judged_amount(monthly=due.judged_monthly, one_off=due.one_off, later=due.later),
        lines=[[version, *wholes]],
        budget=budget,
        changes=resource,
    )
    before = preview.before
    check_hard_stops(asked.project, [Cost(quote=price, end_date=wanted.end_date, before=before)])
    order = write_order(asked, expires_at, due, budget, route=route)
    more = _more(resource, demand_of(version, wanted.spec, price))
    claim = claim_quota(asked.project, more, expires_at=expires_at)
    OrderLine.objects.create(
        order=order,
        position=1,
        offering_version=version,
        name=resource.name,
        spec=dict(wanted.spec),
        end_date=wanted.end_date,
        quote=price.as_json(),
        monthly_price=price.monthly,
        placement=decide_placement(asked.project, version, *wholes),
        claim=claim,
        changes=resource,
        before={
            "spec": resource.spec,
            "end_date": resource.end_date.isoformat() if resource.end_date else None,
            "quote": before.quote.as_json(),
            "terms": {sku: term.as_json() for sku, term in before.terms.items()},
        },
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
    resource = _lock(public_id)
    _check_changeable(resource)
    if not is_only_shorter(resource, Wanted(spec=resource.spec, end_date=end_date)):
        raise NotShorter(field="end_date")
    check_end_date(version_of(resource), end_date)
    was = resource.end_date.isoformat() if resource.end_date else None
    end_on(resource, end_date)
    record(
        "resource.term_shortened",
        resource,
        actor=actor,
        node_id=resource.project_id,
        data={"was": was, "end_date": end_date.isoformat()},
    )
    return resource


def version_to_choose_from(resource: Resource) -> OfferingVersion:
    """What the project is offered now in the same place, else what it was ordered from."""
    own = version_of(resource)
    current = published_versions().filter(
        is_offered_to(resource.project.lineage_ids), offering=own.offering_id, cloud=own.cloud_id
    )
    return current.select_related("offering", "cloud").first() or own


def _lock(public_id: UUID) -> Resource:
    """The resource as it is now that nobody else changes it."""
    found = Resource.objects.get(public_id=public_id)
    lock_order_and_resource(found)
    return Resource.objects.select_related(
        "project",
        "claim",
        "order_line__offering_version__offering",
        "order_line__offering_version__cloud",
    ).get(pk=found.pk)


def _check_changeable(resource: Resource) -> None:
    if resource.is_unmanaged:
        raise NotOrdered(name=resource.name)
    if resource.state != ResourceState.ACTIVE:
        raise IllegalTransition(state=resource.get_state_display())
    waiting = open_change(resource)
    if waiting:
        raise ChangeWaits(number=waiting.order.number)


def _more(resource: Resource, needed: Mapping[Metric, Decimal]) -> dict[Metric, Decimal]:
    """What is needed beyond what the resource holds."""
    held = amounts_of(resource.claim)
    beyond = {metric: amount - held.get(metric, Decimal(0)) for metric, amount in needed.items()}
    return {metric: amount for metric, amount in beyond.items() if amount > 0}
