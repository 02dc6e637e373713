"""Drift for programs: what differs, having it repaired or left alone, having clouds compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet

from catalog.api.serializers import (
    CloudOutput,
    OperationOutput,
    Output,
    ProjectOutput,
    ProposalOutput,
    ResourceLinkOutput,
)
from catalog.models import (
    Difference,
    DifferenceKind,
    DifferenceState,
    DriftRepair,
    Operation,
    RepairAction,
    RepairState,
)
from catalog.models.difference import REASON_LENGTH
from catalog.policies import DRIFT_READERS, may_mend, visible_differences
from catalog.services.cloud_rooms import push_quota_again
from catalog.services.drift import (
    OPEN_STATES,
    ask_for_look,
    correct_record,
    corrections,
    ignore_difference,
)
from catalog.services.drift_repairs import (
    confirm_repair,
    propose_repair,
    refuse_repair,
    withdraw_repair,
)
from catalog.services.putting_back import action_that_puts_back, put_back
from catalog.services.repair_actions import offered_repairs
from portal.core.api import DayField, Input, MomentField, PublicIdField, TextField
from portal.core.errors import NotAllowed
from portal.identity.access import roles_of
from portal.identity.models import Role
from portal.identity.requests import ApiRequest

# What people see: a difference that one look suspects is not told of.
TOLD_STATES: Final = [
    (state.value, state.label) for state in DifferenceState if state != DifferenceState.SUSPECTED
]
DECISIONS: Final = [
    (state.value, state.label) for state in (RepairState.CONFIRMED, RepairState.REFUSED)
]
# What one operator has done, by the last part of its address.
ALONE: Final[dict[str, Callable[[Difference], bool]]] = {
    "correction": lambda found: bool(found.resource and corrections(found, found.resource)),
    "restoration": lambda found: bool(action_that_puts_back(found, found.resource)),
    "push": lambda found: found.kind == DifferenceKind.QUOTA,
}
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


class RepairOutput(ProposalOutput):
    """A repair that takes two operators."""

    action = serializers.ChoiceField(choices=RepairAction.choices)
    state = serializers.ChoiceField(choices=RepairState.choices)


class DifferenceDetailOutput(DifferenceOutput):
    """With what an operator may do about it now, and what was proposed, newest first."""

    alone = serializers.SerializerMethodField()
    proposable = serializers.SerializerMethodField()
    repairs = RepairOutput(many=True)

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField(choices=list(ALONE))))
    def get_alone(self, difference: Difference) -> list[str]:
        """What one operator may have done: the last part of the address to post to."""
        if difference.state not in OPEN_STATES:
            return []
        return [name for name, is_offered in ALONE.items() if is_offered(difference)]

    @extend_schema_field(
        serializers.ListField(child=serializers.ChoiceField(choices=RepairAction.choices))
    )
    def get_proposable(self, difference: Difference) -> list[str]:
        """Which repairs may be proposed; none while one waits for a decision."""
        waits = any(repair.state == RepairState.PROPOSED for repair in difference.repairs.all())
        if waits or difference.state not in OPEN_STATES:
            return []
        return [action.value for action in offered_repairs(difference, difference.resource)]


class DifferenceFilters(Input):
    project = PublicIdField(source="project__public_id", required=False)
    kind = serializers.ChoiceField(choices=DifferenceKind.choices, required=False)
    state = serializers.ChoiceField(choices=TOLD_STATES, required=False)


class IgnoringInput(Input):
    """Until and including which day, and why."""

    until = DayField(help_text="At most 90 days away.")
    reason = TextField(max_length=REASON_LENGTH)


class RepairInput(Input):
    """What should be done about it, and why; the second operator reads that."""

    action = serializers.ChoiceField(choices=RepairAction.choices)
    reason = TextField(max_length=REASON_LENGTH)


class RepairDecisionInput(Input):
    """What another operator thinks of it. A no needs a reason, which the first one reads."""

    decision = serializers.ChoiceField(choices=DECISIONS)
    reason = TextField(required=False, allow_blank=True, default="", max_length=REASON_LENGTH)


class DifferenceViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[Difference]):
    """Where a cloud is other than the portal says, for operators and auditors; newest first."""

    request: ApiRequest
    queryset = Difference.objects.none()
    filters = DifferenceFilters
    ordering = ("-first_seen_at", "-pk")
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Difference]:
        visible = visible_differences(self.request.user)
        differences = visible.select_related("project", "cloud", "resource")
        if self.action != "retrieve":
            return differences
        repairs = DriftRepair.objects.select_related("proposed_by", "decided_by").order_by("-pk")
        return differences.prefetch_related(Prefetch("repairs", repairs))

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        return DifferenceDetailOutput if self.action == "retrieve" else DifferenceOutput

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
        difference = self._mendable()
        body = IgnoringInput(data=request.data)
        body.is_valid(raise_exception=True)
        ignore_difference(difference.public_id, actor=request.user, **body.validated_data)
        return Response(self._shown(difference))

    @extend_schema(request=None, responses=DifferenceOutput)
    @action(detail=True, methods=["post"])
    def correction(self, request: ApiRequest, id: UUID) -> Response:
        """Let our record say what the cloud says, where no money depends on it."""
        difference = self._mendable()
        correct_record(difference.public_id, actor=request.user)
        return Response(self._shown(difference))

    @extend_schema(request=None, responses={202: OperationOutput})
    @action(detail=True, methods=["post"])
    def restoration(self, request: ApiRequest, id: UUID) -> Response:
        """Have the cloud say again what was ordered. The answer is the operation that does it."""
        operation = put_back(self._mendable().public_id, actor=request.user)
        stored = Operation.objects.prefetch_related("steps").get(pk=operation.pk)
        return Response(OperationOutput(stored).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses={202: DifferenceOutput})
    @action(detail=True, methods=["post"])
    def push(self, request: ApiRequest, id: UUID) -> Response:
        """Have the quota of the project in the cloud set to what its resources hold."""
        difference = self._mendable()
        push_quota_again(difference.public_id, actor=request.user)
        return Response(self._shown(difference), status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=RepairInput, responses={201: RepairOutput})
    @action(detail=True, methods=["post"])
    def repairs(self, request: ApiRequest, id: UUID) -> Response:
        """Propose what changes money or what stands in the cloud. Another operator decides."""
        difference = self._mendable()
        body = RepairInput(data=request.data)
        body.is_valid(raise_exception=True)
        asked = {**body.validated_data, "action": RepairAction(body.validated_data["action"])}
        repair = propose_repair(difference.public_id, actor=request.user, **asked)
        return Response(_repair_shown(repair), status=status.HTTP_201_CREATED)

    @extend_schema(request=RepairDecisionInput, responses=RepairOutput)
    @action(
        detail=True,
        methods=["post"],
        url_path="repairs/<uuid:repair>/decision",
        url_name="repair-decision",
    )
    def repair_decision(self, request: ApiRequest, id: UUID, repair: UUID) -> Response:
        """Agree, and have it carried out, or refuse. Asks for a strong and fresh login."""
        self._check_repair(repair)
        body = RepairDecisionInput(data=request.data)
        body.is_valid(raise_exception=True)
        if body.validated_data["decision"] == RepairState.CONFIRMED:
            return Response(_repair_shown(confirm_repair(repair, actor=request.user)))
        reason = body.validated_data["reason"]
        return Response(_repair_shown(refuse_repair(repair, actor=request.user, reason=reason)))

    @extend_schema(request=None, responses=RepairOutput)
    @action(
        detail=True,
        methods=["post"],
        url_path="repairs/<uuid:repair>/withdrawal",
        url_name="repair-withdrawal",
    )
    def repair_withdrawal(self, request: ApiRequest, id: UUID, repair: UUID) -> Response:
        """Take back what you proposed yourself."""
        self._check_repair(repair)
        return Response(_repair_shown(withdraw_repair(repair, actor=request.user)))

    @extend_schema(request=None, responses={202: None})
    @action(detail=False, methods=["post"])
    def looks(self, request: ApiRequest) -> Response:
        """Have the clouds of your projects compared now. A second look confirms what is new."""
        if Role.OPERATOR not in roles_of(request.user):
            raise NotAllowed()
        ask_for_look(request.user)
        return Response(status=status.HTTP_202_ACCEPTED)

    def _mendable(self) -> Difference:
        difference = self.get_object()
        if not may_mend(self.request.user, difference):
            raise NotAllowed()
        return difference

    def _check_repair(self, public_id: UUID) -> None:
        """It is about this difference, and the person is operator there."""
        get_object_or_404(DriftRepair, difference=self._mendable(), public_id=public_id)

    def _shown(self, difference: Difference) -> Any:
        return DifferenceOutput(self.get_queryset().get(pk=difference.pk)).data


def _repair_shown(repair: DriftRepair) -> Any:
    stored = DriftRepair.objects.select_related("proposed_by", "decided_by").get(pk=repair.pk)
    return RepairOutput(stored).data
