"""What there can be prices of: the list, and adding, changing and removing one."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing.asked_skus import missing_skus
from billing.models import Sku
from billing.policies import may_read_tariff_rounds, may_set_tariffs, visible_skus
from billing.services.skus import add_sku, edit_sku, remove_sku
from billing.sku_forms import NewSkuForm, SkuForm
from billing.sku_tables import as_sheet, sku_rows
from portal.core.errors import DomainError
from portal.core.sheets import answer_file
from portal.identity.requests import PersonRequest

PAGE_SIZE: Final = 50


@require_safe
def sku_list(request: PersonRequest) -> HttpResponse:
    """Every SKU; and first of all what is offered and cannot have a price yet."""
    _check_reads(request)
    skus = visible_skus(request.user).order_by("code")
    page = Paginator(skus, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": sku_rows(list(page), at=now()),
        "missing": missing_skus(request.user),
        "may_set": may_set_tariffs(request.user),
    }
    return render(request, "billing/skus/list.html", context)


@require_safe
def sku_sheet(request: PersonRequest, form: str) -> HttpResponseBase:
    """All of that as a file."""
    _check_reads(request)
    rows = sku_rows(list(visible_skus(request.user).order_by("code")), at=now())
    return answer_file(as_sheet(rows, missing_skus(request.user)), form, "skus")


@require_http_methods(["GET", "HEAD", "POST"])
def sku_new(request: PersonRequest) -> HttpResponse:
    """Add one; a link names the code of what is missing."""
    _check_sets(request)
    if request.method != "POST":
        code = request.GET.get("code", "")
        return _form_page(request, NewSkuForm(initial=_begun(code)))
    form = NewSkuForm(request.POST)
    done = _("Added. It has no price yet: propose one in a tariff round.")
    return _take(
        request,
        form,
        lambda: add_sku(form.cleaned_data["code"], form.says(), actor=request.user),
        done,
    ) or _form_page(request, form)


@require_http_methods(["GET", "HEAD", "POST"])
def sku_edit(request: PersonRequest, code: str) -> HttpResponse:
    """Change what one is called, and what FOCUS counts it among."""
    sku = _sku_to_set(request, code)
    if request.method != "POST":
        return _form_page(request, SkuForm.to_change(sku), sku)
    form = SkuForm(request.POST)
    answer = _take(
        request,
        form,
        lambda: edit_sku(sku.code, actor=request.user, **vars(form.says())),
        _("This is saved."),
    )
    return answer or _form_page(request, form, sku)


@require_POST
def sku_remove(request: PersonRequest, code: str) -> HttpResponse:
    """Take away what never had a price and was never used."""
    sku = _sku_to_set(request, code)
    try:
        remove_sku(sku.code, actor=request.user)
    except DomainError as refusal:
        return _form_page(request, SkuForm.to_change(sku), sku, error=refusal)
    messages.success(request, _("Removed."))
    return redirect("billing:skus")


def _take(
    request: PersonRequest, form: SkuForm, act: Callable[[], object], done: str
) -> HttpResponse | None:
    """Do what a valid form says; None: the form says what is wrong."""
    if not form.is_valid():
        return None
    try:
        act()
    except DomainError as refusal:
        form.show(refusal)
        return None
    messages.success(request, done)
    return redirect("billing:skus")


def _form_page(
    request: PersonRequest,
    form: SkuForm,
    sku: Sku | None = None,
    *,
    error: DomainError | None = None,
) -> HttpResponse:
    context = {
        "form": form,
        "sku": sku,
        "row": sku_rows([sku], at=now())[0] if sku else None,
        "error": error,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(
        request, "billing/skus/form.html", context, status=error.http_status if error else status
    )


def _begun(code: str) -> dict[str, Any]:
    """The code that a link names, and what FOCUS counts others of its kind among."""
    kind, is_sort, _sort = code.partition(".")
    beside = Sku.objects.none()
    if is_sort and "\x00" not in kind:  # which the database cannot even look for
        beside = Sku.objects.filter(code__startswith=f"{kind}.")
    known = beside.order_by("-pk").values_list("service_subcategory", flat=True).first()
    return {"code": code, "service_subcategory": known}


def _sku_to_set(request: PersonRequest, code: str) -> Sku:
    """Raises:
    Http404: there is none, or the person does not read what there is.
    PermissionDenied: they do, and set nothing.
    """
    if "\x00" in code:
        raise Http404
    sku = get_object_or_404(visible_skus(request.user), code=code)
    _check_sets(request)
    return sku


def _check_reads(request: PersonRequest) -> None:
    if not may_read_tariff_rounds(request.user):
        raise PermissionDenied


def _check_sets(request: PersonRequest) -> None:
    if not may_set_tariffs(request.user):
        raise PermissionDenied
