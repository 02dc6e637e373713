"""How much each level of the tree may hold, from when and until when.

What a level has can be handed out as the limits of the levels below it: together no more than its
own, at any moment from now on, unless it may overcommit. A change of limits is refused only where
it makes that worse.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import transaction
from django.db.models import Case, Exists, F, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce, Greatest
from django.utils.timezone import now
from django.utils.translation import gettext as _

from catalog.errors import LimitsRefused
from catalog.models import LimitChange, Metric, Quota, QuotaLimit
from catalog.services.handed_out import Excess, Level, describe_excess, find_excess
from portal.audit.services import record
from portal.core.faults import each_by_itself
from portal.core.locks import lock_tree_shared
from portal.core.models import is_in_force
from portal.identity.models import Node, Person

UNLIMITED: Final = Value(Decimal(-1))  # as NULL is compared; no limit is below zero


@dataclass(frozen=True, kw_only=True)
class NewLimit:
    """A limit that shall hold from ``valid_from`` on; ``amount`` None is an explicit "unlimited".

    A limit with an end is for a time: what was in force or planned for after that stays, so that
    it ends by itself. Without one it replaces whatever was planned.
    """

    node: Node
    metric: Metric
    amount: Decimal | None
    valid_from: datetime
    valid_until: datetime | None = None


def set_limit(
    node: Node,
    metric: Metric,
    amount: Decimal | None,
    *,
    valid_from: datetime,
    valid_until: datetime | None = None,
    reason: str = "",
    actor: Person | None,
) -> Quota:
    """As ``set_limits``, for one."""
    new = NewLimit(
        node=node, metric=metric, amount=amount, valid_from=valid_from, valid_until=valid_until
    )
    (row,) = set_limits([new], reason=reason, actor=actor)
    return row


def set_limits(
    limits: Sequence[NewLimit], *, reason: str = "", actor: Person | None
) -> list[Quota]:
    """Set several limits, all or none, each with an audit entry of its own.

    Call last in a transaction: it writes the audit entries. A limit below what is claimed is
    accepted: it stops new claims. It asks no rights: who governs calls
    ``catalog.services.governing``. ``actor``: None is the platform, as it is set up.

    Raises:
        LimitsRefused: one ends before it begins, or a level would hand out more than it has.
    """
    _check_periods(limits)
    lock_tree_shared()
    rows = _lock_levels(limits)
    levels = _touched_levels(limits)
    before = find_excess(levels)
    changes = [_write(rows[new.node.pk, new.metric.value], new, reason, actor) for new in limits]
    _check_handed_out(limits, before, find_excess(levels))
    LimitChange.objects.bulk_create(changes)
    bring_up_to_date(list(dict.fromkeys(change.quota for change in changes)))
    for new, change in zip(limits, changes, strict=True):
        _tell(new, change, actor)
    return [change.quota for change in changes]


def allow_overcommit(node: Node, metric: Metric, *, is_allowed: bool, actor: Person | None) -> None:
    """Let the levels below hold more together than the node has, or no longer any more of that.

    Call last in a transaction: it writes the audit entry.
    """
    lock_tree_shared()
    row, _is_new = Quota.objects.get_or_create(
        node=node, metric=metric, defaults={"limit_now": Decimal(0)}
    )
    row = Quota.objects.select_for_update().get(pk=row.pk)
    if row.overcommit_allowed == is_allowed:
        return
    row.overcommit_allowed = is_allowed
    row.save(update_fields=["overcommit_allowed"])
    data = {"metric": str(metric), "is_allowed": is_allowed}
    record("quota.overcommit_set", node, actor=actor, node_id=node.pk, data=data)


def find_move_problems(node: Node, parent: Node) -> list[str]:
    """Why a branch cannot come under a level: that has too little left to hand out to it."""
    metrics = Quota.objects.filter(node=node).order_by("metric").values_list("metric", flat=True)
    levels = [(parent.pk, Metric(name)) for name in metrics]
    before, after = find_excess(levels), find_excess(levels, adding=node)
    return [
        describe_excess(level, after[level])
        for level in levels
        if after[level].is_worse_than(before[level])
    ]


def end_limits(node: Node) -> None:
    """From now on the node has no limit of its own, so nothing fits. Call inside a transaction."""
    rows = list(Quota.objects.select_for_update().filter(node=node).order_by("metric"))
    moment = now()
    lasting = QuotaLimit.objects.filter(quota__in=rows).filter(
        Q(valid_until=None) | Q(valid_until__gt=moment)
    )
    lasting.update(valid_until=Greatest(F("valid_from"), moment))
    bring_up_to_date(rows)


def turn_limits() -> int:
    """Write the limits that began or ended since somebody looked; how many there were.

    A claim does so itself, for what it asks. This is for who reads, and so that a level that is
    over its limit from now on says so.
    """
    holds = QuotaLimit.objects.filter(is_in_force(now()), quota=OuterRef("pk"))
    limit = Coalesce(Subquery(holds.values("amount")[:1]), UNLIMITED)
    stale = Quota.objects.annotate(
        written=Coalesce("limit_now", UNLIMITED),
        holding=Case(When(Exists(holds), then=limit), default=Value(Decimal(0))),
    ).exclude(written=F("holding"))
    return each_by_itself(_turn_limit, stale.values_list("pk", flat=True))


@transaction.atomic(durable=True)
def _turn_limit(pk: int) -> int:
    bring_up_to_date(list(Quota.objects.select_for_update().filter(pk=pk)))
    return 1


def bring_up_to_date(rows: list[Quota]) -> None:
    """Write the limit that holds now: a dated limit may have begun or ended since the last look."""
    limits = QuotaLimit.objects.filter(is_in_force(now()), quota__in=rows)
    amount_now = {limit.quota_id: limit.amount for limit in limits}
    for row in rows:
        limit = amount_now.get(row.pk, Decimal(0))
        is_over = limit is not None and row.claimed > limit
        if limit != row.limit_now or is_over != (row.over_since is not None):
            row.limit_now = limit
            row.over_since = (row.over_since or now()) if is_over else None
            row.save(update_fields=["limit_now", "over_since"])


def _check_periods(limits: Sequence[NewLimit]) -> None:
    problems = {
        number: [_("Choose a moment after the beginning.")]
        for number, new in enumerate(limits)
        if new.valid_until is not None and new.valid_until <= new.valid_from
    }
    if problems:
        raise LimitsRefused(problems, field="valid_until")


def _lock_levels(limits: Sequence[NewLimit]) -> dict[tuple[int, str], Quota]:
    """Lock the counters, and those above: of what one level hands out, one at a time decides."""
    Quota.objects.bulk_create(
        (
            Quota(node=new.node, metric=new.metric, limit_now=Decimal(0))
            for new in sorted(limits, key=lambda new: (new.node.pk, new.metric.value))
        ),
        ignore_conflicts=True,
    )
    levels = Q()
    for new in limits:
        levels |= Q(node__in=[new.node.pk, new.node.parent_id or new.node.pk], metric=new.metric)
    rows = Quota.objects.select_for_update().filter(levels).order_by("node_id", "metric")
    return {(row.node_id, row.metric): row for row in rows}


def _touched_levels(limits: Sequence[NewLimit]) -> list[Level]:
    """Those that hand out something else now, or have something else to hand out."""
    own = {(new.node.pk, new.metric) for new in limits}
    above = {(new.node.parent_id, new.metric) for new in limits if new.node.parent_id}
    return sorted(own | above)


def _write(row: Quota, new: NewLimit, reason: str, actor: Person | None) -> LimitChange:
    before = row.limits.filter(is_in_force(new.valid_from)).first()
    change = LimitChange(
        quota=row,
        before=before.amount if before else Decimal(0),
        amount=new.amount,
        valid_from=new.valid_from,
        valid_until=new.valid_until,
        reason=reason,
        changed_by=actor,
    )
    _make_way(row, new.valid_from, new.valid_until)
    QuotaLimit.objects.create(
        quota=row, amount=new.amount, valid_from=new.valid_from, valid_until=new.valid_until
    )
    return change


def _make_way(row: Quota, start: datetime, end: datetime | None) -> None:
    """Let no limit hold from ``start`` until ``end`` (None: for ever); outside that all stays."""
    after_start = Q(valid_until=None) | Q(valid_until__gt=start)
    before_end = Q() if end is None else Q(valid_from__lt=end)
    for limit in row.limits.filter(after_start, before_end):
        amount, until = limit.amount, limit.valid_until
        if limit.valid_from < start:
            limit.valid_until = start
            limit.save(update_fields=["valid_until"])
        else:
            limit.delete()
        if end is not None and (until is None or until > end):
            QuotaLimit.objects.create(quota=row, amount=amount, valid_from=end, valid_until=until)


def _check_handed_out(
    limits: Sequence[NewLimit], before: dict[Level, Excess], after: dict[Level, Excess]
) -> None:
    worse = {
        level: describe_excess(level, after[level])
        for level in after
        if after[level].is_worse_than(before[level])
    }
    problems = {
        number: found
        for number, new in enumerate(limits)
        if (found := [worse[level] for level in _levels_of(new) if level in worse])
    }
    if problems:
        raise LimitsRefused(problems)


def _levels_of(new: NewLimit) -> Collection[Level]:
    own = (new.node.pk, new.metric)
    return [own, (new.node.parent_id, new.metric)] if new.node.parent_id else [own]


def _tell(new: NewLimit, change: LimitChange, actor: Person | None) -> None:
    data = {
        "metric": str(new.metric),
        "amount": None if new.amount is None else str(new.amount),
        "valid_from": new.valid_from.isoformat(),
        "valid_until": new.valid_until.isoformat() if new.valid_until else None,
        "change": str(change.public_id),
    }
    record("quota.limit_set", new.node, actor=actor, node_id=new.node.pk, data=data)
