"""What each bears of costs that are split by key: the same for a page as for a statement.

Of everything that stands on statements of a month for a project whose costs others bear, one line
per payer and what it falls under takes it away; one line for each recipient has their part of the
whole. Together they are nothing, to the cent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from billing.models import LineKind
from billing.models.statement import SHARES
from billing.services.cost_lines import CostLine
from billing.services.split_reading import HeldKey, Place, places_in, projects_of, shared_sku
from billing.splitting import WHOLE, Method, split
from portal.core.calendar import Period

_Falls = tuple[int, str | None, str | None, str | None]


class Counted(Protocol):
    """What a line of a statement is or will be, as far as it is shared."""

    @property
    def organization_id(self) -> int: ...
    @property
    def project_id(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def amount(self) -> Decimal: ...
    @property
    def cost_center(self) -> str | None: ...
    @property
    def cost_object(self) -> str | None: ...
    @property
    def commitment_number(self) -> str | None: ...


def shares_of(
    keys: Sequence[HeldKey], lines: Iterable[Counted], month: Period
) -> tuple[CostLine, ...]:
    """What the keys make of these lines of ``month``. Two queries, and none without a key.

    Args:
        lines: at least all of the projects that the keys are about, of everybody who pays for them.
    """
    if not keys:
        return ()
    concerned = projects_of(keys)
    by_project: defaultdict[int, list[Counted]] = defaultdict(list)
    for line in lines:
        if line.project_id in concerned and line.kind not in SHARES:
            by_project[line.project_id].append(line)
    recipients = {pk for key in keys for pk in key.recipients.values()}
    places = places_in(recipients, month)
    sku_id = shared_sku().pk
    return tuple(
        share
        for key in keys
        for share in (
            *_taken_away(key, by_project[key.source_id], month, sku_id),
            *_borne(key, by_project, places, month, sku_id),
        )
    )


def weights_of(key: HeldKey, used: Mapping[int, Decimal]) -> dict[str, Decimal]:
    """How much each recipient weighs, by public id.

    Args:
        used: what each project used in the month, by primary key; for keys that go by that.
    """
    match key.method:
        case Method.PERCENTAGES:
            return {name: key.percentages[name] / WHOLE for name in key.recipients}
        case Method.BY_USAGE:
            return {name: used.get(pk, Decimal(0)) for name, pk in key.recipients.items()}
        case Method.EQUAL:
            return dict.fromkeys(key.recipients, Decimal(1))


def used_by(lines: Iterable[Counted]) -> Decimal:
    """What of these lines is use in the month itself, which is what a key by usage goes by."""
    return sum((line.amount for line in lines if line.kind == LineKind.USAGE), Decimal(0))


def _taken_away(
    key: HeldKey, lines: Iterable[Counted], month: Period, sku_id: int
) -> Iterator[CostLine]:
    sums: defaultdict[_Falls, Decimal] = defaultdict(Decimal)
    for line in lines:
        falls = line.cost_center, line.cost_object, line.commitment_number
        sums[line.organization_id, *falls] += line.amount
    for organization_id, center, cost_object, commitment in sorted(sums, key=_order):
        amount = sums[organization_id, center, cost_object, commitment]
        if amount:
            place = Place(
                organization_id=organization_id,
                cost_center=center,
                cost_object=cost_object,
                commitment_number=commitment,
            )
            yield _share(LineKind.SHARED_OUT, key, key.source_id, place, -amount, month, sku_id)


def _borne(
    key: HeldKey,
    by_project: Mapping[int, Sequence[Counted]],
    places: Mapping[int, Place],
    month: Period,
    sku_id: int,
) -> Iterator[CostLine]:
    total = sum((line.amount for line in by_project.get(key.source_id, ())), Decimal(0))
    used = {pk: used_by(by_project.get(pk, ())) for pk in key.recipients.values()}
    parts = split(total, weights_of(key, used))
    for name, project_id in sorted(key.recipients.items()):
        if parts[name]:
            place = places[project_id]
            yield _share(LineKind.SHARED_IN, key, project_id, place, parts[name], month, sku_id)


def _share(
    kind: LineKind,
    key: HeldKey,
    project_id: int,
    place: Place,
    amount: Decimal,
    month: Period,
    sku_id: int,
) -> CostLine:
    return CostLine(
        organization_id=place.organization_id,
        project_id=project_id,
        sku_id=sku_id,
        price_id=None,
        unit=None,
        unit_price=None,
        from_quantity=Decimal(0),
        month_start=month.start,
        quantity_seconds=Decimal(0),
        exact=amount,
        cost_center=place.cost_center,
        cost_object=place.cost_object,
        commitment_number=place.commitment_number,
        kind=kind.value,
        split_key_id=key.pk,
    )


def _order(falls: _Falls) -> tuple[int, str, str, str]:
    organization_id, *codes = falls
    center, cost_object, commitment = (code or "" for code in codes)
    return organization_id, center, cost_object, commitment
