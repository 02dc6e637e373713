"""Journal lines (journaalregels): what statements come to, as entries for a ledger.

Always in Dutch, whoever asks: a ledger reads the same file every month.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby, islice
from operator import attrgetter
from typing import Final

from django.conf import settings
from django.db.models import QuerySet
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
_LINES_AT_A_TIME: Final = 2000


def answer_journal(statements: QuerySet[Statement], form: str, name: str) -> HttpResponseBase:
    """The lines to download; see ``answer_file``."""
    with translation.override(LANGUAGE):  # semicolons, and a comma before the decimals
        return answer_file(journal_rows(statements), form, f"journaal-{name}")


def journal_rows(statements: QuerySet[Statement]) -> Iterator[Sequence[Value]]:
    """What the columns are called, and then the lines, by number. They add up to the totals.

    However many lines statements have: in memory is what one of them is booked as.
    """
    layout: Layout = settings.LEDGER.layout
    yield [column.header for column in layout.columns]
    for statement, bookings in _with_bookings(statements):
        for booking in bookings:
            known = _known(statement, booking, layout)
            yield [
                known[column.field] if column.field else column.value for column in layout.columns
            ]


def _with_bookings(
    statements: QuerySet[Statement],
) -> Iterator[tuple[Statement, list[Booking]]]:
    ordered = statements.defer("document").select_related("month").order_by("year", "sequence")
    waiting = ordered.iterator(chunk_size=_AT_A_TIME)
    while some := {statement.pk: statement for statement in islice(waiting, _AT_A_TIME)}:
        lines = StatementLine.objects.filter(statement__in=some).select_related("sku", "used_in")
        in_order = lines.order_by("statement__year", "statement__sequence", "position")
        streamed = in_order.iterator(chunk_size=_LINES_AT_A_TIME)
        for pk, own in groupby(streamed, attrgetter("statement_id")):
            with translation.override(LANGUAGE):
                bookings = bookings_of(own)
            yield some[pk], bookings


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
