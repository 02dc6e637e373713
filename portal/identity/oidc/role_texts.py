"""How a role is written in the providers' file, and by a provider that knows our own names.

``role``, ``role@node-code``; of an approver with the highest amount they may approve, in whole
euros or with two decimals: ``approver:5000``, ``approver:250.00@mwb``, ``approver:unlimited``.
Nobody is an approver without a limit because somebody forgot one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

# Those of ``Role``, which cannot be asked: models do not exist before the settings do.
ROLES: Final = frozenset(
    {"requester", "approver", "finance", "quota_administrator", "operator", "auditor"}
)
APPROVER: Final = "approver"
UNLIMITED: Final = "unlimited"
_AMOUNT: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{2})?", re.ASCII)  # what the column holds


@dataclass(frozen=True, kw_only=True)
class RoleText:
    """A role as it is written.

    Attributes:
        amount_limit: up to what an order may cost in its first month, in euros, for an approver;
            None is without limit.
        node_code: empty for the organization that somebody logs in for.
    """

    role: str
    amount_limit: Decimal | None
    node_code: str


def read_role(text: str) -> RoleText:
    """Return what is written.

    Raises:
        ValueError: it is no role of ours; or an approver without an amount, or another with one.
    """
    before, _, node_code = text.partition("@")
    role, _, amount = before.partition(":")
    if role not in ROLES:
        raise ValueError(f"{text!r} is not one of our roles")
    if role != APPROVER and before != role:
        raise ValueError(f"{text!r}: only an approver has an amount")
    return RoleText(
        role=role,
        amount_limit=_limit(amount, text) if role == APPROVER else None,
        node_code=node_code,
    )


def _limit(amount: str, text: str) -> Decimal | None:
    if amount == UNLIMITED:
        return None
    if not _AMOUNT.fullmatch(amount) or not Decimal(amount):
        raise ValueError(
            f"{text!r} does not say up to which amount: approver:5000, or approver:{UNLIMITED}"
        )
    return Decimal(amount)
