"""What a thing uses: amounts of SKUs. The word in which the catalogue talks to billing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Meter:
    """``quantity`` (positive) of the SKU with code ``sku``, for as long as the thing exists."""

    sku: str
    quantity: Decimal


def quantity_by_sku(meters: Iterable[Meter]) -> dict[str, Decimal]:
    """Add up the meters of one SKU: a thing holds each SKU once, in one quantity."""
    quantities: defaultdict[str, Decimal] = defaultdict(Decimal)
    for meter in meters:
        quantities[meter.sku] += meter.quantity
    return dict(quantities)
