"""What stands on a statement, in the language of the moment: for pages and for the document."""

from __future__ import annotations

from django.utils.translation import gettext as _

from billing.models import LineKind, Statement, StatementLine
from billing.models.statement import SHARES
from portal.core.calendar import last_day_before
from portal.core.formats import day, quantity, unit_price
from portal.identity.models import VatTreatment


def period_of(statement: Statement) -> str:
    """From the first to the last day of the month."""
    period = statement.month.period
    return _("{first} up to and including {last}").format(
        first=day(period.start), last=day(last_day_before(period.end))
    )


def quantity_of(line: StatementLine) -> str:
    """How much of its unit; nothing where money moves without any use."""
    without_use = (LineKind.CREDIT, LineKind.SET_OFF, *SHARES)
    return "" if line.kind in without_use else quantity(line.quantity)


def price_of(line: StatementLine) -> str:
    """What one unit costs; nothing of what is shared, which has no price."""
    if not line.unit:
        return ""
    return f"{unit_price(line.unit_price)} {line.get_unit_display()}"


def vat_note(statement: Statement) -> str:
    """Amounts are without VAT; and how the payer is taxed, where that is known."""
    treatment = statement.parties.get("vat_treatment")
    if not treatment:
        return _("Amounts are without VAT.")
    label = VatTreatment(treatment).label
    return _("Amounts are without VAT. {treatment}.").format(treatment=label)
