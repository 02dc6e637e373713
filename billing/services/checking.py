"""Closed months calculated again, from the usage and prices that stand behind each line.

By ``billing.rating``, which shares nothing with the statement that wrote them. What is compared can
only be added to; a difference means that somebody went around the triggers, or that the arithmetic
is not what it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Final

from django.db.models import Sum

from billing.models import BillingMonth, MonthState, Statement, StatementLine, StatementLineSource
from billing.rating import Unit, UnitPrice, Usage, rate_piece
from portal.core.money import to_cents

_AT_A_TIME: Final = 2000


@dataclass(frozen=True, kw_only=True)
class MonthCheck:
    """What calculating a closed month again gave; ``flaws`` is empty when all of it agrees."""

    month: BillingMonth
    statement_count: int
    line_count: int
    flaws: Sequence[str]


def check_months() -> Iterator[MonthCheck]:
    """Calculate every closed month again, the first one first."""
    for month in BillingMonth.objects.filter(state=MonthState.CLOSED).order_by("first_day"):
        yield MonthCheck(
            month=month,
            statement_count=month.statements.count(),
            line_count=StatementLine.objects.filter(statement__month=month).count(),
            flaws=[*_flaws_of_lines(month), *_flaws_of_statements(month), *_gaps(month)],
        )


def _flaws_of_lines(month: BillingMonth) -> Iterator[str]:
    lines = StatementLine.objects.filter(statement__month=month, kind="usage")
    agreeing = set(_agreeing_lines(month))
    for line in lines.select_related("statement").order_by("statement__sequence", "position"):
        if line.pk not in agreeing:
            yield f"{line.statement.number}, line {line.position}: another amount than calculated"


def _agreeing_lines(month: BillingMonth) -> Iterator[int]:
    """Primary keys of the lines that are what they are when calculated again."""
    sources = (
        StatementLineSource.objects.filter(line__statement__month=month)
        .select_related("line__price", "span")
        .order_by("line_id")
        .iterator(chunk_size=_AT_A_TIME)
    )
    for line_id, pieces in groupby(sources, key=lambda source: source.line_id):
        exact: Decimal | None = Decimal(0)
        for source in pieces:
            line = source.line
            exact = exact + source.amount if exact is not None and _agrees(source) else None
        if exact is None or line.unit_price != line.price.amount:
            continue
        if (line.exact, line.amount) == (exact, to_cents(exact)):
            yield line_id


def _agrees(source: StatementLineSource) -> bool:
    """True when a piece of use, at the price of its line, costs what was written down."""
    span, price = source.span, source.line.price
    is_beginning = span.is_beginning and source.started_at == span.started_at
    usage = Usage(span.quantity, source.started_at, source.ended_at, is_beginning)
    amount = rate_piece(usage, UnitPrice(Unit(price.unit), price.amount))
    return (amount, usage.seconds) == (source.amount, source.seconds)


def _flaws_of_statements(month: BillingMonth) -> Iterator[str]:
    statements = month.statements.annotate(sum=Sum("lines__amount")).order_by("sequence")
    for statement in statements.iterator(chunk_size=100):
        if statement.total != statement.sum:
            yield f"{statement.number}: the total is not the sum of its lines"
        if hashlib.sha256(statement.document).hexdigest() != statement.document_sha256:
            yield f"{statement.number}: the document is not the one that was made"


def _gaps(month: BillingMonth) -> Iterator[str]:
    """The numbers of a month follow those of the month before, from 1 in each business year."""
    given = list(month.statements.order_by("sequence").values_list("sequence", flat=True))
    before = Statement.objects.filter(
        year=month.first_day.year, month__first_day__lt=month.first_day
    ).count()
    if given != list(range(before + 1, before + 1 + len(given))):
        yield f"{month.key}: the numbers of the statements have a gap"
