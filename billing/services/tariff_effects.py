"""What new prices would have made of last month: the use of that month, at other prices.

Old is what was charged, new is what would have been charged if the new prices had held for all of
the month. Whoever has a nearer price of their own keeps that, and pays the same; and so does what
is in a minimum term.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from django.db.models import Q

from billing.models import Price, Sku
from billing.rating import DUE_AT_ONCE, UnitPrice, rate_tiers
from billing.services.charging import costs, held_by_terms, quantities_begun
from billing.services.cost_lines import CostLine, LineKey
from billing.services.price_book import nearest_prices
from portal.core.calendar import Period, month_of
from portal.core.money import to_cents
from portal.identity.models import Node, NodeKind, NodeParent, Organization

TENTH: Final = Decimal("0.1")


@dataclass(frozen=True, kw_only=True)
class Change:
    """An amount before and after, in whole cents."""

    before: Decimal = Decimal(0)
    after: Decimal = Decimal(0)

    def __add__(self, other: Change) -> Change:
        return Change(before=self.before + other.before, after=self.after + other.after)

    @property
    def difference(self) -> Decimal:
        return self.after - self.before

    @property
    def percent(self) -> Decimal | None:
        """The difference in per cent of what it was, with one decimal; None of nothing."""
        if not self.before:
            return None
        share = self.difference * 100 / self.before
        return share.quantize(TENTH, rounding=ROUND_HALF_UP)


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What a tariff round would have made of ``month``.

    Attributes:
        organizations: everything that each of them paid in it, the dearest first.
        skus: only what the round gives another price, by primary key of the SKU.
    """

    month: Period
    total: Change
    organizations: Sequence[tuple[Node, Change]]
    skus: Mapping[int, Change]


@dataclass(frozen=True, kw_only=True)
class _Use:
    """What one project used of one SKU in the month, as far as the round sets the price."""

    quantity_seconds: Decimal = Decimal(0)
    begun: Decimal = Decimal(0)
    before: Decimal = Decimal(0)
    kept: Decimal = Decimal(0)  # what minimum terms keep as it is, in whole cents

    def __add__(self, other: _Use) -> _Use:
        return _Use(
            quantity_seconds=self.quantity_seconds + other.quantity_seconds,
            begun=self.begun + other.begun,
            before=self.before + other.before,
            kept=self.kept + other.kept,
        )

    def at(self, price: UnitPrice | None, month: Period) -> Change:
        """What it would have cost at one price all month, rounded as a line of each tier is."""
        if price is None:
            return Change(before=self.before, after=self.kept)
        used = self.begun if price.unit in DUE_AT_ONCE else self.quantity_seconds
        parts = rate_tiers(price, used=used, month=month)
        after = sum((to_cents(part.cost) for part in parts), self.kept)
        return Change(before=self.before, after=after)


def effect_on_last_month(
    prices: Mapping[Sku, UnitPrice | None],
    *,
    organization: Organization | None,
    valid_from: datetime,
    at: datetime,
) -> Effect:
    """What new prices would have made of the last full month before ``at``. Eleven queries at most.

    Args:
        prices: None: the organization's own price ends, so what is above it holds.
        organization: of which, with those below it; None: of everybody without a price of their
            own.
        valid_from: when the new prices are to begin; what is above the organization is looked up
            for that moment.
    """
    month = month_of(month_of(at).start - timedelta(seconds=1))
    prices = _with_what_is_above(prices, organization, valid_from)
    node_ids = _payers(organization)
    lines = costs(node_ids, period=month, as_of=month.end).lines
    moved = _moved_lines(lines, {sku.pk for sku in prices}, organization)
    begun: Mapping[LineKey, Decimal] = {}
    if any(price is not None and price.unit in DUE_AT_ONCE for price in prices.values()):
        begun = quantities_begun(node_ids, period=month, as_of=month.end)
    held: Mapping[LineKey, tuple[Decimal, Decimal]] = {}
    if Price.objects.filter(pk__in=_prices_of(moved), minimum_months__gt=0).exists():
        held = held_by_terms(node_ids, period=month, as_of=month.end)

    by_id = {sku.pk: price for sku, price in prices.items()}
    uses: defaultdict[tuple[Any, ...], _Use] = defaultdict(_Use)
    paid: defaultdict[int, Change] = defaultdict(Change)
    for line in lines:
        if line in moved:
            uses[_place_of(line, by_id[line.sku_id])] += _use_of(line, begun, held)
        else:
            paid[line.organization_id] += Change(before=line.amount, after=line.amount)
    skus = {pk: Change() for pk in by_id}
    for (organization_id, sku_id, *_rest), use in uses.items():
        change = use.at(by_id[sku_id], month)
        paid[organization_id] += change
        skus[sku_id] += change
    return Effect(
        month=month,
        total=sum(paid.values(), Change()),
        organizations=_by_name(paid),
        skus=skus,
    )


