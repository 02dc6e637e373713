"""What a thing uses: amounts of SKUs. The word in which the catalogue talks to billing."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Meter:
    """``quantity`` (positive) of the SKU with code ``sku``, for as long as the thing exists."""

    sku: str
    quantity: Decimal
