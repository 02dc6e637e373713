"""Changing what runs: one page with the present answers, and what others would mean."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from catalog.change_forms import ChangeForm
from catalog.kinds import get_kind
from catalog.models import Resource, ResourceState
from catalog.policies import may_change, visible_resources
from catalog.services.change_work import open_change, version_of
from catalog.services.changes import (
    ChangePreview,
    Wanted,
    is_only_shorter,
    place_change,
    preview_change,
    shorten_term,
)
from catalog.services.offers import option_prices
from catalog.views.order_panel import Panel, panel_of
from catalog.views.quota_request_wording import asking_more_for, shortage_of
from catalog.views.wording import day_in_words
from portal.core.errors import DomainError
from portal.identity.oidc.step_up import kept_input
from portal.identity.requests import PersonRequest, wants_panel

PAGE: Final = "catalog/changes/page.html"
PANEL: Final = "catalog/changes/_answer.html"


@dataclass(frozen=True, kw_only=True)
class ChangePanel:
    """What the answers so far would mean.

    Attributes:
        problems: why nothing can be said yet; then the rest is empty.
        is_same: nothing was chosen that is otherwise.
        is_free: it only ends earlier, which nobody need approve.
    """

    problems: list[str]
    is_same: bool = False
    is_free: bool = False
    preview: ChangePreview | None = None
    fits: Panel | None = None
    end_dates: tuple[str, str] | None = None

    @property
    def difference(self) -> Decimal:
        """What it costs more or less in a month, as it is said in words which of both."""
        return abs(self.preview.monthly_difference) if self.preview else Decimal(0)


@require_http_methods(["GET", "HEAD", "POST"])
def resource_change(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Ask what must be otherwise; on POST order it."""
    resource = _get(request, public_id)
    if request.method == "POST":
        return _submit(request, resource)
    if resource.state != ResourceState.ACTIVE or open_change(resource):
        return redirect("catalog:resource", public_id=public_id)
    preview_url = reverse("catalog:resource-change-preview", args=[public_id])
    kept = kept_input(request, request.path, preview_url)
    return _page(request, resource, _shown_again(resource, kept) if kept else _begun(resource))


@require_POST
def resource_change_preview(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """What the answers so far would mean. Nothing is stored."""
    resource = _get(request, public_id)
    if not wants_panel(request):
        return _page(request, resource, _shown_again(resource, request.POST))
    form = ChangeForm(request.POST, resource=resource)
    context = {
        "panel": _panel(resource, form),
        "resource": resource,
        "project": resource.project,
        "ask_more_link": asking_more_for(resource),
    }
    return render(request, PANEL, context)


def _submit(request: PersonRequest, resource: Resource) -> HttpResponse:
    form = ChangeForm(request.POST, resource=resource)
    refusal: DomainError | None = None
    if form.is_valid():
        try:
            address = _send(request, resource, form)
        except DomainError as error:
            refusal = error
            form.show(error)
        else:
            return HttpResponseRedirect(address, status=HTTPStatus.SEE_OTHER)
    return _page(request, resource, form, refusal=refusal)


def _send(request: PersonRequest, resource: Resource, form: ChangeForm) -> str:
    """Have it done at once or order it; the address to go on to."""
    wanted = form.wanted()
    if wanted.end_date and is_only_shorter(resource, wanted):
        shorten_term(resource.public_id, end_date=wanted.end_date, actor=request.user)
        messages.success(request, _("The end date is {day} now.").format(day=_ends_on(wanted)))
        return reverse("catalog:resource", args=[resource.public_id])
    order, _is_new = place_change(
        requested_by=request.user,
        resource=resource,
        purpose=form.cleaned_data["purpose"],
        answers=form.answers(),
        end_date=wanted.end_date,
        idempotency_key=str(form.cleaned_data["idempotency_key"]),
    )
    text = _("Order {number} is sent. The budget holder decides. Usually within 1 working day.")
    messages.success(request, text.format(number=order.number))
    return reverse("catalog:order", args=[order.public_id])


def _page(
    request: PersonRequest,
    resource: Resource,
    form: ChangeForm,
    *,
    refusal: DomainError | None = None,
) -> HttpResponse:
    form.draw_cards(option_prices(form.parameters, resource.project))
    context: dict[str, Any] = {
        "resource": resource,
        "kind": get_kind(resource.kind),
        "project": resource.project,
        "form": form,
        "panel": _panel(resource, form),
        "refusal": refusal,
        "shortage": shortage_of(refusal),
        "ask_more_link": asking_more_for(resource),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, PAGE, context, status=refusal.http_status if refusal else status)


def _begun(resource: Resource) -> ChangeForm:
    return ChangeForm(resource=resource)


def _shown_again(resource: Resource, answers: QueryDict) -> ChangeForm:
    """The form with these answers, whether or not they are right."""
    form = ChangeForm(resource=resource)
    form.initial = {name: answers.get(name, "") for name in form.fields}
    return form


def _panel(resource: Resource, form: ChangeForm) -> ChangePanel:
    """Read what the form says so far, sent or not."""
    read = form if form.is_bound else ChangeForm(_as_typed(form), resource=resource)
    decisive = ["end_date", *(item.name for item in read.parameters)]
    problems = [
        f"{read.fields[name].label}: {' '.join(map(str, read.errors[name]))}"
        for name in decisive
        if name in read.errors
    ]
    if problems:
        return ChangePanel(problems=problems)
    wanted = read.wanted()
    if wanted == Wanted(spec=resource.spec, end_date=resource.end_date):
        return ChangePanel(problems=[], is_same=True)
    try:
        preview = preview_change(resource, wanted)
    except DomainError as error:
        return ChangePanel(problems=[str(error)])
    version = version_of(resource)
    return ChangePanel(
        problems=[],
        is_free=is_only_shorter(resource, wanted),
        preview=preview,
        fits=panel_of(preview.consequences, project=resource.project, version=version),
        end_dates=_end_dates(resource, wanted),
    )


def _as_typed(form: ChangeForm) -> dict[str, Any]:
    """What stands in a form that was not sent, as if it were."""
    values = {bound.name: bound.value() for bound in form}
    return {name: "" if value is None else value for name, value in values.items()}


def _end_dates(resource: Resource, wanted: Wanted) -> tuple[str, str] | None:
    if wanted.end_date == resource.end_date:
        return None
    return day_in_words(resource.end_date), _ends_on(wanted)


def _ends_on(wanted: Wanted) -> str:
    return day_in_words(wanted.end_date)


def _get(request: PersonRequest, public_id: UUID) -> Resource:
    resources = visible_resources(request.user).select_related(
        "project__parent",
        "claim",
        "order_line__offering_version__offering",
        "order_line__offering_version__cloud",
    )
    resource = get_object_or_404(resources, public_id=public_id)
    if not may_change(request.user, resource):
        raise PermissionDenied
    return resource
