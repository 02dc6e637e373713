"""What people type about roles, deputies and departures, as it is kept."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from django.utils.timezone import now
from django.utils.translation import gettext as _

from portal.core.calendar import Period, day_of, start_of_day
from portal.core.errors import InvalidInput
from portal.core.text import clean_text
from portal.identity.errors import RefusalNeedsReason
from portal.identity.models import REASON_LENGTH

FURTHEST_START: Final = timedelta(days=366)
DAY: Final = timedelta(days=1)


def clean_reason(reason: str, *, required: bool = True) -> str:
    """Return the reason as it is kept.

    Raises:
        InvalidInput: it is too long or cannot be shown.
        RefusalNeedsReason: there is none, and it is ``required``.
    """
    try:
        text = clean_text(reason, max_length=REASON_LENGTH)
    except ValueError as error:
        raise InvalidInput({"reason": [str(error)]}) from error
    if required and not text:
        raise RefusalNeedsReason(field="reason")
    return text


def clean_period(first_day: date, last_day: date, *, longest: timedelta) -> Period:
    """The business days from the first up to and including the last; today begins now.

    Raises:
        InvalidInput: they are in the past, in the wrong order, too far away or too far apart.
    """
    moment = now()
    today = day_of(moment)
    if first_day < today:
        raise InvalidInput({"first_day": [_("Choose today or a later day.")]})
    if first_day > today + FURTHEST_START:
        raise InvalidInput({"first_day": [_("Choose a day within a year from now.")]})
    if last_day < first_day:
        raise InvalidInput({"last_day": [_("This is before the first day.")]})
    if last_day > first_day + longest:
        message = _("Choose at most {days} days.").format(days=longest.days)
        raise InvalidInput({"last_day": [message]})
    return Period(max(moment, start_of_day(first_day)), start_of_day(last_day + DAY))
