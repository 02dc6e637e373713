"""The tree for programs: what the roles of whoever asks reach, and nothing else."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import Case, Exists, OuterRef, QuerySet, Value, When
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet

from portal.identity.access import reached_nodes
from portal.identity.api import serializers as outputs
from portal.identity.models import Node, Organization, Person, Project
from portal.identity.requests import ApiRequest

Kind = TypeVar("Kind", Organization, Project)


class OrganizationViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[Organization]):
    """The organizations on which you have a role, by code."""

    request: ApiRequest
    queryset = Organization.objects.none()
    filters = outputs.NodeFilters
    ordering = ("code", "pk")
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Organization]:
        return _reached(Organization.objects.all(), self.request.user)

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        is_detail = self.action == "retrieve"
        return outputs.OrganizationDetailOutput if is_detail else outputs.OrganizationOutput


class ProjectViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[Project]):
    """The projects on which you have a role, by code."""

    request: ApiRequest
    queryset = Project.objects.none()
    filters = outputs.NodeFilters
    ordering = ("code", "pk")
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Project]:
        return _reached(Project.objects.all(), self.request.user)

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        is_detail = self.action == "retrieve"
        return outputs.ProjectDetailOutput if is_detail else outputs.ProjectListOutput


def _reached(nodes: QuerySet[Kind], person: Person) -> QuerySet[Kind]:
    """Those that the person reaches, with whether they reach the parent too, and the state."""
    reached: QuerySet[Node] = reached_nodes(person)
    return (
        nodes.filter(pk__in=reached.values("pk"))
        .select_related("parent")
        .annotate(
            is_parent_reached=Exists(reached.filter(pk=OuterRef("parent"))),
            state=Case(When(ended_at=None, then=Value("living")), default=Value("ended")),
        )
    )
