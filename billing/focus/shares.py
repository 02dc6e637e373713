"""What is shared by key, as rows of FOCUS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from billing.focus.rows import Line, Names, Row, Share, Statement, share_row
from billing.models import LineKind, Sku, SplitKey, StatementLine
from billing.services.cost_lines import CostLine
from billing.services.month_costs import open_shares
from portal.identity.models import Node


def billed_share(billed: StatementLine, key: SplitKey) -> Share:
    """What a line of a statement shares; the source as it was called then."""
    return Share(
        amount=billed.amount,
        is_out=billed.kind == LineKind.SHARED_OUT,
        key_id=str(key.public_id),
        source_id=str(key.source.public_id),
        source=billed.names["source"],
    )


def running_share_rows(
    statement: Statement, node_ids: Sequence[int], *, as_of: datetime
) -> Iterator[Row]:
    """The rows of a month that is not closed, as closing it at this moment would share."""
    month = statement.month
    found = open_shares(node_ids, [month], at=as_of).get(month.start)
    shares = found.realised.lines if found else ()
    keys = SplitKey.objects.select_related("source").in_bulk({one.split_key_id for one in shares})
    nodes = Node.objects.in_bulk(
        {pk for one in shares for pk in (one.organization_id, one.project_id)}
    )
    skus = Sku.objects.in_bulk({one.sku_id for one in shares})
    for one in shares:
        key = keys[one.split_key_id or 0]
        line = _line_of(one, nodes[one.organization_id], nodes[one.project_id], skus[one.sku_id])
        yield share_row(statement, line, _share_of(one, key))


def _share_of(share: CostLine, key: SplitKey) -> Share:
    return Share(
        amount=share.amount,
        is_out=share.kind == LineKind.SHARED_OUT,
        key_id=str(key.public_id),
        source_id=str(key.source.public_id),
        source=key.source.name,
    )


def _line_of(share: CostLine, organization: Node, project: Node, sku: Sku) -> Line:
    return Line(
        organization=organization,
        project=project,
        sku=sku,
        names=Names.now(organization, project, sku),
        price=None,
        from_quantity=share.from_quantity,
        cost_center=share.cost_center,
        cost_object=share.cost_object,
        commitment_number=share.commitment_number,
    )
