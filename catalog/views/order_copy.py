"""Ordering again what was ordered before: its answers, as far as they can still be given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.http import Http404

from catalog.models import Assembly, OfferingVersion, Order, OrderLine
from catalog.policies import visible_orders
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

    def answers(self, projects: Sequence[Project]) -> dict[str, Any]:
        """What a form for these projects begins with. Name and end date are asked anew."""
        kept = {name: value for name, value in self.spec.items() if name not in self.dropped}
        answers = {**kept, "purpose": self.order.purpose}
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
    return Copy(order=found.order, spec=found.spec, dropped=dropped)
