"""What happens to sessions by the clock."""

from __future__ import annotations

from celery import shared_task

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
