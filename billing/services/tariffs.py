"""Tariff rounds: one person of finance proposes what things will cost, another one decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeVar
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from billing.errors import (
    NothingLeft,
    OwnRound,
    PricesForNobody,
    PricesMoved,
    RoundSettled,
    RoundTooLate,
    TariffNameTaken,
)
from billing.models import (
    TARIFF_NAME_LENGTH,
    Price,
    PriceList,
    PriceUnit,
    Sku,
    TariffRound,
    TariffRoundLine,
)
from billing.policies import may_set_tariffs
from billing.rating import Unit, UnitPrice
from billing.services.pricing import nearest_prices
from billing.services.tariff_effects import Effect, effect_on_last_month
from portal.audit.services import record, record_refusal
from portal.core.calendar import Period, month_of
from portal.core.errors import InvalidInput, NotAllowed
from portal.core.locks import lock_tariffs, lock_tree_shared
from portal.core.models import is_in_force
from portal.core.money import RATED_PLACES
from portal.core.text import clean_text
from portal.identity.four_eyes import check_other_humans
from portal.identity.models import Organization, Person
from portal.identity.models.proposed import DecisionState
from portal.identity.platform import platform_organization
from portal.identity.sensitive import sensitive
from portal.identity.services.input import clean_reason
from portal.identity.services.roles import refuse_emergency_access

MONTHS_AHEAD: Final = 24
LARGEST_PRICE: Final = Decimal(10_000_000)
Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True)
class NewPrice:
    """What a SKU shall cost; without an amount: the organization's own price ends.

    ``unit``: a value of ``PriceUnit``.
    """

    sku: str
    unit: str = ""
    amount: Decimal | None = None

    @property
    def ends(self) -> bool:
        return self.amount is None

    @property
    def field(self) -> str:
        """What a refusal about it calls it."""
        return f"prices.{self.sku}"


@dataclass(frozen=True, kw_only=True)
class RoundSays:
    """What shall hold from the beginning of a month on; ``organization``: None is for everybody."""

    name: str
    valid_from: datetime
    prices: Sequence[NewPrice]
    organization: Organization | None = None


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What a round would be: everything in it is known, and possible at this moment.

    ``replaces``: by primary key of the SKU, the price of just this organization, or for everybody,
    that would have held.
    """

    name: str
    valid_from: datetime
    organization: Organization | None
    prices: Mapping[Sku, UnitPrice | None]
    replaces: Mapping[int, Price] = field(default_factory=dict)

    def effect(self, *, at: datetime) -> Effect:
        """What it would have made of last month."""
        return effect_on_last_month(
            self.prices, organization=self.organization, valid_from=self.valid_from, at=at
        )


def months_to_begin(at: datetime) -> list[Period]:
    """The months from whose beginning prices may change: the next one first."""
    months = [month_of(month_of(at).end)]
    while len(months) < MONTHS_AHEAD:
        months.append(month_of(months[-1].end))
    return months


def draft_round(says: RoundSays, *, actor: Person) -> Draft:
    """Look whether this could be proposed; nothing is written.

    Raises:
        NotAllowed: the actor does not set prices.
        InvalidInput: something is not right; errors about a price are at ``NewPrice.field``.
    """
    _check_sets_tariffs(actor)
    return _draft(says)


def propose_round(says: RoundSays, *, actor: Person) -> TariffRound:
    """Propose new prices. The trail keeps what they would have made of last month.

    Raises:
        NotAllowed, InvalidInput: as in ``draft_round``; or the actor came by emergency access.
    """
    # Of all use of a month, so before anything is locked.
    effect = draft_round(says, actor=actor).effect(at=now())
    return _propose(says, effect, actor)


@transaction.atomic(durable=True)
def _propose(says: RoundSays, effect: Effect, actor: Person) -> TariffRound:
    _lock(actor)
    draft = _draft(says)
    proposed = TariffRound.objects.create(
        name=draft.name,
        organization=draft.organization,
        valid_from=draft.valid_from,
        line_count=len(draft.prices),
        proposed_by=actor,
        proposed_at=now(),
    )
    TariffRoundLine.objects.bulk_create(
        TariffRoundLine(
            round=proposed,
            sku=sku,
            unit=price.unit.value if price else "",
            amount=price.amount if price else None,
            ends=price is None,
            replaces=draft.replaces.get(sku.pk),
        )
        for sku, price in draft.prices.items()
    )
    _tell("tariff_round.proposed", proposed, actor, **_in_json(effect))
    return proposed


