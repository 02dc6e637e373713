"""Amounts of what is scarce, as people read them."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from typing import Final

from django.utils.translation import gettext as _

from catalog.models import Metric
from portal.core.formats import money, quantity

HIGHEST_LIMIT: Final = Decimal(1_000_000_000)


def amount_in_words(metric: Metric, amount: Decimal, *, with_unit: bool = True) -> str:
    """“2”, “40 GiB” or “€ 41,80”."""
    if metric is Metric.MONTHLY_COST_EUR:
        return money(amount)
    return quantity(amount, unit_of(metric) if with_unit else "")


def limit_in_words(metric: Metric, limit: Decimal | None, *, with_unit: bool = True) -> str:
    """As ``amount_in_words``; None is unlimited."""
    if limit is None:
        return _("Unlimited")
    return amount_in_words(metric, limit, with_unit=with_unit)


def unit_of(metric: Metric) -> str:
    """What an amount is in, as it stands beside a field: “GiB”, “euro”, or nothing for a count."""
    if metric is Metric.MONTHLY_COST_EUR:
        return "euro"
    return "GiB" if metric.value.endswith("_gib") else ""


def step_of(metric: Metric) -> Decimal:
    """Of what a limit is a whole number of times: cents, GiB, or pieces."""
    return Decimal("0.01") if metric is Metric.MONTHLY_COST_EUR else Decimal(1)


def as_limit(metric: Metric, amount: Decimal) -> Decimal:
    """The lowest limit in which the amount fits."""
    return amount.quantize(step_of(metric), rounding=ROUND_CEILING)
