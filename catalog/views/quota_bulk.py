"""The limits of many parts on one form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from catalog.amounts import limit_in_words, unit_of
from catalog.models import Metric, Quota, QuotaLimit
from catalog.plan_forms import BulkForm, PartFields, raised
from catalog.quota_policies import nodes_to_limit
from catalog.services.limit_plans import preview_limits
from catalog.views.quota_plan import back_to_plan, check_sets_limits, render_preview
from catalog.views.quota_query import chosen_metric, focus_node, metrics_in_reach, within
from portal.core.models import is_not_over
from portal.identity.access import reached_nodes
from portal.identity.models import Node
from portal.identity.outline import with_paths
from portal.identity.requests import PersonRequest

PAGE_SIZE: Final = 50  # three fields each, and Django takes no more than 200 of a form
LONGEST_SEARCH: Final = 100  # characters; longer ones are cut
NOTHING: Final = Decimal(0)
KEPT_OF_FORM: Final = ("csrfmiddlewaretoken", "fill", "edit", "preview")


@dataclass(frozen=True)
class BulkRow:
    """One part: what it has now, and the questions about it. ``above``: the names above it."""

    above: str
    limit: str
    claimed: str
    part: PartFields


@require_http_methods(["GET", "HEAD", "POST"])
def quota_bulk(request: PersonRequest) -> HttpResponse:
    """Type new limits, see what they would do, and go back to the form if need be."""
    if again := back_to_plan(request):
        return again
    check_sets_limits(request)
    sent = request.POST if request.method == "POST" else request.GET
    metrics = metrics_in_reach(request.user) or list(Metric)
    metric = chosen_metric(sent, metrics)
    if request.method != "POST":
        return _show_page(request, metric, metrics)
    parts = with_paths(_posted(request), within=reached_nodes(request.user))
    nodes = [node for _names, node in parts]
    form = BulkForm(request.POST, nodes=nodes, metric=metric)
    if "fill" in request.POST:
        form = _filled_in(request, form, nodes, metric)
    elif "edit" not in request.POST and form.is_valid():
        if lines := form.lines():
            preview = preview_limits(lines, actor=request.user)
            return render_preview(request, preview, typed=_typed(request.POST))
        form.add_error(None, _("Fill in at least one new limit."))
    return _render(request, form, parts, metric, metrics)


def _show_page(request: PersonRequest, metric: Metric, metrics: list[Metric]) -> HttpResponse:
    found = with_paths(_asked_for(request), within=reached_nodes(request.user))
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    parts = list(page)
    form = BulkForm(nodes=[node for _names, node in parts], metric=metric)
    return _render(request, form, parts, metric, metrics, page)


def _words(query: QueryDict) -> str:
    return query.get("q", "").replace("\x00", "").strip()[:LONGEST_SEARCH]


def _asked_for(request: PersonRequest) -> QuerySet[Node]:
    """The parts whose limits the person sets, as the address narrows them down."""
    nodes = within(nodes_to_limit(request.user), focus_node(request.GET, request.user))
    if words := _words(request.GET):
        nodes = nodes.filter(Q(name__icontains=words) | Q(code__icontains=words))
    return nodes


def _posted(request: PersonRequest) -> QuerySet[Node]:
    """Those that the form was about."""
    ids = [found for text in request.POST.getlist("part")[:PAGE_SIZE] if (found := _uuid(text))]
    return nodes_to_limit(request.user).filter(public_id__in=ids)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _typed(form: QueryDict) -> list[tuple[str, str]]:
    """What was typed, to go back to."""
    return [
        (name, value)
        for name, values in form.lists()
        if name not in KEPT_OF_FORM
        for value in values
        if value
    ]


def _filled_in(
    request: PersonRequest, form: BulkForm, nodes: Sequence[Node], metric: Metric
) -> BulkForm:
    """The form with all limits raised, in the place of what was typed there."""
    form.is_valid()
    percent = form.cleaned_data.get("percent")
    if percent is None:
        if "percent" not in form.errors:
            form.add_error("percent", _("Fill in a whole number."))
        return form
    limits = {quota.node_id: quota.limit_now for quota in _quotas(nodes, metric)}
    left_out = _with_something_following(nodes, metric)
    if left_out:
        text = ngettext(
            "{count} part has a limit that ends by itself, or another one planned. It is left out.",
            "{count} parts have a limit that ends by itself, or another one planned. They are left"
            " out.",
            len(left_out),
        )
        messages.warning(request, text.format(count=len(left_out)))
    limits = {pk: limit for pk, limit in limits.items() if pk not in left_out}
    data = request.POST.copy()
    for name, text in raised(limits, nodes, metric, percent).items():
        data[name] = text
    return BulkForm(initial=data.dict(), nodes=nodes, metric=metric)


def _with_something_following(nodes: Sequence[Node], metric: Metric) -> set[int]:
    """Primary keys of those where another limit follows by itself on that of now."""
    moment = now()
    limits = QuotaLimit.objects.filter(
        is_not_over(moment), quota__node__in=nodes, quota__metric=metric
    )
    ends_or_begins = Q(valid_until__isnull=False) | Q(valid_from__gt=moment)
    return set(limits.filter(ends_or_begins).values_list("quota__node", flat=True))


def _quotas(nodes: Sequence[Node], metric: Metric) -> QuerySet[Quota]:
    return Quota.objects.filter(node__in=nodes, metric=metric)


def _render(
    request: PersonRequest,
    form: BulkForm,
    parts: Sequence[tuple[list[str], Node]],
    metric: Metric,
    metrics: list[Metric],
    page: Page[Any] | None = None,
) -> HttpResponse:
    nodes = [node for _names, node in parts]
    quotas = {quota.node_id: quota for quota in _quotas(nodes, metric)}
    query = request.POST if request.method == "POST" else request.GET
    rows = [
        _row(names, quotas.get(node.pk), fields, metric)
        for (names, node), fields in zip(parts, form.parts(), strict=True)
    ]
    context = {
        "form": form,
        "rows": rows,
        "page": page,
        "metric": metric,
        "metrics": metrics,
        "unit": unit_of(metric),
        "focus": focus_node(query, request.user),
        "words": _words(query),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "catalog/quotas/bulk.html", context, status=status)


def _row(names: Sequence[str], quota: Quota | None, fields: PartFields, metric: Metric) -> BulkRow:
    limit, claimed = (quota.limit_now, quota.claimed) if quota else (NOTHING, NOTHING)
    return BulkRow(
        above=" / ".join(names[:-1]),
        limit=limit_in_words(metric, limit, with_unit=False),
        claimed=limit_in_words(metric, claimed, with_unit=False),
        part=fields,
    )
