"""What use has cost: charges computed from usage and prices, never stored before a month closes.

A charge is one piece of use at one price within one month, at six decimals; of a price with tiers
what of it falls in one of them. A line is what a statement shows: all charges of one project at one
SKU price, and tier, in one month that fall under the same cost centre, cost object and commitment
number, rounded half up to cents once. Totals are sums of lines, so every total on a page can be
reproduced from the usage rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, LiteralString, cast
from uuid import UUID

from django.db.models import Min

from billing.models import AllocationKey, LineKind, MeteredResource
from billing.models.statement import SHARES
from billing.services.charge_query import ChargeQuery, Slice
from portal.core.calendar import Period, day_of, days_in, months_in
from portal.core.money import to_cents

_CHARGES: Final[LiteralString] = """
SELECT span_id, resource_id, project_id, organization_id, sku_id, price_id, unit, unit_price,
       from_quantity, quantity, started_at, ended_at, seconds, quantity_seconds, amount,
       cost_center, cost_object, commitment_number
FROM charge
WHERE (span_id, started_at, from_quantity)
    > (%(after_span_id)s, %(after_started_at)s, %(after_from_quantity)s)
ORDER BY span_id, started_at, from_quantity LIMIT %(limit)s
"""
_LINES: Final[LiteralString] = """
SELECT organization_id, project_id, sku_id, price_id, unit, unit_price, from_quantity, slice_start,
       sum(quantity_seconds), coalesce(sum(amount), 0),
       cost_center, cost_object, commitment_number, 'usage'
FROM charge
GROUP BY organization_id, project_id, sku_id, price_id, unit, unit_price, from_quantity,
         slice_start, cost_center, cost_object, commitment_number
ORDER BY organization_id, project_id, sku_id, slice_start, price_id,
         cost_center, cost_object, commitment_number, from_quantity
"""
_BEGUN: Final[LiteralString] = """
SELECT organization_id, project_id, sku_id, price_id, from_quantity, slice_start,
       cost_center, cost_object, commitment_number, sum(quantity)
FROM charge
WHERE is_beginning AND started_at = span_started_at
GROUP BY organization_id, project_id, sku_id, price_id, from_quantity, slice_start,
         cost_center, cost_object, commitment_number
"""
_BY_RESOURCE: Final[LiteralString] = """
SELECT resource_id, coalesce(sum(amount), 0), bool_or(price_id IS NULL)
FROM charge GROUP BY resource_id ORDER BY sum(amount) DESC NULLS LAST, resource_id
"""
_BY_SLICE: Final[LiteralString] = """
SELECT slice_start, coalesce(sum(amount), 0) FROM charge GROUP BY slice_start
"""
_IN_TERMS: Final[LiteralString] = """
SELECT organization_id, project_id, sku_id, price_id, from_quantity, slice_start,
       cost_center, cost_object, commitment_number, sum(quantity_seconds), sum(amount)
FROM term_charge
GROUP BY organization_id, project_id, sku_id, price_id, from_quantity, slice_start,
         cost_center, cost_object, commitment_number
