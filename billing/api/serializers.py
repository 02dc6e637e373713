"""What the interface for charges takes and gives."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as InvalidMonth
from rest_framework import serializers

from billing.forms import read_month
from billing.models import PriceUnit
from portal.core.api import AmountField, Input, MomentField, PublicIdField, TextField
from portal.core.calendar import Period


class ChargeFilters(Input):
    month = TextField(
        required=False, max_length=7, help_text="A business month, as 2026-11. Default: this one."
    )
    node = PublicIdField(
        source="node_id", required=False, help_text="An organization or project that you see."
    )

    def validate_month(self, text: str) -> Period:
        """Return the month.

        Raises:
            ValidationError: the text is not a month.
        """
        try:
            return read_month(text)
        except InvalidMonth as error:
            raise serializers.ValidationError(error.messages, code="invalid") from error


class NamedOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="public_id")
    name = serializers.CharField()


class ChargeResourceOutput(NamedOutput):
    kind = serializers.CharField()


class ChargeOutput(serializers.Serializer[Any]):
    """A piece of use at one price within one month.

    Without a price there is no ``unit``, ``unit_price`` and ``amount``: that use was not charged.
    """

    organization = NamedOutput(help_text="Who paid for the project at that time.")
    project = NamedOutput()
    resource = ChargeResourceOutput()
    sku = serializers.CharField(source="sku.code")
    quantity = AmountField(source="charge.quantity")
    started_at = MomentField(source="charge.started_at")
    ended_at = MomentField(
        source="charge.ended_at", help_text="Exclusive. Of what is in use: until now."
    )
    seconds = serializers.IntegerField(source="charge.seconds")
    unit = serializers.ChoiceField(source="charge.unit", choices=PriceUnit.choices, allow_null=True)
    unit_price = AmountField(source="charge.unit_price", allow_null=True)
    amount = AmountField(source="charge.amount", allow_null=True)
    cost_center = serializers.CharField(
        source="charge.cost_center",
        allow_null=True,
        help_text="The cost centre (kostenplaats) at the moment of use; null: nobody said.",
    )
    cost_object = serializers.CharField(
        source="charge.cost_object", allow_null=True, help_text="Kostendrager; null: nobody said."
    )
    commitment_number = serializers.CharField(
        source="charge.commitment_number",
        allow_null=True,
        help_text="Verplichtingnummer; null: nobody said.",
    )
