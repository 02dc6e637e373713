"""What the clock does with sessions and roles. Each finds its own work, however often rung."""

from __future__ import annotations

from celery import shared_task

from portal.identity.services import people, proposals
from portal.identity.services.break_glass import forget_old_attempts
from portal.identity.services.sessions import end_lapsed_sessions, forget_old_sessions


@shared_task(name="identity.end_sessions")
def end_sessions() -> None:
    """End sessions whose time is up and to which nobody came back."""
    end_lapsed_sessions()


@shared_task(name="identity.forget_sessions")
def forget_sessions() -> None:
    """Forget what is older than people are shown."""
    forget_old_sessions()
    forget_old_attempts()


@shared_task(name="identity.expire_proposals")
def expire_proposals() -> None:
    """End the proposals that nobody decided on in time."""
    proposals.expire_proposals()


@shared_task(name="identity.end_absent_people")
def end_absent_people() -> None:
    """End the roles of people who stayed away too long."""
    people.end_absent_people()
