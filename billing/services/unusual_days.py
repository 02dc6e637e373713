"""Projects that yesterday cost far more than they usually do a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from django.db.models import Q, QuerySet, Sum

from billing.anomalies import DAYS_BEFORE, LEAST_USUAL, TIMES_USUAL, is_unusual, usual_day
from billing.models import MonthSummary, SummaryDay
from portal.core.calendar import day_of, month_of, start_of_day
from portal.core.money import to_cents
from portal.identity.models import Project

NOTHING: Final = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class UnusualDay:
    """What a project cost yesterday, and usually costs a day; euros in whole cents."""

    project: Project
    cost: Decimal
    usual: Decimal


def find_unusual_days(node_ids: Sequence[int], *, at: datetime) -> list[UnusualDay]:
    """Those below ``node_ids``, the dearest first, as months were last reckoned. Two queries.

    A day that nobody reckoned counts as one without costs.
    """
    yesterday = start_of_day(day_of(at) - timedelta(days=1))
    first = start_of_day(day_of(at) - timedelta(days=1 + DAYS_BEFORE))
    days = _days_below(node_ids, first, yesterday)
    # Less than this never stands out, so of most projects nothing more is read.
    dear = (
        days.filter(day_start=yesterday)
        .values("project")
        .annotate(cost=Sum("exact"))
        .filter(cost__gte=TIMES_USUAL * LEAST_USUAL)
        .values("project")
    )
    rows = days.filter(project__in=dear).values_list("project", "day_start")
    costs: dict[int, dict[datetime, Decimal]] = {}
    for project_id, day_start, cost in rows.annotate(cost=Sum("exact")):
        costs.setdefault(project_id, {})[day_start] = cost
    found = [
        (project_id, by_day.pop(yesterday), _all_days(by_day))
        for project_id, by_day in costs.items()
    ]
    unusual = [one for one in found if is_unusual(one[1], one[2])]
    projects = Project.objects.in_bulk([project_id for project_id, _cost, _before in unusual])
    return sorted(
        (
            UnusualDay(
                project=projects[project_id], cost=to_cents(cost), usual=to_cents(usual_day(before))
            )
            for project_id, cost, before in unusual
        ),
        key=lambda one: (-one.cost, one.project.name),
    )


def _days_below(node_ids: Sequence[int], first: datetime, last: datetime) -> QuerySet[SummaryDay]:
    """What was used on these days, by the newest summary of each month."""
    newest = (
        MonthSummary.objects.filter(
            month_start__gte=month_of(first).start, month_start__lte=month_of(last).start
        )
        .order_by("month_start", "-pk")
        .distinct("month_start")
        .values("pk")
    )
    below = Q(project__in=node_ids) | Q(project__ancestor_ids__overlap=list(node_ids))
    return SummaryDay.objects.filter(
        below,
        summary__in=newest,
        is_expected=False,
        day_start__gte=first,
        day_start__lte=last,
    ).order_by()


def _all_days(by_day: dict[datetime, Decimal]) -> list[Decimal]:
    return [*by_day.values(), *[NOTHING] * (DAYS_BEFORE - len(by_day))]
