"""What things cost, cost before, and will cost."""

from __future__ import annotations

from typing import Final

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.timezone import now
from django.views.decorators.http import require_safe

from billing.models import Price, Sku
from billing.policies import (
    may_read_tariff_rounds,
    may_see_costs,
    may_set_tariffs,
    tariff_rounds_to_decide,
    visible_prices,
)
from billing.tariff_sheets import price_rows, prices_of
from billing.tariff_tables import tariff_rows
from portal.core.sheets import answer_file
from portal.identity.requests import PersonRequest

PAGE_SIZE: Final = 50


@require_safe
def tariff_list(request: PersonRequest) -> HttpResponse:
    """The prices that hold where the person sees costs, with what is planned."""
    _check_sees_costs(request)
    rows = tariff_rows(visible_prices(request.user), at=now())
    context = {
        "page": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "may_propose": may_set_tariffs(request.user),
        "may_read_rounds": may_read_tariff_rounds(request.user),
        "waiting": tariff_rounds_to_decide(request.user).count(),
    }
    return render(request, "billing/tariffs/list.html", context)


@require_safe
def tariff_sheet(request: PersonRequest, form: str) -> HttpResponseBase:
    """The same prices as a file."""
    _check_sees_costs(request)
    moment = now()
    rows = tariff_rows(visible_prices(request.user).select_related("price_list"), at=moment)
    return answer_file(price_rows(prices_of(rows), at=moment), form, "tariffs")


@require_safe
def tariff_history(request: PersonRequest, code: str) -> HttpResponse:
    """Every price that one SKU had, has or will have, the newest first."""
    sku, prices = _history(request, code)
    context = {
        "sku": sku,
        "page": Paginator(prices, PAGE_SIZE).get_page(request.GET.get("page")),
        "at": now(),
        "may_read_rounds": may_read_tariff_rounds(request.user),
    }
    return render(request, "billing/tariffs/history.html", context)


@require_safe
def tariff_history_sheet(request: PersonRequest, code: str, form: str) -> HttpResponseBase:
    """All of them as a file."""
    _sku, prices = _history(request, code)
    return answer_file(price_rows(prices, at=now()), form, "prices")


def _history(request: PersonRequest, code: str) -> tuple[Sku, QuerySet[Price]]:
    """The SKU and what the person sees of its prices.

    Raises:
        Http404: there is none.
    """
    _check_sees_costs(request)
    if "\x00" in code:  # which the database cannot even look for
        raise Http404
    sku = get_object_or_404(Sku, code=code)
    prices = visible_prices(request.user).filter(sku=sku)
    if not prices.exists():
        raise Http404
    related = prices.select_related("sku", "organization", "price_list__tariff_round")
    return sku, related.order_by("-valid_from", "organization__name")


def _check_sees_costs(request: PersonRequest) -> None:
    if not may_see_costs(request.user):
        raise PermissionDenied
