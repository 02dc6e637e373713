"""The register of known use, and concentration, for programs: the same facts as on the pages."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.timezone import now
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from billing.api.serializers import to_month
from billing.forms import month_key
from catalog.api.placement import ADVISED, EVIDENCE_KINDS, NeedOutput
from catalog.api.serializers import Output
from catalog.models.supply import NAME_LENGTH
from catalog.models.workload import OUTAGES_HOURS
from catalog.placement_policies import REGISTER_READERS, register_nodes
from catalog.placement_words import (
    BaseRegister,
    Hosting,
    Keys,
    PersonalData,
    Rubricering,
    Score,
    choices_of,
)
from catalog.services.placement.dependence import dependence_of
from catalog.services.placement.dependence_files import dependence_json
from catalog.services.placement.register import RegisterQuestion
from catalog.services.placement.register_files import use_json
from portal.core.api import AmountField, Input, PublicIdField, TextField
from portal.core.calendar import Period, month_of, start_of_day, year_of
from portal.core.errors import NotAllowed
from portal.core.problem import InvalidRequest
from portal.identity.access import roles_of
from portal.identity.models import Person, Project
from portal.identity.requests import ApiRequest

_YEAR: Final = re.compile("20[0-9]{2}")


def _word(words: type[StrEnum]) -> serializers.ChoiceField:
    """A word out of a list, or null: nobody said."""
    return serializers.ChoiceField(choices=choices_of(words), allow_null=True)


class UsedProjectOutput(Output):
    id = serializers.UUIDField()
    code = serializers.CharField()
    name = serializers.CharField()


class KnownAnswersOutput(Output):
    """What people answered about the data of the project; null: not known."""

    answered_at = serializers.DateTimeField()
    is_core_task = serializers.BooleanField(allow_null=True)
    personal_data = _word(PersonalData)
    has_special_data = serializers.BooleanField(allow_null=True)
    availability = _word(Score)
    integrity = _word(Score)
    confidentiality = _word(Score)
    rubricering = _word(Rubricering)
    base_register = _word(BaseRegister)
    is_workplace = serializers.BooleanField(allow_null=True)
    is_vital = serializers.BooleanField(allow_null=True)
    longest_outage_hours = serializers.ChoiceField(choices=OUTAGES_HOURS, allow_null=True)
    review_on = serializers.DateField()


class KnownEvidenceOutput(Output):
    """The newest of a kind; where it can be found is told with the project itself."""

    kind = serializers.ChoiceField(choices=EVIDENCE_KINDS)
    dated_on = serializers.DateField()


class PlaceOwnerOutput(Output):
    """A legal entity in the chain from operator to ultimate owner."""

    name = serializers.CharField()
    jurisdiction = serializers.CharField(allow_null=True)


class UsedClauseOutput(Output):
    """A clause of the rule set that applies, or may: then ``missing`` says what is not known."""

    id = serializers.CharField()
    verdict = serializers.ChoiceField(choices=ADVISED)
    missing = serializers.ListField(child=serializers.CharField())
    needs = NeedOutput(many=True)


class UsedPlaceOutput(Output):
    """A cloud where the project has something, as far as one assessment speaks of it."""

    cloud = serializers.CharField()
    offerings = serializers.ListField(
        child=serializers.CharField(), help_text="Codes of what was ordered there."
    )
    resources = serializers.IntegerField()
    found = serializers.IntegerField(help_text="So many of them nobody ordered.")
    since = serializers.DateTimeField()
    hosting = _word(Hosting)
    operator = serializers.CharField(allow_null=True)
    owners = PlaceOwnerOutput(many=True)
    locations = serializers.ListField(child=serializers.CharField())
    keys = _word(Keys)
    seal = serializers.IntegerField(
        allow_null=True, help_text="Proven, the lowest of all objectives; null: with a gap in one."
    )
    assessed_until = serializers.DateField(allow_null=True)
    verdict = serializers.ChoiceField(choices=ADVISED)
    is_admissible = serializers.BooleanField()
    clauses = UsedClauseOutput(many=True)
    missing = serializers.ListField(child=serializers.CharField())
    permitted_until = serializers.DateField(allow_null=True)
    due_on = serializers.DateField(
        allow_null=True, help_text="Until when its owner settles that it may not stand there."
    )


class KnownUseOutput(Output):
    """A project that has something, and what is known of it. Null: nobody said."""

    project = UsedProjectOutput()
    organization = serializers.CharField(help_text="What it stands below, from the top.")
    protection_level = serializers.IntegerField(allow_null=True)
    is_material = serializers.BooleanField(allow_null=True)
    data_owner = serializers.CharField(allow_null=True)
    project_owner = serializers.CharField(allow_null=True)
    answers = KnownAnswersOutput(allow_null=True)
    evidence = KnownEvidenceOutput(many=True)
    places = UsedPlaceOutput(many=True)


class RegisterFilters(Input):
    project = PublicIdField(required=False)
    node = PublicIdField(required=False, help_text="Only this part and what stands below it.")
    year = TextField(
        required=False,
        max_length=4,
        help_text="What stood there at any moment of it, as 2026. Default: what stands there now.",
    )

    def validate_year(self, text: str) -> int:
        """Return the number.

        Raises:
            ValidationError: the text is not a year.
        """
        if not _YEAR.fullmatch(text):
            raise serializers.ValidationError(_("Give a year as 2026."))
        return int(text)


@dataclass
class AskedRegister:
    """What is asked for; takes the place of a queryset until it is filtered."""

    person: Person
    question: RegisterQuestion

    def filter(
        self, *, project: UUID | None = None, node: UUID | None = None, year: int | None = None
    ) -> QuerySet[Project]:
        """Keep the question, and return the projects that it is about.

        Raises:
            Http404: the person does not read the register of that part.
        """
        reached = register_nodes(self.person)
        self.question = replace(
            self.question,
            node=get_object_or_404(reached, public_id=node) if node else None,
            period=year_of(start_of_day(date(year, 1, 1))) if year else None,
        )
        found = self.question.projects()
        return found.filter(public_id=project) if project else found


class PlacementRegisterViewSet(GenericViewSet[Project]):
    """The register of known use (gekend gebruik): every project that has something."""

    request: ApiRequest
    queryset = Project.objects.none()  # for the description only
    serializer_class = KnownUseOutput
    filters = RegisterFilters
    ordering = ("pk",)

    @extend_schema(responses=KnownUseOutput(many=True))
    def list(self, request: ApiRequest) -> Response:
        """The projects that have something, where they have it, and what the rules say of that.

        Of a year that is over by what was known at its end; by the rules of now.
        """
        if not roles_of(request.user) & REGISTER_READERS:
            raise NotAllowed()
        everything = RegisterQuestion(person=request.user, at=now())
        asked: Any = AskedRegister(person=request.user, question=everything)
        page = self.paginate_queryset(self.filter_queryset(asked)) or []
        uses = asked.question.read([project.pk for project in page])
        told = [use_json(use) for use in uses]
        return self.get_paginated_response(KnownUseOutput(told, many=True).data)


class ShareOutput(Output):
    """Of one supplier or country; an empty name: nobody knows. Percentages have one decimal."""

    name = serializers.CharField()
    amount = AmountField(help_text="Euros, without VAT.")
    amount_percent = serializers.DecimalField(max_digits=4, decimal_places=1)
    projects = serializers.IntegerField()
    projects_percent = serializers.DecimalField(max_digits=4, decimal_places=1)


class SplitOutput(Output):
    """Each euro falls under one of these. ``…_hhi``: 10,000 when one has all; null: nothing."""

    shares = ShareOutput(many=True)
    amount_hhi = serializers.CharField(allow_null=True)
    projects_hhi = serializers.CharField(allow_null=True)


class SoilShareOutput(Output):
    """Per cent; ``european`` has ``dutch`` in it. Null: there is nothing to divide."""

    dutch = serializers.CharField(allow_null=True)
    european = serializers.CharField(allow_null=True)
    unknown = serializers.CharField(allow_null=True)


class SoilOutput(Output):
    aim_percent = serializers.CharField()
    amount = SoilShareOutput()
    projects = SoilShareOutput()


class PlacedDependencyOutput(Output):
    place = serializers.CharField()
    name = serializers.CharField()


class HitOutput(Output):
    """What is hit when a supplier stops; ``amount`` was spent there in the month."""

    dependencies = PlacedDependencyOutput(many=True)
    places = serializers.ListField(child=serializers.CharField())
    projects = UsedProjectOutput(many=True)
    resources = serializers.IntegerField()
    amount = AmountField()


class OutageOutput(Output):
    supplier = serializers.CharField()
    stops = HitOutput()
    weakens = HitOutput()


@extend_schema_serializer(many=False)
class ConcentrationOutput(Output):
    """On whom all that you read the register of depends, by spending and by projects.

    What is by a dependency overlaps: such shares do not add to 100.
    """

    month = serializers.CharField()
    total = AmountField(help_text="What was spent, as in the costs per resource.")
    projects = serializers.IntegerField()
    is_price_missing = serializers.BooleanField(
        help_text="Part of the use has no price, and is in no amount."
    )
    by_operator = SplitOutput()
    by_jurisdiction = SplitOutput()
    by_dependency_supplier = ShareOutput(many=True)
    by_dependency_jurisdiction = ShareOutput(many=True)
    soil = SoilOutput()
    places_without_dependencies_listed = serializers.ListField(child=serializers.CharField())
    suppliers = serializers.ListField(child=serializers.CharField())
    without = OutageOutput(required=False, help_text="Only where ``without`` was asked.")


class ConcentrationFilters(Input):
    month = TextField(required=False, max_length=7, help_text="As 2026-11. Default: this month.")
    node = PublicIdField(required=False, help_text="Only this part and what stands below it.")
    without = TextField(
        required=False, max_length=NAME_LENGTH, help_text="A supplier: what stops without it?"
    )

    def validate_month(self, text: str) -> Period:
        """Return the month.

        Raises:
            ValidationError: the text is not a month.
        """
        return to_month(text)


class ConcentrationViewSet(GenericViewSet[Project]):
    """How much hangs on few suppliers and countries, and what stops when one of them stops."""

    request: ApiRequest
    queryset = Project.objects.none()  # for the description only
    serializer_class = ConcentrationOutput
    filters = ConcentrationFilters
    pagination_class = None

    @extend_schema(responses=ConcentrationOutput)
    def list(self, request: ApiRequest) -> Response:
        """Shares of one month, indices, soil; and, of one supplier, what stops without it."""
        if not roles_of(request.user) & REGISTER_READERS:
            raise NotAllowed()
        query = ConcentrationFilters(data=request.query_params.dict())
        if not query.is_valid():
            raise InvalidRequest(query.errors, location="query")
        asked, moment = query.validated_data, now()
        reached = register_nodes(request.user)
        node = get_object_or_404(reached, public_id=asked["node"]) if "node" in asked else None
        month = asked.get("month") or month_of(moment)
        found = dependence_of(request.user, node=node, month=month, at=moment)
        told = dependence_json(found, asked.get("without", ""))
        return Response(ConcentrationOutput({"month": month_key(month), **told}).data)
