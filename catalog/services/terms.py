"""How long something is needed, and the grace that it has after that."""

from __future__ import annotations

from datetime import date, timedelta

from django.utils.timezone import now

from catalog.models import EndingState, OfferingVersion, Resource
from portal.core.calendar import day_of


def is_longer(resource: Resource, end_date: date | None) -> bool:
    """Whether it would end later than it does, or no longer at all."""
    if resource.end_date is None:
        return False
    return end_date is None or end_date > resource.end_date


def grace_of(resource: Resource) -> timedelta:
    """How long after it was stopped the resource is cleaned up, as its offering says."""
    line = resource.order_line
    version = line.offering_version if line else OfferingVersion()
    return timedelta(days=version.grace_days)


def grant_grace(resource: Resource) -> None:
    """Let the grace of what has ended begin anew. Call with the resource or its order locked."""
    goes_on = day_of(now()) + grace_of(resource)
    resource.endings.filter(state=EndingState.OPEN, clean_up_on__lt=goes_on).update(
        clean_up_on=goes_on
    )
