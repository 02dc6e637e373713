"""How amounts, quantities and moments read, in the language of the page."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from django.utils import dateformat, timezone, translation
from django.utils.formats import number_format
from django.utils.translation import gettext, ngettext, pgettext

from portal.core.calendar import BUSINESS_TIME

# As people write a date, and as a native date control sends it.
DATE_FORMATS = ("%d-%m-%Y", "%Y-%m-%d", "%d/%m/%Y", "%d.%m.%Y")
NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"


def _euros(amount: Decimal, places: int, *, plus: str = "") -> str:
    rounded = amount.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    digits = number_format(abs(rounded), decimal_pos=places, use_l10n=True, force_grouping=True)
    sign = "-" if rounded < 0 else plus if rounded > 0 else ""
    if (translation.get_language() or "").startswith("nl"):
        return f"€{NO_BREAK_SPACE}{sign}{digits}"
    return f"{sign}€{digits}"


def money(amount: Decimal) -> str:
    """Return euros in whole cents: ``€ 1.234,50`` in Dutch, ``€1,234.50`` in English."""
    return _euros(amount, 2)


def difference(amount: Decimal) -> str:
    """Return how much more or less: ``€ +1,50`` in Dutch, ``+€1.50`` in English."""
    return _euros(amount, 2, plus="+")


def percent_difference(value: Decimal) -> str:
    """Return how much more or less in per cent, with one decimal: ``+4,2%``."""
    return f"{'+' if value > 0 else ''}{number_format(value, decimal_pos=1, use_l10n=True)}%"


def once(amount: Decimal) -> str:
    """Return what is paid once, as it stands behind a price per month."""
    return gettext("+ {amount} once").format(amount=money(amount))


def per_unit(amount: Decimal, unit: str) -> str:
    """Return what one unit of something costs: ``€ 0,01 per GiB``."""
    return f"{unit_price(amount)} {unit}"


def price(monthly: Decimal, one_off: Decimal) -> str:
    """Return a price per month, and what is paid once where that is anything."""
    text = gettext("{amount} per month").format(amount=money(monthly))
    return f"{text} {once(one_off)}" if one_off else text


def unit_price(amount: Decimal) -> str:
    """Return euros with as many decimals as a price needs, at least two and at most six."""
    exponent = amount.quantize(Decimal("0.000001")).normalize().as_tuple().exponent
    return _euros(amount, max(2, -int(exponent)))


def quantity(value: Decimal | int, unit: str = "") -> str:
    """Return a number, grouped, with at most three decimals, and its unit on the same line."""
    exact = Decimal(value).quantize(Decimal("0.001"), rounding=ROUND_HALF_UP).normalize()
    places = max(0, -int(exact.as_tuple().exponent))
    number = number_format(exact, decimal_pos=places, use_l10n=True, force_grouping=True)
    return f"{number}{NO_BREAK_SPACE}{unit}" if unit else number


def signed_quantity(value: Decimal, unit: str = "") -> str:
    """Return how much more or less: ``+1,5 GiB``."""
    return f"{'+' if value > 0 else ''}{quantity(value, unit)}"


def day(value: date) -> str:
    """Return ``5 oktober 2026``. A moment counts as the day it was in Amsterdam."""
    local = value.astimezone(BUSINESS_TIME) if isinstance(value, datetime) else value
    return dateformat.format(local, pgettext("date format", "j F Y"))


def clock(value: datetime) -> str:
    """Return the time in Amsterdam: ``10.36 uur`` in Dutch, ``10:36`` in English."""
    return dateformat.time_format(
        value.astimezone(BUSINESS_TIME), pgettext("time format", "G:i")
    ).replace(" ", NO_BREAK_SPACE)


def moment(value: datetime, *, now: datetime | None = None, inside: bool = False) -> str:
    """Return ``Vandaag 10.36 uur``, ``Gisteren 9.05 uur`` or ``5 oktober 2026, 10.36 uur``.

    ``inside`` a sentence it is “vandaag” and “gisteren”.
    """
    today = (now or timezone.now()).astimezone(BUSINESS_TIME).date()
    that_day = value.astimezone(BUSINESS_TIME).date()
    if that_day == today:
        text = gettext("today {time}") if inside else gettext("Today {time}")
        return text.format(time=clock(value))
    if that_day == today - timedelta(days=1):
        text = gettext("yesterday {time}") if inside else gettext("Yesterday {time}")
        return text.format(time=clock(value))
    return f"{day(value)}, {clock(value)}"


def seconds(value: timedelta) -> str:
    """Return a short length of time: ``0,4 s`` up to ten seconds, ``14 s`` up to a minute."""
    exact = max(0.0, value.total_seconds())
    if exact >= 60:
        return duration(value)
    return f"{number_format(exact, 1 if exact < 10 else 0)}{NO_BREAK_SPACE}s"


def duration(value: timedelta) -> str:
    """Return a length of time in words, in its two largest units at most: ``2 uur 5 minuten``."""
    seconds = max(0, round(value.total_seconds()))
    if seconds < 60:
        return ngettext("%d second", "%d seconds", seconds) % seconds
    minutes = round(seconds / 60)
    if minutes < 60:
        return ngettext("%d minute", "%d minutes", minutes) % minutes
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        words = ngettext("%d hour", "%d hours", hours) % hours
        rest = ngettext("%d minute", "%d minutes", minutes) % minutes
        return f"{words} {rest}" if minutes else words
    days = round(hours / 24)
    return ngettext("%d day", "%d days", days) % days
