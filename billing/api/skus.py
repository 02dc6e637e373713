"""What there can be prices of, for programs: as on the pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404
from django.utils.timezone import now
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from billing.api.prices import PriceTierOutput
from billing.asked_skus import missing_skus
from billing.focus.columns import SUBCATEGORIES
from billing.models import SKU_CODE_LENGTH, SKU_NAME_LENGTH, Price, PriceUnit, Sku
from billing.policies import may_read_tariff_rounds, may_set_tariffs, visible_skus
from billing.services.skus import SkuSays, add_sku, edit_sku, remove_sku
from billing.sku_tables import sku_rows
from portal.core.api import AmountField, Input, TextField
from portal.identity.requests import ApiRequest

LONGEST_WORD = 60
EXAMPLE = OpenApiExample(
    "A flavor that is new",
    value={
        "code": "server.g1.large",
        "name_nl": "Server met GPU, groot",
        "name_en": "Server with GPU, large",
        "service_category": "Compute",
        "service_subcategory": "Virtual Machines",
    },
    request_only=True,
)


class SkuFilters(Input):
    serviceCategory = serializers.ChoiceField(  # noqa: N815  query keys are camelCase by the Dutch rules
        choices=list(SUBCATEGORIES), required=False, source="service_category"
    )


class SkuChangeInput(Input):
    """What becomes other; what is left out stays."""

    name_nl = TextField(max_length=SKU_NAME_LENGTH, required=False)
    name_en = TextField(max_length=SKU_NAME_LENGTH, required=False)
    service_category = TextField(
        max_length=LONGEST_WORD, required=False, help_text="A ServiceCategory of FOCUS 1.2."
    )
    service_subcategory = TextField(
        max_length=LONGEST_WORD, required=False, help_text="One of that category."
    )


class SkuInput(Input):
    """Something that shall have a price."""

    code = TextField(
        max_length=SKU_CODE_LENGTH, help_text="As the catalogue asks for it. It never changes."
    )
    name_nl = TextField(max_length=SKU_NAME_LENGTH)
    name_en = TextField(max_length=SKU_NAME_LENGTH)
    service_category = TextField(
        max_length=LONGEST_WORD, help_text="A ServiceCategory of FOCUS 1.2."
    )
    service_subcategory = TextField(max_length=LONGEST_WORD, help_text="One of that category.")


class PriceNowOutput(serializers.ModelSerializer[Price]):
    """What a SKU costs everybody at this moment, in euros without VAT."""

    unit = serializers.ChoiceField(choices=PriceUnit.choices)
    amount = AmountField()
    tiers = PriceTierOutput(many=True)

    class Meta:
        model = Price
        fields = ("unit", "amount", "tiers", "minimum_months")


class SkuOutput(serializers.Serializer[Any]):
    """A SKU, and what it costs now."""

    code = serializers.CharField(source="sku.code")
    name_nl = serializers.CharField(source="sku.name_nl")
    name_en = serializers.CharField(source="sku.name_en")
    service_category = serializers.CharField(source="sku.service_category")
    service_subcategory = serializers.CharField(source="sku.service_subcategory")
    price = PriceNowOutput(allow_null=True, help_text="For everybody; null: none.")
    own_prices = serializers.IntegerField(
        help_text="How many organizations have a price of their own now."
    )
    is_in_use = serializers.BooleanField(help_text="Something uses it at this moment.")


class MissingSkuOutput(serializers.Serializer[Any]):
    """What the catalogue asks for and does not exist."""

    code = serializers.CharField()
    asked_for_by = serializers.SerializerMethodField(help_text="What is offered, or would be.")

    def get_asked_for_by(self, missing: Any) -> list[str]:
        return [asker.name for asker in missing.askers]


class SkuViewSet(GenericViewSet[Sku]):
    """Everything that can have a price, for who sets prices or audits that; by code."""

    request: ApiRequest
    queryset = Sku.objects.none()
    filters = SkuFilters
    ordering = ("code",)
    serializer_class = SkuOutput
    lookup_field = "code"
    lookup_value_converter = "path"  # a flavor may have a slash in its name

    def get_queryset(self) -> QuerySet[Sku]:
        return visible_skus(self.request.user)

    @extend_schema(responses=SkuOutput(many=True))
    def list(self, request: ApiRequest) -> Response:
        """All of them, with what they cost now."""
        _check_reads(request)
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(_told(page or []))

    def retrieve(self, request: ApiRequest, code: str) -> Response:
        """One of them."""
        return Response(_told([self._named(code)])[0])

    @extend_schema(request=SkuInput, responses={201: SkuOutput}, examples=[EXAMPLE])
    def create(self, request: ApiRequest) -> Response:
        """Add one; finance of the organization that runs the platform may.

        It has no price until a tariff round sets one. A repetition hears that the code is taken.
        """
        _check_sets(request)
        body = SkuInput(data=request.data)
        body.is_valid(raise_exception=True)
        asked = body.validated_data
        sku = add_sku(asked.pop("code"), SkuSays(**asked), actor=request.user)
        return Response(_told([sku])[0], status=status.HTTP_201_CREATED)

    @extend_schema(request=SkuChangeInput, responses={200: SkuOutput})
    def partial_update(self, request: ApiRequest, code: str) -> Response:
        """Call it otherwise, or have FOCUS count it among others; the code stays.

        Statements, and the files of closed months, keep the name and the category that they were
        made with.
        """
        sku = self._named(code)
        _check_sets(request)
        body = SkuChangeInput(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(_told([edit_sku(sku.code, actor=request.user, **body.validated_data)])[0])

    @extend_schema(request=None, responses={204: None})
    def destroy(self, request: ApiRequest, code: str) -> Response:
        """Take away what never had a price and was never used."""
        sku = self._named(code)
        _check_sets(request)
        remove_sku(sku.code, actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _named(self, code: str) -> Sku:
        """Raises:
        Http404: there is none that the person sees.
        """
        if "\x00" in code:  # which the database cannot even look for
            raise Http404
        return self.get_object()


class MissingSkuViewSet(GenericViewSet[Sku]):
    """What the catalogue asks for and does not exist, so that it cannot be published or ordered."""

    request: ApiRequest
    queryset = Sku.objects.none()  # for the description only
    filters = Input
    serializer_class = MissingSkuOutput
    pagination_class = None

    @extend_schema(responses=MissingSkuOutput(many=True))
    def list(self, request: ApiRequest) -> Response:
        """By code; of what is published, and of drafts."""
        _check_reads(request)
        self.filter_queryset(self.get_queryset())
        return Response(MissingSkuOutput(missing_skus(request.user), many=True).data)


def _told(skus: Sequence[Sku]) -> list[dict[str, Any]]:
    return list(SkuOutput(sku_rows(skus, at=now()), many=True).data)


def _check_reads(request: ApiRequest) -> None:
    if not may_read_tariff_rounds(request.user):
        raise PermissionDenied


def _check_sets(request: ApiRequest) -> None:
    if not may_set_tariffs(request.user):
        raise PermissionDenied
