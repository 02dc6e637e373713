"""Tags for programs: which there are, which a place has, and setting them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from billing.api.serializers import NamedOutput
from billing.models import TAG_LENGTH, TagFact, TagKey
from billing.policies import (
    find_cost_node,
    may_see_costs,
    visible_cost_nodes,
    visible_metered_resources,
)
from billing.services.allocations import Place
from billing.services.tag_keys import MOST_VALUES, define_tag_key, withdraw_tag_key
from billing.services.tags import set_tag, tags_of
from portal.core.api import Input, MomentField, PublicIdField, TextField, TruthField
from portal.identity.access import reached_nodes
from portal.identity.models import Person
from portal.identity.requests import ApiRequest


class PlaceInput(Input):
    """One organization or project, or one resource."""

    node = PublicIdField(required=False, help_text="An organization or project that you see.")
    resource = PublicIdField(required=False, help_text="Instead of that: a resource.")

    def validate(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return what was asked.

        Raises:
            ValidationError: it is no place, or two.
        """
        if ("node" in asked) == ("resource" in asked):
            raise serializers.ValidationError({"node": ["Give a node or a resource."]})
        return asked


class TagInput(PlaceInput):
    key = TextField(max_length=TAG_LENGTH, help_text="One that an organization here defines.")
    value = TextField(
        max_length=TAG_LENGTH, allow_blank=True, help_text="Empty: what is inherited from above."
    )
    starts_on = serializers.DateField(
        help_text="A day of the first month that is not closed, or later."
    )


class TagKeyFilters(Input):
    node = PublicIdField(
        source="organization__public_id",
        required=False,
        help_text="The organization that defines them; not those above or below it.",
    )


class TagKeyInput(Input):
    """What a key shall be, as from now."""

    node = PublicIdField(help_text="An organization whose costs you allocate.")
    name = TextField(max_length=TAG_LENGTH)
    allowed_values = serializers.ListField(
        child=TextField(max_length=TAG_LENGTH),
        required=False,
        default=list,
        max_length=MOST_VALUES,
        help_text="None: every value.",
    )
    is_required = TruthField(required=False, default=False)


class TagPeriodOutput(serializers.ModelSerializer[TagFact]):
    valid_from = MomentField()
    valid_until = MomentField(allow_null=True, help_text="Exclusive.")

    class Meta:
        model = TagFact
        fields = ("value", "valid_from", "valid_until")


class TagOutput(serializers.Serializer[Any]):
    """What one key is for a place."""

    key = serializers.CharField()
    value = serializers.CharField(
        source="current.value", allow_null=True, default=None, help_text="null: nobody said."
    )
    is_inherited = serializers.BooleanField()
    is_missing = serializers.BooleanField(help_text="It is required here and has no value.")
    periods = TagPeriodOutput(many=True, help_text="All that was said of the place itself.")


class TagKeyOutput(serializers.ModelSerializer[TagKey]):
    id = serializers.UUIDField(source="public_id")
    node = NamedOutput(source="organization")
    allowed_values = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = TagKey
        fields = ("id", "node", "name", "allowed_values", "is_required")


@dataclass(frozen=True, kw_only=True)
class _AskedPlace:
    """The place that is asked for; takes the place of a queryset."""

    person: Person
    node: UUID | None = None
    resource: UUID | None = None

    def filter(self, **asked: Any) -> _AskedPlace:
        return replace(self, **asked)

    def found(self) -> Place:
        """Return the place.

        Raises:
            Http404: the person does not reach it.
            PermissionDenied: they have no role for its costs.
        """
        if self.node:
            return find_cost_node(self.person, self.node)
        resources = visible_metered_resources(self.person).select_related("project__parent")
        return get_object_or_404(resources, public_id=self.resource)


class TagViewSet(GenericViewSet[TagFact]):
    """The tags of organizations, projects and resources."""

    request: ApiRequest
    queryset = TagFact.objects.none()  # for the description only
    filters = PlaceInput
    serializer_class = TagOutput
    pagination_class = None

    @extend_schema(filters=True, responses=TagOutput(many=True))
    def list(self, request: ApiRequest) -> Response:
        """Every tag that means something for a place: what holds now, and what was set there."""
        everything: Any = _AskedPlace(person=request.user)  # takes the place of a queryset
        asked = cast(_AskedPlace, self.filter_queryset(everything))
        return Response(TagOutput(tags_of(asked.found()), many=True).data)

    @extend_schema(
        request=TagInput,
        responses={200: TagOutput(many=True)},
        examples=[
            OpenApiExample(
                "Tag a resource",
                value={
                    "resource": "5f0f7c9e-3c1b-4d3a-9a55-0a8f5a1f9a01",
                    "key": "fase",
                    "value": "test",
                    "starts_on": "2026-11-01",
                },
                request_only=True,
            )
        ],
    )
    def create(self, request: ApiRequest) -> Response:
        """Set a tag from a day on. Asks for a strong, fresh login."""
        body = TagInput(data=request.data)
        body.is_valid(raise_exception=True)
        asked = body.validated_data
        where = {name: asked.pop(name) for name in ("node", "resource") if name in asked}
        place = _AskedPlace(person=request.user, **where).found()
        set_tag(place, **asked, actor=request.user)
        return Response(TagOutput(tags_of(place), many=True).data)


class TagKeyViewSet(GenericViewSet[TagKey]):
    """Which tags there are, for who pays, decides or checks."""

    request: ApiRequest
    queryset = TagKey.objects.none()
    filters = TagKeyFilters
    ordering = ("name", "pk")
    serializer_class = TagKeyOutput
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[TagKey]:
        seen = visible_cost_nodes(self.request.user)
        in_force = TagKey.objects.filter(valid_until=None, organization__in=seen)
        return in_force.select_related("organization")

    @extend_schema(responses=TagKeyOutput(many=True))
    def list(self, request: ApiRequest) -> Response:
        """Those of the organizations whose costs you see."""
        if not may_see_costs(request.user):
            raise PermissionDenied
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(TagKeyOutput(page or [], many=True).data)

    @extend_schema(request=TagKeyInput, responses={200: TagKeyOutput})
    def create(self, request: ApiRequest) -> Response:
        """Define a key, or define it anew. Asks for a strong, fresh login."""
        body = TagKeyInput(data=request.data)
        body.is_valid(raise_exception=True)
        asked = body.validated_data
        node = find_cost_node(request.user, asked.pop("node"))
        key = define_tag_key(node, asked.pop("name"), **asked, actor=request.user)
        return Response(TagKeyOutput(key).data)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def withdraw(self, request: ApiRequest, id: UUID) -> Response:
        """From today on there is no such key, nor its values. Asks for a strong, fresh login."""
        reached = TagKey.objects.filter(
            valid_until=None, organization__in=reached_nodes(request.user)
        )
        key = get_object_or_404(reached.select_related("organization"), public_id=id)
        withdraw_tag_key(key.organization, key.name, actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)
