"""One quota of one part: what is left, where it goes, who set it and who holds most of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from catalog.amounts import amount_in_words, limit_in_words, step_of, unit_of
from catalog.models import (
    LimitChange,
    Metric,
    Quota,
    QuotaLimit,
)
from catalog.services.quota_history import trend_of
from catalog.views.largest_users import User, find_largest_users, largest_below
from catalog.views.quota_chart import make_use_chart
from catalog.views.quota_links import (
    address_of,
    address_of_quota,
    address_to_ask,
    address_to_limit,
    addresses_of_requests,
    rights_on,
)
from catalog.views.quota_rows import QuotaRow, make_rows
from catalog.views.trend_wording import trend_in_words
from portal.core.models import is_not_over
from portal.identity.access import reached_nodes
from portal.identity.requests import PersonRequest

CHANGES_SHOWN: Final = 20


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The numbers on top, in words. ``left`` is what can still be handed out to parts below."""

    used: str
    reserved: str
    free: str
    limit: str
    is_over: bool
    handed_out: str
    left: str
    is_too_much: bool


@dataclass(frozen=True, kw_only=True)
class Holder:
    """A line in a list of who holds most. ``share``: of all that is held here, in per cent."""

    name: str
    url: str
    text: str
    amount: str
    share: int


@dataclass(frozen=True, kw_only=True)
class LimitPeriod:
    """A limit that ends by itself, or begins later."""

    amount: str
    begins: datetime | None
    ends: datetime | None


@dataclass(frozen=True, kw_only=True)
class Change:
    """That somebody set the limit, in words.

    ``request_url``: on which request, for who may read it.
    """

    row: LimitChange
    text: str
    request_url: str
    is_later: bool
    is_over: bool


@require_safe
def quota_detail(request: PersonRequest, public_id: UUID, metric: str) -> HttpResponse:
    """Everybody who reaches the part reads it, as they read the tree."""
    if metric not in Metric.values:
        raise Http404
    nodes = reached_nodes(request.user).filter(ended_at=None).select_related("parent")
    node, kind = get_object_or_404(nodes, public_id=public_id), Metric(metric)
    quotas = {quota.metric: quota for quota in Quota.objects.filter(node=node)}
    rights = rights_on(request.user, [node.pk])
    context: dict[str, Any] = {
        "node": node,
        "metric": kind,
        "unit": unit_of(kind),
        "metrics": [(one, address_of(node, one)) for one in Metric if one.value in quotas],
        "limit_url": address_to_limit(node, metric) if node.pk in rights.to_limit else "",
        "ask_url": address_to_ask(node, metric) if node.pk in rights.to_ask_for else "",
        "quota": quotas.get(metric),
    }
    if metric in quotas:
        quotas[metric].node = node
        context |= _about(quotas[metric], request)
    return render(request, "catalog/quotas/detail.html", context)


def _about(quota: Quota, request: PersonRequest) -> dict[str, Any]:
    kind, moment = Metric(quota.metric), now()
    (row,) = make_rows([(0, quota.node)], kind)
    trend = trend_of(quota)
    changes = quota.changes.select_related("changed_by")
    page = Paginator(changes, CHANGES_SHOWN).get_page(request.GET.get("page"))
    requests = addresses_of_requests(request.user, page)
    has_use = any(day.claimed for day in trend.readings)
    return {
        "figures": _figures(row),
        "trend": trend_in_words(trend),
        "days": [
            (
                day.day,
                amount_in_words(kind, day.claimed, with_unit=False),
                limit_in_words(kind, day.limit, with_unit=False),
            )
            for day in reversed(trend.readings)
        ],
        "chart": make_use_chart(trend.readings, step_of(kind)) if has_use else None,
        "users": [_user(user, quota) for user in find_largest_users(quota, request.user)],
        "parts": [_part(part, quota) for part in largest_below(quota)],
        "periods": _periods(quota, kind, moment),
        "page": page,
        "changes": [_change(row, kind, moment, requests.get(row.request_id, "")) for row in page],
    }


def _figures(row: QuotaRow) -> Figures:
    kind = row.metric
    return Figures(
        used=amount_in_words(kind, row.used),
        reserved=amount_in_words(kind, row.reserved),
        free=limit_in_words(kind, row.free),
        limit=limit_in_words(kind, row.limit),
        is_over=bool(row.over),
        handed_out=limit_in_words(kind, row.handed_out),
        left=limit_in_words(kind, row.left),
        is_too_much=row.is_overcommitted,
    )


def _user(user: User, quota: Quota) -> Holder:
    name, url = _("Something else"), ""
    if user.resource:
        name = user.resource.name
        url = reverse("catalog:resource", args=[user.resource.public_id])
    elif user.order_line:
        name = user.order_line.title
        url = reverse("catalog:order", args=[user.order_line.order.public_id])
    project = user.line.claim.project.name
    text = _("{project}, reserved").format(project=project) if user.is_reserved else project
    return _holder(quota, user.amount, name=name, url=url, text=text)


def _part(part: Quota, quota: Quota) -> Holder:
    text = _("of {limit}").format(limit=limit_in_words(Metric(part.metric), part.limit_now))
    name, url = part.node.name, address_of_quota(part)
    return _holder(quota, part.claimed, name=name, url=url, text=text)


def _holder(quota: Quota, amount: Decimal, *, name: str, url: str, text: str) -> Holder:
    share = round(amount * 100 / quota.claimed) if quota.claimed else 0
    words = amount_in_words(Metric(quota.metric), amount)
    return Holder(name=name, url=url, text=text, amount=words, share=share)


def _periods(quota: Quota, kind: Metric, moment: datetime) -> list[LimitPeriod]:
    """What ends by itself or begins later, in order; nothing when one limit goes on for good."""
    rows = list(quota.limits.filter(is_not_over(moment)).order_by("valid_from"))
    if len(rows) == 1 and rows[0].valid_until is None and rows[0].valid_from <= moment:
        return []
    return [_period(row, kind, moment) for row in rows]


def _period(row: QuotaLimit, kind: Metric, moment: datetime) -> LimitPeriod:
    return LimitPeriod(
        amount=limit_in_words(kind, row.amount),
        begins=row.valid_from if row.valid_from > moment else None,
        ends=row.valid_until,
    )


def _change(row: LimitChange, kind: Metric, moment: datetime, request_url: str) -> Change:
    text = _("From {before} to {amount}").format(
        before=limit_in_words(kind, row.before), amount=limit_in_words(kind, row.amount)
    )
    return Change(
        row=row,
        text=text,
        request_url=request_url,
        is_later=row.valid_from > row.changed_at,
        is_over=row.valid_until is not None and row.valid_until <= moment,
    )
