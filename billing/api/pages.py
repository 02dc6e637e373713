"""Charges as a list that REST framework can filter and page.

They are computed, and not stored before a month is closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.utils.timezone import now
from django.utils.translation import gettext as _
from rest_framework.exceptions import ErrorDetail
from rest_framework.pagination import Cursor
from rest_framework.request import Request

from billing.models import BillingMonth, LineKind, MeteredResource, Sku, StatementLine
from billing.policies import find_cost_node, may_see_costs, topmost, visible_cost_nodes
from billing.services.billed import find_closed
from billing.services.charge_lists import (
    ChargeFilter,
    filtered_charges,
    filtered_corrections,
    filtered_shares,
)
from billing.services.cost_lines import Charge, CostLine, Position
from billing.services.tag_keys import TagChoice
from portal.core.api import CursorPages
from portal.core.calendar import Period, month_of
from portal.core.problem import InvalidRequest
from portal.identity.models import Node, Person


@dataclass(frozen=True, kw_only=True)
class SharedAmount:
    """What is shared by key of a month that is not closed, as its line on a statement will be."""

    amount: Decimal
    cost_center: str | None
    cost_object: str | None
    commitment_number: str | None
    quantity: Decimal = Decimal(0)
    unit: str = ""
    unit_price: Decimal = Decimal(0)
    from_quantity: Decimal = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class ChargeRow:
    """A charge, what is shared by key, or what a closed month put right of an earlier one, with all
    that it points at.

    Attributes:
        charge: says what of, at which price and how much.
        resource, seconds: None of what is put right or shared: that is of a line, and so of a whole
            month.
        position: where it stands in the list. What is put right has its line, with a minus; so has
            what is shared, and before the month is closed its number among these.
    """

    kind: str
    charge: Charge | StatementLine | SharedAmount
    position: Position
    started_at: datetime
    ended_at: datetime
    seconds: int | None
    resource: MeteredResource | None
    project: Node
    organization: Node
    sku: Sku


@dataclass(frozen=True, kw_only=True)
class ChargeList:
    """The charges of one month that a person sees; takes the place of a queryset."""

    person: Person
    as_of: datetime
    month: Period
    node_id: UUID | None = None
    kind: str | None = None
    cost_center: str | None = None
    tag: TagChoice | None = None

    @classmethod
    def of(cls, person: Person) -> ChargeList:
        """Everything of the running month."""
        moment = now()
        return cls(person=person, as_of=moment, month=month_of(moment))

    def filter(self, **asked: Any) -> ChargeList:
        """Return the list with another ``month``, only below one node (``node_id``), or only what
        ``ChargeFilter`` says. Files know of the latter only ``tag``.
        """
        return replace(self, **asked)

    @property
    def reached_until(self) -> datetime:
        """Until when open use counts: now, but within the month."""
        return min(self.as_of, self.month.end)

    def page(
        self, after: Position | None, size: int, *, closed: BillingMonth | None
    ) -> list[ChargeRow]:
        """Return at most ``size`` charges after that one. A constant number of queries.

        Of a closed month: what was billed, and last what its statements share and put right. Of
        another one last what closing it now would share.

        Args:
            closed: the month, where it is.

        Raises:
            Http404, PermissionDenied: as ``node_ids``.
        """
        node_ids = self.node_ids()
        wanted = ChargeFilter(kind=self.kind, cost_center=self.cost_center, tag=self.tag)
        rows = []
        if after is None or after[0] > 0:
            charges = filtered_charges(
                node_ids,
                wanted,
                month=self.month,
                as_of=self.as_of,
                closed=closed,
                after=after,
                limit=size,
            )
            rows = _with_names(charges)
        if closed and len(rows) < size:
            lines = filtered_corrections(node_ids, wanted, closed=closed)
            rows += _put_right(lines, after)[: size - len(rows)]
        elif len(rows) < size:
            until = self.reached_until
            shares = filtered_shares(node_ids, wanted, month=self.month, as_of=until)
            rows += _shared(shares, after, until)[: size - len(rows)]
        return rows

    def node_ids(self) -> list[int]:
        """Return the primary keys of the nodes whose charges these are.

        Raises:
            Http404: the person does not reach that node.
            PermissionDenied: they have no role for its costs, or for any.
        """
        if self.node_id:
            return [find_cost_node(self.person, self.node_id).pk]
        if not may_see_costs(self.person):
            raise PermissionDenied
        return list(topmost(visible_cost_nodes(self.person)).values_list("pk", flat=True))


class ChargePages(CursorPages):
    """Pages of a ``ChargeList``, forward only: ``previous`` is always null.

    No two charges share a position. The pages after the first are of its month and its moment: they
    add up, also when another month begins meanwhile. Where the month is closed after a page that
    has shares by key, no page follows: what is shared then has another place. Nor does one after a
    page that was read before the month ended: what was billed is the use of all of it.
    """

    def paginate_queryset(  # type: ignore[override]  # a ChargeList instead of a queryset
        self, queryset: ChargeList, request: Request, view: Any = None
    ) -> list[ChargeRow]:
        self.request = request
        self.base_url = request.build_absolute_uri()
        size = self.get_page_size(request)
        place = _read_place(self.decode_cursor(request))
        found = queryset.filter(month=place.month, as_of=place.as_of) if place else queryset
        closed = find_closed(found.month)
        is_closed = closed is not None
        if place and place.is_outdated(is_closed=is_closed):
            raise _closed_meanwhile()
        rows = found.page(place.position if place else None, size + 1, closed=closed)
        more = len(rows) > size
        self._next = _write_place(found, rows[size - 1], is_closed=is_closed) if more else None
        return rows[:size]

    def _salt(self, request: Request) -> str:
        """Not that of places without a month, without tiers or that do not say whether the month is
        closed, which earlier releases gave.
        """
        return f"{super()._salt(request)} in a month, closed or not, with tiers"

    def get_next_link(self) -> str | None:
        return self.encode_cursor(self._next) if self._next else None

    def get_previous_link(self) -> None:
        return None


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where the next page begins, and of which list; ``is_closed``: the month was then."""

    month: Period
    as_of: datetime
    position: Position
    is_closed: bool

    def is_outdated(self, *, is_closed: bool) -> bool:
        """It was closed since, and what stood on the pages before is not what was billed.

        That was what is shared by key, or use until a moment within the month.
        """
        is_partial = self.as_of < self.month.end
        return self.is_closed != is_closed and (is_partial or self.position[0] < 0)


