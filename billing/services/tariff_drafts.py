"""What a tariff round says, and whether it could be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Final

from django.utils.timezone import now
from django.utils.translation import gettext as _

from billing.meters import unit_fits, unit_of_measured
from billing.models import (
    SHARED_SKU,
    TARIFF_NAME_LENGTH,
    Price,
    PriceList,
    PriceUnit,
    Sku,
    TariffRound,
    TariffRoundLine,
)
from billing.rating import DUE_AT_ONCE, LONGEST_MINIMUM_MONTHS, Tier, Unit, UnitPrice
from billing.services.closing import next_month
from billing.services.tariff_effects import Effect, effect_on_last_month
from billing.services.tariff_prices import Present
from billing.services.unsettled import unsettled_months
from portal.core.calendar import Period, month_of, months_in
from portal.core.errors import InvalidInput
from portal.core.money import RATED_PLACES
from portal.core.text import clean_text
from portal.identity.models import Organization
from portal.identity.models.proposed import DecisionState

MONTHS_AHEAD: Final = 24
LARGEST_PRICE: Final = Decimal(10_000_000)
LARGEST_QUANTITY: Final = Decimal(1_000_000_000)
MOST_TIERS: Final = 10


@dataclass(frozen=True, kw_only=True)
class NewPrice:
    """What a SKU shall cost; without an amount: the organization's own price ends.

    ``unit``: a value of ``PriceUnit``. ``tiers``: from how many units on a further one costs what.
    ``minimum_months``: for at least so long use that begins at it is due; zero is no minimum.
    """

    sku: str
    unit: str = ""
    amount: Decimal | None = None
    tiers: Sequence[Tier] = ()
    minimum_months: int = 0

    @property
    def unit_price(self) -> UnitPrice | None:
        """For the arithmetic; None where the own price ends."""
        if self.amount is None:
            return None
        return UnitPrice(Unit(self.unit), self.amount, tuple(self.tiers), self.minimum_months)

    @property
    def ends(self) -> bool:
        return self.amount is None

    @property
    def field(self) -> str:
        """What a refusal about it calls it."""
        return f"prices.{self.sku}"


@dataclass(frozen=True, kw_only=True)
class RoundSays:
    """What shall hold from the beginning of a month on; ``organization``: None is for everybody."""

    name: str
    valid_from: datetime
    prices: Sequence[NewPrice]
    organization: Organization | None = None


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What a round would be: everything in it is known, and possible at this moment.

    ``replaces``: by primary key of the SKU, the price of just this organization, or for everybody,
    that would have held.
    """

    name: str
    valid_from: datetime
    organization: Organization | None
    prices: Mapping[Sku, UnitPrice | None]
    replaces: Mapping[int, Price] = field(default_factory=dict)

    def effect(self, *, at: datetime) -> Effect:
        """What it would have made of last month."""
        return effect_on_last_month(
            self.prices, organization=self.organization, valid_from=self.valid_from, at=at
        )


def months_to_begin(at: datetime) -> list[Period]:
    """The months from whose beginning prices may change: the next one first."""
    months = [month_of(month_of(at).end)]
    while len(months) < MONTHS_AHEAD:
        months.append(month_of(months[-1].end))
    return months


def open_months(at: datetime) -> list[Period]:
    """The months that have begun and are not closed, the newest first.

    From them on only what has no price there gets one: without it they could never be closed.
    """
    running = month_of(at)
    first = next_month() or running
    return months_in(Period(first.start, running.end))[::-1]


def closed_months(organization: Organization | None) -> list[Period]:
    """The closed months that the next closing looks at again, the newest first.

    Use that became known late may have no price there, and then keeps the next month from being
    closed. What everybody is to pay comes after all prices that there are, so from such a month on
    it only fills what has none. The price of an organization would come before others: from these
    months on it has none.
    """
    if organization is not None:
        return []
    return [month.period for month in unsettled_months()][::-1]


def make_draft(says: RoundSays) -> Draft:
    """Look whether this could be proposed.

    Raises:
        InvalidInput: something is not right; errors about a price are at ``NewPrice.field``.
    """
    errors: dict[str, list[str]] = {}
    name = _clean_name(says.name, errors)
    at = now()
    months = [*months_to_begin(at), *open_months(at), *closed_months(says.organization)]
    if says.valid_from not in {month.start for month in months}:
        raise InvalidInput({**errors, "valid_from": [_("Choose one of these months.")]})
    organization = _living(says.organization, errors)
    # Few; whatever a code holds finds nothing.
    skus = {sku.code: sku for sku in Sku.objects.exclude(code=SHARED_SKU)}
    present = Present.of(organization, says.valid_from, skus.values())
    times = Counter(price.sku for price in says.prices)
    for price in says.prices:
        sku = skus.get(price.sku)
        if sku is None:
            problem = _("This is not in the price list.")
        elif times[price.sku] > 1:
            problem = _("This stands here more than once.")
        else:
            problem = _problem(price, sku, present)
        if problem:
            errors[price.field] = [problem]
    if not says.prices:
        errors[""] = [_("Fill in at least one new price.")]
    if errors:
        raise InvalidInput(errors)
    return Draft(
        name=name,
        valid_from=says.valid_from,
        organization=organization,
        prices={
            skus[price.sku]: price.unit_price
            for price in sorted(says.prices, key=lambda price: price.sku)
        },
        replaces=present.holding,
    )


