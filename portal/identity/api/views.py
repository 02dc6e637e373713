"""Roles for programs, to read."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.utils.timezone import now
from rest_framework.mixins import ListModelMixin
from rest_framework.viewsets import GenericViewSet

from portal.identity.access import roles_of
from portal.identity.api.serializers import RoleGrantFilters, RoleGrantOutput
from portal.identity.models import RoleGrant
from portal.identity.requests import ApiRequest
from portal.identity.role_policies import OVERSIGHT_ROLES, visible_grants


class RoleGrantViewSet(ListModelMixin, GenericViewSet[RoleGrant]):
    """Who has which role, now or later, on every node that you administer, audit or operate."""

    request: ApiRequest
    queryset = RoleGrant.objects.none()
    serializer_class = RoleGrantOutput
    filters = RoleGrantFilters
    ordering = ("-valid_from", "-pk")

    def get_queryset(self) -> QuerySet[RoleGrant]:
        if not roles_of(self.request.user) & set(OVERSIGHT_ROLES):
            raise PermissionDenied
        not_over = Q(valid_until=None) | Q(valid_until__gt=now())
        grants = visible_grants(self.request.user).filter(not_over)
        return grants.select_related("person", "node", "granted_by")
