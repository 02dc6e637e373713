"""The pages about costs: parse, ask the policy, show figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import (
    Http404,
    HttpResponse,
    HttpResponseBase,
    JsonResponse,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.http import require_safe

from billing.cost_sheets import Table, cost_rows, table_rows
from billing.focus.files import MEDIA_TYPES, Form, focus_file
from billing.focus.metadata import describe_month
from billing.forms import PartFilter, month_key, read_month
from billing.models import MeteredResource, PriceUnit, Sku, UsageSpan
from billing.origins import find_origins
from billing.overview import Overview, make_overview, months_with_use
from billing.policies import (
    may_see_costs,
    visible_cost_nodes,
    visible_metered_resources,
    visible_prices,
)
from billing.services.budget_years import positions_of
from billing.services.budgets import BudgetPosition, find_budget
from billing.services.charge_lists import ChargeFilter
from billing.services.charging import charges_of_resource
from billing.services.cost_lines import Charge
from billing.services.tag_keys import tag_choices
from billing.use_sheets import use_rows
from billing.views.asked import AskedPart, asked_part
from portal.core.calendar import Period
from portal.core.money import to_cents
from portal.core.sheets import answer_file
from portal.identity.models import Node, Person
from portal.identity.requests import PersonRequest


@require_safe
def cost_overview(request: PersonRequest) -> HttpResponse:
    """What a month cost, per organization and project, or per resource of one project."""
    asked = _read(request)
    overview = _overview(asked)
    month = month_key(asked.month)
    part_query = f"&node={asked.node.public_id}" if asked.node else ""
    filters = asked.form.query()
    filter_query = f"&{urlencode(filters)}" if filters else ""
    asked.form.offer_centers(overview.cost_centers)
    context = {
        "form": asked.form,
        "overview": overview,
        "month_key": month,
        "everything_url": f"{reverse('billing:costs')}?month={month}{filter_query}",
        "figures_query": f"month={month}{part_query}{filter_query}",
        "has_focus": asked.has_focus,
        "is_filtered": not asked.wanted.is_empty,
        "is_of_kind": asked.wanted.kind is not None,
        "unfiltered_url": f"{reverse('billing:costs')}?month={month}{part_query}",
        "part_query": f"{part_query}{filter_query}",
        "filter_query": filter_query,
        "seen": _seen(request.user, overview),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if asked.form.errors else HTTPStatus.OK
    return render(request, "billing/costs.html", context, status=status)


@require_safe
def cost_sheet(request: PersonRequest, form: str) -> HttpResponseBase:
    """The figures of the page as a file for a spreadsheet."""
    asked = _read(request)
    if asked.form.errors:
        return cost_overview(request)
    name = _file_name("costs", asked)
    return answer_file(cost_rows(_overview(asked)), form, name)


@require_safe
def cost_table(request: PersonRequest, table: str, form: str) -> HttpResponseBase:
    """One of the other tables of the page as a file.

    Raises:
        Http404: the page has no such table.
    """
    asked = _read(request)
    if table not in set(Table):
        raise Http404
    if asked.form.errors:
        return cost_overview(request)
    rows = table_rows(
        Table(table),
        asked.node_ids,
        node=asked.node,
        month=asked.month,
        now=asked.at,
        wanted=asked.wanted,
    )
    if rows is None:
        raise Http404
    return answer_file(rows, form, _file_name(f"costs-{table}", asked))


@require_safe
def focus_rows(request: PersonRequest, form: str) -> HttpResponseBase:
    """The same costs charge by charge, in FOCUS: a file that is written while it is read.

    Raises:
        Http404: there is none in that form, or of one kind or cost centre.
    """
    asked = _read(request)
    if form not in set(Form) or not asked.has_focus:
        raise Http404
    if asked.form.errors:
        return cost_overview(request)
    rows = focus_file(
        asked.node_ids, Form(form), month=asked.month, as_of=asked.as_of, tag=asked.wanted.tag
    )
    return StreamingHttpResponse(
        rows,
        content_type=MEDIA_TYPES[Form(form)],
        headers=_as_file("focus", asked, form),
    )


@require_safe
def focus_metadata(request: PersonRequest) -> HttpResponseBase:
    """What the rows are: their columns, and whether they are all there."""
    asked = _read(request)
    if asked.form.errors:
        return cost_overview(request)
    description = describe_month(asked.node_ids, month=asked.month, as_of=asked.as_of)
    return JsonResponse(description, headers=_as_file("focus", asked, "json"))


@require_safe
def resource_costs(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Every usage row of one resource with its price and amount; they add up to its cost."""
    resource = _resource(request, public_id)
    charges = charges_of_resource(resource, as_of=now())
    exact = sum((charge.amount or Decimal(0) for charge in charges), Decimal(0))
    rows = _rows_of(charges)
    context = {
        "resource": resource,
        "origin": find_origins(request.user, [public_id]).get(public_id),
        "prices_seen": _prices_seen(request.user, charges),
        "rows": rows,
        "exact": exact,
        "total": to_cents(exact),
        "is_price_missing": any(charge.amount is None for charge in charges),
        "is_part_unused": any(row["unused_until"] for row in rows),
        "project_url": _project_address(resource),
        "may_see_project": visible_cost_nodes(request.user).filter(pk=resource.project_id).exists(),
    }
    return render(request, "billing/resource_costs.html", context)


