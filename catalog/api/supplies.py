"""The places where data can stand and their assessments, for programs."""

from __future__ import annotations

from functools import cache
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from catalog.api.serializers import CloudOutput, Output, PersonOutput
from catalog.models import Offering, SupplyProfile
from catalog.models.supply import EVIDENCE_LENGTH, KEY_LENGTH, NAME_LENGTH
from catalog.offering_policies import may_look_behind, nameable_versions
from catalog.placement import Link
from catalog.placement.csf import Framework
from catalog.placement_policies import (
    may_decide_on_supplies,
    may_draft_supplies,
    visible_supplies,
)
from catalog.placement_words import (
    DependencyKind,
    Hosting,
    Keys,
    Rubricering,
    Screening,
    choices_of,
)
from catalog.services.placement import (
    CsfAnswer,
    KnownDependency,
    SupplyChanges,
    begin_supply,
    confirm_supply,
    drop_supply,
    edit_supply,
    propose_supply,
    refuse_supply,
    take_back_supply,
)
from portal.cloud.models import Cloud
from portal.core.api import DayField, Input, MomentField, PublicIdField, TextField, TruthField
from portal.core.errors import InvalidInput, NotAllowed
from portal.identity.models.proposed import DECISION_LENGTH, DecisionState
from portal.identity.requests import ApiRequest

DECISIONS: Final = ("confirmed", "refused")
DEPENDENCY_KINDS: Final = choices_of(DependencyKind)


# --- out ---------------------------------------------------------------------------------------


class LinkOutput(Output):
    """A legal entity in the chain; ``jurisdiction`` empty: not known."""

    name = serializers.CharField()
    jurisdiction = serializers.CharField()
    is_operator = serializers.BooleanField()


class DependencyOutput(Output):
    """Something a place uses; ``needs`` has keys of others."""

    key = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=DEPENDENCY_KINDS)
    supplier = serializers.CharField()
    jurisdiction = serializers.CharField()
    is_critical = serializers.BooleanField()
    needs = serializers.ListField(child=serializers.CharField())
    evidence = serializers.CharField()
    evidenced_on = serializers.DateField(allow_null=True)


class AnswerOutput(Output):
    """To one criterion; ``answer`` counts from 0, the lowest. Without evidence it is a claim."""

    criterion = serializers.CharField()
    answer = serializers.IntegerField()
    evidence = serializers.CharField()
    evidenced_on = serializers.DateField(allow_null=True)


class SupplyOutput(Output):
    """What is known of a place. Empty and null mean that nobody knows.

    ``offering`` null: of the whole cloud. ``seals``: proven, by objective; null is a gap.
    Who proposed and decided is told to who governs the catalogue, and null for everybody else.
    """

    id = serializers.UUIDField(source="public_id")
    cloud = CloudOutput()
    offering = serializers.UUIDField(source="offering.public_id", allow_null=True, default=None)
    number = serializers.IntegerField()
    is_draft = serializers.BooleanField()
    state = serializers.ChoiceField(choices=DecisionState.choices)
    hosting = serializers.CharField()
    chain = LinkOutput(source="owners", many=True)
    locations = serializers.ListField(child=serializers.CharField())
    keys = serializers.CharField()
    is_encrypted_at_rest = serializers.BooleanField(allow_null=True)
    is_encrypted_in_transit = serializers.BooleanField(allow_null=True)
    is_encrypted_in_use = serializers.BooleanField(allow_null=True)
    certifications = serializers.ListField(child=serializers.DictField())
    personnel_screening = serializers.CharField()
    lists_dependencies = serializers.BooleanField()
    dependencies = DependencyOutput(many=True)
    highest_protection_level = serializers.IntegerField(allow_null=True)
    highest_rubricering = serializers.CharField()
    admits_personal_data = serializers.BooleanField(allow_null=True)
    admits_special_data = serializers.BooleanField(allow_null=True)
    framework = serializers.CharField()
    answers = AnswerOutput(many=True)
    seals = serializers.DictField(child=serializers.IntegerField(allow_null=True))
    seal = serializers.IntegerField(allow_null=True)
    score = serializers.DecimalField(max_digits=9, decimal_places=6, allow_null=True)
    assessed_on = serializers.DateField(allow_null=True)
    valid_until = serializers.DateField(allow_null=True)
    ended_at = MomentField(allow_null=True)
    proposed_by = PersonOutput(allow_null=True)
    proposed_at = MomentField()
    decided_by = PersonOutput(allow_null=True)
    decided_at = MomentField(allow_null=True)
    decision_reason = serializers.CharField()

    def to_representation(self, instance: SupplyProfile) -> dict[str, Any]:
        shown = super().to_representation(instance)
        hidden = () if self.context["shows_people"]() else ("proposed_by", "decided_by")
        return {**shown, **dict.fromkeys(hidden)}


