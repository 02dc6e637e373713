"""The catalogue for programs: parse, ask the policy, call one service, show what is there now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django.db.models import F, Prefetch, QuerySet
from django.urls import reverse
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet

from catalog.api import inputs, limits, orders
from catalog.api import serializers as outputs
from catalog.api.secrets import SecretsOfResource
from catalog.models import (
    Approval,
    Decision,
    LineNeed,
    OfferingVersion,
    Operation,
    Order,
    OrderComment,
    OrderLine,
    Quota,
    Resource,
)
from catalog.policies import (
    may_act,
    may_change,
    may_retire,
    orders_to_decide,
    visible_offerings,
    visible_orders,
    visible_quotas,
    visible_resources,
)
from catalog.services.approvals import approve_order, reject_order
from catalog.services.changes import Term, place_change, shorten_term
from catalog.services.comments import ask_about_order, comment_on_order
from catalog.services.orders import withdraw_order
from catalog.services.protection import protect_resource, unprotect_resource
from catalog.services.resources import act_on_resource, retire_resource
from portal.core.api import read_header
from portal.core.errors import InvalidInput, NotAllowed
from portal.identity.requests import ApiRequest

IDEMPOTENCY_KEY: Final = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description="Made up by you for this one order, such as a UUID. The same key with the same "
    "body gives the order that the first call made, so that a call may be repeated.",
)
ORDER_EXAMPLE: Final = OpenApiExample(
    "An order",
    value={
        "project": "5f0f7c9e-3c1b-4d3a-9a55-0a8f5a1f9a01",
        "offering": "0b4cf1f0-6a8c-4f6a-8f0e-6a2d1f6f7b02",
        "name": "zaken-web-01",
        "purpose": "Web server of the case system",
        "spec": {
            "flavor": "gp.small",
            "image": "Debian 12",
            "network": "intern",
            "volume_gib": 40,
        },
        "end_date": "2027-06-30",
    },
    request_only=True,
)
LINES_EXAMPLE: Final = OpenApiExample(
    "An order for several things",
    value={
        "project": "5f0f7c9e-3c1b-4d3a-9a55-0a8f5a1f9a01",
        "purpose": "The case system, with a disk for its files",
        "lines": [
            {
                "offering": "0b4cf1f0-6a8c-4f6a-8f0e-6a2d1f6f7b02",
                "name": "zaken-web-01",
                "spec": {"flavor": "gp.small", "image": "Debian 12", "network": "intern"},
            },
            {
                "offering": "7d2a1c55-0f0e-4a8e-9b7d-3f1f5b8c9d03",
                "name": "zaken-data-01",
                "spec": {"volume_gib": 100},
                "end_date": "2027-06-30",
            },
        ],
    },
    request_only=True,
)
CHANGE_EXAMPLE: Final = OpenApiExample(
    "A larger size, for longer",
    value={
        "purpose": "More cases since the summer",
        "spec": {"flavor": "gp.medium"},
        "end_date": "2028-06-30",
    },
    request_only=True,
)
CHANGE_FIELDS: Final = frozenset({"purpose", "end_date"})  # the others are within ``spec``
REJECTION_EXAMPLE: Final = OpenApiExample(
    "A no",
    value={"decision": "rejected", "reason": "There is a server for this already."},
    request_only=True,
)


class OfferingViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[OfferingVersion]):
    """What can be ordered."""

    request: ApiRequest
    queryset = OfferingVersion.objects.none()
    filters = inputs.OfferingFilters
    ordering = ("offering_position", "offering__code")
    lookup_field = "offering__public_id"
    lookup_url_kwarg = "id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[OfferingVersion]:
        return visible_offerings(self.request.user).annotate(
            offering_position=F("offering__position")
        )

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        is_detail = self.action == "retrieve"
        return outputs.OfferingDetailOutput if is_detail else outputs.OfferingOutput


class OrderViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[Order]):
    """The orders of every project that you reach, the newest first."""

    request: ApiRequest
    queryset = Order.objects.none()
    filters = inputs.OrderFilters
    ordering = ("-submitted_at", "-pk")
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Order]:
        found = visible_orders(self.request.user).select_related("project", "requested_by")
        return found.prefetch_related(*_order_detail()) if self.action == "retrieve" else found

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        return outputs.OrderOutput if self.action == "list" else outputs.OrderDetailOutput

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request=orders.ANY_ORDER,
        responses={201: outputs.OrderDetailOutput, 200: outputs.OrderDetailOutput},
        examples=[ORDER_EXAMPLE, LINES_EXAMPLE],
    )
    def create(self, request: ApiRequest) -> Response:
        """Place an order: its quota is claimed and its price frozen. 200: it was there already."""
        key = _read_key(request)
        order, is_new = orders.find_repeated(request, key), False
        if order is None:
            order, is_new = orders.place(request, key, self.get_serializer_context())
        return _answer(request, order, status=201 if is_new else 200)

    @extend_schema(
        request=inputs.ApprovalInput,
        responses={201: outputs.ApprovalOutput},
        examples=[REJECTION_EXAMPLE],
    )
    @action(detail=True, methods=["post"])
    def approvals(self, request: ApiRequest, id: UUID) -> Response:
        """Approve or refuse the order. Asks for a strong and fresh login."""
        order = self.get_object()
        body = inputs.ApprovalInput(data=request.data)
        body.is_valid(raise_exception=True)
        decision = body.validated_data.pop("decision")
        if decision == Decision.APPROVED:
            approve_order(order.public_id, approver=request.user, **body.validated_data)
        else:
            reason = body.validated_data["reason"]
            reject_order(order.public_id, approver=request.user, reason=reason)
        approval = Approval.objects.select_related("approver").get(
            order=order, approver=request.user
        )
        return Response(outputs.ApprovalOutput(approval).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=outputs.OrderDetailOutput)
    @action(detail=True, methods=["post"])
    def withdrawal(self, request: ApiRequest, id: UUID) -> Response:
        """Take your own order back, as long as nobody decided."""
        order = self.get_object()
        return Response(_shown(withdraw_order(order.public_id, actor=request.user)))

    @extend_schema(request=inputs.CommentInput, responses={201: outputs.CommentOutput})
    @action(detail=True, methods=["post"])
    def comments(self, request: ApiRequest, id: UUID) -> Response:
        """Say something about the order; as its requester you answer what was asked."""
        return self._written(request, comment_on_order)

    @extend_schema(request=inputs.CommentInput, responses={201: outputs.CommentOutput})
    @action(detail=True, methods=["post"])
    def questions(self, request: ApiRequest, id: UUID) -> Response:
        """Ask the requester something before you decide."""
        return self._written(request, ask_about_order)

    def _written(self, request: ApiRequest, write: Callable[..., OrderComment]) -> Response:
        order = self.get_object()
        body = inputs.CommentInput(data=request.data)
        body.is_valid(raise_exception=True)
        comment = write(order.public_id, author=request.user, **body.validated_data)
        return Response(outputs.CommentOutput(comment).data, status=status.HTTP_201_CREATED)


class ApprovalViewSet(ListModelMixin, GenericViewSet[Order]):
    """The orders that wait for your decision, the oldest first."""

    request: ApiRequest
    queryset = Order.objects.none()
    filters = inputs.ApprovalFilters
    ordering = ("submitted_at", "pk")
    serializer_class = outputs.OrderOutput

    def get_queryset(self) -> QuerySet[Order]:
        waiting = orders_to_decide(self.request.user)
        return waiting.select_related("project", "requested_by")


class ResourceViewSet(ListModelMixin, RetrieveModelMixin, SecretsOfResource):
    """The resources of every project that you reach, the newest first."""

    request: ApiRequest
    queryset = Resource.objects.none()
    filters = inputs.ResourceFilters
    ordering = ("-created_at", "-pk")
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Resource]:
        resources = visible_resources(self.request.user).select_related(
            "project", "cloud_project__cloud"
        )
        if self.action == "list":
            return resources
        return resources.select_related(
            "order_line__order",
            "order_line__offering_version__offering",
            "order_line__offering_version__cloud",
        ).prefetch_related(_operations(), "endings")

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        is_list = self.action == "list"
        return outputs.ResourceOutput if is_list else outputs.ResourceDetailOutput

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request=inputs.ChangeInput,
        responses={201: outputs.OrderDetailOutput, 200: outputs.OrderDetailOutput},
        examples=[CHANGE_EXAMPLE],
    )
    @action(detail=True, methods=["post"])
    def changes(self, request: ApiRequest, id: UUID) -> Response:
        """Order a change: larger, smaller or longer. 200: that order was there already."""
        key = _read_key(request)
        resource = self._changeable()
        context = {**self.get_serializer_context(), "resource": resource}
        body = inputs.ChangeInput(data=request.data, context=context)
        body.is_valid(raise_exception=True)
        order, is_new = _place_change(request, key, resource, body.validated_data)
        return _answer(request, order, status=201 if is_new else 200)

    @extend_schema(request=inputs.TermInput, responses=outputs.ResourceDetailOutput)
    @action(detail=True, methods=["post"])
    def term(self, request: ApiRequest, id: UUID) -> Response:
        """Let the resource end earlier. That costs nobody anything, so it holds at once."""
        resource = self._changeable()
        body = inputs.TermInput(data=request.data)
        body.is_valid(raise_exception=True)
        shorten_term(resource.public_id, actor=request.user, **body.validated_data)
        return Response(outputs.ResourceDetailOutput(self.get_object()).data)

    def _changeable(self) -> Resource:
        resource = self.get_object()
        if not may_change(self.request.user, resource):
            raise NotAllowed()
        return resource

    @extend_schema(request=inputs.RetirementInput, responses={202: outputs.OperationOutput})
    @action(detail=True, methods=["post"])
    def retirement(self, request: ApiRequest, id: UUID) -> Response:
        """Begin to clean the resource up. What was on it is gone for good."""
        resource = self.get_object()
        if not may_retire(request.user, resource):
            raise NotAllowed()
        body = inputs.RetirementInput(data=request.data)
        body.is_valid(raise_exception=True)
        operation = retire_resource(resource.public_id, actor=request.user, **body.validated_data)
        return Response(outputs.OperationOutput(operation).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=inputs.ProtectionInput, responses=outputs.ResourceOutput)
    @action(detail=True, methods=["post"])
    def protection(self, request: ApiRequest, id: UUID) -> Response:
        """Keep it from being cleaned up, or no longer: that asks for a strong and fresh login."""
        resource = self.get_object()
        if not may_retire(request.user, resource):
            raise NotAllowed()
        body = inputs.ProtectionInput(data=request.data)
        body.is_valid(raise_exception=True)
        is_on = body.validated_data["is_protected"]
        switch = protect_resource if is_on else unprotect_resource
        switch(resource.public_id, actor=request.user)
        return Response(outputs.ResourceOutput(self.get_object()).data)

    @extend_schema(request=inputs.ActionInput, responses={202: outputs.OperationOutput})
    @action(detail=True, methods=["post"])
    def actions(self, request: ApiRequest, id: UUID) -> Response:
        """Have one of the resource's actions carried out: stop, start, attach …"""
        resource = self.get_object()
        if not may_act(request.user, resource):
            raise NotAllowed()
        context = {**self.get_serializer_context(), "resource": resource}
        body = inputs.ActionInput(data=request.data, context=context)
        body.is_valid(raise_exception=True)
        if not may_act(request.user, resource, body.validated_data["action"]):
            raise NotAllowed()
        operation = _act(request, resource, **body.validated_data)
        return Response(outputs.OperationOutput(operation).data, status=status.HTTP_202_ACCEPTED)


