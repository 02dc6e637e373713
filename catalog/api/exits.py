"""Leaving, for programs: exit packages, and tests of exit plans."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from catalog.api.serializers import Output, PersonOutput, ProjectOutput
from catalog.exit_answers import ZIP_TYPE, answer_package
from catalog.exit_package.plan_steps import Scenario, steps_of
from catalog.exit_policies import visible_exit_packages, visible_exit_tests, visible_exits
from catalog.models import (
    SCENARIOS,
    STEP_EVIDENCE_LENGTH,
    ExitOutcome,
    ExitPackage,
    ExitTest,
    ExitTestStep,
)
from catalog.services.exit_files import make_exit_package
from catalog.services.exit_tests import begin_exit_test, do_exit_step, end_exit_test
from portal.core.api import Input, MomentField, PublicIdField, TextField
from portal.identity.models import Project
from portal.identity.requests import ApiRequest

_ZIP: Final = {(200, ZIP_TYPE): OpenApiTypes.BINARY}


class ZipRenderer(BaseRenderer):
    """Lets a program ask for the file by its media type; the view answers with it by itself."""

    media_type = ZIP_TYPE
    format = "zip"


class ExitPackageOutput(Output):
    """That somebody took a package along. The portal keeps no copy: ``sha256`` tells whether a
    file is that one."""

    id = serializers.UUIDField(source="public_id")
    project = ProjectOutput()
    made_by = PersonOutput()
    made_at = MomentField()
    sha256 = serializers.CharField(help_text="Of the whole file, in hexadecimal.")
    size = serializers.IntegerField(help_text="In bytes.")
    counts = serializers.DictField(child=serializers.IntegerField())


class OfProjectFilters(Input):
    project = PublicIdField(source="project__public_id", required=False)


class OfProjectInput(Input):
    project = PublicIdField()

    def validate_project(self, public_id: UUID) -> Project:
        """Return the project.

        Raises:
            ValidationError: the person does not reach it.
        """
        person = self.context["request"].user
        project = visible_exits(person).filter(public_id=public_id).first()
        if project is None:
            raise serializers.ValidationError(
                _("You have none with this id."), code="does_not_exist"
            )
        return project


class ExitPackageViewSet(ListModelMixin, GenericViewSet[ExitPackage]):
    """Who took the package of which project along; the newest first."""

    request: ApiRequest
    queryset = ExitPackage.objects.none()
    serializer_class = ExitPackageOutput
    filters = OfProjectFilters
    ordering = ("-made_at", "-pk")

    def get_queryset(self) -> QuerySet[ExitPackage]:
        return visible_exit_packages(self.request.user).select_related("project", "made_by")

    def get_renderers(self) -> list[BaseRenderer]:
        """A package is asked for as a zip file; a refusal of it is told as JSON."""
        return [JSONRenderer(), ZipRenderer()] if self.action == "create" else [JSONRenderer()]

    @extend_schema(request=OfProjectInput, responses=_ZIP)
    def create(self, request: ApiRequest) -> HttpResponseBase:
        """Make the package of a project, and answer with it; ``Repr-Digest`` is its sum."""
        body = OfProjectInput(data=request.data, context=self.get_serializer_context())
        body.is_valid(raise_exception=True)
        project = body.validated_data["project"]
        return answer_package(*make_exit_package(project.public_id, actor=request.user))


class ExitTestStepOutput(serializers.Serializer[dict[str, Any]]):
    """One step of a test; the last three are null until it is done."""

    key = serializers.CharField()
    title = serializers.CharField()
    evidence = serializers.CharField(allow_null=True)
    done_by = PersonOutput(allow_null=True)
    done_at = MomentField(allow_null=True)


class ExitTestOutput(Output):
    """A test of an exit plan; ``outcome`` is empty while it runs."""

    id = serializers.UUIDField(source="public_id")
    project = ProjectOutput()
    scenario = serializers.ChoiceField(choices=SCENARIOS)
    begun_by = PersonOutput()
    begun_at = MomentField()
    ended_by = PersonOutput(allow_null=True)
    ended_at = MomentField(allow_null=True)
    outcome = serializers.ChoiceField(choices=[("", _("Runs")), *ExitOutcome.choices])
    steps = serializers.SerializerMethodField()

    @extend_schema_field(ExitTestStepOutput(many=True))
    def get_steps(self, test: ExitTest) -> Any:
        done: dict[str, ExitTestStep] = {step.key: step for step in test.steps.all()}
        rows: Any = [
            {
                "key": step.key,
                "title": str(step.label),
                "evidence": done[step.key].evidence if step.key in done else None,
                "done_by": done[step.key].done_by if step.key in done else None,
                "done_at": done[step.key].done_at if step.key in done else None,
            }
            for step in steps_of(Scenario(test.scenario))
        ]
        return ExitTestStepOutput(rows, many=True).data


class ExitTestInput(OfProjectInput):
    scenario = serializers.ChoiceField(choices=SCENARIOS)


class ExitStepInput(Input):
    key = TextField(max_length=40, help_text="One of ``steps``.")
    evidence = TextField(max_length=STEP_EVIDENCE_LENGTH)


class ExitEndInput(Input):
    outcome = serializers.ChoiceField(choices=ExitOutcome.choices)


class ExitTestViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[ExitTest]):
    """The tests of exit plans; the newest first."""

    request: ApiRequest
    queryset = ExitTest.objects.none()
    serializer_class = ExitTestOutput
    filters = OfProjectFilters
    ordering = ("-begun_at", "-pk")
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[ExitTest]:
        visible = visible_exit_tests(self.request.user)
        with_people = visible.select_related("project", "begun_by", "ended_by")
        return with_people.prefetch_related("steps__done_by")

    @extend_schema(request=ExitTestInput, responses={201: ExitTestOutput})
    def create(self, request: ApiRequest) -> Response:
        """Begin a test. Of each kind one runs at a time."""
        body = ExitTestInput(data=request.data, context=self.get_serializer_context())
        body.is_valid(raise_exception=True)
        test = begin_exit_test(
            body.validated_data["project"].public_id,
            scenario=Scenario(body.validated_data["scenario"]),
            actor=request.user,
        )
        return Response(self._shown(test.public_id), status=status.HTTP_201_CREATED)

    @extend_schema(request=ExitStepInput, responses=ExitTestOutput)
    @action(detail=True, methods=["post"])
    def steps(self, request: ApiRequest, id: UUID) -> Response:
        """Tick off a step, with what shows that it was done."""
        self.get_object()
        body = ExitStepInput(data=request.data)
        body.is_valid(raise_exception=True)
        do_exit_step(id, **body.validated_data, actor=request.user)
        return Response(self._shown(id))

    @extend_schema(request=ExitEndInput, responses=ExitTestOutput)
    @action(detail=True, methods=["post"])
    def end(self, request: ApiRequest, id: UUID) -> Response:
        """End the test: passed, once every step is done, or given up."""
        self.get_object()
        body = ExitEndInput(data=request.data)
        body.is_valid(raise_exception=True)
        outcome = ExitOutcome(body.validated_data["outcome"])
        end_exit_test(id, outcome=outcome, actor=request.user)
        return Response(self._shown(id))

    def _shown(self, public_id: UUID) -> Any:
        return ExitTestOutput(self.get_queryset().get(public_id=public_id)).data
