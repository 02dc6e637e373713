"""Whether use at prices with tiers fills them from the first one on, in a closed month."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Final, LiteralString

from django.db import connection
from django.db.models import Sum

from billing.models import BillingMonth, LineKind, Price, Statement, StatementLine
from billing.rating import rate_tiers
from billing.services.unit_query import AT_ONCE

# All of a piece of use is on the statement of who paid for it then.
_OTHER_THAN_USED: Final[LiteralString] = f"""
SELECT DISTINCT statement.year, statement.sequence
FROM billing_statement AS statement
JOIN billing_statementline AS line ON line.statement_id = statement.id
JOIN billing_statementlinesource AS source ON source.line_id = line.id
JOIN billing_usagespan AS span ON span.id = source.span_id
WHERE statement.month_id = %(month)s AND source.part IS NOT NULL
GROUP BY statement.year, statement.sequence, line.unit, span.id, source.started_at
HAVING sum(source.part) <> span.quantity
    * CASE WHEN line.unit {AT_ONCE} THEN 1 ELSE max(source.seconds) END
ORDER BY 1, 2
"""  # noqa: S608  (a fragment of ours)


def flaws_of_tiers(month: BillingMonth) -> Iterator[str]:
    """What does not agree, in words for who runs the portal. At most four queries."""
    yield from _wrongly_filled(month)
    with connection.cursor() as cursor:
        cursor.execute(_OTHER_THAN_USED, {"month": month.pk})
        for year, sequence in cursor.fetchall():
            yield f"{year}-{sequence:06}: the tiers of a piece of use are not all of it"


def _wrongly_filled(month: BillingMonth) -> Iterator[str]:
    lines = StatementLine.objects.filter(
        statement__month=month, kind=LineKind.USAGE, sources__part__isnull=False
    )
    sums = lines.values_list("statement_id", "project_id", "price_id", "from_quantity").annotate(
        used=Sum("sources__part")
    )
    filled: defaultdict[tuple[int, int, int], dict[Decimal, Decimal]] = defaultdict(dict)
    for *key, from_quantity, used in sums.order_by("statement_id", "project_id", "price_id"):
        statement_id, project_id, price_id = key
        filled[statement_id, project_id, price_id][from_quantity] = used
    prices = Price.objects.in_bulk({price_id for _statement, _project, price_id in filled})
    statements = Statement.objects.defer("document").in_bulk({key[0] for key in filled})
    for (statement_id, _project_id, price_id), tiers in filled.items():
        parts = rate_tiers(
            prices[price_id].unit_price, used=sum(tiers.values(), Decimal(0)), month=month.period
        )
        if tiers != {part.tier.from_quantity: part.used for part in parts}:
            yield f"{statements[statement_id].number}: the tiers of a price are filled otherwise"
