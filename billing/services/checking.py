"""Closed months calculated again, from the usage and prices that stand behind each line.

By ``billing.rating``, which shares nothing with the statement that wrote them. What is compared can
only be added to; a difference means that somebody went around the triggers, or that the arithmetic
is not what it was. Corrections and credits have no use behind them, and names no arithmetic: those
are held against what they refer to, and against what was said of them when the month closed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Final

from billing.models import (
    BillingMonth,
    LineKind,
    MonthState,
    Statement,
    StatementLine,
    StatementLineSource,
)
from billing.rating import UnitPrice, Usage, rate_piece, rate_sum
from billing.services.checking_lines import flaws_of_references
from billing.services.checking_shares import flaws_of_shares
from billing.services.checking_statements import flaws_of_statements
from billing.services.checking_tiers import flaws_of_tiers
from billing.services.line_usage import EXACT, amount_used, in_unit
from portal.core.calendar import Period
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
            flaws=[
                *_flaws_of_use(month),
                *flaws_of_references(month),
                *flaws_of_tiers(month),
                *flaws_of_shares(month),
                *flaws_of_statements(month),
                *_gaps(month),
            ],
        )


def _flaws_of_use(month: BillingMonth) -> Iterator[str]:
    lines = StatementLine.objects.filter(statement__month=month, kind=LineKind.USAGE)
    agreeing = set(_agreeing_lines(month))
    ordered = lines.order_by("statement__sequence", "position").select_related("statement")
    for line in ordered.defer("statement__document").iterator(chunk_size=_AT_A_TIME):
        if line.pk not in agreeing:
            yield f"{line.statement.number}, line {line.position}: another amount than calculated"


def _agreeing_lines(month: BillingMonth) -> Iterator[int]:
    """Primary keys of the lines that are what they are when calculated again."""
    sources = (
        StatementLineSource.objects.filter(line__statement__month=month)
        .select_related("line__price", "span__resource")
        .order_by("line_id")
        .iterator(chunk_size=_AT_A_TIME)
    )
    for line_id, pieces in groupby(sources, key=lambda source: source.line_id):
        if _make_up(pieces, month.period):
            yield line_id


def _make_up(sources: Iterable[StatementLineSource], month: Period) -> bool:
    """True when these pieces of use, of which there may be many, are what their line says."""
    exact, used, line, price = Decimal(0), Decimal(0), None, None
    for source in sources:
        line = source.line
        price = _price_of(line)
        if price is None or not _agrees(source, price, month):
            return False
        exact += source.amount
        used = EXACT.add(used, amount_used(source, price.unit))
    if line is None or price is None or line.unit_price != price.amount:
        return False
    return (line.exact, line.amount, line.quantity) == (
        *(exact, to_cents(exact)),
        in_unit(used, price.unit, month),
    )


def _price_of(line: StatementLine) -> UnitPrice | None:
    """That of the tier of a line; None when its price has no such tier."""
    if line.price is None:
        return None
    price = line.price.unit_price
    amounts = {tier.from_quantity: tier.amount for tier in price.steps}
    amount = amounts.get(line.from_quantity)
    return None if amount is None else UnitPrice(price.unit, amount)


def _agrees(source: StatementLineSource, price: UnitPrice, month: Period) -> bool:
    """True when a piece of use, at the price of its line, costs what was written down."""
    span, line = source.span, source.line
    if (span.sku_id, span.resource.project_id) != (line.sku_id, line.project_id):
        return False
    if not month.start <= source.started_at <= source.ended_at <= month.end:
        return False
    is_beginning = span.is_beginning and source.started_at == span.started_at
    usage = Usage(span.quantity, source.started_at, source.ended_at, is_beginning)
    amount = rate_piece(usage, price)
    if source.part is not None:
        begun = source.part if is_beginning else Decimal(0)
        amount = rate_sum(price, quantity_seconds=source.part, begun=begun, month=month)
    has_tiers = line.price is not None and bool(line.price.tiers)
    return (amount, usage.seconds, source.part is not None) == (
        *(source.amount, source.seconds),
        has_tiers,
    )


def _gaps(month: BillingMonth) -> Iterator[str]:
    """The numbers of a month follow those of the month before, from 1 in each business year."""
    given = list(month.statements.order_by("sequence").values_list("sequence", flat=True))
    before = Statement.objects.filter(
        year=month.first_day.year, month__first_day__lt=month.first_day
    ).count()
    if given != list(range(before + 1, before + 1 + len(given))):
        yield f"{month.key}: the numbers of the statements have a gap"
