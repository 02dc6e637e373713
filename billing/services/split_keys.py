"""Keys by which costs of a project are borne by others: proposed by one, decided by another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.utils.timezone import now
from django.utils.translation import gettext as _

from billing.errors import (
    OwnSplitKey,
    SplitKeyChains,
    SplitKeyOverlaps,
    SplitKeyProposed,
    SplitKeySettled,
    SplitKeyTooLate,
)
from billing.models import SplitKey, SplitMethod, SplitRecipient
from billing.models.statement import REASON_LENGTH
from billing.policies import may_share_out
from billing.services.split_reading import shared_sku
from billing.splitting import WHOLE
from portal.audit.services import Told, record_all, record_refusal
from portal.core.calendar import month_of
from portal.core.errors import InvalidInput, NotAllowed
from portal.core.locks import lock_books, lock_tree_shared
from portal.core.text import clean_text
from portal.identity.four_eyes import check_other_humans
from portal.identity.models import Person, Project
from portal.identity.models.proposed import DecisionState
from portal.identity.sensitive import sensitive
from portal.identity.services.input import clean_reason
from portal.identity.services.roles import refuse_emergency_access

MOST_RECIPIENTS: Final = 200
_TOLD_TO_RECIPIENTS: Final = {
    "split_key.confirmed": "split_key.share_begins",
    "split_key.ended": "split_key.share_ends",
}
Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True)
class KeySays:
    """What shall hold from the beginning of a month on.

    Attributes:
        recipients: who bears a part; with a percentage where the method asks for one.
        valid_until: the beginning of the first month of which it no longer holds; None: for good.
    """

    source: Project
    method: SplitMethod
    recipients: Mapping[Project, Decimal | None]
    valid_from: datetime
    reason: str
    valid_until: datetime | None = None


@transaction.atomic(durable=True)
def propose_key(says: KeySays, *, actor: Person) -> SplitKey:
    """Propose that others bear what a project costs.

    Raises:
        NotAllowed: the actor is no finance of all these projects, or came by emergency access.
        InvalidInput: something is not right in a field.
        SplitKeyProposed: the actor proposed just this already, and it waits.
        SplitKeyOverlaps, SplitKeyChains: another key stands in the way.
    """
    reason = _checked(says)
    _lock(actor, [says.source, *says.recipients])
    _check_not_repeated(says, reason, actor)
    key = SplitKey(
        source=says.source,
        method=says.method,
        reason=reason,
        valid_from=says.valid_from,
        valid_until=says.valid_until,
        recipient_count=len(says.recipients),
        proposed_by=actor,
        proposed_at=now(),
    )
    _check_no_other(key, {project.pk for project in says.recipients})
    shared_sku()
    key.save(force_insert=True)
    SplitRecipient.objects.bulk_create(
        SplitRecipient(key=key, project=project, percentage=percentage)
        for project, percentage in says.recipients.items()
    )
    _tell("split_key.proposed", key, actor)
    return key


@transaction.atomic(durable=True)
def propose_ending(
    public_id: UUID, *, valid_from: datetime, reason: str, actor: Person
) -> SplitKey:
    """Propose that a key no longer holds from a month on; it moves money, so another decides.

    From its own first month on: then it never holds.

    Raises:
        NotAllowed: as in ``propose_key``.
        InvalidInput: the month or the reason is not right.
        SplitKeySettled: it was not confirmed, or ended, or somebody proposed that already.
    """
    because = _clean_why(reason)
    key = SplitKey.objects.select_related("source").get(public_id=public_id)
    _lock(actor, projects_of(key))
    key.refresh_from_db()
    if key.state != DecisionState.CONFIRMED or key.ends_id or key.never_holds:
        raise SplitKeySettled(state=key.get_state_display())
    if waiting := key.endings.filter(state=DecisionState.PROPOSED).first():
        raise SplitKeySettled(state=waiting.get_state_display())
    _check_month("valid_from", valid_from)
    is_later = key.valid_until is not None and valid_from >= key.valid_until
    if valid_from < key.valid_from or is_later:
        raise InvalidInput({"valid_from": [_("Choose a month in which the key holds.")]})
    ending = SplitKey.objects.create(
        source=key.source,
        reason=because,
        valid_from=valid_from,
        recipient_count=0,
        ends=key,
        proposed_by=actor,
        proposed_at=now(),
    )
    _tell("split_key.ending_proposed", ending, actor)
    return ending


@sensitive("split_key.confirm")
def confirm_key(public_id: UUID, *, actor: Person) -> SplitKey:
    """Agree: from that month on others bear it; or no longer, of a proposal that ends a key.

    Raises:
        OwnSplitKey, SameHuman: the actor proposed it, or may have, with another login.
        NotAllowed: the actor is no finance of all these projects, or came by emergency access.
        SplitKeySettled: somebody was first.
        SplitKeyTooLate, SplitKeyOverlaps, SplitKeyChains: it can no longer be as proposed.
    """
    return _deciding(public_id, actor, lambda: _confirm(public_id, actor))


@sensitive("split_key.refuse")
def refuse_key(public_id: UUID, *, actor: Person, reason: str) -> SplitKey:
    """Disagree, with a reason that the proposer reads.

    Raises:
        RefusalNeedsReason, InvalidInput: about the reason.
        OwnSplitKey, SameHuman, NotAllowed, SplitKeySettled: as in ``confirm_key``.
    """
    because = clean_reason(reason)
    return _deciding(public_id, actor, lambda: _refuse(public_id, actor, because))


@transaction.atomic(durable=True)
def take_back_key(public_id: UUID, *, actor: Person) -> SplitKey:
    """Take one's own proposal back.

    Raises:
        NotAllowed: somebody else proposed it.
        SplitKeySettled: somebody decided already.
    """
    lock_tree_shared()
    lock_books()
    waiting = _waiting(public_id)
    if waiting.proposed_by_id != actor.pk:
        raise NotAllowed()
    _settle(waiting, DecisionState.WITHDRAWN, actor)
    _tell("split_key.taken_back", waiting, actor)
    return waiting


def projects_of(key: SplitKey) -> list[Project]:
    """The source and all that bear a part, of the key itself or of the one that it ends."""
    split = key.ends or key
    recipients = split.recipients.select_related("project")
    return [split.source, *(one.project for one in recipients)]


# --- deciding ----------------------------------------------------------------------------------


def _deciding(public_id: UUID, actor: Person, decide: Callable[[], Answer]) -> Answer:
    """Decide, and write a refused attempt down."""
    try:
        return decide()
    except NotAllowed as refusal:
        key = SplitKey.objects.get(public_id=public_id)
        record_refusal(
            "split_key.decision_refused",
            key,
            actor=actor,
            node_id=key.source_id,
            code=refusal.code,
        )
        raise


@transaction.atomic(durable=True)
def _confirm(public_id: UUID, actor: Person) -> SplitKey:
    waiting = _lock_for_decision(public_id, actor)
    if waiting.valid_from <= now():
        raise SplitKeyTooLate()
    if waiting.ends is None:
        recipients = set(waiting.recipients.values_list("project_id", flat=True))
        _check_no_other(waiting, recipients)
    _settle(waiting, DecisionState.CONFIRMED, actor)
    if waiting.ends is not None:
        _end(waiting.ends, waiting.valid_from)
    _tell("split_key.ended" if waiting.ends else "split_key.confirmed", waiting, actor)
    return waiting


def _end(key: SplitKey, moment: datetime) -> None:
    """Have it hold no longer. The database lets a key end once that is confirmed."""
    if key.valid_until is not None and key.valid_until <= moment:
        raise SplitKeySettled(state=key.get_state_display())
    key.valid_until = moment
    key.save(update_fields=["valid_until"])


@transaction.atomic(durable=True)
def _refuse(public_id: UUID, actor: Person, reason: str) -> SplitKey:
    waiting = _lock_for_decision(public_id, actor)
    waiting.decision_reason = reason
    _settle(waiting, DecisionState.REFUSED, actor)
    _tell("split_key.refused", waiting, actor)
    return waiting


def _lock_for_decision(public_id: UUID, actor: Person) -> SplitKey:
    lock_tree_shared()
    lock_books()
    waiting = _waiting(public_id)
    if waiting.proposed_by_id == actor.pk:
        raise OwnSplitKey()
    check_other_humans([waiting.proposed_by_id], [actor.pk])
    _check_may(actor, projects_of(waiting))
    return waiting


def _waiting(public_id: UUID) -> SplitKey:
    keys = SplitKey.objects.select_for_update(of=("self",)).select_related("source", "ends__source")
    waiting = keys.get(public_id=public_id)
    if waiting.state != DecisionState.PROPOSED:
        raise SplitKeySettled(state=waiting.get_state_display())
    return waiting


def _settle(waiting: SplitKey, state: DecisionState, actor: Person) -> None:
    waiting.state, waiting.decided_by, waiting.decided_at = state, actor, now()
    waiting.save(update_fields=["state", "decided_by", "decided_at", "decision_reason"])


# --- what may be -------------------------------------------------------------------------------


def _lock(actor: Person, projects: list[Project]) -> None:
    lock_tree_shared()
    lock_books()
    _check_may(actor, projects)


def _check_may(actor: Person, projects: list[Project]) -> None:
    if not may_share_out(actor, projects):
        raise NotAllowed()
    refuse_emergency_access(actor)


def _checked(says: KeySays) -> str:
    """The reason as it is kept; raise what is wrong with the rest."""
    reason = _clean_why(says.reason)
    _check_month("valid_from", says.valid_from)
    if says.valid_until is not None:
        _check_month("valid_until", says.valid_until)
        if says.valid_until <= says.valid_from:
            raise InvalidInput({"valid_until": [_("Choose a month after the first one.")]})
    if problem := _problem_of_recipients(says):
        raise InvalidInput({"recipients": [problem]})
    return reason


def _problem_of_recipients(says: KeySays) -> str:
    """In words; empty: none."""
    percentages = list(says.recipients.values())
    given = [one for one in percentages if one is not None]
    if not says.recipients:
        return _("Choose at least one project that bears a part.")
    if len(says.recipients) > MOST_RECIPIENTS:
        return _("Choose at most {count} projects.").format(count=MOST_RECIPIENTS)
    if says.source in says.recipients:
        return _("The project whose costs are shared cannot bear a part itself.")
    if any(project.ended_at for project in (says.source, *says.recipients)):
        return _("One of these projects has ended.")
    if says.method != SplitMethod.PERCENTAGES:
        return _("Only a key with fixed percentages has percentages.") if given else ""
    if len(given) != len(percentages) or min(given) <= 0 or sum(given) != WHOLE:
        return _("Give each project a percentage. Together they must be exactly 100.")
    if any(one != round(one, 3) for one in given):
        return _("Give percentages with at most three decimals.")
    return ""


def _check_month(field: str, moment: datetime) -> None:
    if month_of(moment).start != moment or moment <= now():
        raise InvalidInput({field: [_("Choose a month that has yet to begin.")]})


def _clean_why(reason: str) -> str:
    try:
        cleaned = clean_text(reason, max_length=REASON_LENGTH)
    except ValueError as error:
        raise InvalidInput({"reason": [str(error)]}) from error
    if not cleaned:
        raise InvalidInput({"reason": [_("Fill this in.")]})
    return cleaned


def _check_not_repeated(says: KeySays, reason: str, actor: Person) -> None:
    """Who sends the same once more, as a program does that heard no answer, proposes nothing."""
    waiting = SplitKey.objects.filter(
        source=says.source,
        method=says.method,
        reason=reason,
        valid_from=says.valid_from,
        valid_until=says.valid_until,
        ends=None,
        proposed_by=actor,
        state=DecisionState.PROPOSED,
    )
    parts = {project.pk: percentage for project, percentage in says.recipients.items()}
    for key in waiting:
        if dict(key.recipients.values_list("project_id", "percentage")) == parts:
            raise SplitKeyProposed()


def _check_no_other(key: SplitKey, recipients: set[int]) -> None:
    """No other key of the same source then, and no costs that are passed on twice."""
    at_the_same_time = Q(valid_until=None) | Q(valid_until__gt=key.valid_from)
    if key.valid_until is not None:
        at_the_same_time &= Q(valid_from__lt=key.valid_until)
    others = SplitKey.objects.filter(
        at_the_same_time, state=DecisionState.CONFIRMED, ends=None
    ).exclude(valid_until__lte=F("valid_from"))
    if others.filter(source=key.source_id).exists():
        raise SplitKeyOverlaps()
    chained = Q(source__in=recipients) | Q(recipients__project=key.source_id)
    if other := others.filter(chained).select_related("source").first():
        raise SplitKeyChains(project=other.source.name)


def _tell(event: str, key: SplitKey, actor: Person) -> None:
    """In the trail of the source; what is agreed in that of whoever bears a part as well."""
    split = key.ends or key
    recipients = list(split.recipients.select_related("project"))
    told = Told(
        event=event,
        subject=key,
        actor=actor,
        node_id=key.source_id,
        data={
            "key": str(split.public_id),
            "method": split.method,
            "valid_from": key.valid_from.isoformat(),
            "valid_until": key.valid_until.isoformat() if key.valid_until else None,
            "recipients": {
                str(one.project.public_id): str(one.percentage) if one.percentage else None
                for one in recipients
            },
            "reason": key.reason,
        },
    )
    told_to_them = [
        Told(
            event=_TOLD_TO_RECIPIENTS[event],
            subject=key,
            actor=actor,
            node_id=one.project_id,
            data=_data_for(one, split, key),
        )
        for one in recipients
        if event in _TOLD_TO_RECIPIENTS
    ]
    record_all([told, *told_to_them])


def _data_for(one: SplitRecipient, split: SplitKey, key: SplitKey) -> dict[str, str | None]:
    """What whoever bears a part reads of what was agreed: nothing of what others bear."""
    data: dict[str, str | None] = {
        "key": str(split.public_id),
        "source": str(split.source.public_id),
        "from": key.valid_from.isoformat(),
    }
    if key.ends:
        return data
    return {
        **data,
        "until": key.valid_until.isoformat() if key.valid_until else None,
        "method": key.method,
        "percentage": str(one.percentage) if one.percentage else None,
    }
