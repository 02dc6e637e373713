"""Journal lines (journaalregels): what statements come to, as entries for a ledger.

Always in Dutch, whoever asks: a ledger reads the same file every month.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

from django.conf import settings
from django.db.models import Prefetch, QuerySet
from django.http import HttpResponseBase
from django.utils import translation

from billing.bookings import Booking, bookings_of
from billing.ledger.layout import Field, Layout
from billing.models import Statement, StatementLine
from portal.core.calendar import day_of
from portal.core.sheets import answer_file

Value = str | Decimal

LANGUAGE: Final = "nl"
_AT_A_TIME: Final = 100  # statements


def answer_journal(statements: QuerySet[Statement], form: str, name: str) -> HttpResponseBase:
    """The lines to download; see ``answer_file``."""
    with translation.override(LANGUAGE):  # semicolons, and a comma before the decimals
        return answer_file(journal_rows(_with_lines(statements)), form, f"journaal-{name}")


def journal_rows(statements: Iterable[Statement]) -> Iterator[Sequence[Value]]:
    """What the columns are called, and then the lines. They add up to the totals.

    Args:
        statements: with their lines, in the order of the file.
    """
    layout: Layout = settings.LEDGER.layout
    yield [column.header for column in layout.columns]
    for statement in statements:
        with translation.override(LANGUAGE):
            bookings = bookings_of(statement.lines.all())
        for booking in bookings:
            known = _known(statement, booking, layout)
            yield [
                known[column.field] if column.field else column.value for column in layout.columns
            ]


def _with_lines(statements: QuerySet[Statement]) -> Iterator[Statement]:
    lines = StatementLine.objects.select_related("sku", "used_in").order_by("position")
    return (
        statements.defer("document")
        .select_related("month")
        .prefetch_related(Prefetch("lines", queryset=lines))
        .order_by("year", "sequence")
        .iterator(chunk_size=_AT_A_TIME)
    )


def _known(statement: Statement, booking: Booking, layout: Layout) -> Mapping[Field, Value]:
    parties = statement.parties
    return {
        Field.BOOKING_DATE: day_of(statement.issued_at).strftime(layout.date_format),
        Field.PERIOD: statement.month.first_day.strftime(layout.period_format),
        Field.LEDGER_ACCOUNT: layout.ledger_account(booking.service_category),
        Field.COST_CENTER: booking.cost_center or "",
        Field.COST_OBJECT: booking.cost_object or "",
        Field.COST_TYPE: layout.cost_type(booking.service_category),
        Field.COMMITMENT_NUMBER: booking.commitment_number or "",
        Field.AMOUNT: booking.amount,
        Field.CURRENCY: statement.currency,
        Field.VAT_CODE: layout.vat_codes.get(parties.get("vat_treatment", ""), ""),
        Field.DESCRIPTION: ", ".join(filter(None, (booking.project_name, booking.note))),
        Field.SOURCE_ID: f"{statement.number}/{booking.first_position}",
        Field.PAYER: parties["payer"],
        Field.PAYER_OIN: parties.get("payer_oin", ""),
    }
