"""Roles for programs, to read."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.utils.timezone import now
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin
from rest_framework.viewsets import GenericViewSet

from portal.core.api import AmountField, Input, MomentField, PublicIdField
from portal.core.models import is_not_over
from portal.identity.access import roles_of
from portal.identity.models import NodeKind, Role, RoleGrant
from portal.identity.requests import ApiRequest
from portal.identity.role_policies import OVERSIGHT_ROLES, visible_grants


class RoleGrantFilters(Input):
    node = PublicIdField(
        source="node__public_id",
        required=False,
        help_text="Only roles that stand on this organization or project.",
    )
    person = PublicIdField(
        source="person__public_id", required=False, help_text="Only roles of this person."
    )
    role = serializers.ChoiceField(
        choices=Role.choices, required=False, help_text="Only this role."
    )


class GrantedPersonOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="public_id")
    name = serializers.CharField()


class GrantedNodeOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="public_id")
    kind = serializers.ChoiceField(choices=NodeKind.choices)
    name = serializers.CharField()


class RoleGrantOutput(serializers.Serializer[Any]):
    """A role of one person on one node; it holds in everything below, too."""

    id = serializers.UUIDField(source="public_id")
    person = GrantedPersonOutput()
    node = GrantedNodeOutput()
    role = serializers.ChoiceField(choices=Role.choices)
    amount_limit = AmountField(
        allow_null=True,
        help_text="Up to which amount in its first month, with what is paid once, an approver may "
        "approve an order; null is without limit.",
    )
    issuer = serializers.CharField(
        help_text="The provider whose claim gives the role; empty when the portal granted it."
    )
    granted_by = GrantedPersonOutput(allow_null=True)
    reason = serializers.CharField()
    valid_from = MomentField()
    valid_until = MomentField(help_text="Exclusive.")


class RoleGrantViewSet(ListModelMixin, GenericViewSet[RoleGrant]):
    """Who has which role, now or later, on every node that you administer, audit or operate."""

    request: ApiRequest
    queryset = RoleGrant.objects.none()
    serializer_class = RoleGrantOutput
    filters = RoleGrantFilters
    ordering = ("-valid_from", "-pk")

    def get_queryset(self) -> QuerySet[RoleGrant]:
        if not roles_of(self.request.user) & set(OVERSIGHT_ROLES):
            raise PermissionDenied
        grants = visible_grants(self.request.user).filter(is_not_over(now()))
        return grants.select_related("person", "node", "granted_by")
