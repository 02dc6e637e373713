"""The order form: one page, with beside it what the choices mean while they are made."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from catalog.drafts import read_draft
from catalog.errors import IdempotencyConflict
from catalog.forms import CartForm, OrderForm
from catalog.kinds import get_kind
from catalog.models import CartLine, OfferingVersion, Order
from catalog.order_tag_fields import TAG_FIELD, field_of, tag_answers
from catalog.ordering_policies import Opening, find_opening
from catalog.placement_errors import PlacementRefused
from catalog.policies import (
    offered_versions,
    orderable_projects,
    own_carts,
    projects_to_order_in,
    visible_offerings,
)
from catalog.services.carts import put_in_cart
from catalog.services.offers import option_effects
from catalog.services.order_lines import LineRequest
from catalog.services.orders import place_order
from catalog.services.sources import offered_in
from catalog.views.catalogue import choose_project
from catalog.views.order_copy import Copy, copy_of_order
from catalog.views.order_panel import read_panel
from catalog.views.order_source import made_from, source_in_address
from catalog.views.quota_request_wording import shortage_of
from portal.core.errors import DomainError, InvalidInput
from portal.identity.models import Project
from portal.identity.oidc.step_up import kept_input
from portal.identity.requests import PersonRequest, wants_panel

CART_LINE: Final = "cart-line"  # in an address: the public id of what is changed in the cart
PAGE: Final = "catalog/order_form/page.html"
ANSWER: Final = "catalog/order_form/_answer.html"
ADVICE: Final[dict[type[DomainError], Promise]] = {
    PlacementRefused: gettext_lazy("Choose another project, or look at what is known of its data."),
}


@require_http_methods(["GET", "HEAD", "POST"])
def order_form(request: PersonRequest, code: str) -> HttpResponse:
    """Ask everything; on POST submit the order."""
    version, projects = _orderable(request, code)
    if request.method == "POST":
        return _submit(request, version, projects)
    form = OrderForm(version=version, projects=projects)
    drafts = [
        reverse(f"catalog:{name}", args=[code])
        for name in ("order-preview", "order-to-cart", "order-ask-more")
    ]
    kept = kept_input(request, request.path, *drafts)
    line = _line_in_cart(request, version)
    project = choose_project(projects, request.GET.get("project", ""))
    copy = copy_of_order(request, version)
    source = source_in_address(request)
    if kept:
        _show_again(form, kept)
    elif line:
        form.initial = {
            **line.spec,
            "project": str(line.cart.project.public_id),
            "name": line.name,
            "end_date": line.end_date,
            **tag_answers(line.tags),
        }
    elif source:
        form.initial = made_from(source, form, projects)
    elif copy:
        form.initial = copy.answers(projects)
    elif project:
        form.initial = {"project": str(project.public_id)}
    return _page(request, version, form, copy=copy)


@require_POST
def order_to_cart(request: PersonRequest, code: str) -> HttpResponse:
    """Put in the cart what was filled in, or let it replace what the address names there."""
    put = _put_what_was_filled_in(request, code)
    if not isinstance(put, CartLine):
        return put
    messages.success(request, _("It is in your cart. Nothing is reserved yet."))
    return redirect("catalog:cart")


@require_POST
def order_ask_more(request: PersonRequest, code: str) -> HttpResponse:
    """Keep in the cart what was filled in, and go on to ask for the quota that it lacks.

    The address says which quota, as it will that of the request.
    """
    put = _put_what_was_filled_in(request, code)
    if not isinstance(put, CartLine):
        return put
    asked = {name: request.GET.get(name, "") for name in ("node", "metric", "amount")}
    query = urlencode({**asked, "cart": put.cart.public_id})
    return redirect(f"{reverse('catalog:quota-request-new')}?{query}")


def _put_what_was_filled_in(request: PersonRequest, code: str) -> CartLine | HttpResponse:
    """Put it in the cart; or the form, with why it cannot be there."""
    version, projects = _orderable(request, code)
    line = _line_in_cart(request, version)
    form = CartForm(request.POST, version=version, projects=projects)
    form.offer_tags()
    refusal: DomainError | None = None
    if form.is_valid():
        try:
            return put_in_cart(
                owner=request.user,
                project=form.cleaned_data["project"],
                offering=version.offering,
                name=form.cleaned_data["name"],
                spec=form.spec(),
                end_date=form.cleaned_data["end_date"],
                purpose=form.cleaned_data["purpose"],
                instead_of=line.public_id if line else None,
                tags=form.tags(),
            )
        except DomainError as error:
            refusal = _put_at_its_field(form, error)
    return _page(request, version, form, refusal=refusal)


def _line_in_cart(request: PersonRequest, version: OfferingVersion) -> CartLine | None:
    """What of this offering in the person's cart the address names; None when it names none."""
    public_id = request.GET.get(CART_LINE)
    if not public_id:
        return None
    lines = CartLine.objects.filter(cart__in=own_carts(request.user), offering=version.offering_id)
    try:
        line = lines.select_related("cart__project").filter(public_id=public_id).first()
    except ValidationError:  # that is no id
        line = None
    if line is None:
        raise Http404
    return line


