"""The use of a month and of the one before, piece by piece: what lists of single things add up.

Of a month that is closed that is what was billed, of any other what its charges are now.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from billing.services.billed import IN_BRANCHES, closed_among
from billing.services.charge_query import ChargeQuery, Slice
from billing.services.tag_keys import TagChoice
from billing.services.tag_query import CUT_USED
from portal.core.calendar import Period, day_of

_CHARGED: Final[LiteralString] = """
SELECT
    resource_id, slice_start = %(chosen_start)s AS is_chosen, started_at, ended_at, amount,
    price_id IS NULL AS is_price_missing, cost_center,
    organization_id, project_id, unit, seconds,
    -- Only in a minimum term is anything due that is not used.
    is_in_term AND EXISTS (
        SELECT FROM billing_usagespan AS span WHERE span.id = charge.span_id AND span.is_unused
    ) AS is_unused
FROM charge
"""
_BILLED: Final[LiteralString] = f"""
SELECT
    span.resource_id, month.first_day = %(chosen_day)s AS is_chosen,
    source.started_at, source.ended_at, source.amount, false AS is_price_missing, line.cost_center,
    statement.organization_id, line.project_id, line.unit, source.seconds,
    span.is_unused
FROM billing_billingmonth AS month
JOIN billing_statement AS statement ON statement.month_id = month.id
JOIN billing_statementline AS line ON line.statement_id = statement.id AND line.kind = 'usage'
JOIN billing_statementlinesource AS source ON source.line_id = line.id
JOIN billing_usagespan AS span ON span.id = source.span_id
LEFT JOIN covered ON covered.organization_id = statement.organization_id
WHERE month.id = ANY(%(closed_months)s) AND {IN_BRANCHES}
"""  # noqa: S608  (fragments of ours)


@dataclass(frozen=True, kw_only=True)
class UsedPieces:
    """What a select reads from ``used``: ``is_chosen`` is the month itself, else the one before.

    Attributes:
        query: the charges of those of the two months that are not closed.
        source: the text of ``used``, to follow on the statement of all charges.
        is_closed: the chosen month is in the books, so that it says what was billed.
    """

    query: ChargeQuery
    source: LiteralString
    parameters: dict[str, Any]
    is_closed: bool

    @classmethod
    def of(
        cls,
        node_ids: Sequence[int],
        *,
        chosen: Period,
        before: Period,
        as_of: datetime,
        tag: TagChoice | None = None,
    ) -> UsedPieces:
        """Of two months, the one right after the other. One query.

        Args:
            node_ids: as of ``billing.services.charging.costs``.
            as_of: open use counts until here.
            tag: only what had this value at the time.
        """
        closed = closed_among((before, chosen))
        # The statement needs a period, also where nothing is read of its charges.
        charged = [month for month in (before, chosen) if month.start not in closed]
        parts = [_CHARGED] if charged else []
        parts += [_BILLED] if closed else []
        return cls(
            query=ChargeQuery(
                node_ids=node_ids,
                slices=[
                    Slice(period=month, month_seconds=month.seconds)
                    for month in charged or [chosen]
                ],
                as_of=as_of,
                until=as_of,
                reads_charges=bool(charged),
            ),
            source=f", used_whole AS ({' UNION ALL '.join(parts)}) {CUT_USED}"
            if tag
            else f", used AS ({' UNION ALL '.join(parts)})",
            parameters={
                **({"tag_key": tag.key, "tag_value": tag.value} if tag else {}),
                "chosen_start": chosen.start,
                "chosen_day": day_of(chosen.start),
                "closed_months": [month.pk for month in closed.values()],
            },
            is_closed=chosen.start in closed,
        )

    def fetch(self, select: LiteralString, **parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of a select that begins with a comma, for it follows on ``used``."""
        return self.query.fetch(self.source + select, **self.parameters, **parameters)

    def stream(
        self, select: LiteralString, *, size: int, **parameters: Any
    ) -> Iterator[list[tuple[Any, ...]]]:
        """The same, at most ``size`` rows at a time."""
        return self.query.stream(self.source + select, size=size, **self.parameters, **parameters)
