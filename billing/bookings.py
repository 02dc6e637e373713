"""What of a statement is to be booked: its lines, added up per what they fall under."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from billing.models import StatementLine


@dataclass(frozen=True, kw_only=True)
class Booking:
    """One entry for the ledger: euros without VAT, in whole cents.

    Attributes:
        project_name: as it was called when the month closed.
        note: what is put right or given back; empty of use in the month itself.
        line_count: how many lines of the statement it is the sum of.
    """

    cost_center: str | None
    cost_object: str | None
    commitment_number: str | None
    project_name: str
    note: str
    line_count: int
    amount: Decimal


def bookings_of(lines: Iterable[StatementLine]) -> list[Booking]:
    """Add lines up: by cost centre, what nobody allocated last, then by project.

    What is put right of an earlier month, and what is given back, is booked apart. Together they
    are the total of the statement.
    """
    sums: dict[tuple[str | None, str | None, str | None, str, str], list[Decimal]] = {}
    for line in lines:
        key = (
            *(line.cost_center, line.cost_object, line.commitment_number),
            *(line.project_name, line.note),
        )
        sums.setdefault(key, []).append(line.amount)
    return [
        Booking(
            cost_center=center,
            cost_object=cost_object,
            commitment_number=commitment,
            project_name=project_name,
            note=note,
            line_count=len(amounts),
            amount=sum(amounts, Decimal(0)),
        )
        for (center, cost_object, commitment, project_name, note), amounts in sorted(
            sums.items(), key=lambda item: [(text is None, text or "") for text in item[0]]
        )
    ]
