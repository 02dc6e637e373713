"""Drift for programs: what differs, leaving it alone for a time, and having clouds compared."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from catalog.api.serializers import CloudOutput, Output, ProjectOutput, ResourceLinkOutput
from catalog.models import Difference, DifferenceKind, DifferenceState
from catalog.models.difference import REASON_LENGTH
from catalog.policies import DRIFT_READERS, may_mend, visible_differences
from catalog.services.drift import ask_for_look, ignore_difference
from portal.core.api import DayField, Input, MomentField, PublicIdField, TextField
from portal.core.errors import NotAllowed
from portal.identity.access import roles_of
from portal.identity.models import Role
from portal.identity.requests import ApiRequest

# What people see: a difference that one look suspects is not told of.
TOLD_STATES: Final = [
    (state.value, state.label) for state in DifferenceState if state != DifferenceState.SUSPECTED
]
IGNORING_EXAMPLE: Final = OpenApiExample(
    "Until the maintenance is over",
    value={"until": "2026-12-31", "reason": "The host is being replaced."},
    request_only=True,
)


class DifferenceOutput(Output):
    """One thing about which portal and cloud disagree.

    ``part`` and ``field`` say of what; ``ours`` and ``theirs`` what each says, where that is a
    value. Without a resource it is something that nobody ordered.
    """

    id = serializers.UUIDField(source="public_id")
    kind = serializers.ChoiceField(choices=DifferenceKind.choices)
    state = serializers.ChoiceField(choices=TOLD_STATES)
    project = ProjectOutput()
    cloud = CloudOutput()
    resource = ResourceLinkOutput(allow_null=True)
    listing = serializers.CharField()
    part = serializers.CharField()
    field = serializers.CharField()
    name = serializers.CharField()
    openstack_id = serializers.CharField()
    ours = serializers.CharField()
    theirs = serializers.CharField()
    first_seen_at = MomentField()
    last_seen_at = MomentField()
    solved_at = MomentField(allow_null=True)
    ignored_until = MomentField(allow_null=True)
    ignored_because = serializers.CharField()


class DifferenceFilters(Input):
    project = PublicIdField(source="project__public_id", required=False)
    kind = serializers.ChoiceField(choices=DifferenceKind.choices, required=False)
    state = serializers.ChoiceField(choices=TOLD_STATES, required=False)


class IgnoringInput(Input):
    """Until and including which day, and why."""

    until = DayField(help_text="At most 90 days away.")
    reason = TextField(max_length=REASON_LENGTH)


class DifferenceViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[Difference]):
    """Where a cloud is other than the portal says, for operators and auditors; newest first."""

    request: ApiRequest
    queryset = Difference.objects.none()
    filters = DifferenceFilters
    ordering = ("-first_seen_at", "-pk")
    serializer_class = DifferenceOutput
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Difference]:
        return visible_differences(self.request.user).select_related("project", "cloud", "resource")

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Whoever neither repairs nor checks anywhere has nothing to look for here."""
        super().initial(request, *args, **kwargs)
        is_list = self.action == "list"
        if is_list and not roles_of(self.request.user) & DRIFT_READERS:
            raise NotAllowed()

    @extend_schema(request=IgnoringInput, responses=DifferenceOutput, examples=[IGNORING_EXAMPLE])
    @action(detail=True, methods=["post"])
    def ignoring(self, request: ApiRequest, id: UUID) -> Response:
        """Leave it alone until the end of a day. If it still differs then, it is open again."""
        difference = self.get_object()
        if not may_mend(request.user, difference):
            raise NotAllowed()
        body = IgnoringInput(data=request.data)
        body.is_valid(raise_exception=True)
        ignore_difference(difference.public_id, actor=request.user, **body.validated_data)
        return Response(self._shown(difference))

    @extend_schema(request=None, responses={202: None})
    @action(detail=False, methods=["post"])
    def looks(self, request: ApiRequest) -> Response:
        """Have the clouds of your projects compared now. A second look confirms what is new."""
        if Role.OPERATOR not in roles_of(request.user):
            raise NotAllowed()
        ask_for_look(request.user)
        return Response(status=status.HTTP_202_ACCEPTED)

    def _shown(self, difference: Difference) -> Any:
        return DifferenceOutput(self.get_queryset().get(pk=difference.pk)).data
