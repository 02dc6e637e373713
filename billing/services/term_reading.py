"""What of minimum terms is still to be paid, for whoever thinks of stopping something."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from billing.models import MinimumTerm, Price, Sku, UsageSpan
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

    def __add__(self, other: StillDue) -> StillDue:
        """Both, of the same SKU: until the last of them ends."""
        return StillDue(
            sku=self.sku,
            ends_at=max(self.ends_at, other.ends_at),
            amount=self.amount + other.amount,
            monthly=self.monthly + other.monthly,
        )


def still_due(
    public_id: UUID, *, at: datetime, kept: Mapping[str, Decimal] = _NOTHING
) -> list[StillDue]:
    """What a resource would still cost by its terms if use stopped at ``at``. One query.

    Args:
        kept: by code of the SKU, how much is used on; of that nothing is due without use.
    """
    found = []
    terms = _terms_of(public_id, at).select_related("sku", "price")
    for term in terms.order_by("ends_at", "sku__code"):
        unused = term.quantity - kept.get(term.sku.code, Decimal(0))
        if unused > 0:
            found.append(_due(term.sku, term.price, unused, at=at, until=term.ends_at))
    return found


def _due(sku: Sku, price: Price, quantity: Decimal, *, at: datetime, until: datetime) -> StillDue:
    """What so much costs from ``at`` until then, unused."""
    month = month_of(at)
    amount, monthly = (
        to_cents(rate(Usage(quantity, start, end), price.unit_price))
        for start, end in ((whole_second(at), until), (month.start, month.end))
    )
    return StillDue(sku=sku, ends_at=until, amount=amount, monthly=monthly)


def unused_in(project_ids: Collection[int], *, at: datetime) -> list[StillDue]:
    """What is due after ``at`` of what is used no more in these projects: by SKU, until the last of
    their terms ends. One query.

    Of what is still used, ``still_due`` tells what would be due.
    """
    found: dict[int, StillDue] = {}
    spans = UsageSpan.objects.filter(
        resource__project__in=project_ids, is_unused=True, ended_at__gt=at
    )
    for span in spans.select_related("sku", "term__price").order_by("sku__code", "pk"):
        if span.term is None or span.ended_at is None:  # by a constraint it has both
            continue
        due = _due(span.sku, span.term.price, span.quantity, at=at, until=span.ended_at)
        other = found.get(span.sku_id)
        found[span.sku_id] = other + due if other else due
    return list(found.values())


def prices_in(public_id: UUID, *, at: datetime) -> dict[str, Price]:
    """By code of the SKU the price that a resource pays as long as its term runs. One query."""
    terms = _terms_of(public_id, at).select_related("sku", "price__sku")
    return {term.sku.code: term.price for term in terms}


def _terms_of(public_id: UUID, at: datetime) -> QuerySet[MinimumTerm]:
    """Those of a resource that run at ``at``."""
    return MinimumTerm.objects.filter(
        is_in_force(at, start="started_at", end="ends_at"), resource__public_id=public_id
    )