class QuotaViewSet(ListModelMixin, GenericViewSet[Quota]):
    """What may be held, and what is held, on every level of the organization that you reach."""

    request: ApiRequest
    queryset = Quota.objects.none()
    filters = inputs.QuotaFilters
    ordering = ("node_code", "node_id", "metric")
    serializer_class = outputs.QuotaOutput

    def get_queryset(self) -> QuerySet[Quota]:
        quotas = visible_quotas(self.request.user).select_related("node")
        return quotas.annotate(node_code=F("node__code"))

    @extend_schema(
        request=limits.LimitsInput,
        responses=limits.LimitsOutput,
        examples=[limits.LIMITS_EXAMPLE],
        filters=False,
    )
    @action(detail=False, methods=["post"], pagination_class=None, url_path="limits")
    def set_limits(self, request: ApiRequest) -> Response:
        """Set limits, all or none, or only look what that does. Asks for a strong, fresh login."""
        body = limits.LimitsInput(data=request.data)
        body.is_valid(raise_exception=True)
        done = limits.set_limits(body.validated_data, actor=request.user)
        return Response(limits.LimitsOutput(done).data)


def _act(request: ApiRequest, resource: Resource, **asked: Any) -> Operation:
    try:
        return act_on_resource(resource.public_id, actor=request.user, **asked)
    except InvalidInput as error:
        said = {f"answers.{name}": texts for name, texts in error.errors.items()}
        raise InvalidInput(said) from error


