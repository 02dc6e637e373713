"""Prices, and what a round makes of them, as rows of a file: one for each tier of a price."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext as _

from billing.forms import month_key
from billing.models import Price, PriceUnit
from billing.rating import Tier, UnitPrice
from billing.services.tariff_effects import Change, Effect
from billing.tariff_tables import RoundLine, TariffRow
from portal.core.calendar import day_of, last_day_before
from portal.core.sheets import Rows

NOTHING: tuple[str, ...] = ("", "", "")


def prices_of(rows: Iterable[TariffRow]) -> Iterator[Price]:
    """The prices of the list in its order: what holds, and then what is planned."""
    for row in rows:
        if row.now:
            yield row.now
        yield from row.planned


def price_rows(prices: Iterable[Price], *, at: datetime) -> Rows:
    """What they are called, and then the prices. Asks for SKU, organization and price list."""
    yield (
        *(_("SKU"), _("Service"), _("For whom"), _("From"), _("Until and including"), _("State")),
        *(_("From quantity"), _("Price"), _("Unit"), _("Minimum term in months")),
        _("Price list"),
    )
    for price in prices:
        for tier in price.unit_price.steps:
            yield (
                *(price.sku.code, price.sku.name),
                price.organization.name if price.organization else _("Everybody"),
                day_of(price.valid_from).isoformat(),
                _last_day(price),
                _state(price, at),
                *(tier.from_quantity, tier.amount, str(PriceUnit(price.unit).label)),
                Decimal(price.minimum_months),
                price.price_list.name,
            )


def _last_day(price: Price) -> str:
    """Empty where it holds until further notice, or never began."""
    end = price.valid_until
    if end is None or end == price.valid_from:
        return ""
    return last_day_before(end).isoformat()


def _state(price: Price, at: datetime) -> str:
    if price.valid_until == price.valid_from:
        return _("Withdrawn")
    if price.valid_from > at:
        return _("Planned")
    return _("Past") if price.valid_until and price.valid_until <= at else _("Holds now")


def round_rows(title: str, lines: Iterable[RoundLine], effect: Effect | None) -> Rows:
    """The prices of a round beside those before it, and what they make of last month.

    The amounts stand in the first row of a SKU, so that they add up to those of the page.
    """
    yield (
        *(_("Tariff round"), _("SKU"), _("Service"), _("From quantity")),
        *(_("Price before"), _("Unit before"), _("Minimum term before, in months")),
        *(_("New price"), _("Unit"), _("Minimum term in months"), _("Note")),
        *(_changes(effect) if effect else ()),
    )
    for line in lines:
        before = line.before.unit_price if line.before else None
        begins = [tier.from_quantity for price in (before, line.after) for tier in _steps(price)]
        for number, begin in enumerate(sorted(set(begins)) or [Decimal(0)]):
            change = (line.change or Change()) if number == 0 else None
            yield (
                *(title, line.sku.code, line.sku.name, begin),
                *_at(before, begin),
                *_at(line.after, begin),
                _("The own price ends.") if line.ends else "",
                *(_amounts(change) if effect else ()),
            )


def payer_rows(title: str, effect: Effect) -> Rows:
    """What each organization was charged last month, and would have been; and then all of them."""
    yield (_("Tariff round"), _("Organization"), *_changes(effect))
    for node, change in effect.organizations:
        yield (title, node.name, *_amounts(change))
    yield (title, _("Total"), *_amounts(effect.total))


def _steps(price: UnitPrice | None) -> tuple[Tier, ...]:
    return price.steps if price else ()


def _at(price: UnitPrice | None, begin: Decimal) -> tuple[str | Decimal, ...]:
    """What a price asks from that quantity on; nothing where none of its tiers begins there."""
    if price is None:
        return (_("No price"), *NOTHING[1:]) if begin == 0 else NOTHING
    amounts = {tier.from_quantity: tier.amount for tier in price.steps}
    if begin not in amounts:
        return NOTHING
    unit = str(PriceUnit(price.unit.value).label)
    return (amounts[begin], unit, Decimal(price.minimum_months))


def _changes(effect: Effect) -> tuple[str, ...]:
    month = month_key(effect.month)
    return (
        _("Used in {month}").format(month=month),
        *(_("Would have been"), _("Difference"), _("In per cent")),
    )


def _amounts(change: Change | None) -> tuple[str | Decimal, ...]:
    if change is None:
        return ("", *NOTHING)
    percent = _("Was nothing") if change.percent is None else change.percent
    return (change.before, change.after, change.difference, percent)
