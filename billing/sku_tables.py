"""What there can be prices of, beside what it costs and whether it is used; on a page or as a file.

A constant number of queries, whatever the number of SKUs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Count
from django.utils.translation import gettext as _

from billing.asked_skus import MissingSku
from billing.focus.category_names import category_name
from billing.models import MeasuredUse, Price, PriceUnit, Sku, UsageSpan
from billing.services.price_book import nearest_prices
from portal.core.models import is_in_force
from portal.core.sheets import Rows


@dataclass(frozen=True, kw_only=True)
class SkuRow:
    """One SKU.

    Attributes:
        price: what it costs everybody now.
        own_prices: how many organizations have a price of their own now.
        has_history: whether it ever had a price.
        is_in_use: whether something uses it now.
    """

    sku: Sku
    price: Price | None
    own_prices: int
    has_history: bool
    is_in_use: bool

    @property
    def category(self) -> str:
        """What FOCUS counts it among, in the language of the reader."""
        return category_name(self.sku.service_category)


def sku_rows(skus: Sequence[Sku], *, at: datetime) -> list[SkuRow]:
    """These, in the same order. Five queries."""
    prices = nearest_prices([], at=at, skus=[sku.code for sku in skus])
    of_these = Price.objects.filter(sku__in=skus)
    own = of_these.filter(is_in_force(at)).exclude(organization=None).values_list("sku")
    own_prices = dict(own.annotate(number=Count("pk")).order_by())
    priced = set(of_these.values_list("sku", flat=True).distinct())
    used = {  # of what is measured nothing may have been counted yet
        sku
        for uses in (UsageSpan.objects, MeasuredUse.objects)
        for sku in uses.filter(sku__in=skus, ended_at=None).values_list("sku", flat=True).distinct()
    }
    return [
        SkuRow(
            sku=sku,
            price=prices.get(sku.code),
            own_prices=own_prices.get(sku.pk, 0),
            has_history=sku.pk in priced,
            is_in_use=sku.pk in used,
        )
        for sku in skus
    ]


def as_sheet(rows: Iterable[SkuRow], missing: Iterable[MissingSku]) -> Rows:
    """What they are called, and then the SKUs, one row for each tier of a price; at the end those
    that are asked for and do not exist.
    """
    yield (
        *(_("SKU"), _("Name in Dutch"), _("Name in English")),
        *(_("FOCUS category"), _("FOCUS subcategory")),
        *(_("From quantity"), _("Price for everybody"), _("Unit")),
        *(_("Organizations with a price of their own"), _("In use"), _("Asked for by")),
    )
    for row in rows:
        sku = row.sku
        for priced in _priced(row.price):
            yield (
                *(sku.code, sku.name_nl, sku.name_en),
                *(sku.service_category, sku.service_subcategory),
                *priced,
                Decimal(row.own_prices),
                _("Yes") if row.is_in_use else _("No"),
                "",
            )
    for one in missing:
        names = ", ".join(asker.name for asker in one.askers)
        yield (one.code, *[""] * 5, _("Does not exist yet"), *[""] * 3, names)


def _priced(price: Price | None) -> list[tuple[str | Decimal, ...]]:
    if price is None:
        return [("", _("No price"), "")]
    unit = str(PriceUnit(price.unit).label)
    return [(tier.from_quantity, tier.amount, unit) for tier in price.unit_price.steps]
