"""What may be wrong with a month before it is closed. Apps above billing register their checks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from django.urls import reverse
from django.utils.dateformat import format as format_date
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.models import Dispute, LineKind, Sku
from billing.services.corrections import LateFacts
from billing.services.cost_lines import CostLine, Costs
from portal.core.calendar import Period, month_of
from portal.core.formats import money
from portal.identity.models.proposed import DecisionState


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something to look at before a month is closed.

    Attributes:
        is_blocking: the month cannot be closed while this is so.
        url, link: where it is solved, in the words of that page.
    """

    text: str
    url: str
    link: str
    is_blocking: bool = False


Check = Callable[[Period, Costs], Iterable[Finding]]
_CHECKS: Final[list[Check]] = []


def register_check(check: Check) -> None:
    """Have every closing look at this as well. For an app that is ready."""
    _CHECKS.append(check)


def find_findings(
    month: Period, used: Costs, *, late: LateFacts, shares: Sequence[CostLine] = ()
) -> list[Finding]:
    """Return everything that is worth a look, what blocks first.

    Args:
        used: what everybody used in the month.
        late: what became known of closed months.
        shares: what of the month is shared by key.
    """
    missing = {line.sku_id for line in used.lines if line.is_price_missing}
    found = [*_prices_missing(month, missing), *_late_prices_missing(late)]
    found += _unallocated(month, used.joined_with(Costs(lines=tuple(shares))))
    found += _set_off(late)
    found += _disputed()
    return found + [finding for check in _CHECKS for finding in check(month, used)]


def _prices_missing(month: Period, sku_ids: Collection[int]) -> Iterator[Finding]:
    """Use without a price would never be charged, so it blocks."""
    if sku_ids:
        names = sorted(sku.name for sku in Sku.objects.filter(pk__in=sku_ids))
        yield Finding(
            text=_("Something was used that has no price: {names}.").format(names=", ".join(names)),
            url=f"{reverse('billing:costs')}?month={month.start:%Y-%m}",
            link=_("Costs of this month"),
            is_blocking=True,
        )


def _late_prices_missing(late: LateFacts) -> Iterator[Finding]:
    """Nor would use that became known after its month closed: it is to be corrected now."""
    months: defaultdict[Period, list[str]] = defaultdict(list)
    skus = Sku.objects.in_bulk({sku_id for sku_id, _start in late.without_price})
    for sku_id, start in late.without_price:
        months[month_of(start)].append(skus[sku_id].name)
    for month, here in sorted(months.items(), key=lambda item: item[0].start):
        yield Finding(
            text=_(
                "In {month}, which is closed, something was used that has no price there: {names}. "
                "Propose a price for everybody from that month on: it fills only what has none."
            ).format(month=format_date(month.start, "F Y"), names=", ".join(sorted(here))),
            url=f"{reverse('billing:tariff-round-new')}?valid_from={month.start:%Y-%m}",
            link=_("New tariff round"),
            is_blocking=True,
        )


def _unallocated(month: Period, used: Costs) -> Iterator[Finding]:
    """What falls under no cost centre at the moment of use; nobody can book it.

    Nor can a share by a recipient without one. Of what others bear its source need not book it.
    """
    borne = {line.project_id for line in used.lines if line.kind == LineKind.SHARED_OUT}
    lines = [
        line
        for line in used.lines
        if line.cost_center is None and line.amount and line.project_id not in borne
    ]
    if lines:
        count = len({line.project_id for line in lines})
        yield Finding(
            text=ngettext(
                "{amount} of 1 project falls under no cost centre.",
                "{amount} of {count} projects falls under no cost centre.",
                count,
            ).format(amount=money(Costs(lines=tuple(lines)).total), count=count),
            url=f"{reverse('billing:cost-centers')}?month={month.start:%Y-%m}",
            link=_("Costs per cost centre"),
        )


def _set_off(late: LateFacts) -> Iterator[Finding]:
    """What was given back of use that then turned out to cost less, or nothing."""
    amounts = [one.amount for one in late.corrections if one.kind == LineKind.SET_OFF]
    if total := sum((amount for amount in amounts if amount > 0), Decimal(0)):
        yield Finding(
            text=_(
                "{amount} was given back before of use that is now corrected. It is set off, so "
                "that no more goes back than was paid. Is something still to be given back? "
                "Propose that of another line."
            ).format(amount=money(total)),
            url=reverse("billing:months"),
            link=_("Statements that are closed"),
        )


def _disputed() -> Iterator[Finding]:
    """What is granted after the closing only comes back a month later."""
    if count := Dispute.objects.filter(state=DecisionState.PROPOSED).count():
        yield Finding(
            text=ngettext(
                "1 line of an earlier statement is disputed, and not answered yet.",
                "{count} lines of earlier statements are disputed, and not answered yet.",
                count,
            ).format(count=count),
            url=reverse("billing:disputes"),
            link=_("Disputes"),
        )
