"""The e-invoice of a statement, as a file that was checked."""

from __future__ import annotations

from billing.einvoice.checker import check_invoice
from billing.einvoice.invoice import make_invoice
from billing.einvoice.ubl import as_ubl
from billing.models import Statement


class BrokenInvoice(Exception):
    """We made a mistake; nobody may get this document."""


def write_invoice(statement: Statement) -> bytes:
    """Return the document.

    Raises:
        DomainError: as ``make_invoice``.
        BrokenInvoice: it breaks a rule of the norm.
    """
    document = as_ubl(make_invoice(statement))
    if broken := check_invoice(document):
        raise BrokenInvoice(f"{statement.number} breaks {', '.join(broken)}")
    return document
