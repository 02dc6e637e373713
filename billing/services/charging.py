"""What use has cost: charges computed from usage and prices, never stored before a month closes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, LiteralString, cast
from uuid import UUID

from django.db.models import Min

from billing.models import MeteredResource
from billing.services.charge_query import ChargeQuery, Slice
from billing.services.cost_lines import (
    Charge,
    Costs,
    DayCost,
    LineKey,
    Position,
    ResourceCost,
    charge_of,
    line_of,
)
from portal.core.calendar import Period, day_of, days_in, months_in

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
FROM charge WHERE is_in_term
GROUP BY organization_id, project_id, sku_id, price_id, from_quantity, slice_start,
         cost_center, cost_object, commitment_number
"""


def costs(node_ids: Sequence[int], *, period: Period, as_of: datetime) -> Costs:
    """What ``node_ids`` used in ``period``, up to ``as_of``, in lines per month. Two queries.

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

    By ``CostLine.key``. Two queries.
    """
    rows = _query(node_ids, _by_month(period), as_of).fetch(_BEGUN)
    return {cast(LineKey, tuple(key)): quantity for *key, quantity in rows}


def held_by_terms(
    node_ids: Sequence[int], *, period: Period, as_of: datetime
) -> dict[LineKey, tuple[Decimal, Decimal]]:
    """Of each line of ``costs`` what is in minimum terms, so that no other price changes it.

    By ``CostLine.key``: quantity x seconds, and what that cost, exactly. Two queries.
    """
    rows = _query(node_ids, _by_month(period), as_of).fetch(_IN_TERMS)
    return {cast(LineKey, tuple(key)): (held, exact) for *key, held, exact in rows}


def expected_costs(node_ids: Sequence[int], *, period: Period, as_of: datetime) -> Costs:
    """As ``costs``, with what runs at ``as_of`` running on, to its end date or that of ``period``.

    What passes by, of which nothing runs, has as much a day as it had lately: docs/adr/0039.
    Today's prices and those already announced hold.
    """
    return _costs(node_ids, period, as_of, period.end)


def cost_by_resource(project_id: int, *, period: Period, as_of: datetime) -> list[ResourceCost]:
    """What each resource of a project used in ``period``, dearest first. Two queries."""
    query = _query([project_id], _by_month(period), as_of)
    return [
        ResourceCost(resource_id=resource_id, exact=exact, is_price_missing=is_missing)
        for resource_id, exact, is_missing in query.fetch(_BY_RESOURCE)
    ]


def cost_by_day(
    node_ids: Sequence[int], *, month: Period, as_of: datetime, until: datetime | None = None
) -> list[DayCost]:
    """What each day of a business month cost, days without use included. Two queries.

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
    """What a resource has cost since it began; None when it was never metered. Four queries."""
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

    Three queries, whatever their number and that of their projects.
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
    """Every charge of a resource since it began, by usage span and time. Three queries."""
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
    """The charges themselves, by usage span, time and tier. Two queries.

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
    """The same charges in the same order, ``size`` at a time, however many. Two queries."""
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
