"""What was ordered as a whole, through the API: cleaned up as one."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from catalog.api import inputs
from catalog.api import serializers as outputs
from catalog.models import Assembly
from catalog.policies import may_retire_in, visible_assemblies
from catalog.services.assemblies import retire_assembly
from portal.core.errors import NotAllowed
from portal.identity.requests import ApiRequest


class AssemblyViewSet(GenericViewSet[Assembly]):
    """What was ordered as a whole; its parts stand in the lines of its order."""

    request: ApiRequest
    queryset = Assembly.objects.none()
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Assembly]:
        return visible_assemblies(self.request.user).select_related("order__project")

    @extend_schema(request=inputs.RetirementInput, responses={202: outputs.AssemblyWorkOutput})
    @action(detail=True, methods=["post"])
    def retirement(self, request: ApiRequest, id: UUID) -> Response:
        """Begin to clean up all of it: each part after what needs it. Nothing of it comes back."""
        assembly = self.get_object()
        if not may_retire_in(request.user, assembly.order.project):
            raise NotAllowed()
        body = inputs.RetirementInput(data=request.data)
        body.is_valid(raise_exception=True)
        operations = retire_assembly(assembly.public_id, actor=request.user, **body.validated_data)
        shown = outputs.AssemblyWorkOutput({"operations": operations}).data
        return Response(shown, status=status.HTTP_202_ACCEPTED)