@require_safe
def resource_costs_sheet(request: PersonRequest, public_id: UUID, form: str) -> HttpResponseBase:
    """The same rows as a file."""
    resource = _resource(request, public_id)
    rows = _rows_of(charges_of_resource(resource, as_of=now()))
    return answer_file(use_rows(resource.name, rows), form, f"use-{resource.public_id}")


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """Which costs the address asks for; with a form that has errors, those of this month."""

    form: PartFilter
    node: Node | None
    node_ids: Sequence[int]
    month: Period
    other: Period | None
    at: datetime
    budget: BudgetPosition | None
    wanted: ChargeFilter

    @property
    def as_of(self) -> datetime:
        return min(self.at, self.month.end)

    @property
    def has_focus(self) -> bool:
        """Files in FOCUS are of everything, or of one tag."""
        return self.wanted.kind is None and self.wanted.cost_center is None


def _read(request: PersonRequest) -> _Asked:
    """Which costs the address asks for, of those that the person sees.

    Raises:
        Http404: the person does not reach that node.
        PermissionDenied: they have no role for its costs, or for any.
    """
    part = asked_part(request)
    moment = now()
    months = months_with_use(now=moment)
    chosen = {"node": str(part.node.public_id)} if part.node else {}
    form = PartFilter(
        request.GET.dict() | chosen,
        months=months,
        nodes=part.choices,
        tags=tag_choices(part.node_ids),
    )
    is_valid = form.is_valid()
    other = form.cleaned_data["other"] if is_valid else ""
    return _Asked(
        form=form,
        node=part.node,
        node_ids=part.node_ids,
        month=read_month(form.cleaned_data["month"]) if is_valid else months[0],
        other=read_month(other) if other else None,
        wanted=form.wanted(),
        at=moment,
        budget=_budget_of(part, request.user, moment),
    )


def _seen(person: Person, overview: Overview) -> set[int]:
    """Of the parts in the table those that the person may open: a project may have moved away."""
    shown = visible_cost_nodes(person).filter(pk__in=[row.node.pk for row in overview.rows])
    return set(shown.values_list("pk", flat=True))


def _overview(asked: _Asked) -> Overview:
    return make_overview(
        asked.node_ids,
        node=asked.node,
        month=asked.month,
        now=asked.at,
        other=asked.other,
        budget=asked.budget if asked.wanted.is_empty else None,
        wanted=asked.wanted,
    )


def _budget_of(part: AskedPart, person: Person, moment: datetime) -> BudgetPosition | None:
    """Where the budget stands that the part spends from; None where the person does not see it."""
    budget = find_budget(part.node, at=moment) if part.node else None
    if budget is None or not visible_cost_nodes(person).filter(pk=budget.node_id).exists():
        return None
    return positions_of([budget], at=moment)[0]


def _file_name(what: str, asked: _Asked) -> str:
    """The name of the file says it when the month is still running."""
    is_complete = asked.as_of == asked.month.end
    return f"{what}-{month_key(asked.month)}{'' if is_complete else '-incomplete'}"


def _as_file(what: str, asked: _Asked, form: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{_file_name(what, asked)}.{form}"'}


def _resource(request: PersonRequest, public_id: UUID) -> MeteredResource:
    resources = visible_metered_resources(request.user).select_related("project__parent", "cloud")
    return get_object_or_404(resources, public_id=public_id)


def _rows_of(charges: list[Charge]) -> list[dict[str, Any]]:
    """The charges, the newest first, each with its SKU, and until when it is due without use."""
    skus = Sku.objects.in_bulk({charge.sku_id for charge in charges})
    unused = UsageSpan.objects.filter(
        pk__in={charge.span_id for charge in charges}, is_unused=True
    ).select_related("term")
    unused_until = {span.pk: span.term.ends_at for span in unused if span.term}
    newest_first = sorted(charges, key=lambda charge: charge.started_at, reverse=True)
    return [
        {
            "charge": charge,
            "sku": skus[charge.sku_id],
            "unit_label": PriceUnit(charge.unit).label if charge.unit else "",
            "unused_until": unused_until.get(charge.span_id),
        }
        for charge in newest_first
    ]


def _prices_seen(person: Person, charges: list[Charge]) -> set[int]:
    """Primary keys of those of their prices that the person finds on the page of tariffs."""
    if not may_see_costs(person):
        return set()
    prices = visible_prices(person).filter(pk__in={charge.price_id for charge in charges})
    return set(prices.values_list("pk", flat=True))


def _project_address(resource: MeteredResource) -> str:
    return f"{reverse('billing:costs')}?node={resource.project.public_id}"
