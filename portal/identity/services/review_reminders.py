"""Reminding reviewers by e-mail: when a review opens, a week before it ends, and a day before.

Each is a row that is sent once (``portal.core.mailing``). What a message holds is a number and a
link.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.urls import reverse
from django.utils import translation
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.core import formats
from portal.core.dispatch import enqueue_on_commit
from portal.core.faults import each_by_itself
from portal.core.mailing import send_letter, waits_at
from portal.identity.models import Person, ReviewCampaign, ReviewReminder, ReviewStage
from portal.identity.reviewing import work_left


def stage_of(campaign: ReviewCampaign, at: datetime) -> ReviewStage:
    """Which reminder belongs to the moment. One that was missed is not sent afterwards."""
    if at >= campaign.due_at - timedelta(days=1):
        return ReviewStage.DAY
    return ReviewStage.WEEK if at >= campaign.due_at - timedelta(days=7) else ReviewStage.OPENED


def remind_reviewers(*, at: datetime) -> int:
    """Write down who is to be reminded, and ring for every reminder that was not sent yet.

    Returns how many that are. Without a mail server nobody is, and the pages say the same.

    Raises:
        ExceptionGroup: what went wrong, after every review had its turn.
    """
    if not settings.MAIL_IS_ON:
        return 0
    open_campaigns = ReviewCampaign.objects.filter(closed_at=None, due_at__gt=at)
    try:
        each_by_itself(partial(_write_reminders, at=at), open_campaigns.order_by("pk"))
    finally:
        count = _ring(at)
    return count


@transaction.atomic(durable=True)
def _write_reminders(campaign: ReviewCampaign, at: datetime) -> int:
    """Return how many stand there now, or stood there already."""
    people = Person.objects.filter(pk__in=list(work_left(campaign, at))).exclude(email="")
    written = ReviewReminder.objects.bulk_create(
        (
            ReviewReminder(
                campaign=campaign,
                person=person,
                stage=stage_of(campaign, at),
                created_at=at,
                due_at=at,
            )
            for person in people.order_by("pk")
        ),
        ignore_conflicts=True,
    )
    return len(written)


@transaction.atomic(durable=True)
def _ring(at: datetime) -> int:
    waiting = ReviewReminder.objects.filter(
        waits_at(at), campaign__closed_at=None, campaign__due_at__gt=at
    )
    ids = list(waiting.order_by("pk").values_list("pk", flat=True))
    for reminder_id in ids:
        enqueue_on_commit("identity.send_review_reminder", queue="bulk", reminder_id=reminder_id)
    return len(ids)


def send_reminder(reminder_id: int) -> bool:
    """Send one reminder, unless that was done, is being done, or is no use any more."""
    reminders = ReviewReminder.objects.select_related("campaign", "person")
    return send_letter(reminders, reminder_id, _compose)


def _compose(reminder: ReviewReminder) -> EmailMessage | None:
    """The message in the reader's language; None when nothing waits for the reader any more."""
    campaign, person = reminder.campaign, reminder.person
    count = work_left(campaign, now())[reminder.person_id]
    if campaign.closed_at or campaign.due_at <= now() or not count:
        return None
    address = reverse("identity:access-review", args=[campaign.public_id])
    with translation.override(person.language):
        day = formats.day(campaign.last_day)
        subject = _("Confirm roles until and including {day}").format(day=day)
        waiting = ngettext(
            "In Cloudloket {count} role of somebody in your organization waits for you.",
            "In Cloudloket {count} roles of people in your organization wait for you.",
            count,
        )
        paragraphs = [
            waiting.format(count=count),
            _(
                "You can decide until and including {day}. "
                "A role that nobody confirmed then lapses."
            ).format(day=day),
            f"{settings.PUBLIC_URL.origin}{address}",
            _("You get this message because you administer roles. Log in as you always do."),
        ]
    body = "\n\n".join(paragraphs) + "\n"
    return EmailMessage(subject, body, settings.DEFAULT_FROM_EMAIL, [person.email])
