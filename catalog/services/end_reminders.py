"""Saying in time that a resource ends: thirty days, seven days and a day before.

Each is a row that is written once for an end date, and sent once where there is a mail server
(``portal.core.mailing``). One that was missed is not written afterwards: only what is true now is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Final

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.urls import reverse
from django.utils import translation
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from catalog.kinds import get_kind
from catalog.models import EndReminder, Resource, ResourceState
from catalog.services.operations import lock_order_and_resource
from catalog.services.terms import grace_of
from portal.audit.services import record
from portal.core import formats
from portal.core.calendar import day_of
from portal.core.dispatch import enqueue_on_commit
from portal.core.faults import each_by_itself
from portal.core.mailing import send_letter, waits_at
from portal.identity.access import standing_grants
from portal.identity.models import Person, Role

REMINDER_DAYS: Final = (1, 7, 30)
MOST_AT_ONCE: Final = 200  # of each stage; the next round is a minute later
MOST_READERS: Final = 20


def stage_of(end_date: date, today: date) -> int | None:
    """How many days before the end the reminder of today belongs to; None: too early or over."""
    left = (end_date - today).days
    return next((days for days in REMINDER_DAYS if 0 <= left <= days), None)


def remind(*, at: datetime) -> int:
    """Write down what ends soon, and ring for every letter that was not sent yet.

    Returns how many reminders were written.

    Raises:
        ExceptionGroup: what went wrong, after every resource had its turn.
    """
    today, least = day_of(at), 0
    ids: list[int] = []
    for days in REMINDER_DAYS:
        reminded = EndReminder.objects.filter(
            resource=OuterRef("pk"), end_date=OuterRef("end_date"), days=days
        )
        due = Resource.objects.filter(
            ~Exists(reminded),
            state=ResourceState.ACTIVE,
            end_date__range=(today + timedelta(days=least), today + timedelta(days=days)),
        )
        ids += due.order_by("end_date", "pk").values_list("pk", flat=True)[:MOST_AT_ONCE]
        least = days + 1
    try:
        return each_by_itself(partial(_write, at=at), ids)
    finally:
        _ring(at)


def send_reminder(reminder_id: int) -> bool:
    """Send one reminder, unless that was done, is being done, or is no use any more."""
    reminders = EndReminder.objects.select_related(
        "resource__project",
        "resource__order_line__order__requested_by",
        "resource__order_line__offering_version",
    )
    return send_letter(reminders, reminder_id, _compose)


@transaction.atomic(durable=True)
def _write(resource_id: int, at: datetime) -> int:
    resource = Resource.objects.get(pk=resource_id)
    lock_order_and_resource(resource)
    resource.refresh_from_db()
    end_date = resource.end_date
    days = stage_of(end_date, day_of(at)) if end_date else None
    if end_date is None or days is None or resource.state != ResourceState.ACTIVE:
        return 0
    _reminder, is_new = EndReminder.objects.get_or_create(
        resource=resource,
        end_date=end_date,
        days=days,
        defaults={"created_at": at, "due_at": at},
    )
    if is_new:
        data = {"end_date": str(end_date), "days": days}
        node_id = resource.project_id
        record("resource.end_reminded", resource, actor=None, node_id=node_id, data=data)
    return int(is_new)


@transaction.atomic(durable=True)
def _ring(at: datetime) -> None:
    if not settings.MAIL_IS_ON:
        return
    waiting = EndReminder.objects.filter(
        waits_at(at),
        end_date__gte=day_of(at),
        resource__state=ResourceState.ACTIVE,
        resource__end_date=F("end_date"),
    )
    for reminder_id in waiting.order_by("pk").values_list("pk", flat=True)[:MOST_AT_ONCE]:
        enqueue_on_commit("catalog.send_end_reminder", queue="bulk", reminder_id=reminder_id)


def _readers_of(resource: Resource) -> list[Person]:
    """Who ordered it, while they work there and can be reached.

    Else who may renew it now; and where nobody may, those who can give somebody that role. Nothing
    is cleaned up that nobody was told of.
    """
    for people in (_who_ordered(resource), *_who_may(resource)):
        if people:
            return people
    return []


def _who_ordered(resource: Resource) -> list[Person]:
    if resource.order_line is None:
        return []
    person = resource.order_line.order.requested_by
    roles = standing_grants(Role.REQUESTER, Role.OPERATOR).filter(
        person=person, node__in=resource.project.lineage_ids
    )
    return [person] if person.email and roles.exists() else []


def _who_may(resource: Resource) -> Iterator[list[Person]]:
    for role in (Role.REQUESTER, Role.QUOTA_ADMINISTRATOR):
        grants = standing_grants(role).filter(node__in=resource.project.lineage_ids)
        people = Person.objects.filter(pk__in=grants.values("person")).exclude(email="")
        yield list(people.order_by("pk")[:MOST_READERS])


def _compose(reminder: EndReminder) -> EmailMessage | None:
    """The message in the languages of its readers; None when it is not true any more."""
    resource, today = reminder.resource, day_of(now())
    is_true = (
        resource.state == ResourceState.ACTIVE
        and resource.end_date == reminder.end_date
        and stage_of(reminder.end_date, today) == reminder.days
    )
    readers = _readers_of(resource) if is_true else []
    if not readers:
        return None
    texts = []
    for language in dict.fromkeys(person.language for person in readers):
        with translation.override(language):
            texts.append(_texts(resource, reminder.end_date, today, readers))
    (subject, _body), bodies = texts[0], [body for _subject, body in texts]
    message = EmailMessage(subject, "\n---\n\n".join(bodies), settings.DEFAULT_FROM_EMAIL)
    addresses = list(dict.fromkeys(person.email for person in readers))
    if len(addresses) == 1:
        message.to = addresses
    else:
        message.bcc = addresses  # nobody need know who else has a role there
    return message


def _texts(
    resource: Resource, end_date: date, today: date, readers: Sequence[Person]
) -> tuple[str, str]:
    """Subject and body, in the language that is active."""
    kind, left = get_kind(resource.kind), (end_date - today).days
    subject = (
        _("{kind} ends today")
        if left == 0
        else ngettext("{kind} ends in {count} day", "{kind} ends in {count} days", left)
    )
    address = reverse("catalog:resource", args=[resource.public_id])
    paragraphs = [
        _("Something that was ordered in Cloudloket is needed until and including {day}.").format(
            day=formats.day(end_date)
        ),
        kind.after_the_term(grace_of(resource).days),
        _("Renew it if you need it longer. Clean it up if you are done."),
        f"{settings.PUBLIC_URL.origin}{address}",
        _why(resource, readers),
    ]
    return subject.format(kind=kind.label, count=left), "\n\n".join(paragraphs) + "\n"


def _why(resource: Resource, readers: Sequence[Person]) -> str:
    line = resource.order_line
    if line and line.order.requested_by in readers:
        return _("You get this message because you ordered it. Log in as you always do.")
    return _(
        "You get this message because whoever ordered it cannot be reached any more, and you "
        "have a role in its project or above it. Log in as you always do."
    )
