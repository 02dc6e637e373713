"""Two people agree on what is known of a place: one proposes it, another confirms or refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar
from uuid import UUID

from django.db import transaction
from django.utils.functional import Promise
from django.utils.timezone import localdate, now
from django.utils.translation import gettext_lazy as _

from catalog.errors import ReasonRequired
from catalog.models import SupplyProfile
from catalog.placement_errors import OwnSupply, SupplyIncomplete, SupplySettled
from catalog.placement_policies import may_decide_on_supplies
from catalog.placement_words import FACT_WORDS
from catalog.services.placement.supplies import (
    check_drafter,
    lock_draft,
    lock_supply,
    put_in_force,
    reckon,
    settle,
    tell,
)
from portal.audit.services import record_refusal
from portal.core.errors import InvalidInput, NotAllowed
from portal.core.locks import lock_tree_exclusive
from portal.core.text import clean_text
from portal.identity.four_eyes import check_other_humans
from portal.identity.models import Person
from portal.identity.models.proposed import DECISION_LENGTH, DecisionState
from portal.identity.platform import platform_organization
from portal.identity.sensitive import sensitive
from portal.identity.services.roles import refuse_emergency_access

Answer = TypeVar("Answer")
# What every place must say. What else is not known keeps data out, where that matters.
REQUIRED: Final = ("hosting", "locations", "valid_until")


def missing_of(profile: SupplyProfile) -> dict[str, str | Promise]:
    """What an assessment lacks before it can be proposed or confirmed: by fact, in words."""
    lacking = [name for name in REQUIRED if not getattr(profile, name)]
    if not profile.owners.exists():
        lacking.insert(1, "chain")
    words: dict[str, str | Promise] = {name: FACT_WORDS[f"supply.{name}"] for name in lacking}
    if profile.valid_until and profile.valid_until < localdate():
        words["valid_until"] = _("a day that has not passed, until when it is assessed")
    return words


@transaction.atomic(durable=True)
def propose_supply(public_id: UUID, *, actor: Person) -> SupplyProfile:
    """Propose that a draft comes into force. It changes no more; its SEAL and score are reckoned.

    Raises:
        NotAllowed: the actor does not make assessments, or came by emergency access.
        SupplySettled: it is no draft any more.
        SupplyIncomplete: it lacks what every place must say.
    """
    check_drafter(actor)
    refuse_emergency_access(actor)
    draft = lock_draft(public_id)
    _check_complete(draft)
    reckon(draft)
    draft.is_draft, draft.assessed_on = False, localdate()
    draft.proposed_by, draft.proposed_at = actor, now()
    draft.save()
    tell("supply.proposed", draft, actor, {"seal": draft.seal})
    return draft


@transaction.atomic(durable=True)
def take_back_supply(public_id: UUID, *, actor: Person) -> SupplyProfile:
    """Take one's own proposal back. A new draft begins with what it said.

    Raises:
        NotAllowed: somebody else proposed it.
        SupplySettled: somebody decided already.
    """
    profile = _lock_waiting(public_id)
    if profile.proposed_by_id != actor.pk:
        raise NotAllowed()
    settle(profile, DecisionState.WITHDRAWN, actor)
    tell("supply.taken_back", profile, actor, {})
    return profile


@sensitive("supply.confirm")  # says where everybody's data may stand
def confirm_supply(public_id: UUID, *, actor: Person) -> SupplyProfile:
    """Agree with an assessment: from now on placements are judged by it.

    Nobody places anything meanwhile: whoever does holds the tree, shared.

    Raises:
        OwnSupply, SameHuman: the actor proposed it, or may have, with another login.
        NotAllowed: the actor does not decide about places, or came by emergency access.
        SupplySettled: somebody was first.
        SupplyIncomplete: the day until when it holds has passed.
    """
    return _deciding(public_id, actor, lambda: _confirm(public_id, actor))


@sensitive("supply.refuse")
def refuse_supply(public_id: UUID, *, actor: Person, reason: str) -> SupplyProfile:
    """Disagree, with a reason that the proposer reads. A new draft begins with what it said.

    Raises:
        ReasonRequired, InvalidInput: about the reason.
        OwnSupply, SameHuman, NotAllowed, SupplySettled: as in ``confirm_supply``.
    """
    because = clean_reason(reason)
    return _deciding(public_id, actor, lambda: _refuse(public_id, actor, because))


def clean_reason(reason: str) -> str:
    """Return why something is refused.

    Raises:
        ReasonRequired, InvalidInput: there is none, or it cannot be kept.
    """
    try:
        text = clean_text(reason, max_length=DECISION_LENGTH)
    except ValueError as error:
        raise InvalidInput({"reason": [str(error)]}) from error
    if not text:
        raise ReasonRequired(field="reason")
    return text


def _deciding(public_id: UUID, actor: Person, decide: Callable[[], Answer]) -> Answer:
    """Decide, and write a refused attempt down."""
    try:
        return decide()
    except (OwnSupply, NotAllowed) as refusal:
        organization = platform_organization()
        record_refusal(
            "supply.decision_refused",
            SupplyProfile.objects.get(public_id=public_id),
            actor=actor,
            node_id=organization.pk if organization else None,
            code=refusal.code,
        )
        raise


@transaction.atomic(durable=True)
def _confirm(public_id: UUID, actor: Person) -> SupplyProfile:
    lock_tree_exclusive()
    profile = _lock_for_decision(public_id, actor)
    _check_complete(profile)
    earlier = put_in_force(profile, actor)
    tell(
        "supply.confirmed",
        profile,
        actor,
        {"instead_of": earlier.number if earlier else None, "seal": profile.seal},
    )
    return profile


@transaction.atomic(durable=True)
def _refuse(public_id: UUID, actor: Person, reason: str) -> SupplyProfile:
    profile = _lock_for_decision(public_id, actor)
    profile.decision_reason = reason
    settle(profile, DecisionState.REFUSED, actor)
    tell("supply.refused", profile, actor, {})
    return profile


def _lock_for_decision(public_id: UUID, actor: Person) -> SupplyProfile:
    profile = _lock_waiting(public_id)
    if profile.proposed_by_id == actor.pk:
        raise OwnSupply()
    check_other_humans([profile.proposed_by_id], [actor.pk])
    if not may_decide_on_supplies(actor):
        raise NotAllowed()
    refuse_emergency_access(actor)
    return profile


def _lock_waiting(public_id: UUID) -> SupplyProfile:
    profile = lock_supply(public_id)
    if profile.is_draft:
        raise SupplySettled(state=_("Draft"))
    if profile.state != DecisionState.PROPOSED:
        raise SupplySettled(state=profile.get_state_display())
    return profile


def _check_complete(profile: SupplyProfile) -> None:
    missing = missing_of(profile)
    if missing:
        raise SupplyIncomplete(missing=", ".join(str(words) for words in missing.values()))
