"""The catalogue from behind, for programs: drafts, their publication, and what was before."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from catalog.api.serializers import CloudOutput, NodeOutput, Output, PersonOutput
from catalog.kinds import orderable_kinds
from catalog.models import (
    OfferingVersion,
    OfferingVersionState,
    Publication,
    PublicationState,
)
from catalog.models.offering import (
    ADDRESS_LENGTH,
    DESCRIPTION_LENGTH,
    NAME_LENGTH,
    REASON_LENGTH,
)
from catalog.offering_policies import (
    managed_versions,
    may_decide_on_offers,
    may_draft,
    may_look_behind,
)
from catalog.services.offerings import (
    DraftContent,
    create_offering,
    draft_from,
    drop_draft,
    edit_draft,
)
from catalog.services.publications import (
    propose_publication,
    publish_version,
    refuse_publication,
    take_back_publication,
    withdraw_version,
)
from portal.cloud.models import Cloud
from portal.core.api import Input, MomentField, ObjectField, PublicIdField, TextField
from portal.core.errors import NotAllowed
from portal.identity.models import Organization
from portal.identity.requests import ApiRequest

DECISIONS: Final = ("published", "refused")
OFFERING_EXAMPLE: Final = OpenApiExample(
    "A new offering",
    value={
        "code": "disk",
        "kind": orderable_kinds()[-1].key,
        "cloud": "sovereign",
        "name_nl": "Schijf",
        "name_en": "Disk",
        "description_nl": "Opslag die blijft.",
        "description_en": "Storage that stays.",
    },
    request_only=True,
)


class PublicationOutput(Output):
    """Who wanted a version published, and what became of that."""

    id = serializers.UUIDField(source="public_id")
    state = serializers.ChoiceField(choices=PublicationState.choices)
    proposed_by = PersonOutput()
    proposed_at = MomentField()
    decided_by = PersonOutput(allow_null=True)
    decided_at = MomentField(allow_null=True)
    decision_reason = serializers.CharField()


class OfferingVersionOutput(Output):
    """A version of an offering; ``visible_to``: for whom it exists, empty is everybody."""

    id = serializers.UUIDField(source="public_id")
    offering = serializers.UUIDField(source="offering.public_id")
    code = serializers.CharField(source="offering.code")
    kind = serializers.CharField(source="offering.kind")
    number = serializers.IntegerField()
    state = serializers.ChoiceField(choices=OfferingVersionState.choices)
    cloud = CloudOutput()
    name_nl = serializers.CharField()
    name_en = serializers.CharField()
    description_nl = serializers.CharField()
    description_en = serializers.CharField()
    documentation_url = serializers.CharField()
    price_list_url = serializers.CharField()
    choices = serializers.DictField()
    visible_to = NodeOutput(many=True)
    approval_days = serializers.IntegerField()
    compensate_after_hours = serializers.IntegerField()
    maximum_term_days = serializers.IntegerField(allow_null=True)
    grace_days = serializers.IntegerField()
    drafted_by = PersonOutput(allow_null=True)
    drafted_at = MomentField(allow_null=True)
    withdrawn_by = PersonOutput(allow_null=True)
    withdrawn_at = MomentField(allow_null=True)
    publications = PublicationOutput(many=True)


class TextsInput(Input):
    name_nl = TextField(max_length=NAME_LENGTH)
    name_en = TextField(max_length=NAME_LENGTH)
    description_nl = TextField(max_length=DESCRIPTION_LENGTH)
    description_en = TextField(max_length=DESCRIPTION_LENGTH)


class NewOfferingInput(TextsInput):
    """Something new: what it is called, of which kind it is, and in which cloud it stands."""

    code = TextField(max_length=40)
    kind = TextField(max_length=40)
    cloud = serializers.SlugRelatedField(
        slug_field="key", queryset=Cloud.objects.all(), help_text="Key of the cloud."
    )


class DraftInput(TextsInput):
    """Everything that a draft says. ``choices`` is what the kind lets an offering decide."""

    documentation_url = TextField(max_length=ADDRESS_LENGTH, allow_blank=True)
    price_list_url = TextField(max_length=ADDRESS_LENGTH, allow_blank=True)
    choices = ObjectField()
    visible_to = serializers.ListField(child=PublicIdField(), max_length=100)
    approval_days = serializers.IntegerField()
    compensate_after_hours = serializers.IntegerField()
    maximum_term_days = serializers.IntegerField(allow_null=True)
    grace_days = serializers.IntegerField()

    def validate_visible_to(self, public_ids: list[UUID]) -> list[Organization]:
        """Return the organizations."""
        found = list(Organization.objects.filter(public_id__in=public_ids, ended_at=None))
        if len(found) < len(set(public_ids)):
            raise serializers.ValidationError(
                _("There is no organisation with this id."), code="does_not_exist"
            )
        return found


class OfferingDecisionInput(Input):
    """Yes or no. A no needs a reason, which the proposer reads."""

    decision = serializers.ChoiceField(choices=DECISIONS)
    reason = TextField(required=False, allow_blank=True, default="", max_length=REASON_LENGTH)


class VersionFilters(Input):
    code = TextField(source="offering__code", required=False, max_length=40)
    state = serializers.ChoiceField(choices=OfferingVersionState.choices, required=False)


class OfferingVersionViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[OfferingVersion]):
    """Every version of everything, for who governs the catalogue or audits it; newest first."""

    request: ApiRequest
    queryset = OfferingVersion.objects.none()
    filters = VersionFilters
    ordering = ("-pk",)
    serializer_class = OfferingVersionOutput
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[OfferingVersion]:
        people = Publication.objects.select_related("proposed_by", "decided_by").order_by("-pk")
        versions = managed_versions(self.request.user)
        return versions.select_related(
            "offering", "cloud", "drafted_by", "withdrawn_by"
        ).prefetch_related("visible_to", Prefetch("publications", people))

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Whoever neither makes nor audits the catalogue has nothing to look for in its list."""
        super().initial(request, *args, **kwargs)
        if self.action in {"list", "create"} and not may_look_behind(self.request.user):
            raise NotAllowed()

    @extend_schema(
        request=NewOfferingInput,
        responses={201: OfferingVersionOutput},
        examples=[OFFERING_EXAMPLE],
    )
    def create(self, request: ApiRequest) -> Response:
        """Begin something new; the answer is the draft of its first version."""
        if not may_draft(request.user):
            raise NotAllowed()
        texts = self._read(NewOfferingInput)
        facts = {name: texts.pop(name) for name in ("code", "kind", "cloud")}
        version = create_offering(**facts, texts=texts, actor=request.user)
        return self._shown(version, status.HTTP_201_CREATED)

    @extend_schema(request=DraftInput, responses=OfferingVersionOutput)
    def update(self, request: ApiRequest, id: UUID) -> Response:
        """Let a draft say something else."""
        version = self._get_to_make()
        content = DraftContent(**self._read(DraftInput))
        return self._shown(edit_draft(version.public_id, content, actor=request.user))

    @extend_schema(request=None, responses={201: OfferingVersionOutput})
    @action(detail=True, methods=["post"])
    def copies(self, request: ApiRequest, id: UUID) -> Response:
        """Begin the next version with what this one says; the answer is its draft."""
        version = self._get_to_make()
        draft = draft_from(version.public_id, actor=request.user)
        return self._shown(draft, status.HTTP_201_CREATED)

    @extend_schema(request=None, responses={201: OfferingVersionOutput})
    @action(detail=True, methods=["post"])
    def publications(self, request: ApiRequest, id: UUID) -> Response:
        """Propose that a draft be published. A second person decides."""
        version = self._get_to_make()
        propose_publication(version.public_id, actor=request.user)
        return self._shown(version, status.HTTP_201_CREATED)

    @extend_schema(request=OfferingDecisionInput, responses=OfferingVersionOutput)
    @action(
        detail=True,
        methods=["post"],
        url_path="publications/<uuid:publication>/decision",
        url_name="publication-decision",
    )
    def decision(self, request: ApiRequest, id: UUID, publication: UUID) -> Response:
        """Publish or refuse what another proposed. Asks for a strong and fresh login."""
        version = self.get_object()
        if not may_decide_on_offers(request.user):
            raise NotAllowed()
        self._check_publication(version, publication)
        answer = self._read(OfferingDecisionInput)
        if answer["decision"] == "published":
            publish_version(publication, actor=request.user)
        else:
            refuse_publication(publication, actor=request.user, reason=answer["reason"])
        return self._shown(version)

    @extend_schema(request=None, responses=OfferingVersionOutput)
    @action(
        detail=True,
        methods=["post"],
        url_path="publications/<uuid:publication>/withdrawal",
        url_name="publication-withdrawal",
    )
    def publication_withdrawal(self, request: ApiRequest, id: UUID, publication: UUID) -> Response:
        """Take back what you proposed yourself."""
        version = self._get_to_make()
        self._check_publication(version, publication)
        take_back_publication(publication, actor=request.user)
        return self._shown(version)

    @extend_schema(request=None, responses=OfferingVersionOutput)
    @action(detail=True, methods=["post"])
    def withdrawal(self, request: ApiRequest, id: UUID) -> Response:
        """Take a published version out of the catalogue, or give a draft up.

        Of what is published it asks for a strong and fresh login.
        """
        version = self.get_object()
        if version.state == OfferingVersionState.DRAFT:
            return self._shown(drop_draft(version.public_id, actor=request.user))
        return self._shown(withdraw_version(version.public_id, actor=request.user))

    def _get_to_make(self) -> OfferingVersion:
        version = self.get_object()
        if not may_draft(self.request.user):
            raise NotAllowed()
        return version

    def _check_publication(self, version: OfferingVersion, public_id: UUID) -> None:
        """Raise NotFound when the version has no such publication."""
        if not version.publications.filter(public_id=public_id).exists():
            raise NotFound

    def _read(self, shape: type[Input]) -> dict[str, Any]:
        body = shape(data=self.request.data)
        body.is_valid(raise_exception=True)
        return dict(body.validated_data)

    def _shown(self, version: OfferingVersion, code: int = status.HTTP_200_OK) -> Response:
        """The version as it stands in the database now."""
        stored = self.get_queryset().get(pk=version.pk)
        return Response(OfferingVersionOutput(stored).data, status=code)
