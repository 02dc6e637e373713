"""What stands in a file of limits: what a person reaches, to read, or to edit and hand in again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db.models import Min, Q, QuerySet
from django.utils.timezone import now

from catalog.models import Metric, Quota, QuotaLimit
from catalog.services.quota_counts import handed_out_below, reserved_by_node
from portal.core.calendar import end_of_day, last_day_before
from portal.core.models import is_in_force
from portal.identity.access import reached_nodes
from portal.identity.models import Node, Person
from portal.identity.outline import with_paths

# The columns that limits are read from stand among those that only tell.
COLUMNS: Final = (
    *("path", "code", "id", "metric", "limit", "from", "until"),
    *("claimed", "reserved", "free", "handed_out", "overcommit_allowed"),
)
UNLIMITED: Final = "unlimited"
NOTHING: Final = Decimal(0)
Value = str | Decimal


@dataclass(frozen=True)
class _Counts:
    """Of one metric, by primary key of a node. ``limits``: amount, and until when it holds."""

    quotas: Mapping[int, Quota]
    limits: Mapping[int, tuple[Decimal | None, datetime | None]]
    begins: Mapping[int, datetime]
    reserved: Mapping[int, Decimal]
    handed_out: Mapping[int, Decimal | None]


def sheet_rows(
    actor: Person, metrics: Sequence[Metric], *, focus: Node | None = None
) -> Iterator[list[Value]]:
    """The rows below ``COLUMNS``: one for each metric and each part that the person reaches.

    One metric at a time; its five queries do not depend on how many parts there are.

    Args:
        focus: only this part and what stands below it.
    """
    reached = reached_nodes(actor).filter(ended_at=None)
    shown = reached
    if focus:
        shown = reached.filter(Q(pk=focus.pk) | Q(ancestor_ids__contains=[focus.pk]))
    return _rows(with_paths(shown, within=reached), metrics, reached)


def _rows(
    parts: Sequence[tuple[list[str], Node]], metrics: Sequence[Metric], reached: QuerySet[Node]
) -> Iterator[list[Value]]:
    """Read while the file is sent, when nobody is logged in any more: ``reached`` is fixed."""
    for metric in metrics:
        counts = _count(metric, reached)
        for names, node in parts:
            yield _row(names, node, metric, counts)


def _count(metric: Metric, nodes: QuerySet[Node]) -> _Counts:
    moment = now()
    quotas = Quota.objects.filter(metric=metric, node__in=nodes)
    limits = QuotaLimit.objects.filter(quota__in=quotas)
    holding = limits.filter(is_in_force(moment)).values_list("quota__node", "amount", "valid_until")
    planned = limits.filter(valid_from__gt=moment).values_list("quota__node")
    return _Counts(
        quotas={quota.node_id: quota for quota in quotas},
        limits={node: (amount, until) for node, amount, until in holding},
        begins=dict(planned.annotate(begin=Min("valid_from"))),
        reserved=reserved_by_node(nodes, metric),
        handed_out={
            node: amount for node, (amount, _parts) in handed_out_below(nodes, metric).items()
        },
    )


def _row(names: Sequence[str], node: Node, metric: Metric, counts: _Counts) -> list[Value]:
    quota = counts.quotas.get(node.pk)
    claimed = quota.claimed if quota else NOTHING
    limit, until = counts.limits.get(node.pk, (NOTHING, counts.begins.get(node.pk)))
    return [
        " / ".join(names),
        node.code,
        str(node.public_id),
        metric.value,
        _amount(limit),
        "",
        _last_day(until),
        claimed,
        counts.reserved.get(node.pk, NOTHING),
        _amount(None if limit is None else limit - claimed),
        _amount(counts.handed_out.get(node.pk, NOTHING)),
        "yes" if quota and quota.overcommit_allowed else "no",
    ]


def _amount(amount: Decimal | None) -> Value:
    return UNLIMITED if amount is None else amount


def _last_day(until: datetime | None) -> str:
    """As ``limit_imports`` reads it back: the day, or the moment itself where that is no midnight.

    A limit for good has none. So whoever hands the file in again leaves every end as it is.
    """
    if until is None:
        return ""
    last = last_day_before(until)
    return last.isoformat() if end_of_day(last) == until else until.isoformat()
