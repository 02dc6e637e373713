"""Which prices a tariff round finds, and what it makes of them once it is confirmed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.models import Price, PriceList, Sku, TariffRound
from billing.services.pricing import nearest_prices
from portal.core.models import is_in_force
from portal.identity.models import Organization


@dataclass(frozen=True, kw_only=True)
class Present:
    """What there is already, at the moment at which prices shall change.

    Attributes:
        holding: the price of just this organization (or for everybody) that began before and
            holds then, by primary key of the SKU.
        begins_then: primary keys of the SKUs of which such a price begins then.
        above: what holds where the organization has no price, by code of the SKU.
    """

    holding: Mapping[int, Price]
    begins_then: set[int]
    above: Mapping[str, Price]

    @classmethod
    def of(cls, organization: Organization | None, at: datetime, skus: Iterable[Sku]) -> Present:
        """Two queries."""
        by_code = {sku.code: sku for sku in skus}
        own = Price.objects.filter(
            is_in_force(at), organization=organization, sku__in=by_code.values()
        )
        found = list(own)
        ancestors = organization.ancestor_ids if organization else []
        return cls(
            holding={price.sku_id: price for price in found if price.valid_from < at},
            begins_then={price.sku_id for price in found if price.valid_from == at},
            above=nearest_prices(ancestors, at=at, skus=by_code) if organization else {},
        )


def set_prices(waiting: TariffRound, prices: PriceList) -> None:
    """End what holds, and insert what is to hold, until what was planned already."""
    begin = waiting.valid_from
    lines = list(waiting.lines.select_related("replaces"))
    ends = _planned_ends(waiting.organization, begin, [line.sku_id for line in lines])
    until = {line.sku_id: _until(line.replaces, ends.get(line.sku_id)) for line in lines}
    replaced = [line.replaces_id for line in lines if line.replaces_id]
    Price.objects.filter(pk__in=replaced).update(valid_until=begin)
    Price.objects.bulk_create(
        Price(
            price_list=prices,
            sku_id=line.sku_id,
            organization=waiting.organization,
            unit=line.unit,
            amount=line.amount,
            valid_from=begin,
            valid_until=until[line.sku_id],
        )
        for line in lines
        if line.amount is not None
    )


def _planned_ends(
    organization: Organization | None, begin: datetime, sku_ids: Sequence[int]
) -> dict[int, datetime]:
    """When the next price begins that was planned already, by primary key of the SKU."""
    planned = Price.objects.filter(
        organization=organization, sku__in=sku_ids, valid_from__gt=begin
    ).order_by("-valid_from")
    return dict(planned.values_list("sku_id", "valid_from"))


def _until(replaces: Price | None, next_begins: datetime | None) -> datetime | None:
    """The end of the new price: that of the one whose place it takes, else the next beginning."""
    return replaces.valid_until if replaces and replaces.valid_until else next_begins
