"""What an offering charges by what the cloud counts: a choice of its own, that a version may lack.

What was ordered from an older version, or was never ordered, is charged as it was.
"""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

from billing.meters import Measure
from catalog.kinds.choices import Ticks, Whole
from catalog.kinds.parameters import Option, Text
from catalog.models import OfferingVersion

OBJECTS_STORED: Final = "object.used"
TRAFFIC_PASSED: Final = "load_balancer.traffic"
MEASURED_SKUS: Final = {OBJECTS_STORED: Measure.STORED, TRAFFIC_PASSED: Measure.TRAFFIC}
_NAME: Final = "measured"
# Nothing bounds traffic, so whoever offers it says what is usual.
EXPECTED_TRAFFIC: Final = Whole(
    name="expected_gib",
    label=_("Traffic expected in a month, in GiB"),
    hint=_(
        "What one usually has. Shown as an expectation when somebody orders it; rules for approval,"
        " budgets and quota count with it."
    ),
    highest=1_000_000,
    unit="GiB",
)


def measured_choice(measure: Measure, label: Text) -> Ticks:
    """Whether somebody pays for this by what the cloud counts of it."""
    return Ticks(
        name=_NAME,
        label=_("Paid by what is used"),
        hint=_("We ask the cloud once an hour. Beforehand only the price per GiB is known."),
        options=[Option(value=measure.value, label=label)],
        least=0,
        begins_ticked=False,
    )


def is_measured(version: OfferingVersion, measure: Measure) -> bool:
    return measure in version.choices.get(_NAME, [])
