"""A statement may have tens of thousands of lines: they pass, and few are in memory at a time."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from billing.bookings import bookings_of
from billing.einvoice.invoice import make_invoice
from billing.ledger.journal import journal_rows
from billing.models import BillingMonth, LineKind, Sku, Statement, StatementLine
from tests.billing.einvoice.conftest import known, taxed
from tests.billing.months.conftest import OCTOBER, SEPTEMBER, around_the_triggers
from tests.factories import make_organization, make_project
from tests.factories.billing import MeteredResourceFactory, UsageSpanFactory

__all__ = ["known", "taxed"]  # fixtures
SKU = Sku(service_category="Compute")
MONTH = BillingMonth(first_day=date(2026, 9, 1))


def line(position: int) -> StatementLine:
    return StatementLine(
        position=position,
        sku=SKU,
        kind=LineKind.USAGE,
        used_in=MONTH,
        names={"project": f"project {position % 2}"},
        amount=Decimal(position),
    )


def test_bookings_keep_no_lines_but_their_first() -> None:
    given: list[weakref.ref[StatementLine]] = []
    most = 0

    def lines() -> Iterator[StatementLine]:
        nonlocal most
        for position in range(1, 101):
            one = line(position)
            given.append(weakref.ref(one))
            yield one
            most = max(most, sum(ref() is not None for ref in given))

    bookings = bookings_of(lines())

    assert [booking.line_count for booking in bookings] == [50, 50]
    assert [booking.first_position for booking in bookings] == [2, 1]
    assert sum(booking.amount for booking in bookings) == 5050
    assert most <= 4  # one of each booking, and those at hand


@pytest.mark.django_db
def test_journal_keeps_statements_apart_and_in_their_order(close: Any, server: Any) -> None:
    other = make_project(make_organization(name="Andere dienst"), name="Ander project")
    UsageSpanFactory(resource=MeteredResourceFactory(project=other), started_at=SEPTEMBER.start)
    close(SEPTEMBER)
    close(OCTOBER)

    _head, *rows = journal_rows(Statement.objects.all())

    statements = Statement.objects.order_by("year", "sequence")
    assert len(rows) == 4
    assert [row[-1] for row in rows] == [f"{one.number}/1" for one in statements]
    assert [row[7] for row in rows] == [one.total for one in statements]


@pytest.mark.django_db
def test_invoice_of_many_lines_reads_no_document_of_what_is_put_right(
    close: Any, server: Any, taxed: Any
) -> None:
    close(SEPTEMBER)
    around_the_triggers("UPDATE billing_statement SET document = 'pdf'")
    server.spans.update(ended_at=SEPTEMBER.start.replace(day=16))
    close(OCTOBER)
    read: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        read.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        invoice = make_invoice(Statement.objects.defer("document").get(sequence=2))

    assert invoice.preceding == ("2026-000001",)
    assert not any('"document"' in sql for sql in read)
