"""What the interface for charges takes and gives."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.core.exceptions import ValidationError as InvalidMonth
from rest_framework import serializers

from billing.forms import read_month
from billing.models import TAG_LENGTH, LineKind, PriceUnit, Statement, StatementLine
from billing.services.tag_keys import TagChoice
from portal.core.api import AmountField, Input, MomentField, PublicIdField, TextField
from portal.core.calendar import Period, day_of
from portal.identity.models import VatTreatment


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
        return to_month(text)


class FocusFilters(ChargeFilters):
    tag = TextField(
        required=False,
        max_length=2 * TAG_LENGTH + 1,
        help_text="Only what had this tag at the time, as name=value; name= is what had none.",
    )

    def validate_tag(self, text: str) -> TagChoice:
        """Return the tag.

        Raises:
            ValidationError: the text is none.
        """
        try:
            return TagChoice.read(text)
        except ValueError as error:
            raise serializers.ValidationError(str(error), code="invalid") from error


class ChargeListFilters(FocusFilters):
    kind = TextField(
        required=False, max_length=40, help_text="Only of what is of this kind, such as server."
    )
    costCenter = TextField(  # noqa: N815  query keys are camelCase by the Dutch rules
        source="cost_center",
        required=False,
        allow_blank=True,
        max_length=40,
        help_text="Only what fell under it; empty: under none.",
    )


class StatementFilters(Input):
    month = TextField(
        source="month__first_day",
        required=False,
        max_length=7,
        help_text="A business month, as 2026-11. Default: every month.",
    )

    def validate_month(self, text: str) -> date:
        """Return its first day.

        Raises:
            ValidationError: the text is not a month.
        """
        return day_of(to_month(text).start)


def to_month(text: str) -> Period:
    """The business month that a program named.

    Raises:
        ValidationError: the text is not a month.
    """
    try:
        return read_month(text)
    except InvalidMonth as error:
        raise serializers.ValidationError(error.messages, code="invalid") from error


class CentsField(AmountField):
    """Euros without VAT, in whole cents."""

    def __init__(self, **options: Any) -> None:
        super(AmountField, self).__init__(max_digits=14, decimal_places=2, **options)


class NamedOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="public_id")
    name = serializers.CharField()


class ChargeResourceOutput(NamedOutput):
    kind = serializers.CharField()


class ChargeOutput(serializers.Serializer[Any]):
    """A piece of use at one price within one month; of a closed month what was billed of it.

    Without a price there is no ``unit``, ``unit_price`` and ``amount``: that use was not charged.
    At a price with tiers there is one charge for each tier that the piece of use falls in.
    What the statements of a closed month put right of earlier ones comes last, in whole cents. So
    does what is shared by key; of a month that is not closed as closing it at this moment would.
    """

    kind = serializers.ChoiceField(
        choices=LineKind.choices,
        help_text="correction and credit are of no resource, and of the month that they put right; "
        "shared_out and shared_in are of no resource either.",
    )
    organization = NamedOutput(help_text="Who paid for the project at that time.")
    project = NamedOutput()
    resource = ChargeResourceOutput(allow_null=True)
    sku = serializers.CharField(source="sku.code")
    quantity = AmountField(source="charge.quantity")
    started_at = MomentField()
    ended_at = MomentField(help_text="Exclusive. Of what is in use: until now.")
    seconds = serializers.IntegerField(allow_null=True)
    unit = serializers.ChoiceField(
        source="charge.unit",
        choices=PriceUnit.choices,
        allow_null=True,
        allow_blank=True,
        help_text="Empty of what is shared by key.",
    )
    unit_price = AmountField(source="charge.unit_price", allow_null=True)
    from_quantity = AmountField(
        source="charge.from_quantity",
        help_text="Of a price with tiers: from how many units in the month on this one holds.",
    )
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


class StatementOutput(serializers.ModelSerializer[Statement]):
    """What one organization pays for one month. It never changes."""

    id = serializers.UUIDField(source="public_id")
    number = serializers.CharField(help_text="Without gaps within a business year.")
    month = serializers.CharField(source="month.key", help_text="As 2026-11.")
    organization = NamedOutput(help_text="Who pays.")
    issued_at = MomentField()
    total = AmountField(help_text="Whole cents, without VAT.")
    vat_treatment = serializers.ChoiceField(
        source="parties.vat_treatment",
        choices=[("", ""), *VatTreatment.choices],
        help_text="How who pays was taxed when the month closed; empty: nobody said.",
    )

    class Meta:
        model = Statement
        fields: tuple[str, ...] = (
            *("id", "number", "month", "organization", "issued_at", "currency", "total"),
            "vat_treatment",
        )


class StatementLineOutput(serializers.ModelSerializer[StatementLine]):
    id = serializers.UUIDField(source="public_id")
    kind = serializers.ChoiceField(choices=LineKind.choices)
    month = serializers.CharField(
        source="used_in.key", help_text="Of the use; of a correction or credit an earlier one."
    )
    project = serializers.CharField(
        source="project_name", help_text="As it was called when the month closed."
    )
    sku = serializers.CharField(source="sku.code")
    unit = serializers.ChoiceField(
        choices=PriceUnit.choices, allow_blank=True, help_text="Empty of what is shared by key."
    )
    unit_price = AmountField(help_text="Zero of what is shared by key.")
    from_quantity = AmountField(
        help_text="Of a price with tiers: from how many units in the month on this one holds."
    )
    quantity = AmountField()
    amount = AmountField(help_text="Whole cents, without VAT.")
    corrects = serializers.UUIDField(
        source="corrects.public_id",
        allow_null=True,
        default=None,
        help_text="Of what puts right or gives back: the line that it is about, if there is one.",
    )

    class Meta:
        model = StatementLine
        fields = (
            *("id", "position", "kind", "month", "project", "sku", "unit", "unit_price"),
            *("quantity", "from_quantity", "amount"),
            *("cost_center", "cost_object", "commitment_number", "reason", "corrects"),
        )


class LineUsageOutput(serializers.Serializer[Any]):
    """A piece of use that a line of a statement adds up, at the price of the line."""

    resource = ChargeResourceOutput(source="piece.span.resource")
    started_at = MomentField(source="piece.started_at")
    ended_at = MomentField(source="piece.ended_at", help_text="Exclusive.")
    seconds = serializers.IntegerField(source="piece.seconds")
    quantity = AmountField(source="piece.span.quantity")
    used = serializers.DecimalField(
        max_digits=36,
        decimal_places=12,
        help_text="Of the quantity of the line: in the unit of the price, and within its tier.",
    )
    is_unused = serializers.BooleanField(
        source="piece.span.is_unused", help_text="Only due, of a minimum term, and not used."
    )
    amount = AmountField(source="piece.amount", help_text="Six decimals, without VAT.")


class StatementDetailOutput(StatementOutput):
    lines = StatementLineOutput(many=True)

    class Meta(StatementOutput.Meta):
        fields = (*StatementOutput.Meta.fields, "lines")
