"""Which prices a tariff round finds, and what it makes of them once it is confirmed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString

from django.db import connection
from django.db.models import F, QuerySet
from django.utils.timezone import now

from billing.models import Price, PriceList, Sku, TariffRound, TariffRoundLine
from billing.services.price_book import nearest_prices
from billing.services.price_query import LINEAGE
from portal.core.models import is_in_force, is_not_over
from portal.identity.models import Organization
from portal.identity.models.proposed import DecisionState

_PRICED_FROM: Final[LiteralString] = (
    "WITH RECURSIVE"  # noqa: S608  (a fragment of ours)
    + LINEAGE
    + """
SELECT sku_id, min(greatest(lower(period), %(begin)s))
FROM (
    SELECT price.sku_id, lineage.period * tstzrange(price.valid_from, price.valid_until) AS period
    FROM lineage
    JOIN billing_price AS price ON price.organization_id = lineage.ancestor_id
    WHERE lineage.organization_id = %(organization)s
    UNION ALL
    SELECT sku_id, tstzrange(valid_from, valid_until)
    FROM billing_price
    WHERE organization_id IS NULL
) AS reaching
WHERE period && tstzrange(%(begin)s, NULL)
GROUP BY sku_id
"""
)


@dataclass(frozen=True, kw_only=True)
class Present:
    """What there is already, at the moment at which prices shall change.

    Attributes:
        holding: the price of just this organization (or for everybody) that began before and
            holds then, by primary key of the SKU.
        begins_then: primary keys of the SKUs of which such a price begins then.
        ends_then: of which a round that was agreed on ends it then, with nothing of its own after.
        above: what holds where the organization has no price, by code of the SKU.
        priced_from: of a month that has begun: ``priced_from`` below; else nothing.
        has_begun: the moment is past, so that nothing that holds there may change.
    """

    holding: Mapping[int, Price]
    begins_then: set[int]
    ends_then: set[int]
    above: Mapping[str, Price]
    priced_from: Mapping[int, datetime]
    at: datetime
    has_begun: bool

    def has_no_price(self, sku: Sku) -> bool:
        """Of a month that has begun: nothing would change there that was ever a price."""
        return self.priced_from.get(sku.pk) != self.at

    @classmethod
    def of(cls, organization: Organization | None, at: datetime, skus: Iterable[Sku]) -> Present:
        """Three queries, and one of a month that has begun."""
        has_begun = at <= now()
        by_code = {sku.code: sku for sku in skus}
        own = Price.objects.filter(
            is_in_force(at), organization=organization, sku__in=by_code.values()
        )
        found = list(own)
        ancestors = organization.ancestor_ids if organization else []
        return cls(
            holding={price.sku_id: price for price in found if price.valid_from < at},
            begins_then={price.sku_id for price in found if price.valid_from == at},
            ends_then={
                *_agreed_ends(organization, by_code.values())
                .filter(round__valid_from=at)
                .values_list("sku", flat=True)
            },
            above=nearest_prices(ancestors, at=at, skus=by_code) if organization else {},
            priced_from=priced_from(organization, at) if has_begun else {},
            at=at,
            has_begun=has_begun,
        )


def priced_from(organization: Organization | None, begin: datetime) -> dict[int, datetime]:
    """The first moment from ``begin`` on at which any price reaches them, by key of the SKU.

    What is set in a month that has begun ends there, so that it only fills what was empty. Of an
    organization: by its own price, by that of what it stood below then, or by that of everybody.
    Those without a price are left out. One query.
    """
    whose = organization.pk if organization else None
    with connection.cursor() as cursor:
        cursor.execute(_PRICED_FROM, {"organization": whose, "begin": begin})
        return dict(cursor.fetchall())


def set_prices(waiting: TariffRound, prices: PriceList) -> None:
    """End what holds, and insert what is to hold, until what was planned already."""
    begin = waiting.valid_from
    lines = list(waiting.lines.select_related("replaces"))
    if begin <= now():
        ends = priced_from(waiting.organization, begin)
    else:
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
            tier_quantities=line.tier_quantities,
            tier_amounts=line.tier_amounts,
            minimum_months=line.minimum_months,
            valid_from=begin,
            valid_until=until[line.sku_id],
        )
        for line in lines
        if line.amount is not None
    )


def give_back(planned: TariffRound) -> None:
    """Nothing of a round begins: what it would have ended goes on in the place of its prices.

    Until where that place ends by now, for what was agreed later may have taken a part of it.
    """
    begin, organization = planned.valid_from, planned.organization
    sku_ids = list(planned.lines.values_list("sku", flat=True))
    own = Price.objects.filter(price_list__tariff_round=planned)
    ends: dict[int, datetime | None] = {**_ends_of_nothing(planned, sku_ids)}
    ends |= dict(own.values_list("sku_id", "valid_until"))
    before = Price.objects.filter(
        organization=organization, sku__in=sku_ids, valid_from__lt=begin, valid_until=begin
    )
    own.update(valid_until=F("valid_from"))
    for price in before:
        price.valid_until = ends.get(price.sku_id)
        price.save(update_fields=["valid_until"])


def _ends_of_nothing(planned: TariffRound, sku_ids: Sequence[int]) -> dict[int, datetime]:
    """Where a round left no own price: when something else would have ended the price before it.

    The next own price does, or another round that only ends one.
    """
    begin = planned.valid_from
    later = _agreed_ends(planned.organization, sku_ids).filter(round__valid_from__gt=begin)
    found = list(later.values_list("sku", "round__valid_from"))
    found += _planned_ends(planned.organization, begin, sku_ids).items()
    return dict(sorted(found, key=lambda end: end[1], reverse=True))


def _agreed_ends(
    organization: Organization | None, skus: Iterable[Sku | int]
) -> QuerySet[TariffRoundLine]:
    """The lines of rounds that stand, and that only end the organization's own price."""
    lines = TariffRoundLine.objects.filter(
        ends=True,
        sku__in=list(skus),
        round__organization=organization,
        round__state=DecisionState.CONFIRMED,
    )
    return lines.exclude(round__withdrawals__state=DecisionState.CONFIRMED)


def _planned_ends(
    organization: Organization | None, begin: datetime, sku_ids: Sequence[int]
) -> dict[int, datetime]:
    """When the next price begins that was planned already, by primary key of the SKU."""
    planned = Price.objects.filter(
        is_not_over(begin), organization=organization, sku__in=sku_ids, valid_from__gt=begin
    ).order_by("-valid_from")
    return dict(planned.values_list("sku_id", "valid_from"))


def _until(replaces: Price | None, next_begins: datetime | None) -> datetime | None:
    """The end of the new price: that of the one whose place it takes, else the next beginning."""
    return replaces.valid_until if replaces and replaces.valid_until else next_begins