def _clean_name(name: str, errors: dict[str, list[str]]) -> str:
    try:
        cleaned = clean_text(name, max_length=TARIFF_NAME_LENGTH)
    except ValueError as error:
        errors["name"] = [str(error)]
        return ""
    rounds = TariffRound.objects.filter(
        name=cleaned, state__in=[DecisionState.PROPOSED, DecisionState.CONFIRMED]
    )
    if not cleaned:
        errors["name"] = [_("Fill this in.")]
    elif rounds.exists() or PriceList.objects.filter(name=cleaned).exists():
        errors["name"] = [_("There is a price list or a proposal with this name already.")]
    return cleaned


def _living(organization: Organization | None, errors: dict[str, list[str]]) -> Organization | None:
    """The organization as it is now."""
    if organization is None:
        return None
    found = Organization.objects.get(pk=organization.pk)
    if found.ended_at:
        errors["organization"] = [_("This organisation has ended.")]
    return found


def _problem(price: NewPrice, sku: Sku, present: Present) -> str:
    """Why this price cannot be set; empty when it can."""
    holding = present.holding.get(sku.pk)
    if present.has_begun and (price.ends or not present.has_no_price(sku)):
        return _("There is a price in that month, which has begun. Choose a month to come.")
    if sku.pk in present.begins_then:
        return _("From this month on another price is planned already. Choose another month.")
    if sku.pk in present.ends_then:
        return _("A round ends the present price then. Withdraw that round first.")
    if price.amount is None:
        return _problem_of_ending(sku, present)
    if price.unit not in PriceUnit.values:
        return _("Choose per what this price is.")
    if not _is_price(price.amount):
        return _("Fill in an amount in euros, with at most {places} decimals.").format(places=6)
    if problem := _problem_of_tiers(price.tiers) or _problem_of_term(price):
        return problem
    if problem := _problem_of_unit(price, sku, holding or present.above.get(sku.code)):
        return problem
    if holding and holding.unit_price == price.unit_price:
        return _("This is what it costs then already.")
    return ""


def _problem_of_unit(price: NewPrice, sku: Sku, before: Price | None) -> str:
    fitting = unit_of_measured(sku.code)
    if fitting:
        text = _("The cloud counts this in GiB, so it is paid “{unit}”.")
        return "" if price.unit == fitting else text.format(unit=PriceUnit(fitting).label)
    if not unit_fits(sku.code, price.unit):
        return _("A fee is paid once, per hour or per month.")
    if before and before.unit != price.unit and DUE_AT_ONCE & {before.unit, price.unit}:
        return _("What is paid once or per GiB stays so, and what is paid for a time too.")
    return ""


def _is_price(amount: Decimal) -> bool:
    is_amount = amount.is_finite() and 0 <= amount <= LARGEST_PRICE
    return is_amount and amount == amount.quantize(RATED_PLACES)


def _problem_of_tiers(tiers: Sequence[Tier]) -> str:
    if len(tiers) > MOST_TIERS:
        return _("A price has at most {number} tiers.").format(number=MOST_TIERS)
    if not all(_is_price(one.amount) and _is_quantity(one.from_quantity) for one in tiers):
        return _("Fill in tiers with at most {places} decimals.").format(places=6)
    if any(one.from_quantity >= other.from_quantity for one, other in pairwise(tiers)):
        return _("Each tier begins at a larger quantity than the one before it.")
    return ""


def _problem_of_term(price: NewPrice) -> str:
    if not price.minimum_months:
        return ""
    if not 0 <= price.minimum_months <= LONGEST_MINIMUM_MONTHS:
        text = _("A minimum term is at most {number} months.")
        return text.format(number=LONGEST_MINIMUM_MONTHS)
    if price.tiers:
        return _("A price with tiers has no minimum term, for they count what a project uses.")
    if Unit(price.unit) in DUE_AT_ONCE:
        return _("Only what is paid for a time has a minimum term.")
    if unit_of_measured(price.sku):
        return _("What the cloud counts has no minimum term, for there is no quantity to agree on.")
    return ""


def _is_quantity(quantity: Decimal) -> bool:
    is_quantity = quantity.is_finite() and 0 < quantity <= LARGEST_QUANTITY
    return is_quantity and quantity == quantity.quantize(RATED_PLACES)


def _problem_of_ending(sku: Sku, present: Present) -> str:
    if sku.pk not in present.holding:
        return _("There is no own price that could end then.")
    if sku.code not in present.above:
        return _("Nothing else sets a price for this, so the organisation keeps its own.")
    return ""


def draft_of(proposed: TariffRound) -> Draft:
    """What was proposed, as it was drafted. One query."""
    lines = proposed.lines.select_related("sku", "replaces").order_by("sku__code")
    return Draft(
        name=proposed.name,
        valid_from=proposed.valid_from,
        organization=proposed.organization,
        prices={line.sku: _price_of(line) for line in lines},
        replaces={line.sku_id: line.replaces for line in lines if line.replaces},
    )


def _price_of(line: TariffRoundLine) -> UnitPrice | None:
    if line.amount is None:
        return None
    return UnitPrice(Unit(line.unit), line.amount, line.tiers, line.minimum_months)
