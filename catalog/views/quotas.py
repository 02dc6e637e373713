"""Quotas: who may hold how much of one metric, and who holds it, down the tree."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import Sum
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from catalog.amounts import amount_in_words
from catalog.models import ClaimState, Metric, Quota, QuotaClaimLine
from catalog.policies import visible_quotas
from portal.identity.access import reached_nodes
from portal.identity.models import Node, NodeKind
from portal.identity.outline import Line, outline
from portal.identity.requests import PersonRequest

PAGE_SIZE: Final = 100
NOTHING: Final = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class QuotaRow:
    """One level of the tree for one metric. Without a quota nothing may be ordered there.

    Attributes:
        level: 0 for the topmost shown.
        used: held by what was approved.
        reserved: held by orders that wait.
        limit: None is unlimited.
    """

    node: Node
    level: int
    metric: Metric
    used: Decimal
    reserved: Decimal
    limit: Decimal | None

    @property
    def claimed(self) -> Decimal:
        return self.used + self.reserved

    @property
    def over(self) -> Decimal:
        """By how much the limit is passed; zero when it is not."""
        return NOTHING if self.limit is None else max(NOTHING, self.claimed - self.limit)

    @property
    def is_organization(self) -> bool:
        return self.node.kind == NodeKind.ORGANIZATION

    @property
    def used_text(self) -> str:
        return self._shown(self.used)

    @property
    def reserved_text(self) -> str:
        return self._shown(self.reserved)

    @property
    def free_text(self) -> str:
        if self.limit is None:
            return _("Unlimited")
        return self._shown(self.limit - self.claimed)

    @property
    def limit_text(self) -> str:
        return _("Unlimited") if self.limit is None else self._shown(self.limit)

    @property
    def over_text(self) -> str:
        return amount_in_words(self.metric, self.over)

    @property
    def bar_label(self) -> str:
        """What the bar shows, for who does not see it."""
        words = _("{claimed} of {limit} in use or reserved")
        return words.format(claimed=self._shown(self.claimed), limit=self.limit_text)

    def _shown(self, amount: Decimal) -> str:
        return amount_in_words(self.metric, amount, with_unit=False)


@require_safe
def quota_tree(request: PersonRequest) -> HttpResponse:
    """One metric for every part that the person reaches, as a tree of at most three levels."""
    metrics = _metrics(request)
    metric = _chosen_metric(request.GET.get("metric", ""), metrics)
    focus = _focus(request)
    lines = outline(reached_nodes(request.user).filter(ended_at=None), focus=focus)
    page = Paginator(lines, PAGE_SIZE).get_page(request.GET.get("page"))
    rows = _rows(list(page), metric)
    context = {
        "metrics": metrics,
        "metric": metric,
        "unit": "GiB" if metric.value.endswith("_gib") else "",
        "focus": focus,
        "page": page,
        "rows": rows,
        "over": [row for row in rows if row.over],
    }
    return render(request, "catalog/quotas/tree.html", context)


def _metrics(request: PersonRequest) -> list[Metric]:
    """Those that have a limit somewhere in reach, in the order in which people know them."""
    known = set(visible_quotas(request.user).values_list("metric", flat=True).distinct())
    return [metric for metric in Metric if metric.value in known]


def _chosen_metric(name: str, metrics: list[Metric]) -> Metric:
    if name in Metric.values:
        return Metric(name)
    return metrics[0] if metrics else Metric.SERVERS


def _focus(request: PersonRequest) -> Node | None:
    """The organization that the address names; one that the person does not reach is not there."""
    text = request.GET.get("node", "")
    if not text:
        return None
    try:
        public_id = UUID(text)
    except ValueError as error:
        raise Http404 from error
    nodes = reached_nodes(request.user).filter(ended_at=None).select_related("parent")
    return get_object_or_404(nodes, public_id=public_id)


def _rows(nodes: list[Line], metric: Metric) -> list[QuotaRow]:
    """The counters of these parts. Two queries."""
    quotas = {
        quota.node_id: quota
        for quota in Quota.objects.filter(
            node__in=[node.pk for _level, node in nodes], metric=metric
        )
    }
    reserved = dict(
        QuotaClaimLine.objects.filter(
            quota__in=[quota.pk for quota in quotas.values()],
            claim__state=ClaimState.RESERVED,
        )
        .values_list("quota__node_id")
        .annotate(amount=Sum("amount"))
    )
    rows = []
    for level, node in nodes:
        quota, waiting = quotas.get(node.pk), reserved.get(node.pk, NOTHING)
        rows.append(
            QuotaRow(
                node=node,
                level=level,
                metric=metric,
                used=quota.claimed - waiting if quota else NOTHING,
                reserved=waiting,
                limit=quota.limit_now if quota else NOTHING,
            )
        )
    return rows