# --- in ----------------------------------------------------------------------------------------


class NewSupplyInput(Input):
    """Which place: a cloud by its key, and one offering in it or null for the whole."""

    cloud = serializers.SlugRelatedField(
        slug_field="key", queryset=Cloud.objects.all(), help_text="Key of the cloud."
    )
    offering = PublicIdField(required=False, allow_null=True, default=None)


class LinkInput(Input):
    name = TextField(max_length=NAME_LENGTH)
    jurisdiction = TextField(max_length=2, allow_blank=True)


class DependencyInput(Input):
    key = TextField(max_length=KEY_LENGTH)
    name = TextField(max_length=NAME_LENGTH)
    kind = serializers.ChoiceField(choices=DEPENDENCY_KINDS)
    supplier = TextField(max_length=NAME_LENGTH)
    jurisdiction = TextField(max_length=2, allow_blank=True)
    is_critical = TruthField()
    needs = serializers.ListField(child=TextField(max_length=KEY_LENGTH), required=False)
    evidence = TextField(max_length=EVIDENCE_LENGTH, required=False, allow_blank=True)
    evidenced_on = DayField(required=False, allow_null=True)


class AnswerInput(Input):
    """``answer`` null takes the answer away."""

    criterion = TextField(max_length=10)
    answer = serializers.IntegerField(allow_null=True)
    evidence = TextField(max_length=EVIDENCE_LENGTH, required=False, allow_blank=True, default="")
    evidenced_on = DayField(required=False, allow_null=True, default=None)


class CertificationInput(Input):
    name = TextField(max_length=NAME_LENGTH)
    valid_until = DayField()


def _words(words: Any) -> serializers.ChoiceField:
    values = [word.value for word in words]
    return serializers.ChoiceField(choices=values, required=False, allow_blank=True)


def _truth() -> TruthField:
    return TruthField(required=False, allow_null=True)


class SupplyInput(Input):
    """What a draft shall say; what is left out stays as it is. A list takes the place of the old.

    Of ``answers`` only the criteria that are named change.
    """

    hosting = _words(Hosting)
    chain = serializers.ListField(child=LinkInput(), required=False)
    locations = serializers.ListField(child=TextField(max_length=2), required=False)
    keys = _words(Keys)
    is_encrypted_at_rest = _truth()
    is_encrypted_in_transit = _truth()
    is_encrypted_in_use = _truth()
    certifications = serializers.ListField(child=CertificationInput(), required=False)
    personnel_screening = _words(Screening)
    lists_dependencies = TruthField(required=False)
    dependencies = serializers.ListField(child=DependencyInput(), required=False)
    highest_protection_level = serializers.IntegerField(required=False, allow_null=True)
    highest_rubricering = _words(Rubricering)
    admits_personal_data = _truth()
    admits_special_data = _truth()
    framework = _words(Framework)
    answers = serializers.ListField(child=AnswerInput(), required=False)
    valid_until = DayField(required=False, allow_null=True)


class SupplyDecisionInput(Input):
    """Yes or no. A no needs a reason, which the proposer reads."""

    decision = serializers.ChoiceField(choices=DECISIONS)
    reason = TextField(required=False, allow_blank=True, default="", max_length=DECISION_LENGTH)


class SupplyFilters(Input):
    cloud = TextField(source="cloud__key", required=False, max_length=60)
    state = serializers.ChoiceField(choices=DecisionState.choices, required=False)


class SupplyViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[SupplyProfile]):
    """Assessments of places, newest first: what is in force, and more for who governs them."""

    request: ApiRequest
    queryset = SupplyProfile.objects.none()
    filters = SupplyFilters
    ordering = ("-pk",)
    serializer_class = SupplyOutput
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[SupplyProfile]:
        people = ("cloud", "offering", "proposed_by", "decided_by")
        visible = visible_supplies(self.request.user).select_related(*people)
        return visible.prefetch_related("owners", "dependencies", "answers")

    def get_serializer_context(self) -> dict[str, Any]:
        return {
            **super().get_serializer_context(),
            "shows_people": cache(lambda: may_look_behind(self.request.user)),
        }

    @extend_schema(request=NewSupplyInput, responses={201: SupplyOutput})
    def create(self, request: ApiRequest) -> Response:
        """Begin an assessment, with what the last one of that place said."""
        if not may_draft_supplies(request.user):
            raise NotAllowed()
        asked = self._read(NewSupplyInput)
        offering = self._offering(asked["offering"])
        draft = begin_supply(asked["cloud"], offering=offering, actor=request.user)
        return self._shown(draft, status.HTTP_201_CREATED)

    @extend_schema(request=SupplyInput, responses=SupplyOutput)
    def partial_update(self, request: ApiRequest, id: UUID) -> Response:
        """Let a draft say something else."""
        draft = self._get_to_make()
        changes = _changes(self._read(SupplyInput))
        return self._shown(edit_supply(draft.public_id, changes, actor=request.user))

    @extend_schema(request=None, responses={204: None})
    def destroy(self, request: ApiRequest, id: UUID) -> Response:
        """Throw a draft away."""
        drop_supply(self._get_to_make().public_id, actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={201: SupplyOutput})
    @action(detail=True, methods=["post"])
    def proposal(self, request: ApiRequest, id: UUID) -> Response:
        """Propose a draft. A second person decides; SEAL and score are reckoned."""
        draft = self._get_to_make()
        proposed = propose_supply(draft.public_id, actor=request.user)
        return self._shown(proposed, status.HTTP_201_CREATED)

    @extend_schema(request=SupplyDecisionInput, responses=SupplyOutput)
    @action(detail=True, methods=["post"])
    def decision(self, request: ApiRequest, id: UUID) -> Response:
        """Confirm or refuse what another proposed. Asks for a strong and fresh login."""
        profile = self.get_object()
        if not may_decide_on_supplies(request.user):
            raise NotAllowed()
        answer = self._read(SupplyDecisionInput)
        if answer["decision"] == "confirmed":
            return self._shown(confirm_supply(profile.public_id, actor=request.user))
        reason = answer["reason"]
        return self._shown(refuse_supply(profile.public_id, actor=request.user, reason=reason))

    @extend_schema(request=None, responses=SupplyOutput)
    @action(detail=True, methods=["post"])
    def withdrawal(self, request: ApiRequest, id: UUID) -> Response:
        """Take back what you proposed yourself."""
        profile = self._get_to_make()
        return self._shown(take_back_supply(profile.public_id, actor=request.user))

    def _get_to_make(self) -> SupplyProfile:
        profile = self.get_object()
        if not may_draft_supplies(self.request.user):
            raise NotAllowed()
        return profile

    def _offering(self, public_id: UUID | None) -> Offering | None:
        if public_id is None:
            return None
        named = nameable_versions(self.request.user).filter(offering__public_id=public_id).first()
        if named is None:
            raise InvalidInput({"offering": [_("There is no offering with this id.")]})
        return named.offering

    def _read(self, shape: type[Input]) -> dict[str, Any]:
        body = shape(data=self.request.data)
        body.is_valid(raise_exception=True)
        return dict(body.validated_data)

    def _shown(self, profile: SupplyProfile, code: int = status.HTTP_200_OK) -> Response:
        """The assessment as it stands in the database now."""
        stored = self.get_queryset().get(pk=profile.pk)
        return Response(self.get_serializer(stored).data, status=code)


def _changes(said: dict[str, Any]) -> SupplyChanges:
    chain = said.pop("chain", None)
    dependencies = said.pop("dependencies", None)
    answers = said.pop("answers", [])
    return SupplyChanges(
        facts=said,
        chain=None if chain is None else [Link(**link) for link in chain],
        dependencies=None
        if dependencies is None
        else [
            KnownDependency(**{**each, "needs": tuple(each.get("needs", ()))})
            for each in dependencies
        ],
        answers={each["criterion"]: _answer(each) for each in answers},
    )


def _answer(said: dict[str, Any]) -> CsfAnswer | None:
    if said["answer"] is None:
        return None
    return CsfAnswer(
        index=said["answer"], evidence=said["evidence"], evidenced_on=said["evidenced_on"]
    )
