"""How far limits reach in time: farther off a moment overflows in one zone or another."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final

from django.utils.translation import gettext as _

FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2999
BEGINNING: Final = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
HORIZON: Final = datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC)


def find_far(found: date | datetime) -> str:
    """Why a limit can neither begin nor end then; empty when it can. A moment is aware."""
    if isinstance(found, datetime):
        is_near = BEGINNING <= found < HORIZON
    else:
        is_near = FIRST_YEAR <= found.year <= LAST_YEAR
    if is_near:
        return ""
    return _("Choose a day in the years {first} to {last}.").format(
        first=FIRST_YEAR, last=LAST_YEAR
    )