def _place_change(
    request: ApiRequest, key: str, resource: Resource, asked: dict[str, Any]
) -> tuple[Order, bool]:
    try:
        return place_change(
            requested_by=request.user,
            resource=resource,
            purpose=asked["purpose"],
            answers=asked["spec"],
            end_date=asked.get("end_date", Term.KEPT),
            idempotency_key=key,
        )
    except InvalidInput as error:
        fields = {"purpose", "end_date"}
        raise InvalidInput(
            {
                name if name in fields else f"spec.{name}": said
                for name, said in error.errors.items()
            }
        ) from error


def _answer(request: ApiRequest, order: Order, *, status: int) -> Response:
    """The order, and where it is found from now on."""
    answer = Response(_shown(order), status=status)
    address = reverse("api:order-detail", kwargs={"id": order.public_id})
    answer["Location"] = request.build_absolute_uri(address)
    return answer


def _shown(order: Order) -> Any:
    """The order as it stands in the database now."""
    found = Order.objects.select_related("project", "requested_by")
    now_stored = found.prefetch_related(*_order_detail()).get(pk=order.pk)
    return outputs.OrderDetailOutput(now_stored).data


def _read_key(request: ApiRequest) -> str:
    """What a program made up for this one order."""
    return read_header(request, "Idempotency-Key", r"[\x21-\x7e]{1,100}")


def _order_detail() -> list[Prefetch[Any]]:
    lines = OrderLine.objects.select_related(
        "offering_version__offering", "resource", "changes", "assembly__offering_version__offering"
    )
    needs = Prefetch("needs", LineNeed.objects.select_related("needed").order_by("pk"))
    work = [_operations("resource__operations"), _operations(), needs]
    return [
        Prefetch("lines", lines.prefetch_related(*work)),
        Prefetch("comments", OrderComment.objects.select_related("author").order_by("pk")),
        Prefetch("approvals", Approval.objects.select_related("approver").order_by("decided_at")),
    ]


def _operations(path: str = "operations") -> Prefetch[Any]:
    return Prefetch(path, Operation.objects.order_by("pk").prefetch_related("steps"))
