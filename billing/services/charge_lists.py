"""The charges of a month, filtered: by the kind of what was used, by cost centre, by one tag.

They are those of ``list_charges`` and ``list_billed``. By a tag a charge is cut where the value
changed; the parts add up to it, to the sixth decimal, and so do the charges of all values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, LiteralString

from billing.models import BillingMonth, StatementLine
from billing.services.billed import (
    ASKED,
    BILLED_CHARGES,
    billed_corrections,
    list_billed,
    query_months,
)
from billing.services.charge_query import ChargeQuery, Slice
from billing.services.charging import list_charges, place_after
from billing.services.cost_lines import Charge, CostLine, Position, charge_of
from billing.services.month_costs import open_shares
from billing.services.tag_keys import TagChoice
from billing.services.tag_query import CUT
from portal.core.calendar import Period

_COLUMNS: Final[LiteralString] = """
    span_id, resource_id, project_id, organization_id, sku_id, price_id, unit, unit_price,
    from_quantity, quantity, started_at, ended_at, seconds, quantity_seconds, amount,
    cost_center, cost_object, commitment_number
"""
# What is reckoned: behind ``charge``.
_RECKONED: Final[LiteralString] = f", listed AS (SELECT {_COLUMNS} FROM charge)"  # noqa: S608
# What was billed: behind the lines that are asked for.
_BILLED: Final[LiteralString] = f"{ASKED}, listed AS ({BILLED_CHARGES})"
_OF_TAG: Final[LiteralString] = (
    """
, payer_project AS (SELECT DISTINCT organization_id, project_id FROM listed),
whole AS (SELECT * FROM listed)
"""  # noqa: S608
    + CUT
    + """
, shown AS (
    SELECT
        span_id, resource_id, project_id, organization_id, sku_id, price_id, unit, unit_price,
        from_quantity, quantity, part_started_at AS started_at, part_ended_at AS ended_at,
        part_seconds AS seconds, quantity_seconds * part_seconds / seconds AS quantity_seconds,
        part_amount AS amount, cost_center, cost_object, commitment_number
    FROM tagged
    WHERE tag_value IS NOT DISTINCT FROM %(tag_value)s
)
"""
)
_OF_ALL: Final[LiteralString] = ", shown AS (SELECT * FROM listed)"
_PAGE: Final[LiteralString] = """
SELECT shown.*
FROM shown JOIN billing_meteredresource AS metered ON metered.id = shown.resource_id
WHERE (shown.span_id, shown.started_at, shown.from_quantity)
        > (%(after_span_id)s, %(after_started_at)s, %(after_from_quantity)s)
    AND (%(kind)s::text IS NULL OR metered.kind = %(kind)s)
    AND (%(cost_center)s::text IS NULL OR coalesce(shown.cost_center, '') = %(cost_center)s)
ORDER BY shown.span_id, shown.started_at, shown.from_quantity
LIMIT %(limit)s
"""


@dataclass(frozen=True, kw_only=True)
class ChargeFilter:
    """Which charges; None is all.

    Attributes:
        kind: of what was used, such as ``server``.
        cost_center: what fell under this one; empty: under none.
        tag: what had this value at the time.
    """

    kind: str | None = None
    cost_center: str | None = None
    tag: TagChoice | None = None

    @property
    def is_empty(self) -> bool:
        return self == ChargeFilter()

    def keeps(self, line: StatementLine | CostLine) -> bool:
        """Whether a line is asked for that is of no resource: what puts an earlier month right, or
        is shared by key."""
        is_of_center = self.cost_center in {None, line.cost_center or ""}
        return self.kind is None and is_of_center and (self.tag is None or self.tag.value is None)


def filtered_charges(
    node_ids: Sequence[int],
    wanted: ChargeFilter,
    *,
    month: Period,
    as_of: datetime,
    closed: BillingMonth | None,
    after: Position | None,
    limit: int,
) -> list[Charge]:
    """The charges of use of a month, by usage span, time and tier. Two queries at most.

    Args:
        node_ids: as of ``billing.services.charging.costs``.
        closed: the month, where it is: then what was billed.
        after, limit: as of ``list_charges``.
    """
    if wanted.is_empty and closed:
        return list_billed(node_ids, month=closed, after=after, limit=limit)
    if wanted.is_empty:
        return list_charges(node_ids, period=month, as_of=as_of, after=after, limit=limit)
    place = after or (0, month.start, Decimal(0))
    parameters: dict[str, Any] = {
        "kind": wanted.kind,
        "cost_center": wanted.cost_center,
        "limit": limit,
        **place_after(place),
    }
    select = _OF_ALL + _PAGE
    if wanted.tag:
        select = _OF_TAG + _PAGE
        parameters |= {"tag_key": wanted.tag.key, "tag_value": wanted.tag.value}
    if closed:
        query = query_months(node_ids, [closed], after_span=place[0])
        rows = query.fetch(_BILLED + select, months=[closed.pk], **parameters)
    else:
        query = ChargeQuery(
            node_ids=node_ids,
            slices=[Slice(period=month, month_seconds=month.seconds)],
            as_of=as_of,
            until=as_of,
            after_span=place[0],
        )
        rows = query.fetch(_RECKONED + select, **parameters)
    return [charge_of(row) for row in rows]


def filtered_corrections(
    node_ids: Sequence[int], wanted: ChargeFilter, *, closed: BillingMonth
) -> list[StatementLine]:
    """What the statements of a closed month put right, as far as it is asked for. Two queries."""
    return [line for line in billed_corrections(node_ids, month=closed) if wanted.keeps(line)]


def filtered_shares(
    node_ids: Sequence[int], wanted: ChargeFilter, *, month: Period, as_of: datetime
) -> list[CostLine]:
    """What is shared by key of a month that is not closed, as closing it at ``as_of`` would do, as
    far as it is asked for; always in the same order."""
    if wanted.kind or as_of <= month.start:
        return []
    found = open_shares(node_ids, [month], at=as_of).get(month.start)
    lines = found.realised.lines if found else ()
    return sorted(filter(wanted.keeps, lines), key=_order_of_share)


def _order_of_share(line: CostLine) -> tuple[Any, ...]:
    named = (line.cost_center, line.cost_object, line.commitment_number)
    places = (line.organization_id, line.project_id, *(name or "" for name in named))
    return (line.split_key_id, line.kind, *places)
