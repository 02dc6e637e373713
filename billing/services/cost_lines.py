"""What use has cost, as it comes from the database: charges, lines, and what they add up to.

A charge is one piece of use at one price within one month, at six decimals; of a price with tiers
what of it falls in one of them. A line is what a statement shows: all charges of one project at one
SKU price, and tier, in one month that fall under the same cost centre, cost object and commitment
number, rounded half up to cents once. Totals are sums of lines, so every total on a page can be
reproduced from the usage rows.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from billing.models import AllocationKey, LineKind
from billing.models.statement import SHARES
from portal.core.money import to_cents

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

    def of_center(self, code: str) -> Costs:
        """Only what falls under this cost centre; empty: under none."""
        return Costs(lines=tuple(one for one in self.lines if (one.cost_center or "") == code))

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


def charge_of(row: tuple[Any, ...]) -> Charge:
    """A charge from a row with the columns of ``Charge``, in the order of its fields."""
    return Charge(**dict(zip(_CHARGE_FIELDS, row, strict=True)))


def line_of(row: tuple[Any, ...]) -> CostLine:
    """A line from a row with the columns of ``CostLine``, in the order of its fields.

    The last one may be left out where nothing is shared.
    """
    return CostLine(**dict(zip(_LINE_FIELDS, row, strict=False)))
