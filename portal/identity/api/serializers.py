"""What the interface for roles takes and gives."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from portal.core.api import AmountField, Input, MomentField, PublicIdField
from portal.identity.models import NodeKind, Role


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
        allow_null=True, help_text="What an approver may approve per month; null is without limit."
    )
    issuer = serializers.CharField(
        help_text="The provider whose claim gives the role; empty when the portal granted it."
    )
    granted_by = GrantedPersonOutput(allow_null=True)
    reason = serializers.CharField()
    valid_from = MomentField()
    valid_until = MomentField(help_text="Exclusive.")
