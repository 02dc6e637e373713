"""What the clock does for identity. A task may be lost, repeated or late without an effect."""

from __future__ import annotations

from datetime import datetime

from celery import shared_task
from django.utils.timezone import now

from portal.core.locks import REVIEWS, only_one
from portal.identity.services import links, people, proposals, removed_providers
from portal.identity.services.break_glass import forget_old_attempts
from portal.identity.services.review_closing import close_overdue_campaigns
from portal.identity.services.review_reminders import remind_reviewers, send_reminder
from portal.identity.services.reviews import open_due_campaigns
from portal.identity.services.sessions import end_lapsed_sessions, forget_old_sessions


@shared_task(name="identity.end_sessions")
def end_sessions() -> None:
    """End sessions whose time is up and to which nobody came back."""
    end_lapsed_sessions()


@shared_task(name="identity.end_roles_of_removed_providers")
def end_roles_of_removed_providers() -> None:
    """End what a provider gave that the settings no longer have."""
    removed_providers.end_roles_of_removed_providers()


@shared_task(name="identity.forget_sessions")
def forget_sessions() -> None:
    """Forget what is older than people are shown."""
    forget_old_sessions()
    forget_old_attempts()


@shared_task(name="identity.expire_proposals")
def expire_proposals() -> None:
    """End the proposals that nobody decided on in time."""
    proposals.expire_proposals()
    links.expire_links()


@shared_task(name="identity.end_absent_people")
def end_absent_people() -> None:
    """End the roles of people who stayed away too long."""
    people.end_absent_people()


@shared_task(name="identity.tend_access_reviews")
def tend_access_reviews() -> None:
    """End the reviews that are over, open those that are due, remind who has work left."""
    with only_one(REVIEWS) as is_mine:
        if is_mine:
            moment = now()
            try:
                close_overdue_campaigns(at=moment)
            finally:  # a review that fails keeps nobody else's from going on
                _open_and_remind(moment)


def _open_and_remind(moment: datetime) -> None:
    try:
        open_due_campaigns(at=moment)
    finally:
        remind_reviewers(at=moment)


@shared_task(name="identity.send_review_reminder")
def send_review_reminder(*, reminder_id: int) -> None:
    """Send one reviewer one reminder by e-mail."""
    send_reminder(reminder_id)
