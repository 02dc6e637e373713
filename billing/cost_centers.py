"""What a month cost per cost centre, cost object or commitment number, with names to show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.utils.translation import gettext as _

from billing.forms import month_key
from billing.models import AllocationKey, LineKind, Sku
from billing.services.cost_lines import CostLine, Costs
from billing.services.month_costs import month_costs
from billing.services.month_figures import MonthCosts
from billing.services.tag_keys import TagChoice
from billing.services.tagged_costs import TaggedMonth, tagged_months
from portal.core.calendar import Period
from portal.core.sheets import Rows
from portal.identity.models import CostCentre, Node

_NOTHING: Final = Costs(lines=())


@dataclass(frozen=True, kw_only=True)
class AllocatedRow:
    """What fell under one value; None: under none.

    Attributes:
        name: of a cost centre, if somebody here gave it one.
        share: in per cent of the total, rounded.
    """

    value: str | None
    name: str
    amount: Decimal
    share: int


@dataclass(frozen=True, kw_only=True)
class ProjectRow:
    """What one project used of one SKU; or, of a closed month, what was put right of it."""

    organization: Node
    project: Node
    sku: Sku
    kind: LineKind
    amount: Decimal


@dataclass(frozen=True, kw_only=True)
class AllocatedCosts:
    """One month by one key.

    Attributes:
        rows: dearest first; what fell under nothing comes last.
        shown: what of ``costs`` falls under the chosen value; all of it when none was chosen.
        projects: the lines of the chosen value; None when none was chosen.
        is_billed: the month is closed, and this is what its statements say.
    """

    key: AllocationKey
    month: Period
    as_of: datetime
    costs: Costs
    shown: Costs
    rows: tuple[AllocatedRow, ...]
    projects: tuple[ProjectRow, ...] | None
    is_billed: bool

    @property
    def total(self) -> Decimal:
        return self.costs.total

    @property
    def is_running(self) -> bool:
        return self.as_of < self.month.end

    @property
    def put_right(self) -> Decimal:
        """What of the total corrects earlier months, or gives back of them."""
        return self.costs.put_right

    @property
    def unallocated(self) -> Decimal:
        return sum((row.amount for row in self.rows if row.value is None), Decimal(0))

    @property
    def chosen_total(self) -> Decimal:
        return sum((row.amount for row in self.projects or ()), Decimal(0))


def allocated_costs(
    node_ids: Sequence[int],
    *,
    key: AllocationKey,
    month: Period,
    now: datetime,
    chosen: str | None = None,
    tag: TagChoice | None = None,
) -> AllocatedCosts:
    """Put together the figures of ``month``. A constant number of queries.

    Args:
        node_ids: what is counted, as for ``billing.services.charging.costs``.
        chosen: show the lines of this value; empty: of what fell under none.
        tag: only what had this value at the time; of every line its share in whole cents.
    """
    found: MonthCosts | TaggedMonth
    if tag:
        (found,) = tagged_months(node_ids, tag.key, [month], at=now)
        used = found.realised.get(tag.value, _NOTHING)
    else:
        (found,) = month_costs(node_ids, [month], at=now)
        used = found.realised
    by_value = used.by_allocation(key)
    shown = used if chosen is None else by_value.get(chosen or None, _NOTHING)
    return AllocatedCosts(
        key=key,
        month=month,
        as_of=found.as_of,
        costs=used,
        shown=shown,
        rows=_rows(by_value, _names(key, by_value), used.total),
        projects=None if chosen is None else by_project(shown),
        is_billed=found.closed is not None,
    )


def as_sheet(found: AllocatedCosts) -> Rows:
    """Every line, or those of the chosen value, with everything it falls under."""
    yield [
        _("Month"),
        *(str(key.label) for key in AllocationKey),
        _("Organization"),
        _("Project"),
        _("Service"),
        _("Kind"),
        _("Amount in euros"),
    ]
    nodes, skus = _named(found.shown)
    for line in found.shown.lines:
        yield [
            month_key(found.month),
            *(getattr(line, key) or "" for key in AllocationKey.values),
            nodes[line.organization_id].name,
            nodes[line.project_id].name,
            skus[line.sku_id].name,
            str(LineKind(line.kind).label),
            line.amount,
        ]


def _rows(
    by_value: dict[str | None, Costs], names: dict[str, str], total: Decimal
) -> tuple[AllocatedRow, ...]:
    rows = [
        AllocatedRow(
            value=value,
            name=names.get(value or "", ""),
            amount=part.total,
            share=round(part.total * 100 / total) if total else 0,
        )
        for value, part in by_value.items()
    ]
    return tuple(sorted(rows, key=lambda row: (row.value is None, -row.amount, row.value or "")))


def _names(key: AllocationKey, by_value: dict[str | None, Costs]) -> dict[str, str]:
    """The newest name of each cost centre, as those who pay for it and those above them call it."""
    if key != AllocationKey.COST_CENTER:
        return {}
    projects = {line.project_id for part in by_value.values() for line in part.lines}
    lineages = Node.objects.filter(pk__in=projects).values_list("pk", "ancestor_ids")
    places = {place for pk, above in lineages for place in (pk, *above)}
    codes = [value for value in by_value if value]
    centres = CostCentre.objects.filter(code__in=codes, node__in=places).exclude(name="")
    return dict(centres.order_by("valid_from", "pk").values_list("code", "name"))


def by_project(part: Costs) -> tuple[ProjectRow, ...]:
    """By organization, project and SKU, as names; what is put right is apart."""
    nodes, skus = _named(part)
    sums: dict[tuple[int, int, int, str], Decimal] = {}
    for line in part.lines:
        group = (line.organization_id, line.project_id, line.sku_id, line.kind)
        sums[group] = sums.get(group, Decimal(0)) + line.amount
    rows = [
        ProjectRow(
            organization=nodes[payer],
            project=nodes[project],
            sku=skus[sku],
            kind=LineKind(kind),
            amount=amount,
        )
        for (payer, project, sku, kind), amount in sums.items()
    ]
    return tuple(sorted(rows, key=_by_name))


def _by_name(row: ProjectRow) -> tuple[str, str, str, int]:
    kinds = list(LineKind)
    return row.organization.name, row.project.name, row.sku.name, kinds.index(row.kind)


def _named(part: Costs) -> tuple[dict[int, Node], dict[int, Sku]]:
    nodes = Node.objects.in_bulk({pk for line in part.lines for pk in _places(line)})
    return nodes, Sku.objects.in_bulk({line.sku_id for line in part.lines})


def _places(line: CostLine) -> Iterator[int]:
    yield line.organization_id
    yield line.project_id
