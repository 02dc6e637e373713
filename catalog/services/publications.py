"""Publishing what can be ordered takes two people; withdrawing it takes one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now

from catalog.errors import OwnPublication, PublicationSettled, ReasonRequired, VersionSettled
from catalog.models import (
    OfferingVersion,
    OfferingVersionState,
    Publication,
    PublicationState,
)
from catalog.models.offering import REASON_LENGTH
from catalog.offering_policies import may_decide_on_offers
from catalog.services.offering_checks import check_ready
from catalog.services.offering_facts import difference, facts_of
from catalog.services.offerings import (
    check_drafter,
    end_version,
    lock_draft,
    lock_version,
    write,
)
from portal.audit.services import record_refusal
from portal.core.errors import InvalidInput, NotAllowed
from portal.core.text import clean_text
from portal.identity.four_eyes import check_other_humans
from portal.identity.models import Person
from portal.identity.platform import platform_organization
from portal.identity.sensitive import sensitive
from portal.identity.services.roles import refuse_emergency_access

Answer = TypeVar("Answer")


@transaction.atomic(durable=True)
def propose_publication(public_id: UUID, *, actor: Person) -> Publication:
    """Propose that a draft be published; until somebody decides it cannot change.

    Raises:
        NotAllowed: the actor does not make the catalogue, or came by emergency access.
        VersionSettled, DraftWaits: somebody was first.
        OfferingNotReady: something in it cannot be made, or has no price.
    """
    check_drafter(actor)
    refuse_emergency_access(actor)
    draft = lock_draft(public_id)
    check_ready(draft)
    publication = Publication.objects.create(version=draft, proposed_by=actor, proposed_at=now())
    write("offering.publication_proposed", draft, actor, {"number": draft.number})
    return publication


@transaction.atomic(durable=True)
def take_back_publication(public_id: UUID, *, actor: Person) -> Publication:
    """Take one's own proposal back; the draft can change again.

    Raises:
        NotAllowed: somebody else proposed it.
        PublicationSettled: somebody decided already.
    """
    publication = _lock_waiting(public_id)
    if publication.proposed_by_id != actor.pk:
        raise NotAllowed()
    _settle(publication, PublicationState.WITHDRAWN, actor)
    _tell("offering.publication_taken_back", publication, actor, {})
    return publication


@sensitive("offering.publish")
def publish_version(public_id: UUID, *, actor: Person) -> OfferingVersion:
    """Agree with a publication: from now on this version is ordered, and no longer the one before.

    Args:
        public_id: of the publication, so that what is published is what the actor saw.

    Raises:
        OwnPublication, SameHuman: the actor proposed it, or may have, with another login.
        NotAllowed: the actor does not decide on the catalogue.
        PublicationSettled: somebody was first.
        OfferingNotReady: meanwhile something in it cannot be made, or has no price.
    """
    return _deciding(public_id, actor, lambda: _publish(public_id, actor))


@sensitive("offering.refuse")
def refuse_publication(public_id: UUID, *, actor: Person, reason: str) -> Publication:
    """Disagree, with a reason that the proposer reads; the draft can change again.

    Raises:
        ReasonRequired, InvalidInput: about the reason.
        OwnPublication, SameHuman, NotAllowed, PublicationSettled: as in ``publish_version``.
    """
    because = _clean_reason(reason)
    return _deciding(public_id, actor, lambda: _refuse(public_id, actor, because))


@sensitive("offering.withdraw")
@transaction.atomic(durable=True)
def withdraw_version(public_id: UUID, *, actor: Person) -> OfferingVersion:
    """Take a published version out of the catalogue. What was delivered stays as it is.

    Raises:
        NotAllowed: the actor does not decide on the catalogue.
        VersionSettled: it is not published.
    """
    if not may_decide_on_offers(actor):
        raise NotAllowed()
    version = lock_version(public_id)
    if version.state != OfferingVersionState.PUBLISHED:
        raise VersionSettled(state=version.get_state_display())
    end_version(version, actor)
    write("offering.withdrawn", version, actor, {"number": version.number})
    return version


def _deciding(public_id: UUID, actor: Person, decide: Callable[[], Answer]) -> Answer:
    """Decide, and write a refused attempt down."""
    try:
        return decide()
    except (OwnPublication, NotAllowed) as refusal:
        version = OfferingVersion.objects.get(publications__public_id=public_id)
        organization = platform_organization()
        record_refusal(
            "offering.decision_refused",
            version,
            actor=actor,
            node_id=organization.pk if organization else None,
            code=refusal.code,
        )
        raise


@transaction.atomic(durable=True)
def _publish(public_id: UUID, actor: Person) -> OfferingVersion:
    publication = _lock_for_decision(public_id, actor)
    version = publication.version
    check_ready(version)
    earlier = version.offering.versions.filter(state=OfferingVersionState.PUBLISHED).first()
    changed = difference(facts_of(earlier) if earlier else {}, facts_of(version))
    if earlier:
        end_version(earlier, actor)
    _settle(publication, PublicationState.CONFIRMED, actor)
    version.state = OfferingVersionState.PUBLISHED
    version.save(update_fields=["state"])
    instead_of = earlier.number if earlier else None
    _tell("offering.published", publication, actor, {"instead_of": instead_of, **changed})
    return version


@transaction.atomic(durable=True)
def _refuse(public_id: UUID, actor: Person, reason: str) -> Publication:
    publication = _lock_for_decision(public_id, actor)
    publication.decision_reason = reason
    _settle(publication, PublicationState.REFUSED, actor)
    _tell("offering.publication_refused", publication, actor, {})
    return publication


def _lock_for_decision(public_id: UUID, actor: Person) -> Publication:
    publication = _lock_waiting(public_id)
    if publication.proposed_by_id == actor.pk:
        raise OwnPublication()
    check_other_humans([publication.proposed_by_id], [actor.pk])
    if not may_decide_on_offers(actor):
        raise NotAllowed()
    refuse_emergency_access(actor)
    return publication


def _lock_waiting(public_id: UUID) -> Publication:
    """Lock the offering, its version and the publication, in this order."""
    found = Publication.objects.select_related("version").get(public_id=public_id)
    version = lock_version(found.version.public_id)
    publication = Publication.objects.select_for_update().get(public_id=public_id)
    publication.version = version
    if publication.state != PublicationState.PROPOSED:
        raise PublicationSettled(state=publication.get_state_display())
    return publication


def _settle(publication: Publication, state: PublicationState, actor: Person) -> None:
    publication.state, publication.decided_by, publication.decided_at = state, actor, now()
    publication.save(update_fields=["state", "decided_by", "decided_at", "decision_reason"])


def _tell(event: str, publication: Publication, actor: Person, data: dict[str, Any]) -> None:
    version = publication.version
    facts = {"publication": str(publication.public_id), "number": version.number}
    write(event, version, actor, {**facts, **data})


def _clean_reason(reason: str) -> str:
    try:
        text = clean_text(reason, max_length=REASON_LENGTH)
    except ValueError as error:
        raise InvalidInput({"reason": [str(error)]}) from error
    if not text:
        raise ReasonRequired(field="reason")
    return text
