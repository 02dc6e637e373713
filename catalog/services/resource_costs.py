"""What each resource cost in a month, beside the month before: filtered, sorted, page by page.

One statement, so that the database reckons, filters and sorts, and hands over one page.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final, LiteralString
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from billing.policies import topmost, visible_cost_nodes
from billing.services.tag_keys import TagChoice
from billing.services.used_pieces import UsedPieces
from portal.core.calendar import Period, month_of
from portal.core.money import to_cents
from portal.identity.access import reached_projects
from portal.identity.models import Node, Person

_EXPORTED_AT_A_TIME: Final = 500
_PLACED_BY: Final = ("exact", "before", "seconds", "name", "project_name", "public_id")
ResourcePosition = dict[str, str]
_DAY_SECONDS: Final = 86400

_LISTED: Final[LiteralString] = """
, of_resource AS (
    SELECT
        resource_id,
        coalesce(sum(amount) FILTER (WHERE is_chosen), 0) AS exact,
        coalesce(sum(amount) FILTER (WHERE NOT is_chosen), 0) AS before,
        coalesce(bool_or(is_price_missing) FILTER (WHERE is_chosen), false) AS is_price_missing,
        array_agg(DISTINCT cost_center) FILTER (WHERE is_chosen) AS cost_centers,
        range_agg(tstzrange(started_at, ended_at)) FILTER (WHERE is_chosen AND NOT is_unused)
            AS times
    FROM used
    WHERE %(cost_center)s::text IS NULL OR coalesce(cost_center, '') = %(cost_center)s
    GROUP BY resource_id
),
listed AS (
    SELECT
        metered.public_id, metered.name, metered.kind, project.name AS project_name,
        of_resource.exact, of_resource.before, of_resource.is_price_missing,
        coalesce(of_resource.cost_centers, '{}') AS cost_centers,
        coalesce(
            (
                SELECT sum(date_part('epoch', upper(time) - lower(time)))::bigint
                FROM unnest(of_resource.times) AS time
            ),
            0
        ) AS seconds,
        project.public_id AS project_id
    FROM of_resource
    JOIN billing_meteredresource AS metered ON metered.id = of_resource.resource_id
    JOIN identity_node AS project ON project.id = metered.project_id
    LEFT JOIN catalog_resource AS resource ON resource.public_id = metered.public_id
    WHERE (%(kind)s::text IS NULL OR metered.kind = %(kind)s)
        AND (%(state)s::text IS NULL OR resource.state = %(state)s)
        AND (%(only)s::bigint[] IS NULL OR resource.id = ANY(%(only)s))
        AND (
            %(words)s::text IS NULL
            OR strpos(lower(metered.name), lower(%(words)s)) > 0
            OR strpos(lower(project.name), lower(%(words)s)) > 0
        )
        AND (
            %(requested_by)s::bigint IS NULL
            OR EXISTS (
                SELECT FROM catalog_orderline AS line
                JOIN catalog_order AS placed ON placed.id = line.order_id
                WHERE line.id = resource.order_line_id AND placed.requested_by_id = %(requested_by)s
            )
        )
)
"""
_ALL: Final[LiteralString] = "SELECT * FROM listed ORDER BY {order}"
# A page that there is not is the last one.
_PAGE: Final[LiteralString] = """
, total AS (
    SELECT
        count(*) AS all_count, coalesce(sum(exact), 0) AS all_exact,
        coalesce(sum(before), 0) AS all_before,
        coalesce(bool_or(is_price_missing), false) AS is_any_price_missing,
        coalesce(
            (SELECT array_agg(DISTINCT cost_center) FROM used WHERE is_chosen), '{}'
        ) AS all_cost_centers
    FROM listed
)
SELECT total.*, page.*
FROM total
LEFT JOIN LATERAL (
    SELECT * FROM listed ORDER BY {order}
    LIMIT %(size)s
    OFFSET least(%(offset)s, greatest(total.all_count - 1, 0) / %(size)s * %(size)s)
) AS page ON true
ORDER BY {order}
"""
# What comes after one row of the list, whatever else was added to it or left it meanwhile.
_AFTER: Final[LiteralString] = """
SELECT listed.*
FROM listed, (
    SELECT %(after_exact)s::numeric AS exact, %(after_before)s::numeric AS before,
        %(after_seconds)s::bigint AS seconds, %(after_name)s::text AS name,
        %(after_project_name)s::text AS project_name, %(after_public_id)s::uuid AS public_id
) AS last
WHERE %(is_first)s OR ({order}) > ({order_of_last})
ORDER BY {order}
LIMIT %(size)s
"""
# By where it stands, or stood; NULL where the resource, or what it was ordered as, is not known.
_BY_PLACE: Final[LiteralString] = """
SELECT place.cloud_id, version.offering_id, sum(listed.exact), bool_or(listed.is_price_missing)
FROM listed
LEFT JOIN catalog_resource AS resource ON resource.public_id = listed.public_id
LEFT JOIN cloud_cloudproject AS place ON place.id = resource.cloud_project_id
LEFT JOIN catalog_orderline AS line ON line.id = resource.order_line_id
LEFT JOIN catalog_offeringversion AS version ON version.id = line.offering_version_id
GROUP BY place.cloud_id, version.offering_id
"""
_BY_NAME: Final[LiteralString] = "lower({of}name), {of}name, {of}public_id"


class ResourceCostOrder(models.TextChoices):
    DEAREST = "dearest", _("Dearest first")
    CHEAPEST = "cheapest", _("Cheapest first")
    RISEN = "risen", _("Risen most first")
    LONGEST = "longest", _("Longest in use first")
    NAME = "name", _("By name")
    PROJECT = "project", _("By project")


# All ascend, so that one comparison of rows says what comes after another.
_ORDERS: Final[dict[str, LiteralString]] = {
    ResourceCostOrder.DEAREST: f"-{{of}}exact, {_BY_NAME}",
    ResourceCostOrder.CHEAPEST: f"{{of}}exact, {_BY_NAME}",
    ResourceCostOrder.RISEN: f"{{of}}before - {{of}}exact, {_BY_NAME}",
    ResourceCostOrder.LONGEST: f"-{{of}}seconds, {_BY_NAME}",
    ResourceCostOrder.NAME: _BY_NAME,
    ResourceCostOrder.PROJECT: f"lower({{of}}project_name), {{of}}project_name, {_BY_NAME}",
}


@dataclass(frozen=True, kw_only=True)
class ResourceFilter:
    """Which resources; None is all.

    Attributes:
        cost_center: what of them fell under this one; empty: under none.
        words: part of the name, or of that of the project.
        requested_by: primary key of who ordered them.
        only: primary keys.
        tag: what of them had this value.
    """

    cost_center: str | None = None
    kind: str | None = None
    state: str | None = None
    words: str | None = None
    requested_by: int | None = None
    only: Collection[int] | None = None
    tag: TagChoice | None = None

    def parameters(self) -> dict[str, Any]:
        only = None if self.only is None else list(self.only)
        asked = asdict(self)
        del asked["tag"]  # by it the pieces are cut, before anything is filtered
        return {**asked, "only": only}


@dataclass(frozen=True, kw_only=True)
class ResourceMonth:
    """What one resource cost, six decimals.

    Attributes:
        before: in the month before.
        is_price_missing: part of the use has no price, and is not in ``exact``.
        cost_centers: what it fell under; None among them: under nothing for some time.
        seconds: how long anything of it was in use; what is only due of a minimum term was not.
        project_id: public id.
    """

    public_id: UUID
    name: str
    kind: str
    project_name: str
    exact: Decimal
    before: Decimal
    is_price_missing: bool
    cost_centers: Sequence[str | None]
    seconds: int
    project_id: UUID

    @property
    def position(self) -> ResourcePosition:
        """Where it stands in the list, in whichever order."""
        values = asdict(self)
        return {name: str(values[name]) for name in _PLACED_BY}

    @property
    def amount(self) -> Decimal:
        return to_cents(self.exact)

    @property
    def amount_before(self) -> Decimal:
        return to_cents(self.before)

    @property
    def days(self) -> Decimal:
        """Of 24 hours each, one decimal."""
        return (Decimal(self.seconds) / _DAY_SECONDS).quantize(Decimal("0.1"), ROUND_HALF_UP)


@dataclass(frozen=True, kw_only=True)
class ResourceCosts:
    """A page of the list, and what all pages come to, six decimals.

    ``cost_centers`` is what anything fell under, whatever else was filtered.
    """

    rows: Sequence[ResourceMonth]
    count: int
    exact: Decimal
    before: Decimal
    is_price_missing: bool
    cost_centers: Sequence[str | None]


@dataclass(frozen=True, kw_only=True)
class ResourceCostList:
    """What is asked for.

    Attributes:
        node_ids: as of ``billing.services.charging.costs``.
        at: the present moment; what is open counts until then.
    """

    node_ids: Sequence[int]
    month: Period
    at: datetime
    filter: ResourceFilter
    order: ResourceCostOrder

    @property
    def as_of(self) -> datetime:
        return min(self.at, self.month.end)

    @property
    def month_before(self) -> Period:
        return month_of(self.month.start - timedelta(seconds=1))

    def page(self, number: int, *, size: int) -> tuple[ResourceCosts, UsedPieces]:
        """The page with this number, from one; the last one where there are not so many. Two
        queries, whatever the number of resources."""
        pieces = self._pieces()
        rows = pieces.fetch(
            _LISTED + _ordered(_PAGE, self.order),
            size=size,
            offset=(number - 1) * size,
            **self.filter.parameters(),
        )
        count, exact, before, is_missing, cost_centers, *_of_page = rows[0]
        found = ResourceCosts(
            rows=[_row(row[5:]) for row in rows] if count else [],
            count=count,
            exact=exact,
            before=before,
            is_price_missing=is_missing,
            cost_centers=cost_centers,
        )
        return found, pieces

    def after(self, last: ResourcePosition | None, *, size: int) -> list[ResourceMonth]:
        """At most ``size`` rows that come after that one; None: the first. Two queries."""
        place = last or dict.fromkeys(_PLACED_BY)
        rows = self._pieces().fetch(
            _LISTED + _ordered(_AFTER, self.order, of="listed."),
            size=size,
            is_first=last is None,
            **{f"after_{name}": value for name, value in place.items()},
            **self.filter.parameters(),
        )
        return [_row(row) for row in rows]

    def stream(self) -> Iterator[list[ResourceMonth]]:
        """All of it in the same order, some at a time."""
        select = _LISTED + _ordered(_ALL, self.order)
        parameters = self.filter.parameters()
        for rows in self._pieces().stream(select, size=_EXPORTED_AT_A_TIME, **parameters):
            yield [_row(row) for row in rows]

    def by_place(self) -> list[tuple[int | None, int | None, Decimal, bool]]:
        """Primary keys of cloud and offering, what all of the list cost there, and whether part of
        it has no price. Together that is what the pages come to. Two queries.
        """
        rows = self._pieces().fetch(_LISTED + _BY_PLACE, **self.filter.parameters())
        return [(cloud, offering, exact, missing) for cloud, offering, exact, missing in rows]

    def _pieces(self) -> UsedPieces:
        return UsedPieces.of(
            self.node_ids,
            chosen=self.month,
            before=self.month_before,
            as_of=self.as_of,
            tag=self.filter.tag,
        )


def branches_for(person: Person, node: Node | None) -> list[int]:
    """What is counted for a person, or of it what is below a node: all that the parts paid of which
    they see the costs, and else what belongs to projects that they reach now. Two queries.
    """
    payers, projects = visible_cost_nodes(person), reached_projects(person)
    if node:
        payers = payers.filter(pk=node.pk)
        projects = projects.filter(Q(pk=node.pk) | Q(ancestor_ids__contains=[node.pk]))
    paid = set(topmost(payers).values_list("pk", flat=True))
    return [*paid, *projects.values_list("pk", flat=True)]


_FIELDS: Final = tuple(field.name for field in fields(ResourceMonth))


def _ordered(
    select: LiteralString, order: ResourceCostOrder, of: LiteralString = ""
) -> LiteralString:
    by = _ORDERS[order]
    with_order = select.replace("{order}", by.replace("{of}", of))
    return with_order.replace("{order_of_last}", by.replace("{of}", "last."))


def _row(values: Sequence[Any]) -> ResourceMonth:
    return ResourceMonth(**dict(zip(_FIELDS, values, strict=True)))