"""


LineKey = tuple[int, int, int, int | None, Decimal, datetime, str | None, str | None, str | None]
# Usage span, start and tier: no two charges of a list share them.
Position = tuple[int, datetime, Decimal]


@dataclass(frozen=True, kw_only=True)
class Charge:
    """A piece of use at one price. Without a price, ``amount`` is None: never silently zero.

    Of a price with tiers ``unit_price`` is that of the tier which begins at ``from_quantity``, and
    ``quantity_seconds`` what of quantity x seconds falls in it; of what is paid once ``quantity``
    is already only that part.

    Ids are primary keys. ``organization_id`` is who paid for the project at that time. What costs
    fall under is that of the moment of use; None: nobody said.
    """

    span_id: int
    resource_id: int
    project_id: int
    organization_id: int
    sku_id: int
    price_id: int | None
    unit: str | None
    unit_price: Decimal | None
    from_quantity: Decimal
    quantity: Decimal
    started_at: datetime
    ended_at: datetime
    seconds: int
    quantity_seconds: Decimal
    amount: Decimal | None
    cost_center: str | None
    cost_object: str | None
    commitment_number: str | None

    @property
    def position(self) -> Position:
        """Where it stands among others."""
        return (self.span_id, self.started_at, self.from_quantity)


@dataclass(frozen=True, kw_only=True)
class CostLine:
    """One project's use at one SKU price and allocation in one month, as a statement shows it.

    Attributes:
        from_quantity: where the tier begins whose amount is ``unit_price``; zero without tiers.
        month_start: of a correction or credit: of the month on whose statement it stands.
        quantity_seconds: the sum of quantity x seconds over the charges; zero of what was billed,
            for statements say quantities in the unit of the price.
        exact: the sum of the charges, six decimals.
        is_price_missing: nothing could be charged; ``exact`` is then zero.
        cost_center, cost_object, commitment_number: None is unallocated.
        split_key_id: of what is shared by key: by which one.
    """

    organization_id: int
    project_id: int
    sku_id: int
    price_id: int | None
    unit: str | None
    unit_price: Decimal | None
    from_quantity: Decimal
    month_start: datetime
    quantity_seconds: Decimal
    exact: Decimal
    cost_center: str | None
    cost_object: str | None
    commitment_number: str | None
    kind: str = LineKind.USAGE.value
    split_key_id: int | None = None

    @property
    def key(self) -> LineKey:
        """What no other line has: who, what, at which price, when, and what it falls under."""
        return (
            *(self.organization_id, self.project_id, self.sku_id, self.price_id),
            *(self.from_quantity, self.month_start),
            *(self.cost_center, self.cost_object, self.commitment_number),
        )

    @property
    def key_within_month(self) -> tuple[object, ...]:
        """What the parts of a line have in common, where its month is read in parts."""
        return (
            *(self.kind, self.organization_id, self.project_id, self.sku_id, self.price_id),
            *(self.from_quantity, self.cost_center, self.cost_object, self.commitment_number),
            self.split_key_id,
        )

    @property
    def amount(self) -> Decimal:
        """Whole cents, rounded half up, once."""
        return to_cents(self.exact)

    @property
    def is_price_missing(self) -> bool:
        return self.price_id is None and self.is_use

    @property
    def is_use(self) -> bool:
        """False of what puts an earlier month right or gives back of it, and of shares."""
        return self.kind == LineKind.USAGE

    @property
    def is_share(self) -> bool:
        """True of what others bear of a project's costs, and of what it bears of theirs."""
        return self.kind in SHARES