def _closed_meanwhile() -> InvalidRequest:
    message = _("This month was closed meanwhile. Read it again from the first page.")
    return InvalidRequest({"cursor": [ErrorDetail(message, code="invalid")]}, location="query")


def _write_place(charges: ChargeList, last: ChargeRow, *, is_closed: bool) -> Cursor:
    number, started_at, from_quantity = last.position
    moments = (started_at, charges.as_of, charges.month.start)
    words = (number, from_quantity, int(is_closed), *(moment.isoformat() for moment in moments))
    place: Any = " ".join(map(str, words))  # the stubs say int
    return Cursor(0, False, place)


def _read_place(cursor: Cursor | None) -> _Place | None:
    if cursor is None or cursor.position is None:
        return None
    number, from_quantity, is_closed, *moments = str(cursor.position).split(" ")
    started_at, as_of, month_start = map(datetime.fromisoformat, moments)
    position = (int(number), started_at, Decimal(from_quantity))
    month = month_of(month_start)
    return _Place(month=month, as_of=as_of, position=position, is_closed=is_closed == "1")


def _with_names(charges: Sequence[Charge]) -> list[ChargeRow]:
    resources = MeteredResource.objects.in_bulk({charge.resource_id for charge in charges})
    skus = Sku.objects.in_bulk({charge.sku_id for charge in charges})
    nodes = Node.objects.in_bulk(
        {pk for charge in charges for pk in (charge.project_id, charge.organization_id)}
    )
    return [
        ChargeRow(
            kind=LineKind.USAGE,
            charge=charge,
            position=charge.position,
            started_at=charge.started_at,
            ended_at=charge.ended_at,
            seconds=charge.seconds,
            resource=resources[charge.resource_id],
            project=nodes[charge.project_id],
            organization=nodes[charge.organization_id],
            sku=skus[charge.sku_id],
        )
        for charge in charges
    ]


def _put_right(lines: Sequence[StatementLine], after: Position | None) -> list[ChargeRow]:
    """Corrections and credits on the statements of a closed month that come after that one."""
    last = -after[0] if after and after[0] < 0 else 0
    return [
        ChargeRow(
            kind=line.kind,
            charge=line,
            position=(-line.pk, line.used_in.period.start, Decimal(0)),
            started_at=line.used_in.period.start,
            ended_at=line.used_in.period.end,
            seconds=None,
            resource=None,
            project=line.project,
            organization=line.statement.organization,
            sku=line.sku,
        )
        for line in sorted(lines, key=lambda line: line.pk)
        if line.pk > last
    ]


def _shared(shares: Sequence[CostLine], after: Position | None, until: datetime) -> list[ChargeRow]:
    """What is shared by key that comes after that one."""
    skus = Sku.objects.in_bulk({one.sku_id for one in shares})
    nodes = Node.objects.in_bulk(
        {pk for one in shares for pk in (one.project_id, one.organization_id)}
    )
    last = -after[0] if after and after[0] < 0 else 0
    return [
        ChargeRow(
            kind=one.kind,
            charge=SharedAmount(
                amount=one.amount,
                cost_center=one.cost_center,
                cost_object=one.cost_object,
                commitment_number=one.commitment_number,
            ),
            position=(-number, one.month_start, Decimal(0)),
            started_at=one.month_start,
            ended_at=until,
            seconds=None,
            resource=None,
            project=nodes[one.project_id],
            organization=nodes[one.organization_id],
            sku=skus[one.sku_id],
        )
        for number, one in enumerate(shares, start=1)
        if number > last
    ]
