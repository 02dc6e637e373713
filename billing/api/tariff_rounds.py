"""Agreeing on new prices, for programs: as on the pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.timezone import now
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import ErrorDetail
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from billing.api.prices import PriceSkuOutput, PriceTierOutput
from billing.api.serializers import CentsField, NamedOutput
from billing.api.split_keys import MonthField, ProposalDecisionInput
from billing.forms import month_key
from billing.models import (
    SKU_CODE_LENGTH,
    TARIFF_NAME_LENGTH,
    PriceUnit,
    TariffRound,
    TariffRoundLine,
)
from billing.policies import may_read_tariff_rounds, may_set_tariffs, visible_tariff_rounds
from billing.rating import LONGEST_MINIMUM_MONTHS, Tier
from billing.services.tariff_drafts import MOST_TIERS, Draft, NewPrice, RoundSays, draft_of
from billing.services.tariff_effects import Effect
from billing.services.tariffs import (
    confirm_round,
    propose_round,
    propose_withdrawal,
    refuse_round,
    take_back_round,
)
from portal.core.api import AmountField, Input, MomentField, PublicIdField, TextField, TruthField
from portal.core.calendar import month_of
from portal.core.errors import InvalidInput
from portal.identity.models import Organization
from portal.identity.models.proposed import DecisionState
from portal.identity.requests import ApiRequest

MOST_PRICES: Final = 1000


class TariffRoundFilters(Input):
    state = serializers.ChoiceField(choices=DecisionState.choices, required=False)
    organization = PublicIdField(source="organization__public_id", required=False)


class NewTierInput(Input):
    from_quantity = AmountField(help_text="From how many units in the month on.")
    amount = AmountField()


class NewPriceInput(Input):
    """What one SKU shall cost; or, with `ends`, that the organization's own price shall end."""

    sku = TextField(max_length=SKU_CODE_LENGTH)
    unit = serializers.ChoiceField(choices=PriceUnit.choices, required=False)
    amount = AmountField(required=False, allow_null=True, default=None)
    tiers = NewTierInput(
        many=True,
        required=False,
        default=(),
        max_length=MOST_TIERS,  # type: ignore[call-arg]  # of the list
    )
    minimum_months = serializers.IntegerField(
        required=False, default=0, min_value=0, max_value=LONGEST_MINIMUM_MONTHS
    )
    ends = TruthField(required=False, default=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Raises:
        ValidationError: it has a price and ends one, or neither; a refusal names the field.
        """
        said = [name for name in ("unit", "tiers", "minimum_months") if attrs.get(name)]
        if attrs["amount"] is None and not attrs["ends"]:
            raise _wrong("amount", _("Give an amount, or say that the own price ends."))
        if attrs["ends"] and (attrs["amount"] is not None or said):
            raise _wrong("ends", _("Choose: a new price, or none of their own."))
        if not attrs["ends"] and "unit" not in attrs:
            raise _wrong("unit", _("Say per what it is paid."))
        return attrs


class TariffRoundInput(Input):
    """New prices from a month on: those of an organization and below it, or everybody's."""

    name = TextField(max_length=TARIFF_NAME_LENGTH, help_text="Every price list has its own.")
    organization = PublicIdField(required=False, allow_null=True, default=None)
    valid_from = MonthField(help_text="The first month, as 2027-01.")
    prices = NewPriceInput(
        many=True,
        max_length=MOST_PRICES,  # type: ignore[call-arg]  # of the list
    )


class TariffRoundLineOutput(serializers.ModelSerializer[TariffRoundLine]):
    sku = PriceSkuOutput()
    unit = serializers.ChoiceField(choices=PriceUnit.choices, allow_blank=True)
    amount = AmountField(allow_null=True, help_text="Null: the organization's own price ends.")
    tiers = PriceTierOutput(many=True)

    class Meta:
        model = TariffRoundLine
        fields = ("sku", "unit", "amount", "tiers", "minimum_months", "ends")


class TariffRoundOutput(serializers.ModelSerializer[TariffRound]):
    """What things shall cost from a month on; or, where it has `withdraws`, that another round
    never begins.
    """

    id = serializers.UUIDField(source="public_id")
    state = serializers.ChoiceField(choices=DecisionState.choices)
    organization = NamedOutput(allow_null=True, help_text="Null: for everybody.")
    valid_from = serializers.SerializerMethodField(help_text="The first month, as 2027-01.")
    withdraws = serializers.UUIDField(
        source="withdraws.public_id",
        allow_null=True,
        default=None,
        help_text="The round that it withdraws.",
    )
    prices = TariffRoundLineOutput(source="lines", many=True)
    proposed_by = NamedOutput()
    proposed_at = MomentField()
    decided_by = NamedOutput(allow_null=True)
    decided_at = MomentField(allow_null=True)

    class Meta:
        model = TariffRound
        fields = (
            *("id", "name", "state", "organization", "valid_from", "withdraws", "prices"),
            *("proposed_by", "proposed_at", "decided_by", "decided_at", "decision_reason"),
        )

    def get_valid_from(self, proposed: TariffRound) -> str:
        return month_key(month_of(proposed.valid_from))


class ChangeOutput(serializers.Serializer[Any]):
    """Euros without VAT, in whole cents."""

    before = CentsField(help_text="What was charged of that month.")
    after = CentsField(help_text="What the same use would have cost at the new prices.")


class OrganizationChangeOutput(ChangeOutput):
    organization = NamedOutput()


class SkuChangeOutput(ChangeOutput):
    sku = PriceSkuOutput()


class TariffEffectOutput(serializers.Serializer[Any]):
    """What a round would have made of last month. Whoever has a nearer price of their own keeps
    that, and so does what is in a minimum term.
    """

    name = serializers.CharField(help_text="Of the round.")
    month = serializers.CharField(help_text="The last full month, as 2026-11.")
    total = ChangeOutput()
    organizations = OrganizationChangeOutput(
        many=True, help_text="All that each of them paid in it, the dearest first."
    )
    prices = SkuChangeOutput(many=True, help_text="Only what the round gives another price.")


class TariffRoundViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[TariffRound]):
    """Every round, for who sets prices or audits that; the newest first."""

    request: ApiRequest
    queryset = TariffRound.objects.none()
    filters = TariffRoundFilters
    ordering = ("-proposed_at", "-pk")
    serializer_class = TariffRoundOutput
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[TariffRound]:
        if self.action == "list" and not may_read_tariff_rounds(self.request.user):
            raise PermissionDenied
        rounds = visible_tariff_rounds(self.request.user).select_related(
            "organization", "withdraws", "proposed_by", "decided_by"
        )
        lines = TariffRoundLine.objects.select_related("sku").order_by("sku__code")
        return rounds.prefetch_related(Prefetch("lines", lines))

    @extend_schema(request=TariffRoundInput, responses={201: TariffRoundOutput})
    def create(self, request: ApiRequest) -> Response:
        """Propose new prices; finance of the organization that runs the platform may.

        A second person decides. A repetition hears that the name is taken. What these prices would
        have made of last month is told at `effect` of the round.
        """
        if not may_set_tariffs(request.user):
            raise PermissionDenied
        body = TariffRoundInput(data=request.data)
        body.is_valid(raise_exception=True)
        asked = body.validated_data
        says = RoundSays(
            name=asked["name"],
            valid_from=asked["valid_from"].start,
            organization=_organization(asked["organization"]),
            prices=list(_prices(asked["prices"])),
        )
        try:
            proposed = propose_round(says, actor=request.user)
        except InvalidInput as error:
            raise InvalidInput(dict(_by_number(error.errors, says.prices))) from error
        return self._answer(proposed, status.HTTP_201_CREATED)

    @extend_schema(request=ProposalDecisionInput, responses={200: TariffRoundOutput})
    @action(detail=True, methods=["post"])
    def decision(self, request: ApiRequest, id: UUID) -> Response:
        """Agree or not with what another proposed; finance of the platform may."""
        proposed = self._acting()
        body = ProposalDecisionInput(data=request.data)
        body.is_valid(raise_exception=True)
        if body.validated_data["decision"] == DecisionState.CONFIRMED:
            return self._answer(confirm_round(proposed.public_id, actor=request.user))
        reason = body.validated_data["reason"]
        return self._answer(refuse_round(proposed.public_id, actor=request.user, reason=reason))

    @extend_schema(request=None, responses={200: TariffRoundOutput})
    @action(detail=True, methods=["post"])
    def withdrawal(self, request: ApiRequest, id: UUID) -> Response:
        """Take your own proposal back."""
        return self._answer(take_back_round(self._acting().public_id, actor=request.user))

    @extend_schema(request=None, responses={201: TariffRoundOutput})
    @action(detail=True, methods=["post"])
    def end(self, request: ApiRequest, id: UUID) -> Response:
        """Propose that prices that were confirmed never begin: a round of its own, on which a
        second person decides.
        """
        proposed = propose_withdrawal(self._acting().public_id, actor=request.user)
        return self._answer(proposed, status.HTTP_201_CREATED)

    @extend_schema(responses={200: TariffEffectOutput})
    @action(detail=True, methods=["get"])
    def effect(self, request: ApiRequest, id: UUID) -> Response:
        """What these prices would have made of last month, while they wait for a decision.

        Of what was decided on, and of a round that withdraws another, there is none: 404.
        """
        proposed = self.get_object()
        if proposed.state != DecisionState.PROPOSED or proposed.withdraws:
            raise Http404
        draft = draft_of(proposed)
        return Response(TariffEffectOutput(_told(draft, draft.effect(at=now()))).data)

    def _acting(self) -> TariffRound:
        """The round of the address, for who may act on it."""
        proposed = self.get_object()
        if not may_set_tariffs(self.request.user):
            raise PermissionDenied
        return proposed

    def _answer(self, proposed: TariffRound, code: int = status.HTTP_200_OK) -> Response:
        found = self.get_queryset().get(pk=proposed.pk)
        return Response(TariffRoundOutput(found).data, status=code)


