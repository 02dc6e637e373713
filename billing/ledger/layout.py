"""How journal lines are written: which columns, under which headers, with which codes.

The words are Dutch, as the books are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from billing.ledger.vat import CATEGORY_BY_TREATMENT

OTHERWISE: Final = "default"  # the code of every service category that has none of its own


class Field(StrEnum):
    """What a journal line knows; the names stand in the settings of installations."""

    BOOKING_DATE = "booking_date"
    PERIOD = "period"
    LEDGER_ACCOUNT = "ledger_account"
    COST_CENTER = "cost_center"
    COST_OBJECT = "cost_object"
    COST_TYPE = "cost_type"
    COMMITMENT_NUMBER = "commitment_number"
    AMOUNT = "amount"
    CURRENCY = "currency"
    VAT_CODE = "vat_code"
    DESCRIPTION = "description"
    SOURCE_ID = "source_id"
    PAYER = "payer"
    PAYER_OIN = "payer_oin"


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column: what a line knows, or the same ``value`` on every line."""

    header: str
    field: Field | None = None
    value: str = ""


DEFAULT_COLUMNS: Final = tuple(
    Column(header=header, field=known)
    for header, known in (
        ("Boekdatum", Field.BOOKING_DATE),
        ("Periode", Field.PERIOD),
        ("Grootboek", Field.LEDGER_ACCOUNT),
        ("Kostenplaats", Field.COST_CENTER),
        ("Kostendrager", Field.COST_OBJECT),
        ("Kostensoort", Field.COST_TYPE),
        ("Verplichtingnummer", Field.COMMITMENT_NUMBER),
        ("Bedrag", Field.AMOUNT),
        ("Btw-code", Field.VAT_CODE),
        ("Omschrijving", Field.DESCRIPTION),
        ("Bron-id", Field.SOURCE_ID),
    )
)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What the ledger of one installation wants.

    Attributes:
        ledger_accounts, cost_types: by FOCUS ServiceCategory, or ``default``.
        vat_codes: by VatTreatment.
        date_format, period_format: of ``strftime``.
    """

    columns: tuple[Column, ...] = DEFAULT_COLUMNS
    ledger_accounts: Mapping[str, str] = field(default_factory=dict)
    cost_types: Mapping[str, str] = field(default_factory=dict)
    vat_codes: Mapping[str, str] = field(
        default_factory=lambda: {key: str(code) for key, code in CATEGORY_BY_TREATMENT.items()}
    )
    date_format: str = "%d-%m-%Y"
    period_format: str = "%Y-%m"

    def ledger_account(self, service_category: str) -> str:
        """Empty where the settings name none."""
        accounts = self.ledger_accounts
        return accounts.get(service_category, accounts.get(OTHERWISE, ""))

    def cost_type(self, service_category: str) -> str:
        """The service category itself where the settings name none."""
        return self.cost_types.get(
            service_category, self.cost_types.get(OTHERWISE, service_category)
        )
