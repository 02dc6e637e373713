"""Budgets: where all of a year stand, one month by month, and setting it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing.budget_forms import BudgetForm, EndForm, PartForm, YearForm, answers_of
from billing.budget_pages import BudgetRow, make_rows, make_year, month_rows
from billing.models import Budget, PastBudget
from billing.policies import (
    find_cost_node,
    may_see_costs,
    may_set_budget,
    nodes_to_budget,
    visible_cost_nodes,
)
from billing.services.budget_changes import end_budget, set_budget, sight_of, years_to_set
from billing.services.budgets import excess_of, find_budget_above
from portal.core.calendar import day_of
from portal.core.errors import DomainError, NotAllowed
from portal.core.formats import money
from portal.core.sheets import answer_file
from portal.identity.models import Node, Person
from portal.identity.oidc.step_up import kept_input
from portal.identity.requests import PersonRequest

PAGE_SIZE: Final = 50
HISTORY_SHOWN: Final = 20
YEARS: Final = range(2000, 3000)
COLUMNS: Final = (
    "part",
    "part_id",
    "year",
    "budget",
    "realised",
    "committed",
    "expected",
    "free",
    "hard_stop",
    "alert_percentages",
    *[f"budget_{number:02d}" for number in range(1, 13)],
)


@require_safe
def budget_list(request: PersonRequest) -> HttpResponse:
    """Where the budgets of a year stand, of all parts whose costs the person sees."""
    moment = now()
    form, rows = _read(request, moment)
    may_set = list(nodes_to_budget(request.user).order_by("name"))
    context = {
        "form": form,
        "year": _year_of(form, moment),
        "page": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "over": [row for row in rows if row.position.free < 0],
        "excessive": [row for row in rows if row.excess],
        "part_form": PartForm(nodes=may_set, years=years_to_set(moment)) if may_set else None,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "billing/budgets/list.html", context, status=status)


@require_safe
def budget_rows(request: PersonRequest, form: str) -> HttpResponseBase:
    """The same as a file."""
    asked, rows = _read(request, now())
    if asked.errors:
        return budget_list(request)
    return answer_file(_sheet(rows), form, f"budgets-{asked.cleaned_data['year']}")


@require_safe
def budget_choose(request: PersonRequest) -> HttpResponse:
    """To the page of the part and year that were chosen."""
    nodes = nodes_to_budget(request.user)
    if not nodes.exists():
        raise PermissionDenied
    form = PartForm(request.GET, nodes=list(nodes), years=years_to_set(now()))
    if not form.is_valid():
        raise Http404
    return redirect("billing:budget", form.cleaned_data["node"], form.cleaned_data["year"])


@require_http_methods(["GET", "HEAD", "POST"])
def budget_detail(request: PersonRequest, public_id: UUID, year: int) -> HttpResponse:
    """One budget month by month, with its history; finance changes it here."""
    node = _find(request.user, public_id, year)
    if request.method != "POST":
        return _page(request, node, year)
    form = BudgetForm(request.POST)
    if not form.is_valid():
        _check_may_set(request.user, node)
        return _page(request, node, year, form=form)
    try:
        set_budget(
            node,
            year,
            form.says(),
            reason=form.cleaned_data["reason"],
            actor=request.user,
            seen=form.cleaned_data["seen"],
        )
    except NotAllowed as refusal:
        raise PermissionDenied from refusal
    except DomainError as refusal:
        form.show(refusal)
        return _page(request, node, year, form=form)
    messages.success(request, _("Set. It holds from now on."))
    return redirect("billing:budget", public_id, year)


@require_safe
def budget_months(
    request: PersonRequest, public_id: UUID, year: int, form: str
) -> HttpResponseBase:
    """Its months as a file."""
    node = _find(request.user, public_id, year)
    budget = get_object_or_404(Budget.objects.select_related("node"), node=node, year=year)
    return answer_file(month_rows(make_year(budget, at=now())), form, f"budget-{year}")


@require_POST
def budget_end(request: PersonRequest, public_id: UUID, year: int) -> HttpResponse:
    """From now on there is no such budget."""
    node = _find(request.user, public_id, year)
    form = EndForm(request.POST)
    if not form.is_valid():
        _check_may_set(request.user, node)
        return _page(request, node, year, end_form=form)
    try:
        end_budget(
            node,
            year,
            reason=form.cleaned_data["reason"],
            actor=request.user,
            seen=form.cleaned_data["seen"],
        )
    except NotAllowed as refusal:
        raise PermissionDenied from refusal
    except DomainError as refusal:
        form.show(refusal)
        return _page(request, node, year, end_form=form)
    messages.success(request, _("Ended. There is no budget of its own any more."))
    return redirect("billing:budget", public_id, year)


def _read(request: PersonRequest, moment: datetime) -> tuple[YearForm, list[BudgetRow]]:
    """Which year is asked, and its budgets; of a year that is none of the choices, this one's."""
    if not may_see_costs(request.user):
        raise PermissionDenied
    nodes = visible_cost_nodes(request.user)
    known = set(Budget.objects.filter(node__in=nodes).values_list("year", flat=True).distinct())
    years = sorted(known | set(years_to_set(moment)), reverse=True)
    form = YearForm(request.GET.dict(), years=years, running=day_of(moment).year)
    return form, make_rows(nodes, _year_of(form, moment), at=moment)


