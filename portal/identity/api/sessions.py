"""A person's own sessions, for programs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.mixins import ListModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from portal.core.api import Input, MomentField
from portal.core.origin import network_name
from portal.identity.access import own_sessions
from portal.identity.devices import device_in_words
from portal.identity.models import LoginSession
from portal.identity.oidc.assurance import Assurance
from portal.identity.requests import ApiRequest
from portal.identity.services.sessions import end_session


class SessionFilters(Input):
    """Nothing can be asked of this list."""


class SessionOutput(serializers.Serializer[Any]):
    """One login in one browser."""

    id = serializers.UUIDField(source="public_id")
    device = serializers.SerializerMethodField(help_text="As it calls itself; it may lie.")
    address = serializers.CharField(help_text="IP address of the login; may be empty.")
    network = serializers.SerializerMethodField(help_text="What we call its network, or empty.")
    provider = serializers.CharField()
    level = serializers.SerializerMethodField(help_text="Level of assurance of the login.")
    is_current = serializers.SerializerMethodField(help_text="It is the session of this request.")
    created_at = MomentField()
    last_seen_at = MomentField(help_text="To the minute.")
    expires_at = MomentField(help_text="It ends then, used or not.")

    def get_device(self, session: LoginSession) -> str:
        return device_in_words(session.agent)

    def get_network(self, session: LoginSession) -> str:
        return network_name(session.address)

    def get_level(self, session: LoginSession) -> str:
        return Assurance(session.level).name.lower() if session.level else ""

    def get_is_current(self, session: LoginSession) -> bool:
        return bool(session.session_key == self.context["request"].session.session_key)


class SessionViewSet(ListModelMixin, GenericViewSet[LoginSession]):
    """Where you are logged in, the newest first."""

    request: ApiRequest
    queryset = LoginSession.objects.none()
    filters = SessionFilters
    ordering = ("-created_at", "-pk")
    serializer_class = SessionOutput
    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[LoginSession]:
        return own_sessions(self.request.user).filter(ended_at=None)

    @extend_schema(responses={204: None})
    def destroy(self, request: ApiRequest, id: UUID) -> Response:
        """End a session of yours; this one too."""
        session = self.get_object()
        end_session(session.public_id, actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)
