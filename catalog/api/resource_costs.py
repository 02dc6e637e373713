"""What each resource cost in a month, for programs: the list of the page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.shortcuts import get_object_or_404
from django.utils.timezone import now
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.pagination import Cursor
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from billing.api.serializers import FocusFilters
from catalog.kinds.base import all_kinds
from catalog.models import Resource, ResourceState
from catalog.policies import visible_resources
from catalog.services.resource_costs import (
    ResourceCostList,
    ResourceCostOrder,
    ResourceFilter,
    ResourceMonth,
    ResourcePosition,
    branches_for,
)
from portal.core.api import AmountField, CursorPages, TextField
from portal.core.calendar import Period, month_of
from portal.identity.access import reached_nodes
from portal.identity.models import Person
from portal.identity.requests import ApiRequest

LONGEST_SEARCH: Final = 100


def _kinds() -> list[str]:
    return sorted(kind.key for kind in all_kinds())


class ResourceCostFilters(FocusFilters):
    """Month, node and tag, as for the other costs; and what is asked of the resources."""

    kind = serializers.ChoiceField(choices=(), required=False)
    costCenter = TextField(  # noqa: N815  query keys are camelCase by the Dutch rules
        source="cost_center",
        required=False,
        allow_blank=True,
        max_length=40,
        help_text="Only what fell under it; empty: under none.",
    )
    state = serializers.ChoiceField(
        choices=ResourceState.choices, required=False, help_text="What it is now."
    )
    q = TextField(
        source="words",
        required=False,
        max_length=LONGEST_SEARCH,
        help_text="Part of its name, or of that of its project.",
    )
    order = serializers.ChoiceField(
        choices=ResourceCostOrder.choices, required=False, help_text="Default: dearest."
    )

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["kind"].choices = _kinds()  # type: ignore[attr-defined]  # it is a ChoiceField


class CostProjectOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="project_id")
    name = serializers.CharField(source="project_name")


class ResourceCostOutput(serializers.Serializer[Any]):
    """What one resource cost, without VAT: of a closed month what was billed of it."""

    id = serializers.UUIDField(source="public_id")
    name = serializers.CharField()
    kind = serializers.CharField()
    project = CostProjectOutput(source="*")
    state = serializers.ChoiceField(
        choices=ResourceState.choices,
        allow_null=True,
        help_text="What it is now; null: you do not reach it any more.",
    )
    amount = AmountField(source="exact")
    amount_before = AmountField(source="before", help_text="In the month before.")
    is_price_missing = serializers.BooleanField(
        help_text="Part of the use has no price, and is not in the amount."
    )
    cost_centers = serializers.ListField(
        child=serializers.CharField(allow_null=True),
        help_text="What it fell under in the month; null: for some time under none.",
    )
    seconds = serializers.IntegerField(
        help_text="So long anything of it was in use. What is due of a minimum term, and not used, "
        "is in the amount only."
    )


_ALL: Final = ResourceFilter()
_OWN: Final = ("month", "at", "node_id", "order")


@dataclass(frozen=True, kw_only=True)
class AskedCosts:
    """What is asked for; takes the place of a queryset."""

    person: Person
    at: datetime
    month: Period
    node_id: UUID | None = None
    order: ResourceCostOrder = ResourceCostOrder.DEAREST
    resources: ResourceFilter = _ALL

    def filter(self, **asked: Any) -> AskedCosts:
        """Return the list with another ``month``, ``at``, ``node_id`` or ``order``; everything else
        is what ``ResourceFilter`` knows.
        """
        own = {name: asked.pop(name) for name in _OWN if name in asked}
        return replace(self, **own, resources=replace(self.resources, **asked))

    def after(self, last: ResourcePosition | None, size: int) -> list[ResourceMonth]:
        """At most ``size`` after that one.

        Raises:
            Http404: the person does not reach that node.
        """
        reached = reached_nodes(self.person)
        node = get_object_or_404(reached, public_id=self.node_id) if self.node_id else None
        asked = ResourceCostList(
            node_ids=branches_for(self.person, node),
            month=self.month,
            at=self.at,
            filter=self.resources,
            order=ResourceCostOrder(self.order),
        )
        return asked.after(last, size=size)


class ResourceCostPages(CursorPages):
    """Forward only. The pages after the first are of its month and its moment: they add up."""

    def paginate_queryset(  # type: ignore[override]  # AskedCosts instead of a queryset
        self, queryset: AskedCosts, request: Request, view: Any = None
    ) -> list[ResourceMonth]:
        self.request = request
        self.base_url = request.build_absolute_uri()
        size = self.get_page_size(request)
        place = _read_place(self.decode_cursor(request))
        asked, last = queryset, None
        if place:
            at, month_start, last = place
            asked = asked.filter(at=at, month=month_of(month_start))
        rows = asked.after(last, size + 1)
        self._next = _write_place(asked, rows[size - 1]) if len(rows) > size else None
        return rows[:size]

    def get_next_link(self) -> str | None:
        return self.encode_cursor(self._next) if self._next else None

    def get_previous_link(self) -> None:
        return None


def _write_place(asked: AskedCosts, last: ResourceMonth) -> Cursor:
    moments = (asked.at.isoformat(), asked.month.start.isoformat())
    place: Any = json.dumps([*moments, last.position])  # the stubs say int
    return Cursor(0, False, place)


def _read_place(cursor: Cursor | None) -> tuple[datetime, datetime, ResourcePosition] | None:
    if cursor is None or cursor.position is None:
        return None
    at, month_start, position = json.loads(str(cursor.position))
    return datetime.fromisoformat(at), datetime.fromisoformat(month_start), position


class ResourceCostViewSet(GenericViewSet[Resource]):
    """What each resource cost: all that you see the costs of, or where you have another role."""

    request: ApiRequest
    queryset = Resource.objects.none()  # for the description only
    filters = ResourceCostFilters
    pagination_class = ResourceCostPages
    serializer_class = ResourceCostOutput

    @extend_schema(responses=ResourceCostOutput(many=True))
    def list(self, request: ApiRequest) -> Response:
        """The resources of a month, and what each cost in the month before."""
        moment = now()
        everything: Any = AskedCosts(person=request.user, at=moment, month=month_of(moment))
        page: Any = self.paginate_queryset(self.filter_queryset(everything))
        rows = _with_states(page, request.user)
        return self.get_paginated_response(ResourceCostOutput(rows, many=True).data)


def _with_states(rows: Sequence[ResourceMonth], person: Person) -> list[dict[str, Any]]:
    """Each with what it is now. One query."""
    found = visible_resources(person).filter(public_id__in=[row.public_id for row in rows])
    states = dict(found.values_list("public_id", "state"))
    return [{**vars(row), "state": states.get(row.public_id)} for row in rows]
