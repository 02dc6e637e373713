"""Deputies: who decides on orders in an approver's place, for a period.

An approver appoints their own. For somebody else it takes two people: ``proposals``.

Locks: the people by primary key, then the appointment, then the audit head.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from portal.audit.services import record, record_refusal
from portal.core.errors import DomainError, InvalidInput, NotAllowed
from portal.core.models import is_not_over
from portal.identity.access import workplace_id
from portal.identity.errors import DeputyHasEnded, DeputyNamed
from portal.identity.four_eyes import check_other_humans
from portal.identity.models import Deputy, Person, Role, RoleProposal
from portal.identity.role_policies import is_approver, may_end_deputies, possible_deputies
from portal.identity.sensitive import sensitive
from portal.identity.services.input import clean_period
from portal.identity.services.roles import lock_person, refuse_emergency_access

LONGEST_TERM: Final = timedelta(days=366)


@sensitive("deputy.appoint")
@transaction.atomic(durable=True)
def appoint_deputy(deputy: Person, *, first_day: date, last_day: date, actor: Person) -> Deputy:
    """Let ``deputy`` decide in the place of the actor, up to and including the last day.

    For somebody else it takes two people: ``proposals.propose_deputy``.

    Raises:
        SameHuman: the deputy may be the absent one, with another login.
        InvalidInput: with a message by field.
        DeputyNamed: the same deputy is appointed in these days already.
        EmergencyDecidesNothing: the actor came in by emergency access.
    """
    absent, deputy = lock_both(actor.pk, deputy.pk)
    refuse_emergency_access(actor)
    check_other_humans([deputy.pk], [absent.pk])
    check_deputy(absent, deputy)
    period = clean_period(first_day, last_day, longest=LONGEST_TERM)
    appointment = Deputy(absent=absent, deputy=deputy, appointed_by=actor)
    appointment.valid_from, appointment.valid_until = period.start, period.end
    _save(appointment)
    _record("deputy.appointed", appointment, actor)
    return appointment


def end_deputy(public_id: UUID, *, actor: Person) -> Deputy:
    """End an appointment now: the absent one, the deputy, or who could propose one.

    Raises:
        NotAllowed: the actor is none of these.
        DeputyHasEnded: there is nothing to end.
    """
    try:
        return _end(public_id, actor)
    except NotAllowed as refusal:
        appointment = Deputy.objects.select_related("absent").get(public_id=public_id)
        record_refusal(
            "deputy.ending_refused",
            appointment,
            actor=actor,
            node_id=_where(appointment.absent),
            code=refusal.code,
        )
        raise


@transaction.atomic(durable=True)
def _end(public_id: UUID, actor: Person) -> Deputy:
    appointments = Deputy.objects.filter(public_id=public_id)
    absent = lock_person(appointments.values_list("absent_id", flat=True).get())
    appointment = appointments.select_for_update().get()
    if actor.pk != appointment.deputy_id and not may_end_deputies(actor, absent):
        raise NotAllowed()
    moment = now()
    if appointment.valid_until <= max(moment, appointment.valid_from):
        raise DeputyHasEnded()
    cut_deputy_short(appointment, at=moment)
    record_deputy_ended(appointment, actor)
    return appointment


# --- parts, for transactions that hold the row of one of both ----------------------------------


def lock_both(absent_id: int, deputy_id: int) -> tuple[Person, Person]:
    """Lock the absent one and the deputy, in the order in which everybody locks people."""
    locked = {pk: lock_person(pk) for pk in sorted({absent_id, deputy_id})}
    return locked[absent_id], locked[deputy_id]


def check_deputy(absent: Person, deputy: Person) -> None:
    """Refuse who has no deputy, and who cannot be one.

    Raises:
        InvalidInput: with a message at the field of the deputy.
    """
    if not is_approver(absent):
        raise InvalidInput({"deputy": [_("Without the role of approver there is no deputy.")]})
    if not possible_deputies(absent).filter(pk=deputy.pk).exists():
        message = _("Choose a colleague who has a role in the same organization now.")
        raise InvalidInput({"deputy": [message]})


def appoint_as_decided(proposal: RoleProposal, absent: Person, *, begins: datetime) -> Deputy:
    """Carry out the decision that somebody took on a proposal.

    Raises:
        InvalidInput, DeputyNamed: meanwhile they cannot be the deputy, or are already.
    """
    check_deputy(absent, proposal.person)
    appointment = Deputy(
        absent=absent,
        deputy=proposal.person,
        appointed_by=proposal.decided_by,
        proposal=proposal,
        valid_from=begins,
        valid_until=proposal.valid_until,
    )
    _save(appointment)
    _record("deputy.appointed", appointment, proposal.decided_by, proposal=str(proposal.public_id))
    return appointment


def record_refused_appointing(absent: Person, actor: Person, refusal: DomainError) -> None:
    """Write down that somebody tried to get a deputy appointed. Outside every transaction."""
    node_id, event = _where(absent), "deputy.appointing_refused"
    record_refusal(event, absent, actor=actor, node_id=node_id, code=refusal.code)


def cut_deputy_short(appointment: Deputy, *, at: datetime) -> None:
    """End an appointment at that moment; one that has not begun by then never will."""
    appointment.valid_until = max(at, appointment.valid_from)
    appointment.save(update_fields=["valid_until"])


def end_idle_deputies(absent: Person) -> list[Deputy]:
    """End the appointments by somebody who has nothing to approve any more."""
    if is_approver(absent):
        return []
    moment = now()
    deputies = Deputy.objects.select_for_update().filter(is_not_over(moment), absent=absent)
    ended = list(deputies.order_by("pk"))
    for appointment in ended:
        cut_deputy_short(appointment, at=moment)
    return ended


def record_deputy_ended(appointment: Deputy, actor: Person | None) -> None:
    _record("deputy.ended", appointment, actor)


def _save(appointment: Deputy) -> None:
    try:
        with transaction.atomic():
            appointment.save(force_insert=True)
    except IntegrityError as error:
        if "deputy_appointed_once_at_a_time" not in str(error):
            raise
        raise DeputyNamed(field="deputy", name=appointment.deputy.name) from error


def _record(event: str, appointment: Deputy, actor: Person | None, **more: str) -> None:
    data = {"absent": appointment.absent_id, "deputy": appointment.deputy_id, **more}
    record(event, appointment, actor=actor, node_id=_where(appointment.absent), data=data)


def _where(absent: Person) -> int | None:
    """Where they approve, so that its auditors read the entry; else where they work."""
    return workplace_id(absent, Role.APPROVER) or workplace_id(absent)
