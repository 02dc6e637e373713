"""What the unit of a price means, as SQL: what ``billing.rating`` says of one price at a time."""

from __future__ import annotations

from typing import Final, LiteralString

# Of a unit, whether its price is due once, where use begins: ``rating.DUE_AT_ONCE``.
AT_ONCE: Final[LiteralString] = "IN ('one_off', 'gib')"


def reckoned(price: LiteralString) -> LiteralString:
    """Of a price, once for all its use: the columns by which amounts are worked out.

    ``is_at_once``, and ``per_unit``: the seconds that it is the price of, NULL where the month says
    so. ``exact_price`` has 18 places, so that what is divided has 24: a result is then never
    rounded twice, and no piece of use has to be cast.
    """
    return f"""coalesce({price}.unit {AT_ONCE}, false) AS is_at_once,
        CASE WHEN {price}.unit {AT_ONCE} THEN 1 WHEN {price}.unit = 'hour' THEN 3600 END::numeric
            AS per_unit,
        {price}.amount::numeric(38, 18) AS exact_price"""
