"""What a thing uses: amounts of SKUs. The word in which the catalogue talks to billing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final


class Measure(StrEnum):
    """What a cloud counts in bytes: what is stored now, or what passed by since it began."""

    STORED = "stored"
    TRAFFIC = "traffic"


# How the codes of what is paid besides use begin: for each thing that is delivered.
FEE: Final = "fee."

# The one unit whose quantity is what the cloud counts; values of ``billing.models.PriceUnit``.
_UNITS: Final = {Measure.STORED: "gib_month", Measure.TRAFFIC: "gib"}
_MEASURED: Final[dict[str, Measure]] = {}


def register_measured(sku: str, measure: Measure) -> None:
    """Have no other price of this SKU than per what the cloud counts. For an app that is ready."""
    _MEASURED[sku] = measure


def unit_of_measured(sku: str) -> str | None:
    """The only unit that fits what is measured of a SKU; None where nothing is."""
    measure = _MEASURED.get(sku)
    return _UNITS[measure] if measure else None


def unit_fits(sku: str, unit: str) -> bool:
    """Whether the SKU may cost something per this unit: a fee is of a thing, whatever its size."""
    measured = unit_of_measured(sku)
    if measured:
        return unit == measured
    return not (sku.startswith(FEE) and unit in _UNITS.values())


@dataclass(frozen=True)
class Meter:
    """``quantity`` (positive) of the SKU with code ``sku``, for as long as the thing exists.

    What is measured has no quantity beforehand (0): the cloud is asked what it is. ``expected`` is
    what is known of it: the most GiB that can be stored, or the GiB that are thought to pass in a
    month; 0 is nothing.
    """

    sku: str
    quantity: Decimal
    measure: Measure | None = None
    expected: Decimal = Decimal(0)

    @classmethod
    def measured(cls, sku: str, measure: Measure, *, expected: int | Decimal = 0) -> Meter:
        """What is used of ``sku`` is what the cloud counts."""
        return cls(sku, Decimal(0), measure, Decimal(expected))


def quantity_by_sku(meters: Iterable[Meter]) -> dict[str, Decimal]:
    """Add up the meters of one SKU: a thing holds each SKU once, in one quantity."""
    quantities: defaultdict[str, Decimal] = defaultdict(Decimal)
    for meter in meters:
        quantities[meter.sku] += meter.quantity
    return dict(quantities)


def expected_by_sku(meters: Iterable[Meter]) -> dict[str, Decimal]:
    """Add up what is expected of each SKU, without those of which nothing is."""
    expected: defaultdict[str, Decimal] = defaultdict(Decimal)
    for meter in meters:
        if meter.expected:
            expected[meter.sku] += meter.expected
    return dict(expected)
