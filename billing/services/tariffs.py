"""Tariff rounds: one person of finance proposes what things will cost, another one decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now

from billing.errors import (
    NothingLeft,
    OwnRound,
    PricesForNobody,
    PricesMoved,
    RoundHolds,
    RoundSettled,
    RoundTooLate,
    TariffNameTaken,
)
from billing.models import Price, PriceList, TariffRound, TariffRoundLine
from billing.policies import may_set_tariffs
from billing.services.tariff_drafts import (
    Draft,
    RoundSays,
    closed_months,
    make_draft,
    open_months,
)
from billing.services.tariff_effects import Effect
from billing.services.tariff_prices import Present, give_back, priced_from, set_prices
from portal.audit.services import record, record_refusal
from portal.core.errors import NotAllowed
from portal.core.locks import lock_books, lock_tariffs, lock_tree_shared
from portal.identity.four_eyes import check_other_humans
from portal.identity.models import Person
from portal.identity.models.proposed import DecisionState
from portal.identity.platform import platform_organization
from portal.identity.sensitive import sensitive
from portal.identity.services.input import clean_reason
from portal.identity.services.roles import refuse_emergency_access

Answer = TypeVar("Answer")


def draft_round(says: RoundSays, *, actor: Person) -> Draft:
    """Look whether this could be proposed; nothing is written.

    Raises:
        NotAllowed: the actor does not set prices.
        InvalidInput: something is not right; errors about a price are at ``NewPrice.field``.
    """
    _check_sets_tariffs(actor)
    return make_draft(says)


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
    lock_to_set_tariffs(actor)
    draft = make_draft(says)
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
            tier_quantities=[tier.from_quantity for tier in price.tiers] if price else [],
            tier_amounts=[tier.amount for tier in price.tiers] if price else [],
            minimum_months=price.minimum_months if price else 0,
            ends=price is None,
            replaces=draft.replaces.get(sku.pk),
        )
        for sku, price in draft.prices.items()
    )
    _tell("tariff_round.proposed", proposed, actor, **_in_json(effect))
    return proposed


@transaction.atomic(durable=True)
def propose_withdrawal(public_id: UUID, *, actor: Person) -> TariffRound:
    """Propose that what was confirmed never begins; that is a round too, which another confirms.

    Raises:
        NotAllowed: as in ``draft_round``; or the actor came by emergency access.
        RoundSettled: it was not confirmed, or is withdrawn, or somebody proposed that already.
        RoundHolds: it has begun.
    """
    lock_to_set_tariffs(actor)
    planned = TariffRound.objects.select_for_update().get(public_id=public_id)
    withdrawal = planned.withdrawal
    if planned.state != DecisionState.CONFIRMED or planned.withdraws_id or withdrawal:
        raise RoundSettled(state=(withdrawal or planned).get_state_display())
    _check_not_begun(planned)
    proposed = TariffRound.objects.create(
        name=planned.name,
        organization_id=planned.organization_id,
        valid_from=planned.valid_from,
        line_count=0,
        withdraws=planned,
        proposed_by=actor,
        proposed_at=now(),
    )
    _tell("tariff_round.withdrawal_proposed", proposed, actor)
    return proposed


def _check_not_begun(planned: TariffRound) -> None:
    if planned.valid_from <= now():
        raise RoundHolds()


@sensitive("tariff_round.confirm")
def confirm_round(public_id: UUID, *, actor: Person) -> TariffRound:
    """Agree: the prices that hold end when the new ones begin, which stand in a list of their own.

    What was planned already for later stays so: until then the new price holds. Of one that
    withdraws another: the prices that hold go on, and those that were planned never begin.

    Raises:
        OwnRound, SameHuman: the actor proposed it, or may have, with another login.
        NotAllowed: the actor does not set prices, or came by emergency access.
        RoundSettled: somebody was first.
        RoundHolds: what was to be withdrawn has begun.
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
    if waiting.withdraws:
        return _withdraw(waiting, waiting.withdraws, actor)
    if waiting.valid_from <= now():
        lock_books()  # or the month might close meanwhile
    _check_still_possible(waiting)
    waiting.price_list = PriceList.objects.create(name=waiting.name)
    set_prices(waiting, waiting.price_list)
    _settle(waiting, DecisionState.CONFIRMED, actor)
    _tell("tariff_round.confirmed", waiting, actor)
    return waiting


def _withdraw(waiting: TariffRound, planned: TariffRound, actor: Person) -> TariffRound:
    """Have what was planned never begin. The database lets a price go on once this is settled."""
    _check_not_begun(planned)
    _settle(waiting, DecisionState.CONFIRMED, actor)
    give_back(planned)
    _tell("tariff_round.withdrawn", waiting, actor)
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
    rounds = TariffRound.objects.select_for_update(of=("self",)).select_related(
        "organization", "withdraws"
    )
    waiting = rounds.get(public_id=public_id)
    if waiting.state != DecisionState.PROPOSED:
        raise RoundSettled(state=waiting.get_state_display())
    return waiting


def _check_still_possible(waiting: TariffRound) -> None:
    """Raise what came in between since it was proposed."""
    _check_month_takes_it(waiting)
    if waiting.organization and waiting.organization.ended_at:
        raise PricesForNobody()
    if PriceList.objects.filter(name=waiting.name).exists():
        raise TariffNameTaken(name=waiting.name)
    lines = list(waiting.lines.select_related("sku").order_by("sku__code"))
    found = Present.of(waiting.organization, waiting.valid_from, [line.sku for line in lines])
    moved = [
        line.sku.name
        for line in lines
        if line.sku_id in found.begins_then | found.ends_then
        or line.replaces_id != _key(found.holding.get(line.sku_id))
    ]
    if moved:
        raise PricesMoved(skus=", ".join(moved))
    left = [line.sku.name for line in lines if line.ends and line.sku.code not in found.above]
    if left:
        raise NothingLeft(skus=", ".join(left))


def _check_month_takes_it(waiting: TariffRound) -> None:
    """In a month that has begun, what has no price there gets one; nothing else changes."""
    begin, at = waiting.valid_from, now()
    if begin > at:
        return
    months = [*open_months(at), *closed_months(waiting.organization)]
    priced = priced_from(waiting.organization, begin)
    if begin not in {month.start for month in months} or any(
        line.ends or priced.get(line.sku_id) == begin for line in waiting.lines.all()
    ):
        raise RoundTooLate()


def _settle(waiting: TariffRound, state: DecisionState, actor: Person) -> None:
    waiting.state, waiting.decided_by, waiting.decided_at = state, actor, now()
    waiting.save(
        update_fields=["state", "decided_by", "decided_at", "decision_reason", "price_list"]
    )


def lock_to_set_tariffs(actor: Person) -> None:
    """Until the end of the transaction nobody else sets prices, nor what there are prices of.

    Raises:
        NotAllowed: the actor does not set prices, or came by emergency access.
    """
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


def _key(price: Price | None) -> int | None:
    return price.pk if price else None
