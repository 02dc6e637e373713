"""Whether what a closed month shares is what its keys make of its other lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from billing.models import BillingMonth, LineKind, StatementLine
from billing.services.shares import shares_of
from billing.services.split_reading import keys_in, projects_of


@dataclass(frozen=True)
class _Billed:
    """A line of a statement, for who reckons with lines."""

    line: StatementLine

    @property
    def organization_id(self) -> int:
        return self.line.statement.organization_id

    def __getattr__(self, name: str) -> Any:
        return getattr(self.line, name)


def flaws_of_shares(month: BillingMonth) -> Iterator[str]:
    """What does not agree, in words for who runs the portal.

    Where a recipient stood may become known otherwise later; what it bears never changes by that,
    so of its line only the project and the amount are compared.
    """
    period = month.period
    keys = keys_in([period]).get(period, [])
    lines = StatementLine.objects.filter(statement__month=month).select_related("statement")
    stored = {
        line.pk: line
        for line in lines.filter(split_key__isnull=False)
        .defer("statement__document")
        .order_by("statement__sequence", "position")
    }
    if not keys and not stored:
        return
    others = lines.filter(project__in=projects_of(keys), split_key=None)
    counted = [_Billed(line) for line in others.defer("statement__document")]
    expected = [_told(share) for share in shares_of(keys, counted, period)]
    for line in stored.values():
        told = _told(_Billed(line))
        if told in expected:
            expected.remove(told)
        else:
            yield f"{line.statement.number}, line {line.position}: another share than its key gives"
    if expected:
        yield f"{month.key}: {len(expected)} shares of keys are on no statement"


def _told(share: Any) -> tuple[object, ...]:
    told = share.split_key_id, share.kind, share.project_id, share.amount
    if share.kind == LineKind.SHARED_IN:
        return told
    falls = share.cost_center, share.cost_object, share.commitment_number
    return *told, share.organization_id, *falls
