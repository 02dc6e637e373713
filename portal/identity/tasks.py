"""What the clock does with roles. Every function finds its own work, however often it is rung."""

from __future__ import annotations

from celery import shared_task

from portal.identity.services import people, proposals


@shared_task(name="identity.expire_proposals")
def expire_proposals() -> None:
    """End the proposals that nobody decided on in time."""
    proposals.expire_proposals()


@shared_task(name="identity.end_absent_people")
def end_absent_people() -> None:
    """End the roles of people who stayed away too long."""
    people.end_absent_people()