@sensitive("tariff_round.confirm")
def confirm_round(public_id: UUID, *, actor: Person) -> TariffRound:
    """Agree: the prices that hold end when the new ones begin, which stand in a list of their own.

    What was planned already for later stays so: until then the new price holds.

    Raises:
        OwnRound, SameHuman: the actor proposed it, or may have, with another login.
        NotAllowed: the actor does not set prices, or came by emergency access.
        RoundSettled: somebody was first.
        RoundTooLate, PricesMoved, PricesForNobody, NothingLeft, TariffNameTaken: it can no longer
            be as it was proposed.
    """
    return _deciding(public_id, actor, lambda: _confirm(public_id, actor))


@sensitive("tariff_round.refuse")
def refuse_round(public_id: UUID, *, actor: Person, reason: str) -> TariffRound:
    """Disagree, with a reason that the proposer reads.

    Raises:
        RefusalNeedsReason, InvalidInput: about the reason.
        OwnRound, SameHuman, NotAllowed, RoundSettled: as in ``confirm_round``.
    """
    because = clean_reason(reason)
    return _deciding(public_id, actor, lambda: _refuse(public_id, actor, because))


@transaction.atomic(durable=True)
def take_back_round(public_id: UUID, *, actor: Person) -> TariffRound:
    """Take one's own proposal back.

    Raises:
        NotAllowed: somebody else proposed it.
        RoundSettled: somebody decided already.
    """
    waiting = _lock_waiting(public_id)
    if waiting.proposed_by_id != actor.pk:
        raise NotAllowed()
    _settle(waiting, DecisionState.WITHDRAWN, actor)
    _tell("tariff_round.taken_back", waiting, actor)
    return waiting


def draft_of(proposed: TariffRound) -> Draft:
    """What was proposed, as it was drafted. One query."""
    lines = proposed.lines.select_related("sku", "replaces").order_by("sku__code")
    return Draft(
        name=proposed.name,
        valid_from=proposed.valid_from,
        organization=proposed.organization,
        prices={line.sku: _unit_price(line.unit, line.amount) for line in lines},
        replaces={line.sku_id: line.replaces for line in lines if line.replaces},
    )


# --- deciding ----------------------------------------------------------------------------------


def _deciding(public_id: UUID, actor: Person, decide: Callable[[], Answer]) -> Answer:
    """Decide, and write a refused attempt down."""
    try:
        return decide()
    except (OwnRound, NotAllowed) as refusal:
        proposed = TariffRound.objects.get(public_id=public_id)
        record_refusal(
            "tariff_round.decision_refused",
            proposed,
            actor=actor,
            node_id=_place_of(proposed),
            code=refusal.code,
        )
        raise


@transaction.atomic(durable=True)
def _confirm(public_id: UUID, actor: Person) -> TariffRound:
    waiting = _lock_for_decision(public_id, actor)
    _check_still_possible(waiting)
    waiting.price_list = PriceList.objects.create(name=waiting.name)
    _set_prices(waiting, waiting.price_list)
    _settle(waiting, DecisionState.CONFIRMED, actor)
    _tell("tariff_round.confirmed", waiting, actor)
    return waiting


@transaction.atomic(durable=True)
def _refuse(public_id: UUID, actor: Person, reason: str) -> TariffRound:
    waiting = _lock_for_decision(public_id, actor)
    waiting.decision_reason = reason
    _settle(waiting, DecisionState.REFUSED, actor)
    _tell("tariff_round.refused", waiting, actor)
    return waiting


def _lock_for_decision(public_id: UUID, actor: Person) -> TariffRound:
    waiting = _lock_waiting(public_id)
    if waiting.proposed_by_id == actor.pk:
        raise OwnRound()
    check_other_humans([waiting.proposed_by_id], [actor.pk])
    _check_sets_tariffs(actor)
    return waiting


def _lock_waiting(public_id: UUID) -> TariffRound:
    lock_tree_shared()
    lock_tariffs()
    rounds = TariffRound.objects.select_for_update(of=("self",)).select_related("organization")
    waiting = rounds.get(public_id=public_id)
    if waiting.state != DecisionState.PROPOSED:
        raise RoundSettled(state=waiting.get_state_display())
    return waiting


