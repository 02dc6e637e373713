"""The audit trail for programs, as the auditor who calls sees it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from portal.audit.events import EVENTS
from portal.audit.models import AuditEntry, Result
from portal.audit.reading import note_reading
from portal.core.api import Input, MomentField, PublicIdField, TextField
from portal.core.origin import Channel
from portal.identity.models import Node, Person
from portal.identity.requests import ApiRequest
from portal.web.trail.access import Reach
from portal.web.trail.rows import Row, with_names


class EntryFilters(Input):
    since = MomentField(
        source="at__gte", required=False, help_text="From this moment on, as 2026-11-01T00:00:00Z."
    )
    until = MomentField(source="at__lt", required=False, help_text="Before this moment.")
    event = serializers.ChoiceField(choices=sorted(EVENTS), required=False)
    actor = PublicIdField(source="actor_id", required=False, help_text="Who did it.")
    node = PublicIdField(source="node_id", required=False, help_text="An organization or project.")
    subject = PublicIdField(
        source="subject_public_id", required=False, help_text="What it is about."
    )
    result = serializers.ChoiceField(choices=Result.choices, required=False)
    channel = serializers.ChoiceField(choices=[one.value for one in Channel], required=False)
    address = TextField(max_length=45, required=False, help_text="An IP address.")

    def validate_actor(self, public_id: UUID) -> int:
        """Return the primary key; that of nobody when there is no such person."""
        found = Person.objects.filter(public_id=public_id).first()
        return found.pk if found else 0

    def validate_node(self, public_id: UUID) -> int:
        """Return the primary key; that of nothing when there is no such place."""
        found = Node.objects.filter(public_id=public_id).first()
        return found.pk if found else 0


class AuditPersonOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="public_id")
    name = serializers.CharField()


class AuditNodeOutput(AuditPersonOutput):
    pass


class AuditSubjectOutput(serializers.Serializer[Any]):
    type = serializers.CharField(source="subject_type")
    id = serializers.UUIDField(source="subject_public_id")


class AuditOriginOutput(serializers.Serializer[Any]):
    channel = serializers.CharField(help_text="page, api, worker or command.")
    address = serializers.CharField(help_text="IP address; empty when nobody asked.")
    agent = serializers.CharField()
    request_id = serializers.CharField()


class AuditEntryOutput(serializers.Serializer[Any]):
    """One event. ``code`` says why not, when it was refused or failed."""

    id = serializers.CharField(source="entry.place", help_text="Chain and sequence.")
    at = MomentField(source="entry.at")
    event = serializers.CharField(source="entry.event")
    result = serializers.ChoiceField(source="entry.result", choices=Result.choices)
    code = serializers.CharField(source="entry.code")
    actor = AuditPersonOutput(allow_null=True, help_text="Nobody: the portal itself.")
    node = AuditNodeOutput(allow_null=True, help_text="Nowhere: the portal as a whole.")
    subject = AuditSubjectOutput(source="entry")
    origin = AuditOriginOutput(source="entry")
    data = serializers.JSONField(source="entry.data")  # type: ignore[assignment]  # a field
    mac = serializers.SerializerMethodField(help_text="The HMAC over this entry, hexadecimal.")

    def get_mac(self, row: Row) -> str:
        return bytes(row.entry.mac).hex()


class AuditEntryViewSet(GenericViewSet[AuditEntry]):
    """What was done, refused or went wrong on the nodes that you audit, the newest first."""

    request: ApiRequest
    queryset = AuditEntry.objects.none()
    filters = EntryFilters
    ordering = ("-at", "-id")
    serializer_class = AuditEntryOutput

    def get_queryset(self) -> QuerySet[AuditEntry]:
        reach = Reach.of(self.request.user)
        if not reach:
            raise PermissionDenied
        return reach.entries()

    @extend_schema(responses=AuditEntryOutput(many=True))
    def list(self, request: ApiRequest) -> Response:
        """The trail, for auditors. That you read it is noted in it."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        note_reading(request.user)
        return self.get_paginated_response(AuditEntryOutput(with_names(page or []), many=True).data)
