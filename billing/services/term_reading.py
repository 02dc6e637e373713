"""What of minimum terms is still to be paid, for whoever thinks of stopping something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from billing.models import MinimumTerm, Price, Sku
from billing.rating import Usage, rate
from portal.core.calendar import month_of, whole_second
from portal.core.models import is_in_force
from portal.core.money import to_cents

_NOTHING: Final[Mapping[str, Decimal]] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class AgreedTerm:
    """So much is due until then, used or not."""

    quantity: Decimal
    ends_at: datetime

    def as_json(self) -> dict[str, str]:
        return {"quantity": str(self.quantity), "ends_at": self.ends_at.isoformat()}

    @classmethod
    def from_json(cls, told: Mapping[str, str]) -> AgreedTerm:
        """What ``as_json`` wrote."""
        ends_at = datetime.fromisoformat(told["ends_at"])
        return cls(quantity=Decimal(told["quantity"]), ends_at=ends_at)


def agreed_terms(public_id: UUID, *, at: datetime) -> dict[str, AgreedTerm]:
    """The terms of a resource that run at ``at``, by code of the SKU. One query."""
    return {
        term.sku.code: AgreedTerm(quantity=term.quantity, ends_at=term.ends_at)
        for term in _terms_of(public_id, at).select_related("sku")
    }


@dataclass(frozen=True, kw_only=True)
class StillDue:
    """What is due until a minimum term ends, though it is not used: euros, whole cents.

    ``monthly`` is what of it falls in a full month.
    """

    sku: Sku
    ends_at: datetime
    amount: Decimal
    monthly: Decimal


def still_due(
    public_id: UUID, *, at: datetime, kept: Mapping[str, Decimal] = _NOTHING
) -> list[StillDue]:
    """What a resource would still cost by its terms if use stopped at ``at``. One query.

    Args:
        kept: by code of the SKU, how much is used on; of that nothing is due without use.
    """
    found, since, month = [], whole_second(at), month_of(at)
    terms = _terms_of(public_id, at).select_related("sku", "price")
    for term in terms.order_by("ends_at", "sku__code"):
        unused = term.quantity - kept.get(term.sku.code, Decimal(0))
        if unused > 0:
            cost, monthly = (
                to_cents(rate(Usage(unused, start, end), term.price.unit_price))
                for start, end in ((since, term.ends_at), (month.start, month.end))
            )
            found.append(StillDue(sku=term.sku, ends_at=term.ends_at, amount=cost, monthly=monthly))
    return found


def prices_in(public_id: UUID, *, at: datetime) -> dict[str, Price]:
    """By code of the SKU the price that a resource pays as long as its term runs. One query."""
    terms = _terms_of(public_id, at).select_related("sku", "price__sku")
    return {term.sku.code: term.price for term in terms}


def _terms_of(public_id: UUID, at: datetime) -> QuerySet[MinimumTerm]:
    """Those of a resource that run at ``at``."""
    return MinimumTerm.objects.filter(
        is_in_force(at, start="started_at", end="ends_at"), resource__public_id=public_id
    )
