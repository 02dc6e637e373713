"""The cart: what somebody collected in each project, what it means together, and ordering it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from catalog.models import Cart, CartLine
from catalog.policies import own_carts
from catalog.services.carts import Looked, look_at, look_at_all, order_cart, take_from_cart
from catalog.views.order_panel import Panel, panel_of
from catalog.views.quota_request_wording import Shortage, shortage_of
from catalog.views.wording import spec_in_words, tags_in_words
from portal.core.errors import DomainError, InvalidInput
from portal.identity.requests import PersonRequest

_NUMBER = re.compile("[0-9]{1,9}")


@dataclass(frozen=True, kw_only=True)
class CartOnPage:
    """One project's cart. ``panel``: what all of it means; None while a line is not right."""

    cart: Cart
    rows: list[tuple[Looked, list[tuple[str, str]]]]
    panel: Panel | None
    problem: str = ""
    purpose: str = ""
    error: DomainError | None = None

    @property
    def purpose_error(self) -> str:
        errors = self.error.errors if isinstance(self.error, InvalidInput) else {}
        return " ".join(errors.get("purpose", []))

    @property
    def shortage(self) -> Shortage | None:
        return shortage_of(self.error)

    @property
    def ask_more_link(self) -> str:
        """Where more quota is asked for this cart; the address goes on with which."""
        return f"{reverse('catalog:quota-request-new')}?cart={self.cart.public_id}&"

    @property
    def refusal(self) -> str:
        """What was said that is not about the purpose."""
        if isinstance(self.error, InvalidInput):
            errors = {name: said for name, said in self.error.errors.items() if name != "purpose"}
            return " ".join(text for texts in errors.values() for text in texts)
        return str(self.error) if self.error else ""


@require_safe
def cart_list(request: PersonRequest) -> HttpResponse:
    """Everything that the person collected, by project."""
    return _page(request)


@require_POST
def cart_take(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Take one line out."""
    get_object_or_404(CartLine, cart__in=own_carts(request.user), public_id=public_id)
    try:
        take_from_cart(public_id, owner=request.user)
    except Cart.DoesNotExist as error:
        raise Http404 from error
    messages.success(request, _("It is taken out."))
    return redirect("catalog:cart")


@require_POST
def cart_order(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Order all that is in the cart of one project."""
    get_object_or_404(Cart, owner=request.user, public_id=public_id)
    purpose, revision = request.POST.get("purpose", ""), request.POST.get("revision", "")
    try:
        order = order_cart(
            public_id,
            owner=request.user,
            purpose=purpose,
            revision=int(revision) if _NUMBER.fullmatch(revision) else -1,
        )
    except DomainError as error:
        return _page(request, of=public_id, purpose=purpose, error=error)
    text = _("Order {number} is sent. The budget holder decides. Usually within 1 working day.")
    messages.success(request, text.format(number=order.number))
    address = reverse("catalog:order", args=[order.public_id])
    return HttpResponseRedirect(address, status=HTTPStatus.SEE_OTHER)


def _page(
    request: PersonRequest,
    *,
    of: UUID | None = None,
    purpose: str = "",
    error: DomainError | None = None,
) -> HttpResponse:
    carts = own_carts(request.user).filter(lines__isnull=False).distinct()
    shown = [
        _shown(cart, purpose, error) if cart.public_id == of else _shown(cart, cart.purpose)
        for cart in carts.select_related("project__parent").order_by("project__name", "pk")
    ]
    status = error.http_status if error else HTTPStatus.OK
    return render(request, "catalog/cart/page.html", {"carts": shown}, status=status)


def _shown(cart: Cart, purpose: str, error: DomainError | None = None) -> CartOnPage:
    looked = look_at(cart)
    panel, problem = None, ""
    try:
        together = look_at_all(cart, looked)
    except DomainError as refusal:
        together, problem = None, str(refusal)
    version = looked[0].version if looked else None
    if together and version:
        panel = panel_of(together, project=cart.project, version=version)
    return CartOnPage(
        cart=cart,
        rows=[
            (
                item,
                [*spec_in_words(item.version, item.line.spec), *tags_in_words(item.line.tags)]
                if item.version
                else [],
            )
            for item in looked
        ],
        panel=panel,
        problem=problem,
        purpose=purpose,
        error=error,
    )
