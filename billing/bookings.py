"""What of a statement is to be booked: its lines, added up per what they fall under."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing.focus.category_names import category_name
from billing.models import LineKind, StatementLine


@dataclass(frozen=True, kw_only=True)
class Booking:
    """One entry for the ledger: euros without VAT, in whole cents.

    Attributes:
        service_category: of FOCUS; what kind of costs these are.
        project_name: as it was called when the month closed.
        note: what is put right or given back; empty of use in the month itself.
        line_count: how many lines of the statement it is the sum of.
        first_position: the first of those lines, which no other booking of the statement has.
    """

    cost_center: str | None
    cost_object: str | None
    commitment_number: str | None
    project_name: str
    service_category: str
    note: str
    line_count: int
    first_position: int
    amount: Decimal

    @property
    def cost_type(self) -> str:
        """The category as people call it."""
        return category_name(self.service_category)


def bookings_of(lines: Iterable[StatementLine]) -> list[Booking]:
    """Add lines up: by cost centre, what nobody allocated last, then by project and category.

    What is put right of an earlier month, what is given back, and what is shared of each source is
    booked apart. Together they are the total of the statement. Whoever asks in whichever language:
    the bookings are the same.

    Args:
        lines: with ``sku`` and ``used_in``. None is kept but the first of each booking.
    """
    sums: dict[tuple[str | None, ...], _Sum] = {}
    for line in lines:
        sums.setdefault(_key(line), _Sum(line)).add(line)
    return [sums[key].booking() for key in sorted(sums, key=_order)]


def _key(line: StatementLine) -> tuple[str | None, ...]:
    return (
        *(line.cost_center, line.cost_object, line.commitment_number),
        *(line.project_name, line.category),
        # What ``note`` says, in no language; use comes before what is put right.
        *("" if line.kind == LineKind.USAGE else line.kind, line.used_in.key, line.reason),
        line.names.get("source"),
    )


def _order(key: tuple[str | None, ...]) -> list[Any]:
    return [(text is None, text or "") for text in key]


class _Sum:
    """What lines of one booking add up to so far."""

    def __init__(self, first: StatementLine) -> None:
        self._first = first
        self._count = 0
        self._amount = Decimal(0)

    def add(self, line: StatementLine) -> None:
        self._first = min(self._first, line, key=lambda one: one.position)
        self._count += 1
        self._amount += line.amount

    def booking(self) -> Booking:
        first = self._first
        return Booking(
            cost_center=first.cost_center,
            cost_object=first.cost_object,
            commitment_number=first.commitment_number,
            project_name=first.project_name,
            service_category=first.category,
            note=first.note,
            line_count=self._count,
            first_position=first.position,
            amount=self._amount,
        )
