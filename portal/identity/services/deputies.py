"""Deputies: who decides on orders in an approver's place, for a period.

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
from portal.core.errors import InvalidInput, NotAllowed
from portal.identity.access import workplace_id
from portal.identity.errors import AboutYourself, DeputyHasEnded, DeputyNamed
from portal.identity.four_eyes import check_other_humans
from portal.identity.models import Deputy, Person, Role
from portal.identity.role_policies import is_approver, may_appoint_for, possible_deputies
from portal.identity.sensitive import sensitive
from portal.identity.services.input import clean_period
from portal.identity.services.roles import lock_person

LONGEST_TERM: Final = timedelta(days=366)


@sensitive("deputy.appoint")
def appoint_deputy(
    absent: Person, deputy: Person, *, first_day: date, last_day: date, actor: Person
) -> Deputy:
    """Let ``deputy`` decide in the place of ``absent``, up to and including the last day.

    Raises:
        NotAllowed: the actor is neither the absent one nor administers what they approve.
        AboutYourself, SameHuman: an administrator appoints themselves, or an approver does.
        InvalidInput: with a message by field.
        DeputyNamed: the same deputy is appointed in these days already.
    """
    try:
        return _appoint(absent, deputy, first_day, last_day, actor)
    except (AboutYourself, NotAllowed) as refusal:
        record_refusal(
            "deputy.appointing_refused",
            absent,
            actor=actor,
            node_id=_where(absent),
            code=refusal.code,
        )
        raise


@transaction.atomic(durable=True)
def _appoint(
    absent: Person, deputy: Person, first_day: date, last_day: date, actor: Person
) -> Deputy:
    for person_id in sorted({absent.pk, deputy.pk}):
        lock_person(person_id)
    if not may_appoint_for(actor, absent):
        raise NotAllowed()
    if deputy.pk == actor.pk:
        raise AboutYourself()
    check_other_humans([deputy.pk], [actor.pk, absent.pk])
    if not is_approver(absent):
        raise InvalidInput({"deputy": [_("Without the role of approver there is no deputy.")]})
    if not possible_deputies(absent).filter(pk=deputy.pk).exists():
        message = _("Choose a colleague who has a role in the same organization now.")
        raise InvalidInput({"deputy": [message]})
    period = clean_period(first_day, last_day, longest=LONGEST_TERM)
    try:
        with transaction.atomic():
            appointment = Deputy.objects.create(
                absent=absent,
                deputy=deputy,
                valid_from=period.start,
                valid_until=period.end,
                appointed_by=actor,
            )
    except IntegrityError as error:
        raise DeputyNamed(field="deputy", name=deputy.name) from error
    _record("deputy.appointed", appointment, actor)
    return appointment


def end_deputy(public_id: UUID, *, actor: Person) -> Deputy:
    """End an appointment now: the absent one, the deputy, or who could have appointed them.

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
    if actor.pk != appointment.deputy_id and not may_appoint_for(actor, absent):
        raise NotAllowed()
    moment = now()
    if appointment.valid_until is not None and appointment.valid_until <= moment:
        raise DeputyHasEnded()
    cut_deputy_short(appointment, at=moment)
    record_deputy_ended(appointment, actor)
    return appointment


# --- parts, for transactions that hold the row of one of both ----------------------------------


def cut_deputy_short(appointment: Deputy, *, at: datetime) -> None:
    """End an appointment at that moment; one that has not begun by then never will."""
    appointment.valid_until = max(at, appointment.valid_from)
    appointment.save(update_fields=["valid_until"])


def record_deputy_ended(appointment: Deputy, actor: Person | None) -> None:
    _record("deputy.ended", appointment, actor)


def _record(event: str, appointment: Deputy, actor: Person | None) -> None:
    data = {"absent": appointment.absent_id, "deputy": appointment.deputy_id}
    record(event, appointment, actor=actor, node_id=_where(appointment.absent), data=data)


def _where(absent: Person) -> int | None:
    """Where they approve, so that its auditors read the entry; else where they work."""
    return workplace_id(absent, Role.APPROVER) or workplace_id(absent)
