"""What goes out and which keys a query has. Public ids only; moments in UTC."""

from __future__ import annotations

from typing import Any

from django.utils.timezone import now
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from portal.core.api import Input, MomentField, PublicIdField, TextField
from portal.identity.facts import FactKind, NodeFact, facts_of
from portal.identity.models import (
    NUMBERS,
    CostCentre,
    Node,
    Person,
    VatTreatment,
    VatTreatmentPeriod,
)
from portal.identity.services.tree import CODE_LENGTH

Output = serializers.Serializer[Any]
STATES = (("living", "living"), ("ended", "ended"))


class NodeFilters(Input):
    code = TextField(required=False, max_length=CODE_LENGTH)
    parent = PublicIdField(  # type: ignore[assignment]  # a field, not what a serializer is part of
        source="parent__public_id", required=False
    )
    state = serializers.ChoiceField(choices=STATES, required=False)


class OrganizationLinkOutput(Output):
    id = serializers.UUIDField(source="public_id")
    code = serializers.CharField()
    name = serializers.CharField()


class NodeFactsOutput(Output):
    """A place in the tree; ``parent`` is null at the top of what you reach."""

    id = serializers.UUIDField(source="public_id")
    code = serializers.CharField()
    name = serializers.CharField()
    parent = serializers.SerializerMethodField()  # type: ignore[assignment]  # as above
    created_at = MomentField()
    ended_at = MomentField(allow_null=True)

    @extend_schema_field(OrganizationLinkOutput(allow_null=True))
    def get_parent(self, node: Any) -> Any:
        return OrganizationLinkOutput(node.parent).data if node.is_parent_reached else None


class OrganizationOutput(NodeFactsOutput):
    """An organization; a number that is not known is empty.

    Nobody logs in with a number that stands in ``waiting_numbers``: the platform has yet to confirm
    that it belongs to this organization.
    """

    oin = serializers.CharField()
    kvk_number = serializers.CharField()
    rsin = serializers.CharField()
    waiting_numbers = serializers.ListField(child=serializers.ChoiceField(choices=NUMBERS))


class ProjectListOutput(NodeFactsOutput):
    """A project; ``protection_level`` 1 is the highest, and null is not known yet."""

    description = serializers.CharField()
    protection_level = serializers.IntegerField(allow_null=True)
    has_personal_data = serializers.BooleanField(allow_null=True)


class OwnerOutput(Output):
    id = serializers.UUIDField(source="public_id")
    name = serializers.CharField()


class CostCentreOutput(Output):
    code = serializers.CharField()
    name = serializers.CharField()


class FactsMixin(Output):
    """What holds now, of the node itself or inherited; null where nobody said."""

    data_owner = serializers.SerializerMethodField()
    cost_centre = serializers.SerializerMethodField()

    _facts: dict[FactKind, NodeFact]

    def to_representation(self, instance: Any) -> Any:
        self._facts = {fact.kind: fact for fact in facts_of(instance, at=now())}
        return super().to_representation(instance)

    @extend_schema_field(OwnerOutput(allow_null=True))
    def get_data_owner(self, node: Node) -> Any:
        return self._owner(FactKind.DATA_OWNER)

    @extend_schema_field(CostCentreOutput(allow_null=True))
    def get_cost_centre(self, node: Node) -> Any:
        row = self._current(FactKind.COST_CENTRE)
        return CostCentreOutput(row).data if isinstance(row, CostCentre) else None

    def _owner(self, kind: FactKind) -> Any:
        owner: Person | None = getattr(self._current(kind), "owner", None)
        return OwnerOutput(owner).data if owner else None

    def _current(self, kind: FactKind) -> Any:
        return self._facts[kind].current


class OrganizationDetailOutput(OrganizationOutput, FactsMixin):
    """With who answers for its data, and how its costs are booked and taxed."""

    vat_treatment = serializers.SerializerMethodField()

    @extend_schema_field(serializers.ChoiceField(choices=VatTreatment.choices, allow_null=True))
    def get_vat_treatment(self, node: Node) -> str | None:
        row = self._current(FactKind.VAT_TREATMENT)
        return row.treatment if isinstance(row, VatTreatmentPeriod) else None


class ProjectDetailOutput(ProjectListOutput, FactsMixin):
    """With who answers for it and for its data, and how its costs are booked."""

    owner = serializers.SerializerMethodField()

    @extend_schema_field(OwnerOutput(allow_null=True))
    def get_owner(self, node: Node) -> Any:
        return self._owner(FactKind.PROJECT_OWNER)
