"""How sovereign a project is, for programs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from catalog.api.serializers import CloudOutput, Output, ProjectOutput
from catalog.placement_policies import visible_workloads
from catalog.services.placement.sovereignty import WorkloadSovereignty, sovereignty_of
from portal.identity.models import Project
from portal.identity.requests import ApiRequest


class RaiseOutput(Output):
    """A criterion that keeps a place low, and the first answer, from 0, with a higher SEAL."""

    criterion = serializers.CharField()
    answer = serializers.IntegerField(source="to_index")
    seal = serializers.IntegerField(source="to_seal")


class UsedOutput(Output):
    """A place the project uses. ``supply_profile`` null: nobody assessed it.

    ``gaps``: criteria that are not proven. ``raises``: what keeps the whole at its level.
    """

    cloud = CloudOutput()
    supply_profile = serializers.UUIDField(allow_null=True)
    resources = serializers.IntegerField()
    seals = serializers.DictField(child=serializers.IntegerField(allow_null=True))
    seal = serializers.IntegerField(allow_null=True)
    gaps = serializers.ListField(child=serializers.CharField())
    raises = RaiseOutput(many=True)


class SovereigntyOutput(Output):
    """``seal`` and ``seals``: the lowest of all places; null: not proven, or nothing is used.

    ``raised_to``: the SEAL once all that ``raises`` names is so; null where nothing binds.
    """

    project = ProjectOutput()
    seal = serializers.IntegerField(allow_null=True)
    seals = serializers.DictField(child=serializers.IntegerField(allow_null=True))
    raised_to = serializers.IntegerField(allow_null=True)
    uses = UsedOutput(many=True)


class SovereigntyViewSet(GenericViewSet[Project]):
    """By the id of a project."""

    request: ApiRequest
    queryset = Project.objects.none()
    serializer_class = SovereigntyOutput
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Project]:
        return visible_workloads(self.request.user)

    @extend_schema(responses=SovereigntyOutput)
    def retrieve(self, request: ApiRequest, id: UUID) -> Response:
        """How sovereign a project is: as the least sovereign place that it uses."""
        project = self.get_object()
        return Response(SovereigntyOutput(_said(project, sovereignty_of(project))).data)


def _said(project: Project, report: WorkloadSovereignty) -> dict[str, Any]:
    outlook = report.outlook
    return {
        "project": project,
        "seal": report.seal,
        "seals": dict(report.seals),
        "raised_to": outlook.raised_to,
        "uses": [
            {
                "cloud": used.cloud,
                "supply_profile": used.profile.public_id if used.profile else None,
                "resources": used.resources,
                "seals": dict(used.seals),
                "seal": used.seal,
                "gaps": list(outlook.gaps.get(used.place, ())),
                "raises": list(outlook.raises.get(used.place, ())),
            }
            for used in report.uses
        ],
    }
