"""Whether lines of a closed month agree with what they refer to, and with each other.

The arithmetic of use is in ``billing.services.checking``; this is of prices, of what is put right,
and of what is given back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, LiteralString

from django.db import connection

from billing.models import BillingMonth

_OF_ONE_LINE: Final[LiteralString] = """
SELECT statement.year, statement.sequence, line.position, found.flaw
FROM billing_statement AS statement
JOIN billing_billingmonth AS month ON month.id = statement.month_id
JOIN billing_statementline AS line ON line.statement_id = statement.id
JOIN billing_billingmonth AS used_in ON used_in.id = line.used_in_id
JOIN billing_sku AS sku ON sku.id = line.sku_id
JOIN billing_price AS price ON price.id = line.price_id
LEFT JOIN billing_statementline AS corrected ON corrected.id = line.corrects_id
LEFT JOIN billing_statement AS earlier ON earlier.id = corrected.statement_id
LEFT JOIN billing_credit AS credit ON credit.settled_on_id = line.id
CROSS JOIN LATERAL (VALUES
    (
        'the price of something else',
        (price.sku_id, price.unit) <> (line.sku_id, line.unit)
        OR line.unit_price IS DISTINCT FROM CASE line.from_quantity
            WHEN 0 THEN price.amount
            ELSE price.tier_amounts[array_position(price.tier_quantities, line.from_quantity)]
        END
        OR (line.names ->> 'sku', line.names ->> 'price')
            IS DISTINCT FROM (sku.code::text, price.public_id::text)
    ),
    (
        'of a month that it cannot be of',
        CASE line.kind
            WHEN 'usage' THEN used_in.id <> month.id ELSE used_in.first_day >= month.first_day
        END
    ),
    (
        'puts something else right',
        corrected.id IS NOT NULL AND (
            corrected.project_id, corrected.sku_id, corrected.price_id, corrected.used_in_id,
            earlier.organization_id, corrected.cost_center, corrected.cost_object,
            corrected.commitment_number, corrected.from_quantity
        ) IS DISTINCT FROM (
            line.project_id, line.sku_id, line.price_id, line.used_in_id,
            statement.organization_id, line.cost_center, line.cost_object, line.commitment_number,
            line.from_quantity
        )
    ),
    (
        'not the credit that was proposed',
        CASE line.kind
            WHEN 'credit' THEN credit.taken_back_at IS NOT NULL
                OR (credit.line_id, credit.reason, -credit.amount)
                    IS DISTINCT FROM (line.corrects_id, line.reason, line.amount)
            ELSE credit.id IS NOT NULL
        END
    ),
    (
        'has a quantity, or an amount that is not whole cents',
        line.kind IN ('credit', 'set_off')
        AND (line.quantity, line.exact) <> (0::numeric, line.amount)
    )
) AS found (flaw, is_wrong)
WHERE statement.month_id = %(month)s AND found.is_wrong
ORDER BY 1, 2, 3
"""
# All that was billed and given back of one use, until this month.
_TOGETHER: Final[LiteralString] = """
SELECT
    min(statement.year) FILTER (WHERE statement.month_id = %(month)s),
    min(statement.sequence) FILTER (WHERE statement.month_id = %(month)s),
    min(line.position) FILTER (WHERE statement.month_id = %(month)s AND line.kind <> 'usage'),
    'does not make up the use with what it corrects'
FROM billing_statementline AS line
JOIN billing_statement AS statement ON statement.id = line.statement_id
JOIN billing_billingmonth AS month ON month.id = statement.month_id
WHERE line.used_in_id IN (
        SELECT DISTINCT changed.used_in_id
        FROM billing_statementline AS changed
        JOIN billing_statement AS changing ON changing.id = changed.statement_id
        WHERE changing.month_id = %(month)s AND changed.kind <> 'usage'
    )
    AND line.split_key_id IS NULL
    AND month.first_day <= %(first_day)s
GROUP BY statement.organization_id, line.project_id, line.sku_id, line.price_id, line.used_in_id,
    line.cost_center, line.cost_object, line.commitment_number, line.from_quantity
HAVING bool_or(statement.month_id = %(month)s AND line.kind <> 'usage') AND (
    coalesce(sum(line.amount) FILTER (WHERE line.kind IN ('usage', 'correction')), 0)
        <> round(coalesce(
            sum(line.exact) FILTER (WHERE line.kind IN ('usage', 'correction')), 0
        ), 2)
    OR sum(line.amount) <> greatest(
        0, sum(line.amount) FILTER (WHERE line.kind <> 'set_off')
    )
)
ORDER BY 1, 2, 3
"""


def flaws_of_references(month: BillingMonth) -> Iterator[str]:
    """What does not agree, in words for who runs the portal. Two queries."""
    with connection.cursor() as cursor:
        for statement in (_OF_ONE_LINE, _TOGETHER):
            cursor.execute(statement, {"month": month.pk, "first_day": month.first_day})
            for year, sequence, position, flaw in cursor.fetchall():
                yield f"{year}-{sequence:06}, line {position}: {flaw}"