def _year_of(form: YearForm, moment: datetime) -> int:
    year: int = form.cleaned_data["year"] if form.is_valid() else day_of(moment).year
    return year


def _find(person: Person, public_id: UUID, year: int) -> Node:
    if year not in YEARS:
        raise Http404
    return find_cost_node(person, public_id)


def _check_may_set(person: Person, node: Node) -> None:
    if not may_set_budget(person, node):
        raise PermissionDenied


def _page(
    request: PersonRequest,
    node: Node,
    year: int,
    *,
    form: BudgetForm | None = None,
    end_form: EndForm | None = None,
) -> HttpResponse:
    moment = now()
    budget = Budget.objects.filter(node=node, year=year).select_related("node", "set_by").first()
    may_set = may_set_budget(request.user, node) and year in years_to_set(moment)
    past = PastBudget.objects.filter(node=node, year=year).select_related("set_by", "replaced_by")
    sent = form or end_form
    context = {
        "node": node,
        "year": year,
        "years": [one for one in years_to_set(moment) if one != year],
        "budget": budget,
        "figures": make_year(budget, at=moment) if budget else None,
        "warnings": _warnings(request.user, budget) if budget else [],
        "may_set": may_set,
        "form": form or _begun(request, node, year, budget) if may_set else None,
        "end_form": end_form or _begun_end(request, node, year, budget) if may_set else None,
        "sent": sent,
        "history": past.order_by("-pk")[:HISTORY_SHOWN],
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if sent and sent.errors else HTTPStatus.OK
    return render(request, "billing/budgets/detail.html", context, status=status)


def _begun(request: PersonRequest, node: Node, year: int, budget: Budget | None) -> BudgetForm:
    """With what was typed before the person had to log in again, or with the budget as it is."""
    kept = kept_input(request, reverse("billing:budget", args=[node.public_id, year]))
    if kept:
        return BudgetForm(initial=kept.dict())
    answers = answers_of(budget) if budget else {}
    return BudgetForm(initial={**answers, "seen": sight_of(budget)})


def _begun_end(request: PersonRequest, node: Node, year: int, budget: Budget | None) -> EndForm:
    kept = kept_input(request, reverse("billing:budget-end", args=[node.public_id, year]))
    return EndForm(initial=kept.dict() if kept else {"seen": sight_of(budget)})


def _warnings(person: Person, budget: Budget) -> list[str]:
    """That budgets of parts together pass one above. Of what the person does not see, nothing."""
    warnings = []
    above = find_budget_above(budget)
    sees_above = above and visible_cost_nodes(person).filter(pk=above.node_id).exists()
    for whole in (budget, above if sees_above else None):
        excess = excess_of(whole) if whole else Decimal(0)
        if whole and excess:
            text = _("The budgets below “{node}” are together {excess} more than its own.")
            warnings.append(text.format(node=whole.node.name, excess=money(excess)))
    return warnings


def _sheet(rows: Sequence[BudgetRow]) -> Iterator[Sequence[str | Decimal]]:
    yield COLUMNS
    for row in rows:
        budget, position = row.budget, row.position
        yield [
            budget.node.name,
            str(budget.node.public_id),
            str(budget.year),
            budget.amount,
            position.realised,
            position.committed,
            position.expected,
            position.free,
            "yes" if budget.is_hard_stop else "no",
            " ".join(str(one) for one in budget.alert_percentages),
            *budget.months,
        ]