def _check_still_possible(waiting: TariffRound) -> None:
    """Raise what came in between since it was proposed."""
    if waiting.valid_from <= now():
        raise RoundTooLate()
    if waiting.organization and waiting.organization.ended_at:
        raise PricesForNobody()
    if PriceList.objects.filter(name=waiting.name).exists():
        raise TariffNameTaken(name=waiting.name)
    lines = list(waiting.lines.select_related("sku").order_by("sku__code"))
    found = _Present.of(waiting.organization, waiting.valid_from, [line.sku for line in lines])
    moved = [
        line.sku.name
        for line in lines
        if line.sku_id in found.begins_then
        or line.replaces_id != _key(found.holding.get(line.sku_id))
    ]
    if moved:
        raise PricesMoved(skus=", ".join(moved))
    left = [line.sku.name for line in lines if line.ends and line.sku.code not in found.above]
    if left:
        raise NothingLeft(skus=", ".join(left))


def _set_prices(waiting: TariffRound, prices: PriceList) -> None:
    """End what holds, and insert what is to hold, until what was planned already."""
    begin = waiting.valid_from
    lines = list(waiting.lines.select_related("replaces"))
    ends = _planned_ends(waiting.organization, begin, [line.sku_id for line in lines])
    until = {line.sku_id: _until(line.replaces, ends.get(line.sku_id)) for line in lines}
    replaced = [line.replaces_id for line in lines if line.replaces_id]
    Price.objects.filter(pk__in=replaced).update(valid_until=begin)
    Price.objects.bulk_create(
        Price(
            price_list=prices,
            sku_id=line.sku_id,
            organization=waiting.organization,
            unit=line.unit,
            amount=line.amount,
            valid_from=begin,
            valid_until=until[line.sku_id],
        )
        for line in lines
        if line.amount is not None
    )


def _planned_ends(
    organization: Organization | None, begin: datetime, sku_ids: Sequence[int]
) -> dict[int, datetime]:
    """When the next price begins that was planned already, by primary key of the SKU."""
    planned = Price.objects.filter(
        organization=organization, sku__in=sku_ids, valid_from__gt=begin
    ).order_by("-valid_from")
    return dict(planned.values_list("sku_id", "valid_from"))


def _until(replaces: Price | None, next_begins: datetime | None) -> datetime | None:
    """The end of the new price: that of the one whose place it takes, else the next beginning."""
    return replaces.valid_until if replaces and replaces.valid_until else next_begins


def _settle(waiting: TariffRound, state: DecisionState, actor: Person) -> None:
    waiting.state, waiting.decided_by, waiting.decided_at = state, actor, now()
    waiting.save(
        update_fields=["state", "decided_by", "decided_at", "decision_reason", "price_list"]
    )


def _lock(actor: Person) -> None:
    lock_tree_shared()
    lock_tariffs()
    _check_sets_tariffs(actor)


def _check_sets_tariffs(actor: Person) -> None:
    if not may_set_tariffs(actor):
        raise NotAllowed()
    refuse_emergency_access(actor)


def _tell(event: str, proposed: TariffRound, actor: Person, **data: Any) -> None:
    facts = {"valid_from": proposed.valid_from.isoformat(), "lines": proposed.line_count}
    record(event, proposed, actor=actor, node_id=_place_of(proposed), data={**facts, **data})


def _place_of(proposed: TariffRound) -> int | None:
    """Whose auditors read of it: of the organization whose prices they are, else the platform's."""
    if proposed.organization_id:
        return proposed.organization_id
    platform = platform_organization()
    return platform.pk if platform else None


def _in_json(effect: Effect) -> dict[str, str]:
    """The totals that the proposer saw."""
    return {
        "month": effect.month.start.strftime("%Y-%m"),
        "before": str(effect.total.before),
        "after": str(effect.total.after),
    }


