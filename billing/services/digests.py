"""What statements say, as one sha256 for each: kept with it, and in the audit trail of its month.

Arithmetic finds what does not add up. Only this finds what was changed so that it does: a name, a
quantity of a correction, a payer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final, LiteralString

from django.db import connection

from billing.models import BillingMonth

# Primary keys stand for what never changes. Columns are named one by one: one that is added later
# must not change what was closed before. So a tier is only told where there is one above the first,
# and a key where costs are shared by one.
_DIGESTS: Final[LiteralString] = """
SELECT
    statement.id,
    encode(sha256(convert_to(jsonb_build_array(
        statement.public_id, month.first_day, statement.organization_id, statement.year,
        statement.sequence, extract(epoch FROM statement.issued_at), statement.currency,
        statement.total, statement.parties, line.digests
    )::text, 'UTF8')), 'hex') AS digest
FROM billing_statement AS statement
JOIN billing_billingmonth AS month ON month.id = statement.month_id
CROSS JOIN LATERAL (
    SELECT string_agg(encode(sha256(convert_to((jsonb_build_array(
        public_id, position, kind, used_in_id, project_id, sku_id, price_id, unit, unit_price,
        quantity, exact, amount, corrects_id, reason, names, cost_center, cost_object,
        commitment_number
    ) || CASE from_quantity WHEN 0 THEN '[]' ELSE jsonb_build_array(from_quantity) END
        || CASE WHEN split_key_id IS NULL THEN '[]' ELSE jsonb_build_array(split_key_id) END
    )::text, 'UTF8')), 'hex'), '' ORDER BY position) AS digests
    FROM billing_statementline
    WHERE statement_id = statement.id
) AS line
WHERE statement.month_id = %(month)s
"""
_WRITE: Final[LiteralString] = f"""
UPDATE billing_statement AS statement SET content_sha256 = made.digest
FROM ({_DIGESTS}) AS made
WHERE statement.id = made.id
"""  # noqa: S608  (a fragment of ours)


def write_digests(month: BillingMonth) -> None:
    """Write down what each statement of the month says, once all of it stands there."""
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, {"month": month.pk})


def digests_of(month: BillingMonth) -> dict[int, str]:
    """What each statement of the month says now, by primary key."""
    with connection.cursor() as cursor:
        cursor.execute(_DIGESTS, {"month": month.pk})
        return dict(cursor.fetchall())


def digest_of_all(digests: Iterable[str]) -> str:
    """One for a month, from those of its statements in the order of their numbers."""
    return hashlib.sha256("".join(digests).encode()).hexdigest()
