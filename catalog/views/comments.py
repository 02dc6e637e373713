"""What people say to each other under an order, on every page that shows it."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import QuerySet
from django.urls import reverse

from catalog.forms import CommentForm
from catalog.models import Order, OrderComment
from portal.identity.oidc.step_up import kept_input
from portal.identity.requests import PersonRequest

AnyForm = TypeVar("AnyForm", bound=CommentForm)


def comments_of(order: Order) -> QuerySet[OrderComment]:
    """All of them, the oldest first."""
    return OrderComment.objects.filter(order=order).select_related("author").order_by("pk")


def begun_form(request: PersonRequest, kind: type[AnyForm], route: str, order: Order) -> AnyForm:
    """A form with what the person wrote for this route when they had to log in again."""
    kept = kept_input(request, reverse(route, args=[order.public_id]))
    return kind(initial={"text": kept.get("text", "") if kept else ""})