def _told(draft: Draft, effect: Effect) -> dict[str, Any]:
    return {
        "name": draft.name,
        "month": month_key(effect.month),
        "total": effect.total,
        "organizations": [
            {"organization": node, **vars(change)} for node, change in effect.organizations
        ],
        "prices": [
            {"sku": sku, **vars(effect.skus[sku.pk])}
            for sku in sorted(draft.prices, key=lambda sku: sku.code)
        ],
    }


def _organization(public_id: UUID | None) -> Organization | None:
    """Whose prices they are; None: everybody's."""
    if public_id is None:
        return None
    return get_object_or_404(Organization, public_id=public_id, ended_at=None)


def _prices(asked: Sequence[Mapping[str, Any]]) -> Iterator[NewPrice]:
    for price in asked:
        yield NewPrice(
            sku=price["sku"],
            unit=price.get("unit", ""),
            amount=price["amount"],
            tiers=[Tier(**tier) for tier in price["tiers"]],
            minimum_months=price["minimum_months"],
        )


def _by_number(
    errors: Mapping[str, list[str]], prices: Sequence[NewPrice]
) -> Iterator[tuple[str, list[str]]]:
    """What is wrong with a price at its number, counted from 1, as the caller sent it."""
    for name, messages in errors.items():
        numbers = [number for number, price in enumerate(prices, start=1) if price.field == name]
        names = [f"prices.{number}.sku" for number in numbers] or [name]
        yield from ((one, messages) for one in names)


def _wrong(name: str, message: str) -> serializers.ValidationError:
    return serializers.ValidationError({name: [ErrorDetail(message, code="invalid")]})