_CHARGE_FIELDS: Final = tuple(field.name for field in fields(Charge))
_LINE_FIELDS: Final = tuple(field.name for field in fields(CostLine))


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Lines and their sum, in whole cents."""

    lines: tuple[CostLine, ...]

    @property
    def total(self) -> Decimal:
        return sum((line.amount for line in self.lines), Decimal(0))

    @property
    def put_right(self) -> Decimal:
        """The part of the total that corrects earlier months, or gives back of them."""
        others = (line for line in self.lines if not (line.is_use or line.is_share))
        return sum((line.amount for line in others), Decimal(0))

    @property
    def shares(self) -> Costs:
        """What is borne for others, and what others bear."""
        return Costs(lines=tuple(line for line in self.lines if line.is_share))

    @property
    def shared(self) -> Decimal:
        """The part of the total that is borne for others, less what others bear."""
        return self.shares.total

    def joined_with(self, others: Costs) -> Costs:
        """These lines, and those of the others behind them."""
        return Costs(lines=(*self.lines, *others.lines))

    @property
    def is_price_missing(self) -> bool:
        return any(line.is_price_missing for line in self.lines)

    @property
    def by_organization(self) -> dict[int, Costs]:
        """The same, per primary key of the organization that paid."""
        return self._grouped_by("organization_id")

    @property
    def by_project(self) -> dict[int, Costs]:
        """The same, per primary key of the project."""
        return self._grouped_by("project_id")

    @property
    def by_sku(self) -> dict[int, Costs]:
        """The same, per primary key of the SKU."""
        return self._grouped_by("sku_id")

    def by_allocation(self, key: AllocationKey) -> dict[str | None, Costs]:
        """The same, per value of one key; None: nobody said."""
        return self._grouped_by(key.value)

    def _grouped_by(self, key: str) -> dict[Any, Costs]:
        groups: dict[Any, list[CostLine]] = {}
        for line in self.lines:
            groups.setdefault(getattr(line, key), []).append(line)
        return {value: Costs(lines=tuple(lines)) for value, lines in groups.items()}


@dataclass(frozen=True, kw_only=True)
class ResourceCost:
    """What one resource cost: six decimals, and whether a price is missing."""

    resource_id: int
    exact: Decimal
    is_price_missing: bool

    @property
    def amount(self) -> Decimal:
        return to_cents(self.exact)


@dataclass(frozen=True, kw_only=True)
class DayCost:
    """What one business day cost, six decimals. For charts: lines round per month, not per day."""

    day: date
    exact: Decimal


def costs(node_ids: Sequence[int], *, period: Period, as_of: datetime) -> Costs:
    """What ``node_ids`` used in ``period``, up to ``as_of``, in lines per month. One query.

    Args:
        node_ids: primary keys of organizations (with all that belonged below them at the time)
            and projects.
        period: for figures that a statement will repeat: one or more whole business months.
        as_of: open use counts until here.
    """
    return _costs(node_ids, period, as_of, as_of)


def quantities_begun(
    node_ids: Sequence[int], *, period: Period, as_of: datetime
) -> dict[LineKey, Decimal]:
    """Of each line of ``costs`` how much began to be used in it: what a one-off price is due of.

    By ``CostLine.key``. One query.
    """
    rows = _query(node_ids, _by_month(period), as_of).fetch(_BEGUN)
    return {cast(LineKey, tuple(key)): quantity for *key, quantity in rows}


def held_by_terms(
    node_ids: Sequence[int], *, period: Period, as_of: datetime
) -> dict[LineKey, tuple[Decimal, Decimal]]:
    """Of each line of ``costs`` what is in minimum terms, so that no other price changes it.

    By ``CostLine.key``: quantity x seconds, and what that cost, exactly. One query.
    """
    rows = _query(node_ids, _by_month(period), as_of).fetch(_IN_TERMS)
    return {cast(LineKey, tuple(key)): (held, exact) for *key, held, exact in rows}


def expected_costs(node_ids: Sequence[int], *, period: Period, as_of: datetime) -> Costs:
    """As ``costs``, with what runs at ``as_of`` running on, to its end date or that of ``period``.

    Today's prices and those already announced hold.
    """
    return _costs(node_ids, period, as_of, period.end)


def cost_by_resource(project_id: int, *, period: Period, as_of: datetime) -> list[ResourceCost]:
    """What each resource of a project used in ``period``, dearest first. One query."""
    query = _query([project_id], _by_month(period), as_of)
    return [
        ResourceCost(resource_id=resource_id, exact=exact, is_price_missing=is_missing)
        for resource_id, exact, is_missing in query.fetch(_BY_RESOURCE)
    ]


def cost_by_day(
    node_ids: Sequence[int], *, month: Period, as_of: datetime, until: datetime | None = None
) -> list[DayCost]:
    """What each day of a business month cost, days without use included. One query.

    Args:
        until: open use is expected to go on from ``as_of`` until here.
    """
    days = days_in(month)
    slices = [Slice(period=day, month_seconds=month.seconds) for day in days]
    query = _query(node_ids, slices, as_of, until)
    amounts = {day_of(start): exact for start, exact in query.fetch(_BY_SLICE)}
    return [
        DayCost(day=day_of(day.start), exact=amounts.get(day_of(day.start), Decimal(0)))
        for day in days
    ]


def cost_of_resource(public_id: UUID, *, as_of: datetime) -> ResourceCost | None:
    """What a resource has cost since it began; None when it was never metered. Three queries."""
    resource = MeteredResource.objects.filter(public_id=public_id).first()
    if resource is None:
        return None
    charges = charges_of_resource(resource, as_of=as_of)
    return ResourceCost(
        resource_id=resource.pk,
        exact=sum((charge.amount or Decimal(0) for charge in charges), Decimal(0)),
        is_price_missing=any(charge.amount is None for charge in charges),
    )


def cost_of_each(
    public_ids: Iterable[UUID], *, period: Period, as_of: datetime
) -> dict[UUID, ResourceCost]:
    """What each of these resources used in ``period``; those never metered are left out.

    Two queries, whatever their number and that of their projects.
    """
    metered = MeteredResource.objects.filter(public_id__in=list(public_ids)).in_bulk()
    project_ids = {resource.project_id for resource in metered.values()}
    query = _query(sorted(project_ids), _by_month(period), as_of)
    found = {
        pk: ResourceCost(resource_id=pk, exact=exact, is_price_missing=is_missing)
        for pk, exact, is_missing in query.fetch(_BY_RESOURCE)
    }
    return {
        resource.public_id: found.get(pk)
        or ResourceCost(resource_id=pk, exact=Decimal(0), is_price_missing=False)
        for pk, resource in metered.items()
    }


def charges_of_resource(resource: MeteredResource, *, as_of: datetime) -> list[Charge]:
    """Every charge of a resource since it began, by usage span and time. Two queries."""
    began_at = resource.spans.aggregate(at=Min("started_at"))["at"]
    if began_at is None or began_at >= as_of:
        return []
    life = Period(began_at, as_of)
    return list_charges(
        [resource.project_id], period=life, as_of=as_of, resource=resource.public_id
    )


def list_charges(
    node_ids: Sequence[int],
    *,
    period: Period,
    as_of: datetime,
    resource: UUID | None = None,
    after: Position | None = None,
    limit: int | None = None,
) -> list[Charge]:
    """The charges themselves, by usage span, time and tier. One query.

    Args:
        resource: only those of this resource.
        after: that of the last charge that the caller has; those after it follow.
        limit: at most so many; None is all.
    """
    after = after or (0, period.start, Decimal(0))
    query = _query(node_ids, _by_month(period), as_of, resource=resource, after_span=after[0])
    rows = query.fetch(_CHARGES, **place_after(after), limit=limit)
    return [charge_of(row) for row in rows]


def stream_charges(
    node_ids: Sequence[int], *, period: Period, as_of: datetime, size: int = 2000
) -> Iterator[list[Charge]]:
    """The same charges in the same order, ``size`` at a time, however many there are. One query."""
    query = _query(node_ids, _by_month(period), as_of)
    first = place_after((0, period.start, Decimal(0)))
    for rows in query.stream(_CHARGES, size=size, **first, limit=None):
        yield [charge_of(row) for row in rows]


def place_after(position: Position) -> dict[str, Any]:
    """As parameters of a select that goes on behind that charge."""
    span_id, started_at, from_quantity = position
    return {
        "after_span_id": span_id,
        "after_started_at": started_at,
        "after_from_quantity": from_quantity,
    }


def charge_of(row: tuple[Any, ...]) -> Charge:
    """A charge from a row with the columns of ``Charge``, in the order of its fields."""
    return Charge(**dict(zip(_CHARGE_FIELDS, row, strict=True)))


def line_of(row: tuple[Any, ...]) -> CostLine:
    """A line from a row with the columns of ``CostLine``, in the order of its fields.

    The last one may be left out where nothing is shared.
    """
    return CostLine(**dict(zip(_LINE_FIELDS, row, strict=False)))


def _costs(node_ids: Sequence[int], period: Period, as_of: datetime, until: datetime) -> Costs:
    rows = _query(node_ids, _by_month(period), as_of, until).fetch(_LINES)
    return Costs(lines=tuple(line_of(row) for row in rows))


def _by_month(period: Period) -> list[Slice]:
    return [
        Slice(
            period=Period(max(month.start, period.start), min(month.end, period.end)),
            month_seconds=month.seconds,
        )
        for month in months_in(period)
    ]


def _query(
    node_ids: Sequence[int],
    slices: Sequence[Slice],
    as_of: datetime,
    until: datetime | None = None,
    resource: UUID | None = None,
    after_span: int = 0,
) -> ChargeQuery:
    return ChargeQuery(
        node_ids=node_ids,
        slices=slices,
        as_of=as_of,
        until=until or as_of,
        resource=resource,
        after_span=after_span,
    )