# --- what may be proposed ----------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Present:
    """What there is already, at the moment at which prices shall change.

    Attributes:
        holding: the price of just this organization (or for everybody) that began before and
            holds then, by primary key of the SKU.
        begins_then: primary keys of the SKUs of which such a price begins then.
        above: what holds where the organization has no price, by code of the SKU.
    """

    holding: Mapping[int, Price]
    begins_then: set[int]
    above: Mapping[str, Price]

    @classmethod
    def of(cls, organization: Organization | None, at: datetime, skus: Iterable[Sku]) -> _Present:
        """Two queries."""
        by_code = {sku.code: sku for sku in skus}
        own = Price.objects.filter(
            is_in_force(at), organization=organization, sku__in=by_code.values()
        )
        found = list(own)
        ancestors = organization.ancestor_ids if organization else []
        return cls(
            holding={price.sku_id: price for price in found if price.valid_from < at},
            begins_then={price.sku_id for price in found if price.valid_from == at},
            above=nearest_prices(ancestors, at=at, skus=by_code) if organization else {},
        )


def _draft(says: RoundSays) -> Draft:
    errors: dict[str, list[str]] = {}
    name = _clean_name(says.name, errors)
    if says.valid_from not in {month.start for month in months_to_begin(now())}:
        errors["valid_from"] = [_("Choose one of these months.")]
    organization = _living(says.organization, errors)
    skus = {sku.code: sku for sku in Sku.objects.all()}  # few; whatever a code holds finds nothing
    present = _Present.of(organization, says.valid_from, skus.values())
    times = Counter(price.sku for price in says.prices)
    for price in says.prices:
        sku = skus.get(price.sku)
        if sku is None:
            problem = _("This is not in the price list.")
        elif times[price.sku] > 1:
            problem = _("This stands here more than once.")
        else:
            problem = _problem(price, sku, present)
        if problem:
            errors[price.field] = [problem]
    if not says.prices:
        errors[""] = [_("Fill in at least one new price.")]
    if errors:
        raise InvalidInput(errors)
    return Draft(
        name=name,
        valid_from=says.valid_from,
        organization=organization,
        prices={
            skus[price.sku]: _unit_price(price.unit, price.amount)
            for price in sorted(says.prices, key=lambda price: price.sku)
        },
        replaces=present.holding,
    )


def _clean_name(name: str, errors: dict[str, list[str]]) -> str:
    try:
        cleaned = clean_text(name, max_length=TARIFF_NAME_LENGTH)
    except ValueError as error:
        errors["name"] = [str(error)]
        return ""
    rounds = TariffRound.objects.filter(
        name=cleaned, state__in=[DecisionState.PROPOSED, DecisionState.CONFIRMED]
    )
    if not cleaned:
        errors["name"] = [_("Fill this in.")]
    elif rounds.exists() or PriceList.objects.filter(name=cleaned).exists():
        errors["name"] = [_("There is a price list or a proposal with this name already.")]
    return cleaned


def _living(organization: Organization | None, errors: dict[str, list[str]]) -> Organization | None:
    """The organization as it is now."""
    if organization is None:
        return None
    found = Organization.objects.get(pk=organization.pk)
    if found.ended_at:
        errors["organization"] = [_("This organisation has ended.")]
    return found


def _problem(price: NewPrice, sku: Sku, present: _Present) -> str:
    """Why this price cannot be set; empty when it can."""
    holding = present.holding.get(sku.pk)
    if sku.pk in present.begins_then:
        return _("From this month on another price is planned already. Choose another month.")
    if price.amount is None:
        return _problem_of_ending(sku, present)
    if price.unit not in PriceUnit.values:
        return _("Choose per what this price is.")
    is_amount = price.amount.is_finite() and 0 <= price.amount <= LARGEST_PRICE
    if not is_amount or price.amount != price.amount.quantize(RATED_PLACES):
        return _("Fill in an amount in euros, with at most {places} decimals.").format(places=6)
    before = holding or present.above.get(sku.code)
    if before and (before.unit == PriceUnit.ONE_OFF) != (price.unit == PriceUnit.ONE_OFF):
        return _("What is paid once stays so, and what is paid for a time too.")
    if holding and (holding.unit, holding.amount) == (price.unit, price.amount):
        return _("This is what it costs then already.")
    return ""


def _problem_of_ending(sku: Sku, present: _Present) -> str:
    if sku.pk not in present.holding:
        return _("There is no own price that could end then.")
    if sku.code not in present.above:
        return _("Nothing else sets a price for this, so the organisation keeps its own.")
    return ""


def _unit_price(unit: str, amount: Decimal | None) -> UnitPrice | None:
    return UnitPrice(Unit(unit), amount) if amount is not None else None


def _key(price: Price | None) -> int | None:
    return price.pk if price else None
