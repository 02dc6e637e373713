"""Ordering again what was ordered before: its answers, as far as they can still be given."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from catalog.models import Assembly, OfferingVersion, Order, OrderLine
from catalog.order_tag_fields import tag_answers
from catalog.policies import may_copy_to_cart, visible_orders
from catalog.services.cart_copies import LeftOut, copy_to_cart, tags_then
from catalog.services.offers import no_longer_offered
from portal.identity.models import Project
from portal.identity.requests import PersonRequest

COPY_OF: Final = "copy-of"  # in an address: the public id of the order
NAME: Final = "copy-name"  # and how the thing was called, where several are of one offering


@dataclass(frozen=True, kw_only=True)
class Copy:
    """What to begin a form with.

    ``dropped`` is what was chosen and is no longer offered, in words by question.
    """

    order: Order
    spec: Mapping[str, Any]
    dropped: dict[str, str]
    tags: Mapping[str, str]

    def answers(self, projects: Sequence[Project]) -> dict[str, Any]:
        """What a form for these projects begins with. Name and end date are asked anew."""
        kept = {name: value for name, value in self.spec.items() if name not in self.dropped}
        answers = {**kept, **tag_answers(self.tags), "purpose": self.order.purpose}
        if self.order.project in projects:
            answers["project"] = str(self.order.project.public_id)
        return answers


def copy_of_order(request: PersonRequest, version: OfferingVersion) -> Copy | None:
    """The earlier order that the address names; None when it names none.

    Raises:
        Http404: the person reaches no such order of this offering.
    """
    public_id = request.GET.get(COPY_OF)
    if not public_id:
        return None
    asked = {
        "order__in": visible_orders(request.user),
        "offering_version__offering": version.offering_id,
    }
    lines = OrderLine.objects.filter(changes=None, assembly=None, **asked)
    wholes = Assembly.objects.filter(**asked)
    name = request.GET.get(NAME)
    if name and not name.isprintable():
        raise Http404
    if name:
        lines, wholes = lines.filter(name=name), wholes.filter(name=name)
    found: OrderLine | Assembly | None
    try:
        found = (
            lines.filter(order__public_id=public_id).select_related("order__project").first()
            or wholes.filter(order__public_id=public_id).select_related("order__project").first()
        )
    except ValidationError:  # that is no id
        found = None
    if found is None:
        raise Http404
    dropped = no_longer_offered(version, found.spec, found.order.project)
    tags = tags_then(found)
    return Copy(order=found.order, spec=found.spec, dropped=dropped, tags=tags)


@require_POST
def order_lines_to_cart(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Put everything that was ordered in the cart, and say what was left out."""
    orders = visible_orders(request.user).select_related("project")
    order = get_object_or_404(orders, public_id=public_id)
    if not may_copy_to_cart(request.user, order):
        raise PermissionDenied
    copied = copy_to_cart(order, owner=request.user)
    if copied.lines:
        messages.success(request, _put_in_words(len(copied.lines)))
    if copied.left_out:
        messages.warning(request, _left_out_in_words(copied.left_out))
    return redirect("catalog:cart")


def _put_in_words(count: int) -> str:
    return ngettext(
        "{count} thing is put in your cart. Look at its name and end date before you send it.",
        "{count} things are put in your cart. Look at names and end dates before you send it.",
        count,
    ).format(count=count)


def _left_out_in_words(left_out: Sequence[LeftOut]) -> str:
    names: defaultdict[str, list[str]] = defaultdict(list)
    for item in left_out:
        names[item.why].append(item.name)
    return " ".join([_("Left out."), *(f"{', '.join(of)}: {why}" for why, of in names.items())])
