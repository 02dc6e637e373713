"""What each service costs in a month, and how much of whose costs that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from billing.models import Sku
from billing.services.cost_lines import Costs
from portal.identity.models import Node

_IN_SIGHT: Final = 4  # services, each with a colour of its own; all others share the last one
_MOST_BARS: Final = 4


@dataclass(frozen=True, kw_only=True)
class ServiceRow:
    """What one SKU is expected to cost in all of the part; its share of the total in per cent.

    ``color`` is the name of that in charts, the same for all but the dearest.
    """

    sku: Sku
    expected: Decimal
    share: int
    color: str


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A piece of a bar; ``x`` and ``width`` are attribute values in per cent."""

    color: str
    x: str
    width: str


@dataclass(frozen=True, kw_only=True)
class ShareBar:
    """Of what the costs of one organization or project are made up, beside those of others."""

    node: Node
    expected: Decimal
    segments: tuple[Segment, ...]


@dataclass(frozen=True, kw_only=True)
class ServiceShares:
    """Services, the dearest first, and a bar for each of the dearest who use them."""

    rows: tuple[ServiceRow, ...]
    total: Decimal
    bars: tuple[ShareBar, ...]

    @property
    def dearest(self) -> tuple[ServiceRow, ...]:
        """Those in sight: all of them, where hiding the others would hide only one."""
        return self.rows[: len(self.rows) - len(self.others)]

    @property
    def others(self) -> tuple[ServiceRow, ...]:
        rest = self.rows[_IN_SIGHT:]
        return rest if len(rest) > 1 else ()

    @property
    def others_expected(self) -> Decimal:
        return sum((row.expected for row in self.others), Decimal(0))

    @property
    def others_share(self) -> int:
        return _per_cent(self.others_expected, self.total)


def service_shares(expected: Costs, nodes: Sequence[Node]) -> ServiceShares:
    """The services in ``expected``, one query for their names.

    Args:
        nodes: organizations that pay, or projects, for a bar each; fewer than two make none.
    """
    by_sku = expected.by_sku
    skus = Sku.objects.in_bulk(set(by_sku))
    dearest = sorted(skus.values(), key=lambda sku: (-by_sku[sku.pk].total, sku.code))
    total = expected.total
    rows = tuple(
        ServiceRow(
            sku=sku,
            expected=by_sku[sku.pk].total,
            share=_per_cent(by_sku[sku.pk].total, total),
            color=f"c{min(place, _IN_SIGHT) + 1}",
        )
        for place, sku in enumerate(dearest)
    )
    colors = {row.sku.pk: row.color for row in rows}
    return ServiceShares(rows=rows, total=total, bars=_bars(expected, nodes, colors))


def _bars(
    expected: Costs, nodes: Sequence[Node], colors: Mapping[int, str]
) -> tuple[ShareBar, ...]:
    if len(nodes) < 2:
        return ()
    known = sorted(set(colors.values()))
    amounts = {node.pk: dict.fromkeys(known, Decimal(0)) for node in nodes}
    for line in expected.lines:
        of_node = amounts.get(line.project_id) or amounts.get(line.organization_id)
        if of_node:
            of_node[colors[line.sku_id]] += line.amount
    # What others bear, or was given back, has no length.
    lengths = {
        pk: sum((max(amount, Decimal(0)) for amount in by_color.values()), Decimal(0))
        for pk, by_color in amounts.items()
    }
    longest = max(lengths.values())
    if not longest:
        return ()
    bars = [
        ShareBar(
            node=node,
            expected=sum(amounts[node.pk].values(), Decimal(0)),
            segments=_segments(amounts[node.pk], longest),
        )
        for node in sorted(nodes, key=lambda node: (-lengths[node.pk], node.name))
        if lengths[node.pk]
    ]
    return tuple(bars[:_MOST_BARS])


def _segments(amounts: Mapping[str, Decimal], longest: Decimal) -> tuple[Segment, ...]:
    segments, left = [], Decimal(0)
    for color, amount in amounts.items():
        width = max(amount, Decimal(0)) * 100 / longest
        if width:
            segments.append(Segment(color=color, x=f"{left:.2f}%", width=f"{width:.2f}%"))
        left += width
    return tuple(segments)


def _per_cent(amount: Decimal, total: Decimal) -> int:
    """In whole per cent; of nothing that is nothing."""
    return round(amount * 100 / total) if total else 0
