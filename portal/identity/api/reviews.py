"""Access reviews for programs: to read only. Deciding takes a person, at the page."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.shortcuts import get_object_or_404
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.viewsets import GenericViewSet

from portal.core.api import Input, MomentField
from portal.identity.access import roles_of
from portal.identity.models import (
    ReviewCampaign,
    ReviewDecision,
    ReviewItem,
    ReviewScope,
    Role,
)
from portal.identity.requests import ApiRequest
from portal.identity.reviewing import REVIEW_READERS, visible_campaigns, visible_items

Output = serializers.Serializer[Any]


class AccessReviewFilters(Input):
    scope = serializers.ChoiceField(choices=ReviewScope.choices, required=False)


class AccessReviewItemFilters(Input):
    role = serializers.ChoiceField(choices=Role.choices, required=False)
    decision = serializers.ChoiceField(choices=ReviewDecision.choices, required=False)


class ReviewedNodeOutput(Output):
    id = serializers.UUIDField(source="public_id")
    code = serializers.CharField()
    name = serializers.CharField()


class ReviewedPersonOutput(Output):
    id = serializers.UUIDField(source="public_id")
    name = serializers.CharField()


class AccessReviewOutput(Output):
    """A review. The numbers count the roles that you see, which need not be all."""

    id = serializers.UUIDField(source="public_id")
    scope = serializers.ChoiceField(choices=ReviewScope.choices)
    organization = ReviewedNodeOutput(source="root")
    opened_at = MomentField()
    due_at = MomentField(help_text="From then on nothing can be decided.")
    closed_at = MomentField(allow_null=True)
    role_count = serializers.IntegerField()
    undecided_count = serializers.IntegerField()


class AccessReviewItemOutput(Output):
    """A role under review, as it was when the review opened, and what became of it."""

    id = serializers.UUIDField(source="public_id")
    person = ReviewedPersonOutput()
    role = serializers.ChoiceField(choices=Role.choices)
    node = ReviewedNodeOutput()
    issuer = serializers.CharField(help_text="The provider that gave it; empty: the portal.")
    decision = serializers.ChoiceField(
        choices=ReviewDecision.choices, allow_null=True, help_text="Null: not decided."
    )
    decided_by = ReviewedPersonOutput(allow_null=True, help_text="Null: the clock, or nobody yet.")
    decided_at = MomentField(allow_null=True)
    reason = serializers.CharField()

    def to_representation(self, instance: ReviewItem) -> dict[str, Any]:
        shown = super().to_representation(instance)
        return shown | {"decision": shown["decision"] or None}


class AccessReviewViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[ReviewCampaign]):
    """The reviews of the organizations that you administer or audit, the newest first."""

    request: ApiRequest
    queryset = ReviewCampaign.objects.none()
    filters = AccessReviewFilters
    ordering = ("-opened_at", "-pk")
    serializer_class = AccessReviewOutput
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[ReviewCampaign]:
        person = self.request.user
        if self.action == "list" and not roles_of(person) & REVIEW_READERS:
            raise PermissionDenied
        seen = Q(items__in=visible_items(person))
        return (
            visible_campaigns(person)
            .select_related("root")
            .annotate(
                role_count=Count("items", filter=seen),
                undecided_count=Count("items", filter=seen & Q(items__decision="")),
            )
        )


class AccessReviewItemViewSet(ListModelMixin, GenericViewSet[ReviewItem]):
    """The roles in one review that you see."""

    request: ApiRequest
    queryset = ReviewItem.objects.none()
    filters = AccessReviewItemFilters
    ordering = ("pk",)
    serializer_class = AccessReviewItemOutput

    def get_queryset(self) -> QuerySet[ReviewItem]:
        person = self.request.user
        campaign = get_object_or_404(visible_campaigns(person), public_id=self.kwargs["id"])
        items = visible_items(person).filter(campaign=campaign)
        return items.select_related("person", "node", "decided_by")
