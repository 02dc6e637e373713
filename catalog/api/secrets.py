"""Secrets of a resource for programs: which wait for you, and reading one, once."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from catalog.api.serializers import Output, ResourceLinkOutput
from catalog.models import Resource
from catalog.policies import find_secret, secrets_for
from catalog.services.secrets import ShownSecret, read_secret
from portal.cloud.models import Secret
from portal.core.api import Input, MomentField, TextField
from portal.identity.requests import ApiRequest


class WaitingSecretOutput(Output):
    """A secret that you did not read yet. After that, or when it expires, it is gone."""

    resource = serializers.SerializerMethodField()
    slot = serializers.CharField()
    form = serializers.CharField()
    expires_at = MomentField()

    @extend_schema_field(ResourceLinkOutput)
    def get_resource(self, secret: Secret) -> Any:
        """What it gives access to."""
        return ResourceLinkOutput(self.context["resource"]).data


class SecretInput(Input):
    """Which of the secrets that wait for you."""

    slot = TextField(max_length=60)


class SecretOutput(Output):
    """A secret, the only time that it is told; ``files`` by name, for programs that read them."""

    form = serializers.CharField()
    values = serializers.DictField(child=serializers.CharField())
    files = serializers.SerializerMethodField()

    def get_files(self, secret: ShownSecret) -> dict[str, str]:
        return {file.name: file.write(secret.values) for file in secret.facts.files}


class SecretsOfResource(GenericViewSet[Resource]):
    """The part of a resource's addresses that is about its secrets."""

    @extend_schema(responses=WaitingSecretOutput(many=True), filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def secrets(self, request: ApiRequest, id: UUID) -> Response:
        """What waits for you: made because you asked for it, and not read yet."""
        resource = self.get_object()
        waiting = secrets_for(request.user, resource)
        context = {"resource": resource}
        return Response(WaitingSecretOutput(waiting, many=True, context=context).data)

    @extend_schema(request=SecretInput, responses=SecretOutput)
    @secrets.mapping.post
    def read_secret(self, request: ApiRequest, id: UUID) -> Response:
        """Read one. You can do this once; whoever loses it asks for a new one."""
        resource = self.get_object()
        body = SecretInput(data=request.data)
        body.is_valid(raise_exception=True)
        secret = find_secret(request.user, resource, body.validated_data["slot"])
        shown = read_secret(resource, secret.slot, reader=request.user)
        return Response(SecretOutput(shown).data)
