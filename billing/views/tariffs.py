"""What things cost, cost before, and will cost."""

from __future__ import annotations

from typing import Final

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.timezone import now
from django.views.decorators.http import require_safe

from billing.models import Sku
from billing.policies import (
    may_read_tariff_rounds,
    may_see_costs,
    may_set_tariffs,
    tariff_rounds_to_decide,
    visible_prices,
)
from billing.tariff_tables import tariff_rows
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
def tariff_history(request: PersonRequest, code: str) -> HttpResponse:
    """Every price that one SKU had, has or will have, the newest first."""
    _check_sees_costs(request)
    if "\x00" in code:  # which the database cannot even look for
        raise Http404
    sku = get_object_or_404(Sku, code=code)
    prices = visible_prices(request.user).filter(sku=sku)
    if not prices.exists():
        raise Http404
    related = prices.select_related("organization", "price_list__tariff_round")
    context = {
        "sku": sku,
        "page": Paginator(
            related.order_by("-valid_from", "organization__name"), PAGE_SIZE
        ).get_page(request.GET.get("page")),
        "at": now(),
        "may_read_rounds": may_read_tariff_rounds(request.user),
    }
    return render(request, "billing/tariffs/history.html", context)


def _check_sees_costs(request: PersonRequest) -> None:
    if not may_see_costs(request.user):
        raise PermissionDenied
