"""What things cost: SKUs, and prices that hold for a time."""

from __future__ import annotations

from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Coalesce
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from billing.models.moments import is_whole_second
from billing.rating import DUE_AT_ONCE, LONGEST_MINIMUM_MONTHS, Tier, Unit, UnitPrice
from portal.core.models import DatedFact, PublicIdModel, no_overlap

SKU_CODE_LENGTH: Final = 80  # characters
SKU_NAME_LENGTH: Final = 120
# What a share of costs is on statements: nobody orders it, and it has no price.
SHARED_SKU: Final = "shared.costs"


class PriceUnit(models.TextChoices):
    """What a price is the price of.

    A month-priced SKU costs exactly its price for a full calendar month, and for a part of it
    price x seconds used / seconds of that month; GiB-month likewise, times the size. Per GiB is
    what passed by, whatever time that took.
    """

    MONTH = Unit.MONTH.value, _("per month")
    HOUR = Unit.HOUR.value, _("per hour")
    GIB_MONTH = Unit.GIB_MONTH.value, _("per GiB per month")
    ONE_OFF = Unit.ONE_OFF.value, _("once")
    GIB = Unit.GIB.value, _("per GiB")


class Sku(models.Model):
    """Something with a price of its own; FOCUS SkuId is its code, which never changes."""

    code = models.CharField(max_length=SKU_CODE_LENGTH, unique=True)
    name_nl = models.CharField(max_length=SKU_NAME_LENGTH)
    name_en = models.CharField(max_length=SKU_NAME_LENGTH)
    service_category = models.CharField(max_length=60)  # FOCUS ServiceCategory
    service_subcategory = models.CharField(max_length=60)  # FOCUS ServiceSubcategory

    def __str__(self) -> str:
        return self.code

    @property
    def name(self) -> str:
        """The name in the reader's language."""
        return self.name_en if get_language() == "en" else self.name_nl


class PriceList(PublicIdModel):
    """The prices of one tariff round."""

    name = models.CharField(max_length=80, unique=True)

    def __str__(self) -> str:
        return self.name


class TieredPrice(models.Model):
    """What one unit costs, and what further ones cost once a project used many in a month.

    The tiers stand with the amount, so that what guards a price guards them too: their quantities
    rise, and each is that from which on the amount at the same place holds.

    Use that begins at it is due for at least ``minimum_months``, and costs the same until then
    (``MinimumTerm``); zero is no minimum term.
    """

    tier_quantities = ArrayField(
        models.DecimalField(max_digits=18, decimal_places=6), default=list, db_default=[]
    )
    tier_amounts = ArrayField(
        models.DecimalField(max_digits=18, decimal_places=6), default=list, db_default=[]
    )
    minimum_months = models.PositiveSmallIntegerField(default=0, db_default=0)

    class Meta:
        abstract = True

    @property
    def tiers(self) -> tuple[Tier, ...]:
        """In rising order, without the one that begins at nothing; empty for a plain price."""
        return tuple(
            Tier(quantity, amount)
            for quantity, amount in zip(self.tier_quantities, self.tier_amounts, strict=True)
        )


def tiers_are_right(name: str) -> models.CheckConstraint:
    """That the tiers rise, from more than nothing, and none costs less than nothing."""
    right = Func(
        F("tier_quantities"),
        F("tier_amounts"),
        function="billing_tiers_are_right",
        output_field=models.BooleanField(),
    )
    return models.CheckConstraint(condition=right, name=name)


def term_is_right(name: str) -> models.CheckConstraint:
    """That a minimum term is of what is paid for a time, at one price, and not too long."""
    by_time = [unit.value for unit in Unit if unit not in DUE_AT_ONCE]
    return models.CheckConstraint(
        condition=Q(minimum_months=0)
        | Q(minimum_months__lte=LONGEST_MINIMUM_MONTHS, unit__in=by_time, tier_quantities=[]),
        name=name,
    )


class Price(PublicIdModel, DatedFact, TieredPrice):
    """The price of a SKU in a period: for one organization and those below it, or for everybody.

    One that was withdrawn before it began ends where it begins, and never holds. Where it has
    tiers, they count what a project uses at this price in a business month while one organization
    pays for it.
    """

    price_list = models.ForeignKey(PriceList, on_delete=models.PROTECT, related_name="prices")
    sku = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="prices")
    organization = models.ForeignKey(
        "identity.Organization", null=True, on_delete=models.PROTECT, related_name="+"
    )
    unit = models.CharField(max_length=12, choices=PriceUnit)
    amount = models.DecimalField(max_digits=18, decimal_places=6)  # euros, without VAT

    class Meta:
        constraints = [
            # A NULL organization would exclude nothing, hence the zero.
            no_overlap(
                "price_one_per_sku_and_organization_at_a_time",
                "sku_id",
                Coalesce("organization_id", Value(0)),
            ),
            models.CheckConstraint(condition=Q(amount__gte=0), name="price_not_negative"),
            models.CheckConstraint(
                condition=Q(valid_until=None) | Q(valid_until__gte=F("valid_from")),
                name="price_ends_not_before_it_begins",
            ),
            models.CheckConstraint(
                condition=is_whole_second("valid_from", "valid_until"),
                name="price_changes_on_a_whole_second",
            ),
            models.CheckConstraint(condition=Q(unit__in=PriceUnit.values), name="price_unit_known"),
            tiers_are_right("price_tiers_rise"),
            term_is_right("price_minimum_term_is_of_plain_time"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.unit} for {self.sku_id}"

    @property
    def unit_price(self) -> UnitPrice:
        """For the arithmetic of ``billing.rating``."""
        return UnitPrice(Unit(self.unit), self.amount, self.tiers, self.minimum_months)
