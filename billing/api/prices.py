"""What things cost, for programs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import F, QuerySet
from django.shortcuts import get_object_or_404
from django.utils.timezone import now
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from billing.api.serializers import NamedOutput
from billing.models import SKU_CODE_LENGTH, Price, PriceUnit
from billing.policies import (
    may_read_tariff_rounds,
    places_with_prices,
    readable_prices,
    sees_other_times,
)
from billing.services.price_book import nearest_prices
from portal.core.api import AmountField, Input, MomentField, PublicIdField, TextField
from portal.core.models import is_in_force
from portal.identity.access import roles_of
from portal.identity.models import Person
from portal.identity.requests import ApiRequest


class PriceFilters(Input):
    node = PublicIdField(
        required=False,
        help_text=(
            "An organization or project: one price for each SKU, the one that holds there. "
            "Without it: all prices that you see, with those that were and will be."
        ),
    )
    at = MomentField(
        required=False,
        help_text="Only what holds at this moment. With a node the default is now.",
    )
    sku = TextField(required=False, max_length=SKU_CODE_LENGTH, help_text="Only of this SKU.")


class PriceTierOutput(serializers.Serializer[Any]):
    from_quantity = AmountField(help_text="From how many units in the month on.")
    amount = AmountField()


class PriceSkuOutput(serializers.Serializer[Any]):
    code = serializers.CharField()
    name = serializers.CharField()


class PriceOutput(serializers.ModelSerializer[Price]):
    """What one unit of a SKU costs from when until when, in euros without VAT."""

    id = serializers.UUIDField(source="public_id")
    sku = PriceSkuOutput()
    organization = NamedOutput(
        allow_null=True, help_text="Whose price it is, and of those below it; null: everybody's."
    )
    unit = serializers.ChoiceField(choices=PriceUnit.choices)
    amount = AmountField()
    tiers = PriceTierOutput(
        many=True, help_text="What a further unit costs, where a project uses many in a month."
    )
    minimum_months = serializers.IntegerField(
        help_text="For at least so many months it is due, and costs the same; 0: no minimum term."
    )
    valid_from = MomentField()
    valid_until = MomentField(
        allow_null=True, help_text="Exclusive. As valid_from: it was withdrawn before it began."
    )
    price_list = serializers.CharField(source="price_list.name")
    tariff_round = serializers.SerializerMethodField(
        help_text="The round that set it, for who may read rounds; null: none, or you may not."
    )

    class Meta:
        model = Price
        fields = (
            *("id", "sku", "organization", "unit", "amount", "tiers"),
            *("minimum_months", "valid_from", "valid_until", "price_list", "tariff_round"),
        )

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_tariff_round(self, price: Price) -> str | None:
        found = getattr(price.price_list, "tariff_round", None)
        return str(found.public_id) if found and self.context["may_read_rounds"] else None


@dataclass(frozen=True, kw_only=True)
class _AskedPrices:
    """What is asked for; takes the place of a queryset."""

    person: Person
    node: UUID | None = None
    at: datetime | None = None
    sku: str | None = None

    def filter(self, **asked: Any) -> _AskedPrices:
        return replace(self, **asked)

    def found(self) -> QuerySet[Price]:
        """Return the prices.

        Raises:
            Http404: the person does not reach that node.
            PermissionDenied: what held there at other moments is for who sees its costs.
        """
        prices = self._of_node(self.node) if self.node else self._of_all()
        if self.sku is not None:
            prices = prices.filter(sku__code=self.sku)
        related = prices.select_related("sku", "organization", "price_list__tariff_round")
        return related.annotate(sku_code=F("sku__code"))

    def _of_all(self) -> QuerySet[Price]:
        prices = readable_prices(self.person)
        return prices.filter(is_in_force(self.at)) if self.at else prices

    def _of_node(self, public_id: UUID) -> QuerySet[Price]:
        node = get_object_or_404(places_with_prices(self.person), public_id=public_id)
        if self.at and not sees_other_times(self.person, node):
            raise PermissionDenied
        nearest = nearest_prices(node.lineage_ids, at=self.at or now())
        return Price.objects.filter(pk__in=[price.pk for price in nearest.values()])


class PriceViewSet(GenericViewSet[Price]):
    """Prices of SKUs: for everybody, and for the organizations that you have a role on.

    Who sees the costs of an organization also sees what its prices were and will be; who has
    another role there, what holds now.
    """

    request: ApiRequest
    queryset = Price.objects.none()  # for the description only
    filters = PriceFilters
    ordering = ("sku_code", "-valid_from", "pk")
    serializer_class = PriceOutput

    @extend_schema(responses=PriceOutput(many=True))
    def list(self, request: ApiRequest) -> Response:
        """By SKU, the newest first. Give ``at`` to read pages that are of one moment."""
        if not roles_of(request.user):
            raise PermissionDenied
        everything: Any = _AskedPrices(person=request.user)  # takes the place of a queryset
        asked = cast(_AskedPrices, self.filter_queryset(everything))
        page = self.paginate_queryset(asked.found())
        context = {"may_read_rounds": may_read_tariff_rounds(request.user)}
        return self.get_paginated_response(PriceOutput(page, many=True, context=context).data)