@require_POST
def order_preview(request: PersonRequest, code: str) -> HttpResponse:
    """What the choices so far would mean; incomplete is not wrong here. Nothing is stored."""
    opening = _opening(request, code)
    if opening:
        return _panel_alone(request, opening)
    version, projects = _orderable(request, code)
    form = OrderForm(version=version, projects=projects)
    _show_again(form, request.POST)
    if request.POST.get("cards_for") not in {"", None, request.POST.get("project")}:
        _forget_tags(form)  # another project may inherit others
    if not wants_panel(request):
        return _page(request, version, form)
    form.offer_own()
    project = form.chosen_project()
    is_other_project = project and request.POST.get("cards_for") != str(project.public_id)
    if project and is_other_project:
        form.draw_cards(option_effects(version, form.parameters, project))
    context = {
        "form": form,
        "panel": read_panel(version, form.read_draft(), form.parameters),
        "project": project,
        "redraws_cards": is_other_project,
        **_asking_more(request, version),
    }
    return render(request, ANSWER, context)


def _opening(request: PersonRequest, code: str) -> Opening | None:
    """What is ordered and where; None where more must be drawn than the panel, or refused."""
    typed = request.POST.get("project", "")
    if not wants_panel(request) or request.POST.get("cards_for") != typed:
        return None
    try:
        return find_opening(request.user, code, UUID(typed))
    except ValueError:  # that is no id
        return None


def _panel_alone(request: PersonRequest, opening: Opening) -> HttpResponse:
    """The answer while somebody goes on choosing. It needs no form."""
    version, project, typed = opening.version, opening.project, request.POST
    parameters = get_kind(version.offering.kind).parameters(version)
    draft = read_draft(version, parameters, project, typed)
    if draft.spec is None:  # unless what runs in the project was chosen, or must be
        parameters = offered_in(parameters, project, version.cloud)
        draft = read_draft(version, parameters, project, typed)
    context = {
        "panel": read_panel(version, draft, parameters),
        "project": project,
        **_asking_more(request, version),
    }
    return render(request, ANSWER, context)


def _show_again(form: OrderForm, answers: QueryDict) -> None:
    """Draw the form with these answers, whether or not they are right."""
    tags = [name for name in answers if name.startswith(TAG_FIELD)]
    form.initial = {name: answers.get(name, "") for name in [*form.fields, *tags]}


def _forget_tags(form: OrderForm) -> None:
    kept = {name: said for name, said in form.initial.items() if not name.startswith(TAG_FIELD)}
    form.initial = kept


