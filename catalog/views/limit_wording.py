"""How pages say that a limit changed."""

from __future__ import annotations

from django.utils.timezone import now
from django.utils.translation import gettext as _

from catalog.amounts import limit_in_words
from catalog.models import LimitChange, Metric
from portal.core.calendar import day_of, last_day_before
from portal.core.formats import day


def limit_change_in_words(change: LimitChange) -> str:
    """“From 20 to 40 GiB, until 31 December 2026.”; what begins later says when."""
    metric = Metric(change.quota.metric)
    before = limit_in_words(metric, change.before, with_unit=change.amount is None)
    after = limit_in_words(metric, change.amount)
    if change.valid_until is None:
        text = _("From {before} to {after}.")
    else:
        text = _("From {before} to {after}, until and including {last}.")
    last = change.valid_until and day(last_day_before(change.valid_until))
    words = text.format(before=before, after=after, last=last)
    if change.valid_from > now():
        begins = _("Begins on {day}.").format(day=day(day_of(change.valid_from)))
        return f"{words} {begins}"
    return words
