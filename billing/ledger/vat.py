"""How a payer is taxed, in the letters that ledgers and e-invoices know (UN/CEFACT 5305)."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Final


class VatCategory(StrEnum):
    STANDARD = "S"
    EXEMPT = "E"
    OUTSIDE_SCOPE = "O"


# By the value of portal.identity.models.VatTreatment; settings are read before there are models.
CATEGORY_BY_TREATMENT: Final = {
    "standard_21": VatCategory.STANDARD,
    "exempt": VatCategory.EXEMPT,
    "outside_scope": VatCategory.OUTSIDE_SCOPE,
}
PERCENT: Final = {VatCategory.STANDARD: Decimal(21), VatCategory.EXEMPT: Decimal(0)}
