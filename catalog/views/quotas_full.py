"""The quotas that need attention: nearly full, or over their limit."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from django.core.paginator import Paginator
from django.db.models import F
from django.db.models.functions import NullIf
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from catalog.amounts import amount_in_words, limit_in_words
from catalog.models import NEARLY_FULL, Metric, Quota
from catalog.policies import visible_quotas
from catalog.services.quota_alerts import SOON_DAYS, pressing_quotas
from catalog.services.quota_history import Trend, trends_of
from catalog.views.quota_links import (
    QuotaRights,
    address_of_quota,
    address_to_ask,
    address_to_limit,
    rights_on,
)
from catalog.views.trend_wording import trend_in_words
from portal.identity.requests import PersonRequest

PAGE_SIZE: Final = 25
NOTHING: Final = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class FullRow:
    """A quota with little left. The addresses are empty where the person has no such right."""

    quota: Quota
    metric: Metric
    claimed: str
    limit: str
    percent: int | None
    is_over: bool
    trend: str
    url: str
    limit_url: str
    ask_url: str


@require_safe
def quotas_full(request: PersonRequest) -> HttpResponse:
    """Every part that the person reaches, for every metric, the fullest first."""
    quotas = pressing_quotas().filter(pk__in=visible_quotas(request.user).values("pk"))
    fullest_first = (F("claimed") / NullIf(F("limit_now"), NOTHING)).desc(nulls_first=True)
    ordered = quotas.select_related("node__parent").order_by(fullest_first, "node__name", "pk")
    page = Paginator(ordered, PAGE_SIZE).get_page(request.GET.get("page"))
    shown = list(page)
    trends = trends_of(shown)
    rights = rights_on(request.user, [quota.node_id for quota in shown])
    rows = [_row(quota, trends[quota.pk], rights) for quota in shown]
    context = {
        "page": page,
        "rows": rows,
        "percent": int(NEARLY_FULL * 100),
        "days": SOON_DAYS,
    }
    return render(request, "catalog/quotas/full.html", context)


def _row(quota: Quota, trend: Trend, rights: QuotaRights) -> FullRow:
    node, metric, limit = quota.node, Metric(quota.metric), quota.limit_now or NOTHING
    return FullRow(
        quota=quota,
        metric=metric,
        claimed=amount_in_words(metric, quota.claimed),
        limit=limit_in_words(metric, limit),
        percent=int(quota.claimed * 100 / limit) if limit else None,
        is_over=quota.claimed > limit,
        trend=trend_in_words(trend),
        url=address_of_quota(quota),
        limit_url=address_to_limit(node, metric) if quota.node_id in rights.to_limit else "",
        ask_url=address_to_ask(node, metric) if quota.node_id in rights.to_ask_for else "",
    )
