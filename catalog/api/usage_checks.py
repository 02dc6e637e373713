"""What was metered beside what the cloud counts itself, for programs."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.viewsets import GenericViewSet

from billing.api.serializers import to_month
from catalog.api.serializers import CloudOutput, Output, ProjectOutput
from catalog.models import UsageCause, UsageCheck, UsageMeasure
from catalog.policies import USAGE_CHECK_READERS, visible_usage_checks
from portal.core.api import Input, MomentField, PublicIdField, TextField
from portal.core.calendar import day_of
from portal.core.errors import NotAllowed
from portal.identity.access import roles_of
from portal.identity.requests import ApiRequest


class UsageCauseOutput(Output):
    """One reason why they differ; ``difference`` is ours less the cloud's."""

    cause = serializers.ChoiceField(choices=UsageCause.choices)
    name = serializers.CharField()
    resource = serializers.CharField(help_text="Id of the resource, or empty: nobody ordered it.")
    openstack_id = serializers.CharField()
    difference = serializers.DecimalField(max_digits=18, decimal_places=6)


class UsageCheckOutput(Output):
    """One measure of one project in one month.

    ``metered`` and ``told`` are hours of the month so far, or GiB at the moment of the look.
    ``causes`` has the largest differences, and ``causes_in_all`` says how many there are.
    """

    project = ProjectOutput(source="cloud_project.project")
    cloud = CloudOutput(source="cloud_project.cloud")
    month = serializers.SerializerMethodField()
    measure = serializers.ChoiceField(choices=UsageMeasure.choices)
    metered = serializers.DecimalField(max_digits=18, decimal_places=6)
    told = serializers.DecimalField(max_digits=18, decimal_places=6)
    difference = serializers.DecimalField(max_digits=18, decimal_places=6)
    causes = UsageCauseOutput(many=True)
    causes_in_all = serializers.IntegerField()
    looked_at = MomentField()

    def get_month(self, check: UsageCheck) -> str:
        return f"{check.month:%Y-%m}"


class UsageCheckFilters(Input):
    project = PublicIdField(source="cloud_project__project__public_id", required=False)
    month = TextField(required=False, max_length=7, help_text="A business month, as 2026-11.")
    measure = serializers.ChoiceField(choices=UsageMeasure.choices, required=False)

    def validate_month(self, text: str) -> date:
        """Return its first day.

        Raises:
            ValidationError: the text is not a month.
        """
        return day_of(to_month(text).start)


class UsageCheckViewSet(ListModelMixin, GenericViewSet[UsageCheck]):
    """What was metered beside what the cloud counts, newest month first."""

    request: ApiRequest
    queryset = UsageCheck.objects.none()
    serializer_class = UsageCheckOutput
    filters = UsageCheckFilters
    ordering = ("-month", "-pk")

    def get_queryset(self) -> QuerySet[UsageCheck]:
        visible = visible_usage_checks(self.request.user)
        return visible.select_related("cloud_project__project", "cloud_project__cloud")

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Whoever neither pays, repairs nor checks anywhere has nothing to look for here."""
        super().initial(request, *args, **kwargs)
        is_list = self.action == "list"
        if is_list and not roles_of(self.request.user) & USAGE_CHECK_READERS:
            raise NotAllowed()
