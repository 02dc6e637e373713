"""Ordering again what was ordered before: its answers, as far as they can still be given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.http import Http404

from catalog.models import OfferingVersion, OrderLine
from catalog.policies import visible_orders
from catalog.services.offers import no_longer_offered
from portal.identity.models import Project
from portal.identity.requests import PersonRequest

COPY_OF: Final = "copy-of"  # in an address: the public id of the order


@dataclass(frozen=True, kw_only=True)
class Copy:
    """What to begin a form with.

    ``dropped`` is what was chosen and is no longer offered, in words by question.
    """

    line: OrderLine
    dropped: dict[str, str]

    def answers(self, projects: Sequence[Project]) -> dict[str, Any]:
        """What a form for these projects begins with. Name and end date are asked anew."""
        order = self.line.order
        kept = {name: value for name, value in self.line.spec.items() if name not in self.dropped}
        answers = {**kept, "purpose": order.purpose}
        if order.project in projects:
            answers["project"] = str(order.project.public_id)
        return answers


def copy_of_order(request: PersonRequest, version: OfferingVersion) -> Copy | None:
    """The earlier order that the address names; None when it names none.

    Raises:
        Http404: the person reaches no such order of this offering.
    """
    public_id = request.GET.get(COPY_OF)
    if not public_id:
        return None
    lines = OrderLine.objects.select_related("order__project").filter(
        order__in=visible_orders(request.user),
        offering_version__offering=version.offering_id,
        changes=None,
    )
    try:
        line = lines.filter(order__public_id=public_id).first()
    except ValidationError:  # that is no id
        line = None
    if line is None:
        raise Http404
    dropped = no_longer_offered(version, line.spec, line.order.project)
    return Copy(line=line, dropped=dropped)
