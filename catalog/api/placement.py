"""Which data may stand where, for programs: answers, advice, and what was decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from django.db.models import Prefetch, QuerySet
from django.utils.timezone import localdate, now
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from catalog.api.serializers import (
    CloudOutput,
    OrderedOfferingOutput,
    Output,
    PersonOutput,
    ProjectOutput,
)
from catalog.models import OfferingVersion, PlacementDecision, PlacementVerdict, WorkloadProfile
from catalog.models.workload import OUTAGES_HOURS
from catalog.placement import effective_tbb, source_of, text_of
from catalog.placement_policies import may_classify, visible_workloads
from catalog.placement_words import (
    Advised,
    BaseRegister,
    EvidenceKind,
    PersonalData,
    Rubricering,
    Score,
    choices_of,
)
from catalog.policies import offerings_for, visible_offerings
from catalog.services.placement import Answers, Found, answer_questions, opinions_on, try_answers
from portal.core.api import DayField, Input, MomentField, PublicIdField, TruthField
from portal.core.errors import InvalidInput, NotAllowed
from portal.identity.models import Project
from portal.identity.requests import ApiRequest

ADVISED: Final = choices_of(Advised)
EVIDENCE_KINDS: Final = choices_of(EvidenceKind)
SCORES: Final = choices_of(Score)
_NOT_KNOWN: Final = "Null, or left out: not known."


def _truth(help_text: str) -> TruthField:
    return TruthField(allow_null=True, default=None, help_text=f"{help_text} {_NOT_KNOWN}")


def _word(words: type[StrEnum], help_text: str) -> serializers.ChoiceField:
    return serializers.ChoiceField(
        choices=choices_of(words),
        allow_null=True,
        default=None,
        help_text=f"{help_text} {_NOT_KNOWN}",
    )


# --- what comes in -----------------------------------------------------------------------------


class FactsInput(Input):
    """Answers about some data. What is not known counts as prohibited, where it matters."""

    is_core_task = _truth("Whether it is about a core task.")
    personal_data = _word(PersonalData, "How much personal data there is.")
    has_special_data = _truth("Whether special personal data are among it.")
    base_register = _word(BaseRegister, "Whether it is a base register, or the source of one.")
    is_workplace = _truth("Whether it is mail, documents, storage of files or a workplace.")
    is_vital = _truth("Whether the organisation is vital, or essential by law.")
    availability = _word(Score, "How bad it is when the service stands still for a day.")
    integrity = _word(Score, "How bad it is when data is wrong.")
    confidentiality = _word(Score, "How bad it is when data gets out.")
    rubricering = _word(Rubricering, "The marking, as the department decided on it.")


class TriedInput(FactsInput):
    """Answers that nobody keeps."""

    project = PublicIdField(
        required=False, default=None, help_text="Of which the evidence and the offerings count."
    )


class AnswersInput(FactsInput):
    """All answers about one project; they take the place of those in force."""

    longest_outage_hours = serializers.ChoiceField(
        choices=OUTAGES_HOURS, allow_null=True, default=None, help_text=_NOT_KNOWN
    )
    review_on = DayField(help_text="When somebody looks at this again; at most a year ahead.")


# --- what goes out -----------------------------------------------------------------------------


class NeedOutput(Output):
    """Evidence that a clause asks for."""

    kind = serializers.ChoiceField(choices=EVIDENCE_KINDS)
    is_met = serializers.BooleanField()


class ClauseOutput(Output):
    """A clause that applies. ``missing`` names facts that are not known, which would settle it."""

    id = serializers.CharField(source="clause")
    verdict = serializers.ChoiceField(choices=ADVISED)
    text = serializers.SerializerMethodField()
    origin = serializers.SerializerMethodField()
    missing = serializers.ListField(child=serializers.CharField())
    needs = NeedOutput(many=True)

    def get_text(self, fired: Any) -> str:
        return text_of(fired)

    def get_origin(self, fired: Any) -> str:
        return str(source_of(fired.clause))


class AdviceOutput(Output):
    """What the rules say of one offering where it stands.

    ``is_admissible``: whether it can be ordered there; under conditions only with the permission
    of the owner of the data.
    """

    offering = OrderedOfferingOutput(source="version")
    cloud = CloudOutput(source="version.cloud")
    ruleset = serializers.CharField(source="advice.ruleset")
    verdict = serializers.ChoiceField(source="advice.verdict", choices=ADVISED)
    is_admissible = serializers.BooleanField()
    clauses = ClauseOutput(source="advice.fired", many=True)


class TriedOutput(Output):
    """Where data may stand. ``protection_level``: TBB, 1 is the highest; null: not known."""

    protection_level = serializers.IntegerField(allow_null=True)
    advices = AdviceOutput(many=True)


class AnswersOutput(Output):
    """Answers in force; null and an empty text: not known."""

    number = serializers.IntegerField()
    is_core_task = serializers.BooleanField(allow_null=True)
    personal_data = serializers.CharField()
    has_special_data = serializers.BooleanField(allow_null=True)
    base_register = serializers.CharField()
    is_workplace = serializers.BooleanField(allow_null=True)
    is_vital = serializers.BooleanField(allow_null=True)
    availability = serializers.CharField()
    integrity = serializers.CharField()
    confidentiality = serializers.CharField()
    rubricering = serializers.CharField()
    longest_outage_hours = serializers.IntegerField(allow_null=True)
    review_on = serializers.DateField()
    answered_by = PersonOutput(allow_null=True)
    answered_at = MomentField()


class WorkloadOutput(Output):
    """A project with the answers about its data; ``answers`` null: nobody gave any."""

    id = serializers.UUIDField(source="public_id")
    project = ProjectOutput(source="*")
    protection_level = serializers.IntegerField(allow_null=True)
    answers = serializers.SerializerMethodField()

    @extend_schema_field(AnswersOutput(allow_null=True))
    def get_answers(self, project: Any) -> dict[str, Any] | None:
        return AnswersOutput(project.in_force[0]).data if project.in_force else None


class DecisionOutput(Output):
    """That data may stand somewhere, or was found there: by which facts, rules and clauses."""

    id = serializers.UUIDField(source="public_id")
    project = ProjectOutput()
    cloud = CloudOutput()
    verdict = serializers.ChoiceField(choices=PlacementVerdict.choices)
    advised = serializers.CharField(help_text="What the rules said; empty of before they did.")
    ruleset = serializers.CharField()
    facts = serializers.DictField()
    clauses = serializers.ListField(child=serializers.DictField())
    decided_at = MomentField()


# --- who asks ----------------------------------------------------------------------------------


class WorkloadViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[Project]):
    """The projects that you reach, with the answers about their data."""

    request: ApiRequest
    queryset = Project.objects.none()
    filters = Input
    ordering = ("name", "pk")
    serializer_class = WorkloadOutput
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Project]:
        in_force = WorkloadProfile.objects.filter(ended_at=None).select_related("answered_by")
        answers = Prefetch("workload_profiles", in_force, to_attr="in_force")
        return visible_workloads(self.request.user).prefetch_related(answers)

    @extend_schema(request=AnswersInput, responses=WorkloadOutput)
    def update(self, request: ApiRequest, id: UUID) -> Response:
        """Answer the questions, anew where somebody did. Asks for a strong and fresh login."""
        project = self.get_object()
        if not may_classify(request.user, project):
            raise NotAllowed()
        answers = Answers.read(_read(AnswersInput, request))
        answer_questions(project.public_id, answers, actor=request.user)
        return Response(WorkloadOutput(self.get_object()).data)

    @extend_schema(responses=AdviceOutput(many=True), filters=False)
    @action(detail=True, pagination_class=None)
    def advice(self, request: ApiRequest, id: UUID) -> Response:
        """What the rules say of everything that is offered to the project."""
        project = self.get_object()
        versions = list(offerings_for(project))
        return Response(_advices(versions, opinions_on(project, versions)))


class PlacementAdviceViewSet(GenericViewSet[Project]):
    """Trying answers; nothing is kept."""

    request: ApiRequest
    queryset = Project.objects.none()

    @extend_schema(request=TriedInput, responses=TriedOutput)
    def create(self, request: ApiRequest) -> Response:
        """What the rules would say by these answers, of everything that is offered."""
        sent = _read(TriedInput, request)
        public_id = sent.pop("project")
        project = self._project(public_id) if public_id else None
        answers = Answers.read({**sent, "review_on": localdate()})
        offered = offerings_for(project) if project else visible_offerings(request.user)
        versions = list(offered)
        tried = try_answers(answers, versions, project=project, at=now())
        level = effective_tbb(answers.as_workload())
        return Response({"protection_level": level, "advices": _advices(versions, tried)})

    def _project(self, public_id: UUID) -> Project:
        project = visible_workloads(self.request.user).filter(public_id=public_id).first()
        if project is None:
            raise InvalidInput({"project": [_("There is no project with this id.")]})
        return project


class DecisionFilters(Input):
    project = PublicIdField(source="project__public_id", required=False)
    verdict = serializers.ChoiceField(choices=PlacementVerdict.choices, required=False)


class PlacementDecisionViewSet(ListModelMixin, GenericViewSet[PlacementDecision]):
    """Why things stand where they stand, newest first."""

    request: ApiRequest
    queryset = PlacementDecision.objects.none()
    filters = DecisionFilters
    ordering = ("-pk",)
    serializer_class = DecisionOutput

    def get_queryset(self) -> QuerySet[PlacementDecision]:
        projects = visible_workloads(self.request.user)
        decisions = PlacementDecision.objects.filter(project__in=projects)
        return decisions.select_related("project", "cloud")


def _read(shape: type[Input], request: Request) -> dict[str, Any]:
    body = shape(data=request.data)
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


def _advices(versions: Iterable[OfferingVersion], found: Mapping[int, Found]) -> Any:
    """One of each version."""
    shown = [
        {
            "version": version,
            "advice": found[version.pk].advice,
            "is_admissible": found[version.pk].is_admissible,
        }
        for version in versions
    ]
    return AdviceOutput(shown, many=True).data
