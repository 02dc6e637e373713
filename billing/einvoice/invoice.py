"""An e-invoice of a statement, as EN 16931 and NLCIUS see it: made of what never changes.

Amounts are positive on both: what is given back is the amount of a credit note.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from django.conf import settings
from django.utils import translation

from billing.einvoice.parties import Address, Supplier
from billing.errors import (
    InvoiceOutsideVat,
    InvoiceSettingsMissing,
    NothingToInvoice,
    VatTreatmentUnknown,
)
from billing.ledger.vat import CATEGORY_BY_TREATMENT, PERCENT, VatCategory
from billing.models import PriceUnit, Statement, StatementLine
from portal.core.calendar import day_of, last_day_before

CENT: Final = Decimal("0.01")
_LINES_AT_A_TIME: Final = 2000
ONE_PIECE: Final = "C62"  # UN/ECE Recommendation 20
UNIT_CODES: Final = {
    PriceUnit.MONTH.value: "MON",
    PriceUnit.HOUR.value: "HUR",
    PriceUnit.GIB_MONTH.value: ONE_PIECE,  # it has no code of its own
    PriceUnit.ONE_OFF.value: ONE_PIECE,
    PriceUnit.GIB.value: ONE_PIECE,
}
_NEEDED: Final = (
    *("street", "postal_code", "city", "kvk_number"),
    *("vat_number", "iban", "contact_name", "contact_email"),
)


@dataclass(frozen=True, kw_only=True)
class InvoiceLine:
    """One SKU of one cost centre at one price; ``amount`` is quantity times price, in cents."""

    name: str
    description: str
    sku: str
    cost_center: str
    quantity: Decimal
    unit_code: str
    price: Decimal
    amount: Decimal


@dataclass(frozen=True, kw_only=True)
class Invoice:
    """Attributes:
    commitment_number: the order, where all lines have the same; else empty.
    preceding: the statements that are put right.
    """

    number: str
    is_credit_note: bool
    issued_on: date
    first_day: date
    last_day: date
    currency: str
    commitment_number: str
    preceding: tuple[str, ...]
    supplier_name: str
    supplier: Supplier
    customer_name: str
    customer_oin: str
    customer: Address
    category: VatCategory
    lines: tuple[InvoiceLine, ...]

    @property
    def percent(self) -> Decimal:
        return PERCENT[self.category]

    @property
    def net(self) -> Decimal:
        return sum((line.amount for line in self.lines), Decimal(0))

    @property
    def vat(self) -> Decimal:
        """On the whole, not on each line."""
        return in_cents(self.net * self.percent / 100)


def in_cents(amount: Decimal) -> Decimal:
    """Half a cent goes away from zero, as tax law and EN 16931 have it."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def may_be_invoiced(statement: Statement) -> bool:
    """True for who is not outside the scope of VAT, and pays or gets something."""
    treatment = statement.parties.get("vat_treatment")
    category = CATEGORY_BY_TREATMENT.get(treatment or "")
    return category in PERCENT and statement.total != 0


def make_invoice(statement: Statement) -> Invoice:
    """Return the invoice, or the credit note when it gives back more than it asks. In Dutch.

    Raises:
        InvoiceOutsideVat, VatTreatmentUnknown, NothingToInvoice: there is none of this statement.
        InvoiceSettingsMissing: the settings lack what it must say.
    """
    category = _category(statement)
    supplier, customer = _parties(statement, category)
    is_credit_note = statement.total < 0
    with translation.override("nl"):
        groups = _grouped(statement)
        made = [group.line(-1 if is_credit_note else 1) for group in groups]
    commitments = {number for group in groups for number in group.commitments}
    corrected = {number for group in groups for number in group.corrected}
    period = statement.month.period
    return Invoice(
        number=statement.number,
        is_credit_note=is_credit_note,
        issued_on=day_of(statement.issued_at),
        first_day=day_of(period.start),
        last_day=last_day_before(period.end),
        currency=statement.currency,
        commitment_number=commitments.pop() if len(commitments) == 1 else "",
        preceding=tuple(sorted(corrected)),
        supplier_name=statement.parties["issuer"],
        supplier=supplier,
        customer_name=statement.parties["payer"],
        customer_oin=statement.parties["payer_oin"],
        customer=customer,
        category=category,
        # Those that come to nothing are left out: receivers do not want them.
        lines=tuple(line for line in made if line.amount),
    )


def _category(statement: Statement) -> VatCategory:
    payer = statement.parties["payer"]
    category = CATEGORY_BY_TREATMENT.get(statement.parties.get("vat_treatment", ""))
    if category is None:
        raise VatTreatmentUnknown(payer=payer)
    if category not in PERCENT:
        raise InvoiceOutsideVat(payer=payer)
    if not statement.total:
        raise NothingToInvoice(number=statement.number)
    return category


def _parties(statement: Statement, category: VatCategory) -> tuple[Supplier, Address]:
    supplier: Supplier = settings.LEDGER.supplier
    needed = (*_NEEDED, *(["exemption_code"] if category == VatCategory.EXEMPT else []))
    missing = [f"supplier.{name}" for name in needed if not getattr(supplier, name)]
    oin = statement.parties.get("payer_oin", "")
    customer = settings.LEDGER.customers.get(oin)
    if not oin:
        missing.append(f"OIN ({statement.parties['payer']})")
    elif customer is None:
        missing.append(f"customers.{oin}")
    if missing or customer is None:
        raise InvoiceSettingsMissing(names=", ".join(missing))
    return supplier, customer


def _grouped(statement: Statement) -> list[_Group]:
    """The lines of a statement as those of its invoice, in their order; none is kept but the first
    of a group.
    """
    groups: dict[tuple[object, ...], _Group] = {}
    lines = statement.lines.select_related("sku", "used_in", "corrects__statement")
    streamed = lines.defer("corrects__statement__document").order_by("position")
    for line in streamed.iterator(chunk_size=_LINES_AT_A_TIME):
        key = (line.sku.code, line.cost_center, line.unit, line.unit_price, line.note)
        groups.setdefault(key, _Group(first=line)).add(line)
    return list(groups.values())


@dataclass(kw_only=True)
class _Group:
    """What becomes one line of an invoice; ``corrected``: numbers of statements."""

    first: StatementLine
    amount: Decimal = Decimal(0)
    quantity: Decimal = Decimal(0)
    projects: set[str] = field(default_factory=set)
    commitments: set[str] = field(default_factory=set)
    corrected: set[str] = field(default_factory=set)

    def add(self, line: StatementLine) -> None:
        self.amount += line.amount
        self.quantity += line.quantity
        self.projects.add(line.project_name)
        self.commitments.add(line.commitment_number or "")
        if line.corrects:
            self.corrected.add(line.corrects.statement.number)

    def line(self, sign: int) -> InvoiceLine:
        """With the real quantity and price, where they come to the amount; else as one piece.

        They do not where several lines were each rounded, or money was given back without any use.
        """
        first = self.first
        amount = sign * self.amount
        quantity = sign * self.quantity.normalize()
        is_exact = in_cents(quantity * first.unit_price) == amount
        projects = ", ".join(sorted(self.projects))
        return InvoiceLine(
            name=first.service,
            description=f"{projects}. {first.note}" if first.note else projects,
            sku=first.sku.code,
            cost_center=first.cost_center or "",
            quantity=quantity if is_exact else Decimal(1).copy_sign(amount),
            unit_code=UNIT_CODES.get(first.unit, ONE_PIECE) if is_exact else ONE_PIECE,
            price=first.unit_price if is_exact else abs(amount),
            amount=amount,
        )
