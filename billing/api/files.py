"""Files by the clock, for programs."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.viewsets import GenericViewSet

from billing.api.renderers import FileRenderer
from billing.api.serializers import NamedOutput
from billing.file_answers import answer_scheduled
from billing.file_contents import name_of
from billing.models import FileKind, FileRhythm, FileState, ScheduledFile
from billing.policies import may_see_costs, visible_files
from portal.core.api import Input, MomentField, PublicIdField
from portal.identity.requests import ApiRequest


class ScheduledFileFilters(Input):
    organization = PublicIdField(source="schedule__organization__public_id", required=False)
    kind = serializers.ChoiceField(
        source="schedule__kind", choices=FileKind.choices, required=False
    )
    state = serializers.ChoiceField(choices=FileState.choices, required=False)


class ScheduledFileOutput(serializers.ModelSerializer[ScheduledFile]):
    """A file that was made, or is about to be; made once, it never changes."""

    id = serializers.UUIDField(source="public_id")
    name = serializers.SerializerMethodField()
    organization = NamedOutput(source="schedule.organization")
    kind = serializers.ChoiceField(source="schedule.kind", choices=FileKind.choices)
    rhythm = serializers.ChoiceField(source="schedule.rhythm", choices=FileRhythm.choices)
    day = serializers.DateField(help_text="The last business day that is in it.")
    state = serializers.ChoiceField(
        choices=FileState.choices, help_text="Only of what is ready there is content."
    )
    made_at = MomentField(allow_null=True)
    remove_on = serializers.DateField(allow_null=True, help_text="On this day it is removed.")
    size = serializers.IntegerField(allow_null=True, help_text="Bytes.")
    sha256 = serializers.CharField(help_text="Of the content, in hexadecimal; empty: not ready.")

    class Meta:
        model = ScheduledFile
        fields = (
            *("id", "name", "organization", "kind", "rhythm", "day", "state", "made_at"),
            *("remove_on", "size", "sha256", "attempts"),
        )

    def get_name(self, file: ScheduledFile) -> str:
        return name_of(file)


class ScheduledFileViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[ScheduledFile]):
    """The files of organizations whose costs you see; the newest first."""

    request: ApiRequest
    queryset = ScheduledFile.objects.none()
    serializer_class = ScheduledFileOutput
    filters = ScheduledFileFilters
    ordering = ("-day", "-pk")
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[ScheduledFile]:
        if not may_see_costs(self.request.user):
            raise PermissionDenied
        return visible_files(self.request.user).select_related("schedule__organization")

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    @action(detail=True, renderer_classes=[FileRenderer])
    def content(self, request: ApiRequest, id: Any) -> HttpResponseBase:
        """The file, in the type of its kind; 404 while it is not ready, and once it is removed."""
        return answer_scheduled(self.get_object())
