"""Where the use of a quota leads, in a sentence."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from catalog.services.quota_history import LEAST_DAYS, Trend
from portal.core.formats import day


def trend_in_words(trend: Trend) -> str:
    """“At this rate it is full around 3 March 2027.”"""
    today = trend.readings[-1]
    if today.limit is not None and today.claimed > today.limit:
        return _("It is over its limit. New orders are blocked.")
    if today.limit is not None and today.claimed == today.limit and today.claimed:
        return _("It is full.")
    if trend.per_day is None:
        return _too_early(len(trend.readings))
    if trend.full_on and trend.per_day > 0:
        return _("At this rate it is full around {day}.").format(day=day(trend.full_on))
    if trend.full_on:
        text = _("It does not grow, but from {day} its limit is lower, and then it is full.")
        return text.format(day=day(trend.full_on))
    if trend.per_day <= 0:
        return _("It does not grow.")
    if today.limit is None:
        return _("It grows. It has no limit, so it does not become full.")
    return _("It grows, but at this rate it is not full within two years.")


def _too_early(known: int) -> str:
    text = ngettext(
        "Its use is known since {known} day. After {least} days we say when it is full.",
        "Its use is known since {known} days. After {least} days we say when it is full.",
        known,
    )
    return text.format(known=known, least=LEAST_DAYS)
