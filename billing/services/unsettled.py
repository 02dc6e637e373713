"""Which closed months may say something else by now: the only ones that a closing looks at again.

Triggers write down, in the transaction of a fact, which months that were over it is about. All
others are on statements as they are known; ``check_months`` still calculates every one of them.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final, LiteralString

from django.db import connection

from billing.models import BillingMonth, MonthState, UnsettledMonth
from portal.core.calendar import Period

_TAKE: Final[LiteralString] = """
WITH taken AS (DELETE FROM billing_unsettledmonth WHERE month_start < %s RETURNING month_start)
SELECT DISTINCT month_start FROM taken
"""


def unsettled_months() -> list[BillingMonth]:
    """The closed months to look at again, the first one first."""
    return _closed_of(UnsettledMonth.objects.values_list("month_start", flat=True).distinct())


def take_unsettled_months(closing: Period) -> list[BillingMonth]:
    """As ``unsettled_months``, and forget it: after this transaction statements tell what is known.

    Before any fact is read: one that is committed meanwhile says so again.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [closing.end])
        return _closed_of([month_start for (month_start,) in cursor.fetchall()])


def _closed_of(starts: Collection[datetime]) -> list[BillingMonth]:
    """Always with the newest: what was being written while it ended was not known to be of it."""
    closed = list(BillingMonth.objects.filter(state=MonthState.CLOSED).order_by("first_day"))
    noted = set(starts)
    return [month for month in closed if month.period.start in noted or month == closed[-1]]
