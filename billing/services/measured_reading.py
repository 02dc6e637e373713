"""What was measured last, and what was not measured for too long."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db.models import F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from billing.meters import Measure
from billing.models import MeasuredUse, SampleProblem, UsageSample, UsageSpan
from billing.services.measuring import gib
from portal.core.calendar import month_of
from portal.identity.models import Project

LATE: Final = timedelta(hours=3)  # so long nobody needs to know


@dataclass(frozen=True, kw_only=True)
class LastMeasure:
    """What is known of one thing that is measured.

    Attributes:
        sku: its name, in the reader's language.
        gib: stored at ``measured_at``, or passed by in the month that runs.
        measured_at: None: not once yet.
        silent_since: since when nothing was measured, where that is too long; else None.
        problem: a value of ``SampleProblem``.
    """

    resource: UUID
    project: str
    name: str
    sku_code: str
    sku: str
    measure: str
    gib: Decimal
    measured_at: datetime | None
    silent_since: datetime | None
    problem: str

    @property
    def is_stored(self) -> bool:
        return self.measure == Measure.STORED

    @property
    def problem_label(self) -> str:
        """Why the last question gave no sample, in words; "" when it did."""
        return str(SampleProblem(self.problem).label) if self.problem else ""


def last_measures(public_id: UUID, *, at: datetime) -> list[LastMeasure]:
    """What is measured of a resource now. Two queries."""
    uses = list(_running().filter(resource__public_id=public_id).order_by("measure"))
    return _read(uses, at)


def silent_measures(
    projects: QuerySet[Project], *, at: datetime, most: int
) -> tuple[list[LastMeasure], int]:
    """What was not measured for too long in these projects. Three queries.

    Returns:
        What is silent longest, at most so many of it, and how many there are in all.
    """
    silent = _running().filter(resource__project__in=projects, heard_at__lt=at - LATE)
    first = list(silent.order_by("heard_at", "pk")[:most])
    return _read(first, at), silent.count()


def _running() -> QuerySet[Any]:
    last = UsageSample.objects.filter(use=OuterRef("pk")).order_by("-measured_at")
    return (
        MeasuredUse.objects.filter(ended_at=None)
        .select_related("resource__project", "sku")
        .annotate(
            last_at=Subquery(last.values("measured_at")[:1]),
            last_value=Subquery(last.values("value")[:1]),
            heard_at=Coalesce(F("last_at"), F("started_at")),
        )
    )


def _read(uses: Collection[Any], at: datetime) -> list[LastMeasure]:
    passed = _passed([use.resource_id for use in uses], at) if uses else {}
    return [
        LastMeasure(
            resource=use.resource.public_id,
            project=use.resource.project.name,
            name=use.resource.name,
            sku_code=use.sku.code,
            sku=use.sku.name,
            measure=use.measure,
            gib=gib(use.last_value or 0)
            if use.measure == Measure.STORED
            else passed.get((use.resource_id, use.sku_id), Decimal(0)),
            measured_at=use.last_at,
            silent_since=use.heard_at if use.heard_at < at - LATE else None,
            problem=use.problem,
        )
        for use in uses
    ]


def _passed(resource_ids: Collection[int], at: datetime) -> dict[tuple[int, int], Decimal]:
    """The sum of the spans that begin in the month of ``at``, by resource and SKU."""
    spans = UsageSpan.objects.filter(
        resource__in=resource_ids, started_at__gte=month_of(at).start, started_at__lte=at
    )
    sums = spans.order_by().values_list("resource", "sku").annotate(gib=Sum("quantity"))
    return {(resource, sku): total for resource, sku, total in sums}
