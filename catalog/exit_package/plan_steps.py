"""The steps of an exit plan that a project tests by itself: planned, and when it must go at once.

Source: Rijksbreed cloudbeleid 2026, § 3.2: an exit plan is tested in both ways. Which steps belong
to a test the policy does not say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

PACKAGE_MADE: Final = "package_made"


class Scenario(StrEnum):
    """Why the project leaves. The words are stored."""

    PLANNED = "planned"
    DISRUPTIVE = "disruptive"


@dataclass(frozen=True)
class PlanStep:
    """One step; ``key`` is stored, ``asks`` says what the evidence shows."""

    key: str
    label: str | Promise
    asks: str | Promise


_STEPS: Final[Mapping[Scenario, Sequence[PlanStep]]] = {
    Scenario.PLANNED: (
        PlanStep(
            PACKAGE_MADE,
            _("The exit package was made"),
            _("When, and who keeps it."),
        ),
        PlanStep(
            "package_checked",
            _("The package was checked"),
            _("What “sha256sum --check SHA256SUMS” answered."),
        ),
        PlanStep(
            "images_fetched",
            _("Images and disks were fetched"),
            _("Where they are now, and how long it took."),
        ),
        PlanStep(
            "data_restored_elsewhere",
            _("The data was put back in another place"),
            _("Where, and how you saw that it is complete."),
        ),
        PlanStep(
            "network_rebuilt",
            _("The network was built again"),
            _("Where, and what “tofu plan” or “terraform plan” answered."),
        ),
        PlanStep(
            "dns_moved",
            _("The names lead to the new place"),
            _("Which name servers have the zone, and how you saw that."),
        ),
        PlanStep(
            "users_told",
            _("The users were told"),
            _("Whom you told, when and how."),
        ),
        PlanStep(
            "data_destroyed_proof",
            _("There is proof that the data was destroyed here"),
            _("Who gave the proof, and where it is kept."),
        ),
    ),
    Scenario.DISRUPTIVE: (
        PlanStep(
            "last_package_found_outside",
            _("The last package was found without this portal"),
            _("Where it was kept, and who could get at it."),
        ),
        PlanStep(
            "data_restored_from_own_copy",
            _("The data was put back from your own copy"),
            _("Where the copy was kept, and how old it was."),
        ),
        PlanStep(
            "network_rebuilt_from_tofu",
            _("The network was built from the description"),
            _("Where, and what had to be done by hand."),
        ),
        PlanStep(
            "dns_moved_without_provider",
            _("The names were moved without the supplier"),
            _("Who manages the domain, and how long it took."),
        ),
        PlanStep(
            "work_goes_on_within_outage",
            _("The work went on in time"),
            _("How long it lay still, beside how long that may be."),
        ),
        PlanStep(
            "lessons_written",
            _("What you learned was written down"),
            _("What you change in the exit plan, and by when."),
        ),
    ),
}


def steps_of(scenario: Scenario) -> Sequence[PlanStep]:
    """The steps of a test, in the order in which somebody goes through them."""
    return _STEPS[scenario]


def step_called(scenario: Scenario, key: str) -> PlanStep | None:
    """The step with this key; None where the test has none."""
    return next((step for step in _STEPS[scenario] if step.key == key), None)
