"""Files by the clock, for programs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from billing.api.renderers import FileRenderer
from billing.api.serializers import NamedOutput
from billing.file_answers import answer_scheduled
from billing.file_contents import name_of
from billing.file_forms import USUALLY_KEPT
from billing.models import FileKind, FileRhythm, FileSchedule, FileState, ScheduledFile
from billing.models.scheduled_file import LONGEST_KEPT
from billing.policies import find_cost_node, may_see_costs, visible_files, visible_schedules
from billing.services.file_schedules import end_files, set_up_files
from portal.core.api import Input, MomentField, PublicIdField
from portal.identity.models import Organization
from portal.identity.requests import ApiRequest


class ScheduledFileFilters(Input):
    organization = PublicIdField(source="schedule__organization__public_id", required=False)
    kind = serializers.ChoiceField(
        source="schedule__kind", choices=FileKind.choices, required=False
    )
    state = serializers.ChoiceField(choices=FileState.choices, required=False)


class FileScheduleFilters(Input):
    organization = PublicIdField(source="organization__public_id", required=False)
    kind = serializers.ChoiceField(choices=FileKind.choices, required=False)
    rhythm = serializers.ChoiceField(choices=FileRhythm.choices, required=False)


class FileScheduleInput(Input):
    """Which file is made, of which organization with everything below it, and when."""

    organization = PublicIdField()
    kind = serializers.ChoiceField(choices=FileKind.choices)
    rhythm = serializers.ChoiceField(
        choices=FileRhythm.choices,
        help_text="Journal lines, statements and e-invoices are only of closed months.",
    )
    kept_days = serializers.IntegerField(
        min_value=1,
        max_value=LONGEST_KEPT,
        required=False,
        default=USUALLY_KEPT,
        help_text="So long is each file kept once it is made.",
    )


class FileScheduleOutput(serializers.ModelSerializer[FileSchedule]):
    """A file that is made again and again. To keep files longer: end it, and set it up anew."""

    id = serializers.UUIDField(source="public_id")
    organization = NamedOutput()
    kind = serializers.ChoiceField(choices=FileKind.choices)
    rhythm = serializers.ChoiceField(choices=FileRhythm.choices)
    set_at = MomentField()
    set_by = NamedOutput()

    class Meta:
        model = FileSchedule
        fields = ("id", "organization", "kind", "rhythm", "kept_days", "set_at", "set_by")


class FileScheduleViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[FileSchedule]):
    """Which files are made of organizations whose costs you see; the newest first."""

    request: ApiRequest
    queryset = FileSchedule.objects.none()
    serializer_class = FileScheduleOutput
    filters = FileScheduleFilters
    ordering = ("-set_at", "-pk")
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[FileSchedule]:
        if self.action in {"list", "retrieve"} and not may_see_costs(self.request.user):
            raise PermissionDenied
        living = visible_schedules(self.request.user).filter(ended_at=None)
        return living.select_related("organization", "set_by")

    @extend_schema(request=FileScheduleInput, responses={201: FileScheduleOutput})
    def create(self, request: ApiRequest) -> Response:
        """Have a file made from now on; finance of the organization may.

        A repetition hears `file_schedule_exists`.
        """
        body = FileScheduleInput(data=request.data)
        body.is_valid(raise_exception=True)
        asked = body.validated_data
        node = find_cost_node(request.user, asked["organization"])
        schedule = set_up_files(
            get_object_or_404(Organization, pk=node.pk),
            FileKind(asked["kind"]),
            FileRhythm(asked["rhythm"]),
            kept_days=asked["kept_days"],
            actor=request.user,
        )
        return Response(FileScheduleOutput(schedule).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def end(self, request: ApiRequest, id: UUID) -> Response:
        """No more of these files are made; those that are there stay until their day."""
        end_files(self.get_object().public_id, actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


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
