"""Keys by which costs are shared, for programs: as on the pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from billing.api.serializers import NamedOutput, to_month
from billing.forms import month_key
from billing.models import SplitKey, SplitMethod, SplitRecipient
from billing.models.statement import REASON_LENGTH
from billing.policies import (
    may_propose_split_keys,
    may_see_costs,
    may_share_out,
    projects_to_share,
    visible_recipients,
    visible_split_keys,
)
from billing.services.split_keys import (
    MOST_RECIPIENTS,
    KeySays,
    confirm_key,
    projects_of,
    propose_ending,
    propose_key,
    refuse_key,
    take_back_key,
)
from portal.core.api import Input, MomentField, PublicIdField, TextField
from portal.core.calendar import Period, month_of
from portal.core.errors import InvalidInput
from portal.identity.models import Project
from portal.identity.models.proposed import DECISION_LENGTH, DecisionState
from portal.identity.requests import ApiRequest

_ANSWERS: Final = [
    (state.value, state.label) for state in (DecisionState.CONFIRMED, DecisionState.REFUSED)
]


class MonthField(TextField):
    """A business month, as 2027-01."""

    def to_internal_value(self, data: Any) -> Any:
        return to_month(super().to_internal_value(data))


class ProposalDecisionInput(Input):
    """What a second person thinks of it. A no needs a reason, which the first one reads."""

    decision = serializers.ChoiceField(choices=_ANSWERS)
    reason = TextField(required=False, allow_blank=True, default="", max_length=DECISION_LENGTH)


class SplitKeyFilters(Input):
    state = serializers.ChoiceField(choices=DecisionState.choices, required=False)
    source = PublicIdField(  # type: ignore[assignment]  # a field of that name
        source="source__public_id", required=False, help_text="Whose costs are shared."
    )


class RecipientInput(Input):
    project = PublicIdField()
    percentage = serializers.DecimalField(
        max_digits=6,
        decimal_places=3,
        required=False,
        allow_null=True,
        default=None,
        help_text="Always, and only, where the method is percentages; together exactly 100.",
    )


class SplitKeyInput(Input):
    """Who shall bear what a project costs, in whole business months to come."""

    source = PublicIdField(  # type: ignore[assignment]  # a field of that name
        help_text="The project whose costs others bear."
    )
    method = serializers.ChoiceField(choices=SplitMethod.choices)
    recipients = RecipientInput(
        many=True,
        max_length=MOST_RECIPIENTS,  # type: ignore[call-arg]  # of the list
    )
    valid_from = MonthField(help_text="The first month, as 2027-01.")
    valid_until = MonthField(
        required=False,
        allow_null=True,
        default=None,
        help_text="The first month in which it no longer holds; null: for good.",
    )
    reason = TextField(max_length=REASON_LENGTH)


class SplitKeyEndInput(Input):
    """From when on a key shall no longer hold, and why."""

    valid_from = MonthField(help_text="The first month in which it no longer holds.")
    reason = TextField(max_length=REASON_LENGTH)


class RecipientOutput(serializers.ModelSerializer[SplitRecipient]):
    project = NamedOutput()

    class Meta:
        model = SplitRecipient
        fields = ("project", "percentage")


class SplitKeyOutput(serializers.ModelSerializer[SplitKey]):
    """Who bears what a project costs; or, where it has `ends`, that another key ends."""

    id = serializers.UUIDField(source="public_id")
    state = serializers.ChoiceField(choices=DecisionState.choices)
    source = NamedOutput()  # type: ignore[assignment]  # a field of that name
    method = serializers.ChoiceField(
        choices=SplitMethod.choices, allow_blank=True, help_text="Empty of what ends another key."
    )
    recipients = RecipientOutput(
        source="seen_recipients", many=True, help_text="Those whose costs you see."
    )
    other_count = serializers.SerializerMethodField(
        help_text="How many others bear a part, whose costs you do not see."
    )
    valid_from = serializers.SerializerMethodField(help_text="The first month, as 2027-01.")
    valid_until = serializers.SerializerMethodField(
        help_text="The first month in which it no longer holds; null: for good. The same as "
        "valid_from: it never holds."
    )
    ends = serializers.UUIDField(
        source="ends.public_id", allow_null=True, default=None, help_text="The key that it ends."
    )
    proposed_by = NamedOutput()
    proposed_at = MomentField()
    decided_by = NamedOutput(allow_null=True)
    decided_at = MomentField(allow_null=True)

    class Meta:
        model = SplitKey
        fields = (
            *("id", "state", "source", "method", "recipients", "other_count", "valid_from"),
            *("valid_until", "reason", "ends", "proposed_by", "proposed_at", "decided_by"),
            *("decided_at", "decision_reason"),
        )

    def get_other_count(self, key: SplitKey) -> int:
        seen: Sequence[SplitRecipient] = key.seen_recipients  # type: ignore[attr-defined]  # of the prefetch
        return key.recipient_count - len(seen)

    def get_valid_from(self, key: SplitKey) -> str:
        return month_key(month_of(key.valid_from))

    def get_valid_until(self, key: SplitKey) -> str | None:
        return month_key(month_of(key.valid_until)) if key.valid_until else None


class SplitKeyViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[SplitKey]):
    """Keys about projects whose costs you see; the newest first."""

    request: ApiRequest
    queryset = SplitKey.objects.none()
    filters = SplitKeyFilters
    ordering = ("-proposed_at", "-pk")
    serializer_class = SplitKeyOutput
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[SplitKey]:
        if self.action in {"list", "retrieve"} and not may_see_costs(self.request.user):
            raise PermissionDenied
        keys = visible_split_keys(self.request.user)
        related = keys.select_related("source", "ends", "proposed_by", "decided_by")
        recipients = visible_recipients(self.request.user).select_related("project")
        return related.prefetch_related(
            Prefetch("recipients", recipients.order_by("pk"), to_attr="seen_recipients")
        )

    @extend_schema(request=SplitKeyInput, responses={201: SplitKeyOutput})
    def create(self, request: ApiRequest) -> Response:
        """Propose that others bear what a project costs; finance of all these projects may.

        A second person decides. A repetition hears `split_key_proposed`.
        """
        if not may_propose_split_keys(request.user):
            raise PermissionDenied
        body = SplitKeyInput(data=request.data)
        body.is_valid(raise_exception=True)
        says = self._says(body.validated_data)
        return self._answer(propose_key(says, actor=request.user), status.HTTP_201_CREATED)

    @extend_schema(request=ProposalDecisionInput, responses={200: SplitKeyOutput})
    @action(detail=True, methods=["post"])
    def decision(self, request: ApiRequest, id: UUID) -> Response:
        """Agree or not with what another proposed; finance of all these projects may."""
        key = self._acting()
        body = ProposalDecisionInput(data=request.data)
        body.is_valid(raise_exception=True)
        if body.validated_data["decision"] == DecisionState.CONFIRMED:
            return self._answer(confirm_key(key.public_id, actor=request.user))
        reason = body.validated_data["reason"]
        return self._answer(refuse_key(key.public_id, actor=request.user, reason=reason))

    @extend_schema(request=None, responses={200: SplitKeyOutput})
    @action(detail=True, methods=["post"])
    def withdrawal(self, request: ApiRequest, id: UUID) -> Response:
        """Take your own proposal back."""
        return self._answer(take_back_key(self._acting().public_id, actor=request.user))

    @extend_schema(request=SplitKeyEndInput, responses={201: SplitKeyOutput})
    @action(detail=True, methods=["post"])
    def end(self, request: ApiRequest, id: UUID) -> Response:
        """Propose that a key no longer holds from a month on: a proposal of its own, on which a
        second person decides. From its first month on: then it never holds.
        """
        key = self._acting()
        body = SplitKeyEndInput(data=request.data)
        body.is_valid(raise_exception=True)
        proposed = propose_ending(
            key.public_id,
            valid_from=body.validated_data["valid_from"].start,
            reason=body.validated_data["reason"],
            actor=request.user,
        )
        return self._answer(proposed, status.HTTP_201_CREATED)

    def _acting(self) -> SplitKey:
        """The key of the address, for who may act on it."""
        key = self.get_object()
        if not may_share_out(self.request.user, projects_of(key)):
            raise PermissionDenied
        return key

    def _says(self, asked: Mapping[str, Any]) -> KeySays:
        """Raises:
        Http404: there is no such project whose costs the person may have others bear.
        InvalidInput: a project stands there twice.
        """
        recipients: Sequence[Mapping[str, Any]] = asked["recipients"]
        ids = [one["project"] for one in recipients]
        if len(set(ids)) < len(ids):
            raise InvalidInput({"recipients": [_("This project is there already.")]})
        found = Project.objects.in_bulk(
            projects_to_share(self.request.user)
            .filter(public_id__in=[asked["source"], *ids])
            .values_list("pk", flat=True)
        )
        projects = {project.public_id: project for project in found.values()}
        if {asked["source"], *ids} - projects.keys():
            raise Http404
        until: Period | None = asked["valid_until"]
        parts: dict[Project, Decimal | None] = {
            projects[one["project"]]: one["percentage"] for one in recipients
        }
        return KeySays(
            source=projects[asked["source"]],
            method=SplitMethod(asked["method"]),
            recipients=parts,
            valid_from=asked["valid_from"].start,
            valid_until=until.start if until else None,
            reason=asked["reason"],
        )

    def _answer(self, key: SplitKey, code: int = status.HTTP_200_OK) -> Response:
        found = self.get_queryset().get(pk=key.pk)
        return Response(SplitKeyOutput(found).data, status=code)
