"""What things are to cost from some month on: proposed by one person, decided by another."""

from __future__ import annotations

from typing import Final

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext as _

from billing.models.price import (
    Price,
    PriceList,
    PriceUnit,
    Sku,
    TieredPrice,
    term_is_right,
    tiers_are_right,
)
from portal.identity.models.proposed import DecisionState, Proposed, four_eyes_constraints

TARIFF_NAME_LENGTH: Final = 80
_STANDING: Final = (DecisionState.PROPOSED, DecisionState.CONFIRMED)


class TariffRound(Proposed):
    """New prices from one month on: of an organization and those below it, or for everybody.

    Confirmed, they stand in ``price_list``, which has the name of the round. One that ``withdraws``
    another, of which it has name, organization and month, sets nothing: confirmed, the other never
    begins. By triggers what was
    proposed never changes, there are at most ``line_count`` lines, and ``valid_from`` is the
    beginning of a month in Amsterdam that was not closed then.
    """

    name = models.CharField(max_length=TARIFF_NAME_LENGTH)
    organization = models.ForeignKey(
        "identity.Organization", null=True, on_delete=models.PROTECT, related_name="+"
    )
    valid_from = models.DateTimeField()
    line_count = models.PositiveSmallIntegerField()
    price_list = models.OneToOneField(
        PriceList, null=True, on_delete=models.PROTECT, related_name="tariff_round"
    )
    withdraws = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="withdrawals"
    )

    class Meta:
        constraints = [
            *four_eyes_constraints("tariff_round"),
            models.CheckConstraint(condition=~Q(name=""), name="tariff_round_has_a_name"),
            models.UniqueConstraint(
                fields=["name"],
                condition=Q(withdraws=None, state__in=_STANDING),
                name="tariff_round_name_unique",
            ),
            models.UniqueConstraint(
                fields=["withdraws"],
                condition=Q(state__in=_STANDING),
                name="tariff_round_withdrawn_once",
            ),
            models.CheckConstraint(
                condition=Q(withdraws=None) | Q(line_count=0),
                name="tariff_round_sets_prices_or_withdraws",
            ),
            models.CheckConstraint(
                condition=Q(state=DecisionState.CONFIRMED, withdraws=None, price_list__isnull=False)
                | (~Q(state=DecisionState.CONFIRMED) | Q(withdraws__isnull=False))
                & Q(price_list=None),
                name="tariff_round_confirmed_has_a_price_list",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def title(self) -> str:
        """Its name, or that it withdraws what has that name."""
        if self.withdraws_id is None:
            return self.name
        return _("Withdrawal of “{name}”").format(name=self.name)

    @property
    def withdrawal(self) -> TariffRound | None:
        """The round that withdraws this one, or would once it is confirmed. One query."""
        return self.withdrawals.filter(state__in=_STANDING).first()


class TariffRoundLine(TieredPrice):
    """What one SKU shall cost; or, with ``ends``, that the organization's own price shall end.

    ``replaces``: the price of just this organization (or for everybody) that would have held from
    then on, when this was proposed. If that is another one by now, nobody confirms it any more.
    """

    round = models.ForeignKey(TariffRound, on_delete=models.PROTECT, related_name="lines")
    sku = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="+")
    unit = models.CharField(max_length=12, choices=PriceUnit, blank=True)
    amount = models.DecimalField(max_digits=18, decimal_places=6, null=True)  # euros, without VAT
    ends = models.BooleanField(default=False)
    replaces = models.ForeignKey(Price, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["round", "sku"], name="tariff_line_one_per_sku"),
            models.CheckConstraint(
                condition=Q(ends=True, unit="", amount=None)
                # Of NULL a comparison says neither yes nor no, which would do.
                | Q(ends=False, unit__in=PriceUnit.values, amount__isnull=False, amount__gte=0),
                name="tariff_line_sets_a_price_or_ends_one",
            ),
            models.CheckConstraint(
                condition=Q(ends=False) | Q(replaces__isnull=False),
                name="tariff_line_ends_something",
            ),
            models.CheckConstraint(
                condition=Q(ends=False) | Q(tier_quantities=[]),
                name="tariff_line_that_ends_has_no_tiers",
            ),
            tiers_are_right("tariff_line_tiers_rise"),
            term_is_right("tariff_line_minimum_term_is_of_plain_time"),
        ]

    def __str__(self) -> str:
        return f"{self.sku_id} in {self.round_id}"
