"""What was measured last of a resource, for programs."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from billing.models import MeasuredUse, SampleProblem
from portal.core.api import MomentField


class MeasuredOutput(serializers.Serializer[Any]):
    """What the cloud counts: GiB stored at ``measured_at``, or passed by in the running month."""

    sku = serializers.CharField(source="sku_code")
    measure = serializers.ChoiceField(choices=MeasuredUse.MEASURES)
    gib = serializers.DecimalField(max_digits=18, decimal_places=6)
    measured_at = MomentField(allow_null=True)
    silent_since = MomentField(
        allow_null=True, help_text="Since when it was not measured, where that is too long."
    )
    problem = serializers.ChoiceField(
        choices=SampleProblem.choices, help_text="Why the last question gave no sample."
    )
