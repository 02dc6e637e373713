"""Which SEAL is enough for data of a protection level: the default, or what two people set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from catalog.models import SealMinimum
from catalog.models.supply import HIGHEST_SEAL
from catalog.placement import Minimums
from catalog.placement_errors import MinimumSettled, MinimumWaits, OwnMinimum
from catalog.placement_policies import may_decide_on_supplies
from catalog.placement_words import LOWEST_INTEREST, Objective, label_of
from catalog.services.placement.reading import minimums_of
from catalog.services.placement.supplies import check_drafter
from catalog.services.placement.supply_decisions import clean_reason
from portal.audit.services import record, record_refusal
from portal.core.errors import InvalidInput, NotAllowed
from portal.core.locks import lock_tree_exclusive
from portal.identity.four_eyes import check_other_humans
from portal.identity.models import Person
from portal.identity.models.proposed import DecisionState
from portal.identity.platform import platform_organization
from portal.identity.sensitive import sensitive
from portal.identity.services.roles import refuse_emergency_access

LEVELS: Final = range(1, LOWEST_INTEREST + 1)  # TBB, the highest interest first
Answer = TypeVar("Answer")


def minimums_in_force() -> Minimums:
    """The lowest SEAL that is enough, by TBB and objective: what was set, else the default."""
    return minimums_of(_in_force())


def minimums_after(level: int, objective: Objective | None, seal: int) -> Minimums:
    """What they would be with this one too; ``objective`` None: of all that have none of their own.

    Args:
        level: the TBB, 1 to 4.
        seal: 0 to 4.
    """
    word = objective or ""
    others = [row for row in _in_force() if row[:2] != (level, word)]
    return minimums_of([*others, (level, word, seal)])


def propose_minimum(
    level: int, objective: Objective | None, seal: int, *, actor: Person
) -> SealMinimum:
    """Propose another lowest SEAL for data of a protection level.

    Args:
        level: the TBB, 1 to 4.
        objective: None: of all objectives that have none of their own.
        seal: 0, anything will do, to 4.

    Raises:
        NotAllowed: the actor does not make assessments, or came by emergency access.
        InvalidInput: a higher interest would ask for less than a lower one.
        MinimumWaits: a proposal about it waits already.
    """
    check_drafter(actor)
    refuse_emergency_access(actor)
    _check(level, objective, seal)
    return _propose(level, objective, seal, actor)


@transaction.atomic(durable=True)
def _propose(level: int, objective: Objective | None, seal: int, actor: Person) -> SealMinimum:
    try:
        with transaction.atomic():
            minimum = SealMinimum.objects.create(
                protection_level=level,
                objective=objective or "",
                seal=seal,
                proposed_by=actor,
                proposed_at=now(),
            )
    except IntegrityError as error:
        if "seal_minimum_one_waits" not in str(error):
            raise
        raise MinimumWaits() from error
    _tell("seal_minimum.proposed", minimum, actor)
    return minimum


@sensitive("seal_minimum.confirm")  # says which places are good enough for everybody's data
def confirm_minimum(public_id: UUID, *, actor: Person) -> SealMinimum:
    """Agree with a lowest SEAL: from now on placements are judged by it.

    Nobody places anything meanwhile: whoever does holds the tree, shared.

    Raises:
        OwnMinimum, SameHuman: the actor proposed it, or may have, with another login.
        NotAllowed: the actor does not decide about places, or came by emergency access.
        MinimumSettled: somebody was first.
        InvalidInput: meanwhile a higher interest would ask for less than a lower one.
    """
    return _deciding(public_id, actor, lambda: _confirm(public_id, actor))


@sensitive("seal_minimum.refuse")
def refuse_minimum(public_id: UUID, *, actor: Person, reason: str) -> SealMinimum:
    """Disagree, with a reason that the proposer reads.

    Raises:
        ReasonRequired, InvalidInput: about the reason.
        OwnMinimum, SameHuman, NotAllowed, MinimumSettled: as in ``confirm_minimum``.
    """
    because = clean_reason(reason)
    return _deciding(public_id, actor, lambda: _refuse(public_id, actor, because))


@transaction.atomic(durable=True)
def take_back_minimum(public_id: UUID, *, actor: Person) -> SealMinimum:
    """Take one's own proposal back.

    Raises:
        NotAllowed: somebody else proposed it.
        MinimumSettled: somebody decided already.
    """
    minimum = _lock_waiting(public_id)
    if minimum.proposed_by_id != actor.pk:
        raise NotAllowed()
    _settle(minimum, DecisionState.WITHDRAWN, actor)
    _tell("seal_minimum.taken_back", minimum, actor)
    return minimum


def _deciding(public_id: UUID, actor: Person, decide: Callable[[], Answer]) -> Answer:
    """Decide, and write a refused attempt down."""
    try:
        return decide()
    except (OwnMinimum, NotAllowed) as refusal:
        record_refusal(
            "seal_minimum.decision_refused",
            SealMinimum.objects.get(public_id=public_id),
            actor=actor,
            node_id=_node_id(),
            code=refusal.code,
        )
        raise


@transaction.atomic(durable=True)
def _confirm(public_id: UUID, actor: Person) -> SealMinimum:
    lock_tree_exclusive()
    minimum = _lock_for_decision(public_id, actor)
    objective = Objective(minimum.objective) if minimum.objective else None
    _check(minimum.protection_level, objective, minimum.seal)
    SealMinimum.objects.filter(
        protection_level=minimum.protection_level,
        objective=minimum.objective,
        state=DecisionState.CONFIRMED,
        ended_at=None,
    ).update(ended_at=now())
    _settle(minimum, DecisionState.CONFIRMED, actor)
    _tell("seal_minimum.confirmed", minimum, actor)
    return minimum


@transaction.atomic(durable=True)
def _refuse(public_id: UUID, actor: Person, reason: str) -> SealMinimum:
    minimum = _lock_for_decision(public_id, actor)
    minimum.decision_reason = reason
    _settle(minimum, DecisionState.REFUSED, actor)
    _tell("seal_minimum.refused", minimum, actor)
    return minimum


def _lock_for_decision(public_id: UUID, actor: Person) -> SealMinimum:
    minimum = _lock_waiting(public_id)
    if minimum.proposed_by_id == actor.pk:
        raise OwnMinimum()
    check_other_humans([minimum.proposed_by_id], [actor.pk])
    if not may_decide_on_supplies(actor):
        raise NotAllowed()
    refuse_emergency_access(actor)
    return minimum


def _lock_waiting(public_id: UUID) -> SealMinimum:
    minimum = SealMinimum.objects.select_for_update().get(public_id=public_id)
    if minimum.state != DecisionState.PROPOSED:
        raise MinimumSettled(state=minimum.get_state_display())
    return minimum


def _check(level: int, objective: Objective | None, seal: int) -> None:
    """Raise InvalidInput for what no placement can be judged by."""
    if level not in LEVELS:
        raise InvalidInput({"protection_level": [_("Choose from these.")]})
    if not 0 <= seal <= HIGHEST_SEAL:
        raise InvalidInput({"seal": [_("Choose from these.")]})
    then = minimums_after(level, objective, seal)
    for each in Objective:
        asked = [then[tbb, each] for tbb in LEVELS]
        if asked != sorted(asked, reverse=True):
            words = _("{objective}: data with a higher interest would need less than other data.")
            raise InvalidInput({"seal": [words.format(objective=label_of(each))]})


def _settle(minimum: SealMinimum, state: DecisionState, actor: Person) -> None:
    minimum.state, minimum.decided_by, minimum.decided_at = state, actor, now()
    minimum.save(update_fields=["state", "decided_by", "decided_at", "decision_reason"])


def _in_force() -> list[tuple[int, str, int]]:
    found = SealMinimum.objects.filter(state=DecisionState.CONFIRMED, ended_at=None)
    return list(found.values_list("protection_level", "objective", "seal"))


def _tell(event: str, minimum: SealMinimum, actor: Person) -> None:
    facts: dict[str, Any] = {
        "protection_level": minimum.protection_level,
        "objective": minimum.objective or None,
        "seal": minimum.seal,
    }
    record(event, minimum, actor=actor, node_id=_node_id(), data=facts)


def _node_id() -> int | None:
    organization = platform_organization()
    return organization.pk if organization else None
