"""Drafting what is known of places. It is in force once two people agreed on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils.timezone import localdate, now
from django.utils.translation import gettext as _

from catalog.models import Offering, SupplyProfile
from catalog.placement import Supply
from catalog.placement.csf import Answer, Framework, assess, proven_seals
from catalog.placement_errors import SupplySettled, SupplyWaits
from catalog.placement_policies import may_draft_supplies
from catalog.placement_words import Objective
from catalog.services.placement.supply_content import (
    COPIED_FACTS,
    CsfAnswer,
    SupplyChanges,
    clean_changes,
    copy_parts,
    keep_changes,
    write_answers,
    write_chain,
    write_dependencies,
)
from portal.audit.services import record
from portal.cloud.models import Cloud
from portal.core.errors import InvalidInput, NotAllowed
from portal.identity.models import Person
from portal.identity.models.proposed import DecisionState
from portal.identity.platform import platform_organization

FRAMEWORK: Final = Framework.GUIDANCE_2026_06  # of a new assessment


@transaction.atomic(durable=True)
def begin_supply(cloud: Cloud, *, offering: Offering | None, actor: Person) -> SupplyProfile:
    """Begin an assessment of a cloud, or of one offering in it, with what the last one said.

    Raises:
        NotAllowed: the actor does not make assessments.
        SupplyWaits: one is being made, or waits for a decision.
        InvalidInput: the offering is not made in that cloud.
    """
    check_drafter(actor)
    lock_cloud(cloud.pk)
    if offering and not offering.versions.filter(cloud=cloud).exists():
        raise InvalidInput({"offering": [_("This is not made in that cloud.")]})
    known = SupplyProfile.objects.filter(cloud=cloud, offering=offering)
    if known.filter(state=DecisionState.PROPOSED).exists():
        raise SupplyWaits()
    source = known.order_by("-number").first()
    facts = {name: getattr(source, name) for name in COPIED_FACTS} if source else {}
    draft = _add_draft(known, cloud, offering, actor, {**facts, "framework": FRAMEWORK})
    if source:
        copy_parts(source, draft)
    tell("supply.drafted", draft, actor, {"copied_from": source.number if source else None})
    return draft


@transaction.atomic(durable=True)
def edit_supply(public_id: UUID, changes: SupplyChanges, *, actor: Person) -> SupplyProfile:
    """Let a draft say something else.

    Raises:
        NotAllowed: the actor does not make assessments.
        SupplySettled: it is no draft any more.
        InvalidInput: something in it cannot be; by fact, or code of a criterion.
    """
    check_drafter(actor)
    draft = lock_draft(public_id)
    cleaned = clean_changes(changes)
    keep_changes(draft, cleaned)
    tell("supply.changed", draft, actor, {"changed": cleaned.sections})
    return draft


@transaction.atomic(durable=True)
def drop_supply(public_id: UUID, *, actor: Person) -> None:
    """Throw a draft away; that it was there stays in the audit trail.

    Raises:
        NotAllowed: the actor does not make assessments.
        SupplySettled: it is no draft any more.
    """
    check_drafter(actor)
    draft = lock_draft(public_id)
    draft.owners.all().delete()
    draft.dependencies.all().delete()
    draft.answers.all().delete()
    SupplyProfile.objects.filter(pk=draft.pk).delete()
    tell("supply.dropped", draft, actor, {})


@transaction.atomic
def write_supply(
    cloud: Cloud,
    supply: Supply,
    *,
    by: tuple[Person, Person],
    offering: Offering | None = None,
    answers: Mapping[str, CsfAnswer] | None = None,
) -> SupplyProfile:
    """Keep what is known of a place from now on, instead of what was known.

    For what comes with the installation: there ``by`` are who proposed it and who confirmed it.
    ``answers``: to the framework; what they prove takes the place of the SEALs of ``supply``.
    """
    proposer, decider = by
    known = SupplyProfile.objects.filter(cloud=cloud, offering=offering)
    draft = _add_draft(known, cloud, offering, proposer, _columns(supply))
    write_chain(draft, supply.chain)
    write_dependencies(draft, supply.dependencies or ())
    write_answers(draft, answers or {})
    if answers:
        reckon(draft)
    draft.is_draft, draft.assessed_on = False, localdate()
    draft.save()
    put_in_force(draft, decider)
    return draft


def reckon(draft: SupplyProfile) -> None:
    """Fill in what the proven answers make: SEAL by objective, that of the whole, the score."""
    answers = answers_of(draft)
    seals = proven_seals(answers)
    draft.seals = dict(seals)
    draft.seal = lowest_of(draft.seals)
    framework = Framework(draft.framework or FRAMEWORK)
    draft.framework = framework
    draft.score = assess(answers, framework, only_proven=True).score if answers else None


def answers_of(profile: SupplyProfile) -> dict[str, Answer]:
    """The answers to the framework, as the rules know them, by code of the criterion."""
    return {
        each.criterion: Answer(each.answer, is_proven=bool(each.evidence))
        for each in profile.answers.all()
    }


def seals_of(profile: SupplyProfile) -> dict[Objective, int | None]:
    """The proven SEAL by objective: as it was reckoned, or of a draft as it is now."""
    if profile.is_draft:
        return dict(proven_seals(answers_of(profile)))
    return {objective: profile.seals.get(objective) for objective in Objective}


def lowest_of(seals: Mapping[Any, int | None]) -> int | None:
    """None, so not known, as long as one of them is, or where there are none."""
    known = [seal for seal in seals.values() if seal is not None]
    return min(known) if known and len(known) == len(seals) else None


def put_in_force(profile: SupplyProfile, decider: Person) -> SupplyProfile | None:
    """Confirm a proposal, and end what was in force before: that is returned."""
    moment = now()
    earlier = SupplyProfile.objects.filter(
        cloud=profile.cloud_id,
        offering=profile.offering_id,
        state=DecisionState.CONFIRMED,
        ended_at=None,
    ).first()
    if earlier:
        earlier.ended_at = moment
        earlier.save(update_fields=["ended_at"])
    settle(profile, DecisionState.CONFIRMED, decider)
    if profile.offering_id is None:
        shown = {"seal": profile.seal, "hosting": profile.hosting}
        Cloud.objects.filter(pk=profile.cloud_id).update(operator_profile=shown)
        profile.cloud.operator_profile = shown
    return earlier


def settle(profile: SupplyProfile, state: DecisionState, actor: Person) -> None:
    """Write down what became of a proposal."""
    profile.state, profile.decided_by, profile.decided_at = state, actor, now()
    profile.save(update_fields=["state", "decided_by", "decided_at", "decision_reason"])


def check_drafter(actor: Person) -> None:
    """Raise NotAllowed when the actor does not make assessments."""
    if not may_draft_supplies(actor):
        raise NotAllowed()


def lock_cloud(pk: int) -> None:
    """Only one at a time makes or decides about an assessment of what a cloud holds."""
    Cloud.objects.select_for_update(no_key=True).get(pk=pk)


def lock_supply(public_id: UUID) -> SupplyProfile:
    """Lock the cloud, and return the assessment as it is now."""
    lock_cloud(SupplyProfile.objects.values_list("cloud", flat=True).get(public_id=public_id))
    profiles = SupplyProfile.objects.select_for_update(of=("self",))
    return profiles.select_related("cloud", "offering").get(public_id=public_id)


def lock_draft(public_id: UUID) -> SupplyProfile:
    """Lock a draft.

    Raises:
        SupplySettled: it is no draft any more.
    """
    profile = lock_supply(public_id)
    if not profile.is_draft:
        raise SupplySettled(state=profile.get_state_display())
    return profile


def tell(event: str, profile: SupplyProfile, actor: Person, data: dict[str, Any]) -> None:
    """Tell the audit trail, where the auditors of the platform read it."""
    organization = platform_organization()
    facts = {
        "cloud": profile.cloud.key,
        "offering": profile.offering.code if profile.offering else None,
        "number": profile.number,
    }
    node_id = organization.pk if organization else None
    record(event, profile, actor=actor, node_id=node_id, data={**facts, **data})


def _add_draft(
    known: QuerySet[SupplyProfile],
    cloud: Cloud,
    offering: Offering | None,
    actor: Person,
    facts: Mapping[str, Any],
) -> SupplyProfile:
    return SupplyProfile.objects.create(
        cloud=cloud,
        offering=offering,
        number=(known.aggregate(last=Max("number"))["last"] or 0) + 1,
        proposed_by=actor,
        proposed_at=now(),
        **facts,
    )


def _columns(supply: Supply) -> dict[str, object]:
    return {
        "hosting": supply.hosting or "",
        "locations": list(supply.locations),
        "keys": supply.keys or "",
        "is_encrypted_at_rest": supply.is_encrypted_at_rest,
        "is_encrypted_in_transit": supply.is_encrypted_in_transit,
        "lists_dependencies": supply.dependencies is not None,
        "highest_protection_level": supply.highest_protection_level,
        "highest_rubricering": supply.highest_rubricering or "",
        "admits_personal_data": supply.admits_personal_data,
        "admits_special_data": supply.admits_special_data,
        "seals": dict(supply.seals),
        "seal": lowest_of(dict(supply.seals)),
        "valid_until": supply.valid_until,
    }