def _with_what_is_above(
    prices: Mapping[Sku, UnitPrice | None], organization: Organization | None, at: datetime
) -> Mapping[Sku, UnitPrice | None]:
    """Where an own price ends: what then holds, if anything does."""
    ending = [sku.code for sku, price in prices.items() if price is None]
    if not ending or organization is None:
        return prices
    above = nearest_prices(organization.ancestor_ids, at=at, skus=ending)
    then = {code: price.unit_price for code, price in above.items()}
    return {sku: price or then.get(sku.code) for sku, price in prices.items()}


def _payers(organization: Organization | None) -> list[int]:
    """Primary keys of the organization; of everybody, those at the top, also what ended since."""
    if organization is not None:
        return [organization.pk]
    tops = Node.objects.filter(parent=None, kind=NodeKind.ORGANIZATION)
    return list(tops.values_list("pk", flat=True))


def _moved_lines(
    lines: Iterable[CostLine], sku_ids: set[int], organization: Organization | None
) -> set[CostLine]:
    """The lines that the round is about: those at no price, or at one not nearer than the new."""
    about = [line for line in lines if line.sku_id in sku_ids]
    prices = Price.objects.filter(pk__in=_prices_of(about))
    if organization is None:
        farther = prices.filter(organization=None)
    else:
        above = _ever_above(organization)
        farther = prices.filter(Q(organization=None) | Q(organization__in=above))
    price_ids = {None, *farther.values_list("pk", flat=True)}
    return {line for line in about if line.price_id in price_ids}


def _ever_above(organization: Organization) -> set[int]:
    """Primary keys of the organization and of all that it ever stood below.

    What is nearer stood below it, wherever that stands by now.
    """
    found, new = set[int](), {organization.pk}
    while new:
        found |= new
        earlier = NodeParent.objects.filter(node__in=new).values_list("parent_id", flat=True)
        present = Node.objects.filter(pk__in=new).values_list("parent_id", flat=True)
        new = {pk for pk in (*earlier, *present) if pk is not None} - found
    return found


def _place_of(line: CostLine, price: UnitPrice | None) -> tuple[Any, ...]:
    """What is rated together. Tiers count all of a project, whatever its costs fall under.

    Where those fall under several things, each tier is then rounded once where a statement rounds
    it for each of them: cents.
    """
    place = (line.organization_id, line.sku_id, line.project_id)
    if price is not None and price.tiers:
        return place
    return (*place, line.cost_center, line.cost_object, line.commitment_number)


def _use_of(
    line: CostLine,
    begun: Mapping[LineKey, Decimal],
    held: Mapping[LineKey, tuple[Decimal, Decimal]],
) -> _Use:
    in_terms, cost_of_terms = held.get(line.key, (Decimal(0), Decimal(0)))
    return _Use(
        quantity_seconds=line.quantity_seconds - in_terms,
        begun=begun.get(line.key, Decimal(0)),
        before=line.amount,
        kept=to_cents(cost_of_terms),
    )


def _prices_of(lines: Iterable[CostLine]) -> set[int]:
    return {line.price_id for line in lines if line.price_id}


def _by_name(paid: Mapping[int, Change]) -> list[tuple[Node, Change]]:
    nodes = Node.objects.in_bulk(paid)
    rows = [(nodes[pk], change) for pk, change in paid.items()]
    return sorted(rows, key=lambda row: (-row[1].after, row[0].name))
