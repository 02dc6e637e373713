"""What waits of places where data can stand, and of how sovereign they must be."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _

from catalog.models import SealMinimum, SupplyProfile
from catalog.offering_policies import DECIDERS
from catalog.placement_policies import minimums_to_decide, supplies_to_decide
from catalog.views.placement.minimums import name_of_minimum
from catalog.views.placement.supply_wording import name_of
from portal.identity.access import roles_of
from portal.identity.models import Person
from portal.web.headlines import SHOWN
from portal.web.home_tasks.task import Task


def proposals(person: Person) -> list[Task]:
    """Assessments of places and lowest SEALs to decide on."""
    if roles_of(person).isdisjoint(DECIDERS):
        return []
    supplies = supplies_to_decide(person).select_related("cloud", "offering", "proposed_by")
    minimums = minimums_to_decide(person).select_related("proposed_by")
    return [
        *[_supply_task(proposed) for proposed in supplies.order_by("proposed_at")[:SHOWN]],
        *[_minimum_task(proposed) for proposed in minimums.order_by("proposed_at")[:SHOWN]],
    ]


def _supply_task(proposed: SupplyProfile) -> Task:
    return Task(
        icon="world",
        tone="",
        title=_("Assessment of {place}").format(place=name_of(proposed)),
        text=_("{proposer} proposes this. Once confirmed it decides what may stand there.").format(
            proposer=proposed.proposed_by.name
        ),
        url=reverse("catalog:supply", args=[proposed.public_id]),
        button=_("Decide"),
    )


def _minimum_task(proposed: SealMinimum) -> Task:
    return Task(
        icon="world",
        tone="",
        title=_("Lowest sovereignty: {level}").format(level=name_of_minimum(proposed)),
        text=_("{proposer} proposes this. Once confirmed it decides what may stand where.").format(
            proposer=proposed.proposed_by.name
        ),
        url=reverse("catalog:seal-minimum", args=[proposed.public_id]),
        button=_("Decide"),
    )
