"""What the workers of ``benchmarks.engine`` know beside the portal: a kind that asks no cloud."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from celery import shared_task

from billing.meters import Meter
from catalog.kinds.base import Done, Kind, Plan, Spec, StepContext, StepDefinition, register
from catalog.kinds.parameters import Parameter
from catalog.models import Metric, OfferingVersion

TALLY = "BENCHMARK_TALLY"
STEPS = 10


@shared_task(name="benchmarks.nothing")
def nothing() -> None:
    """What Celery alone costs. A byte in a file says that it was done."""
    file = os.open(os.environ[TALLY], os.O_WRONLY | os.O_APPEND)
    os.write(file, b".")
    os.close(file)


def _done(context: StepContext) -> Done:
    return Done(external_id="nothing", facts={"done": True})


@register
class Nothing(Kind):
    key = "nothing"
    icon = "server"
    label = "Nothing"
    plans = {
        "provision": Plan(
            version=1,
            steps=[
                StepDefinition(name=f"step-{number}", label=f"Step {number}", run=_done)
                for number in range(1, STEPS + 1)
            ],
        ),
        "retire": Plan(version=1, steps=[StepDefinition(name="end", label="End", run=_done)]),
    }

    def parameters(self, version: OfferingVersion) -> list[Parameter]:
        return []

    def quota_demand(self, version: OfferingVersion, spec: Spec) -> dict[Metric, Decimal]:
        return {Metric.SERVERS: Decimal(1)}

    def meters(self, version: OfferingVersion, spec: Spec) -> list[Meter]:
        return []

    def summary(self, spec: Spec) -> str:
        return "nothing"

    def usage_started_at(self, facts: Mapping[str, Any]) -> datetime | None:
        return None
