"""The figures of the pages about tariffs: what things cost, and what a round makes of that.

A constant number of queries, whatever the number of prices.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from billing.models import SHARED_SKU, Price, PriceUnit, Sku
from billing.rating import UnitPrice
from billing.services.price_book import nearest_prices
from billing.services.tariff_drafts import Draft
from billing.services.tariff_effects import Change, Effect
from portal.core.models import is_not_over
from portal.identity.models import Organization


@dataclass(frozen=True, kw_only=True)
class TariffRow:
    """What one SKU costs everybody, or one organization: now, and as far as it is planned."""

    sku: Sku
    organization: Organization | None
    now: Price | None
    planned: Sequence[Price]

    @property
    def ends_at(self) -> datetime | None:
        """When the price of now ends without another one that follows at once."""
        end = self.now.valid_until if self.now else None
        return None if any(price.valid_from == end for price in self.planned) else end


def tariff_rows(prices: QuerySet[Price], *, at: datetime) -> list[TariffRow]:
    """The prices that hold or are planned: by SKU, those for everybody first. One query."""
    found = prices.filter(is_not_over(at)).select_related("sku", "organization")
    groups: defaultdict[tuple[Sku, Organization | None], list[Price]] = defaultdict(list)
    for price in found.order_by("valid_from"):
        groups[price.sku, price.organization].append(price)
    rows = [
        TariffRow(
            sku=sku,
            organization=organization,
            now=next((price for price in group if price.valid_from <= at), None),
            planned=[price for price in group if price.valid_from > at],
        )
        for (sku, organization), group in groups.items()
    ]
    return sorted(rows, key=lambda row: (row.sku.code, _name(row.organization)))


@dataclass(frozen=True, kw_only=True)
class PresentPrice:
    """What one SKU costs those that a round is to be for.

    ``now``: the nearest price, which is their own or that of what is above them; ``planned``: of
    just them; ``above``: what holds now where they have none.
    """

    sku: Sku
    now: Price | None
    is_own: bool
    planned: Sequence[Price]
    above: Price | None

    def own_at(self, moment: datetime) -> Price | None:
        """What just they pay then, as far as that is known now."""
        own = (self.now if self.is_own else None, *self.planned)
        begun = [one for one in own if one and one.valid_from <= moment]
        return begun[-1] if begun and _holds(begun[-1], moment) else None

    def at(self, moment: datetime) -> Price | None:
        """What it costs then, as far as that is known now."""
        farther = self.above if self.above and _holds(self.above, moment) else None
        return self.own_at(moment) or farther


def _holds(price: Price, moment: datetime) -> bool:
    has_ended = price.valid_until is not None and price.valid_until <= moment
    return price.valid_from <= moment and not has_ended


def present_prices(organization: Organization | None, *, at: datetime) -> list[PresentPrice]:
    """Every SKU, with its price for the organization or for everybody. Four queries."""
    lineage = _lineage(organization)
    nearest = nearest_prices(lineage, at=at)
    above = nearest_prices(lineage[:-1], at=at) if organization else {}
    planned: defaultdict[int, list[Price]] = defaultdict(list)
    later = Price.objects.filter(is_not_over(at), organization=organization, valid_from__gt=at)
    for price in later.order_by("valid_from"):
        planned[price.sku_id].append(price)
    return [
        PresentPrice(
            sku=sku,
            now=nearest.get(sku.code),
            is_own=sku.code in nearest and nearest[sku.code].organization_id == _key(organization),
            planned=planned[sku.pk],
            above=above.get(sku.code),
        )
        for sku in Sku.objects.exclude(code=SHARED_SKU).order_by("code")
    ]


@dataclass(frozen=True, kw_only=True)
class RoundLine:
    """What a round makes of one SKU.

    Attributes:
        after: what holds then; where the own price ``ends``, what is above it.
        change: of what was used of it last month; None where that is not looked at.
    """

    sku: Sku
    before: Price | None
    after: UnitPrice | None
    ends: bool
    change: Change | None

    @property
    def unit_label(self) -> str:
        return str(PriceUnit(self.after.unit.value).label) if self.after else ""


def lines_of_draft(draft: Draft, effect: Effect | None) -> list[RoundLine]:
    """The prices of a round beside those before it. Two queries."""
    codes = [sku.code for sku in draft.prices]
    lineage = _lineage(draft.organization)
    # Just before: that they ended then is what the round does.
    before = nearest_prices(lineage, at=draft.valid_from - timedelta(seconds=1), skus=codes)
    above = nearest_prices(lineage[:-1], at=draft.valid_from, skus=codes)
    changes: Mapping[int, Change] = effect.skus if effect else {}
    return [
        RoundLine(
            sku=sku,
            before=before.get(sku.code),
            after=price or _unit_price(above.get(sku.code)),
            ends=price is None,
            change=changes.get(sku.pk),
        )
        for sku, price in sorted(draft.prices.items(), key=lambda item: item[0].code)
    ]


def _lineage(organization: Organization | None) -> list[int]:
    return organization.lineage_ids if organization else []


def _name(organization: Organization | None) -> str:
    return organization.name if organization else ""


def _key(organization: Organization | None) -> int | None:
    return organization.pk if organization else None


def _unit_price(price: Price | None) -> UnitPrice | None:
    return price.unit_price if price else None
