"""Writing what is shared by key on the statements of a month, behind all their other lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from django.db.models import Max

from billing.models import BillingMonth, Sku, SplitKey, Statement, StatementLine
from billing.services.cost_lines import CostLine
from portal.identity.models import Project


def write_shares(
    month: BillingMonth, statements: Iterable[Statement], shares: Sequence[CostLine]
) -> None:
    """Write a line for each share. Five queries, and none for nothing.

    Args:
        statements: of the month; there is one of everybody who bears something.
    """
    if not shares:
        return
    by_payer = {statement.organization_id: statement for statement in statements}
    positions = last_positions(month)
    keys = SplitKey.objects.in_bulk({share.split_key_id for share in shares})
    projects = Project.objects.in_bulk(
        {share.project_id for share in shares} | {key.source_id for key in keys.values()}
    )
    sku = Sku.objects.get(pk=shares[0].sku_id)
    lines = []
    for share in shares:
        statement = by_payer[share.organization_id]
        positions[statement.pk] += 1
        names = _names(sku, projects, share, keys[share.split_key_id or 0])
        lines.append(_line(share, month, statement, positions[statement.pk], names))
    StatementLine.objects.bulk_create(lines)


def last_positions(month: BillingMonth) -> defaultdict[int, int]:
    """The position of the last line of each statement of the month, by its primary key."""
    lines = StatementLine.objects.filter(statement__month=month)
    last = lines.values("statement").annotate(last=Max("position"))
    return defaultdict(int, last.values_list("statement", "last"))


def _names(
    sku: Sku, projects: Mapping[int, Project], share: CostLine, key: SplitKey
) -> dict[str, str]:
    return {
        "project": projects[share.project_id].name,
        "source": projects[key.source_id].name,
        "sku": sku.code,
        "sku_nl": sku.name_nl,
        "sku_en": sku.name_en,
        "category": sku.service_category,
        "subcategory": sku.service_subcategory,
    }


def _line(
    share: CostLine,
    month: BillingMonth,
    statement: Statement,
    position: int,
    names: dict[str, str],
) -> StatementLine:
    return StatementLine(
        statement=statement,
        position=position,
        kind=share.kind,
        used_in=month,
        project_id=share.project_id,
        sku_id=share.sku_id,
        price=None,
        unit="",
        unit_price=Decimal(0),
        quantity=Decimal(0),
        exact=share.amount,
        amount=share.amount,
        names=names,
        cost_center=share.cost_center,
        cost_object=share.cost_object,
        commitment_number=share.commitment_number,
        split_key_id=share.split_key_id,
    )