def _orderable(request: PersonRequest, code: str) -> tuple[OfferingVersion, list[Project]]:
    """What can be ordered now, and where this person may order it.

    Where they may, they see it too; only who may not is asked what they see.
    """
    version = get_object_or_404(offered_versions(), offering__code=code)
    projects = list(projects_to_order_in(request.user, version).select_related("parent"))
    if projects:
        return version, projects
    is_seen = visible_offerings(request.user).filter(pk=version.pk).exists()
    if not is_seen or orderable_projects(request.user).exists():
        raise Http404  # to them, or where they order, it does not exist
    raise PermissionDenied


def _submit(
    request: PersonRequest, version: OfferingVersion, projects: list[Project]
) -> HttpResponse:
    form = OrderForm(request.POST, version=version, projects=projects)
    form.offer_own()
    refusal: DomainError | None = None
    if form.is_valid():
        try:
            order = _place(request, version, form)
        except DomainError as error:
            refusal = _put_at_its_field(form, error)
        else:
            messages.success(request, _sent(order))
            address = reverse("catalog:order", args=[order.public_id])
            return HttpResponseRedirect(address, status=HTTPStatus.SEE_OTHER)
    if "idempotency_key" in form.errors:
        form.renew_key()
    return _page(request, version, form, refusal=refusal)


def _place(request: PersonRequest, version: OfferingVersion, form: OrderForm) -> Order:
    answers = form.cleaned_data
    line = LineRequest(
        version=version,
        name=answers["name"],
        spec=form.spec(),
        end_date=answers["end_date"],
        tags=form.tags(),
    )
    order, _is_new = place_order(
        requested_by=request.user,
        project=answers["project"],
        purpose=answers["purpose"],
        lines=[line],
        idempotency_key=str(answers["idempotency_key"]),
    )
    return order


def _put_at_its_field(form: OrderForm, error: DomainError) -> DomainError | None:
    """Show the refusal where it can be mended; return it when that is not at a field."""
    if isinstance(error, IdempotencyConflict):
        text = _("You sent this page before, as another order. Send it again to order this too.")
        form.add_error("idempotency_key", text)
    elif isinstance(error, InvalidInput):
        for name, texts in error.errors.items():
            field = field_of(name)
            form.add_error(field if field in form.fields else None, texts)
    elif error.field in form.fields:
        form.add_error(error.field, str(error))
    else:
        return error
    return None


def _sent(order: Order) -> str:
    text = _("Order {number} is sent. The budget holder decides. Usually within 1 working day.")
    return text.format(number=order.number)


def _page(
    request: PersonRequest,
    version: OfferingVersion,
    form: OrderForm,
    *,
    refusal: DomainError | None = None,
    copy: Copy | None = None,
) -> HttpResponse:
    if not form.is_bound:
        form.offer_own()
    project = form.chosen_project()
    if project:
        form.draw_cards(option_effects(version, form.parameters, project))
    context: dict[str, Any] = {
        "version": version,
        "form": form,
        "panel": read_panel(version, form.read_draft(), form.parameters),
        "project": project,
        "refusal": refusal,
        "shortage": shortage_of(refusal),
        "copy": copy,
        "cart_line": request.GET.get(CART_LINE, ""),
        "advice": ADVICE.get(type(refusal)) if refusal else None,
        **_asking_more(request, version),
    }
    return render(request, PAGE, context, status=_status(form, refusal))


def _asking_more(request: PersonRequest, version: OfferingVersion) -> dict[str, str]:
    """Where the buttons send the form that ask for more quota, without which and for what."""
    address = reverse("catalog:order-ask-more", args=[version.offering.code])
    line = request.GET.get(CART_LINE)
    about = urlencode({CART_LINE: line}) + "&" if line else ""
    return {"ask_more": f"{address}?{about}"}


def _status(form: OrderForm, refusal: DomainError | None) -> int:
    if refusal:
        return refusal.http_status
    return HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
