"""How much each level of the tree may hold, from when and until when.

What a level has can be handed out as the limits of the levels below it: together no more than its
own, at any moment from now on, unless it may overcommit. A change of limits is refused only where
it makes that worse.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, LiteralString

from django.db import connection, transaction
from django.db.models import Case, Exists, F, Max, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce, Greatest
from django.utils.timezone import now
from django.utils.translation import gettext as _

from catalog.horizon import find_far
from catalog.models import LimitChange, Metric, Quota, QuotaLimit, QuotaRequest
from catalog.quota_errors import LimitsChanged, LimitsRefused
from catalog.services.handed_out import Excess, Level, describe_excess, find_excess
from catalog.services.limit_periods import LimitPeriod, periods_of
from portal.audit.services import Told, record, record_all
from portal.core.faults import each_by_itself
from portal.core.locks import lock_tree_shared
from portal.core.models import is_in_force, is_not_over
from portal.identity.models import Node, Person

# Written out, as each claim asks it: put together by Django it takes three times as long.
_IN_FORCE: Final[LiteralString] = """
SELECT quota_id, amount FROM catalog_quotalimit
WHERE quota_id = ANY(%(quotas)s)
    AND valid_from <= %(at)s AND (valid_until IS NULL OR valid_until > %(at)s)
"""
_WRITE_LIMITS: Final[LiteralString] = """
UPDATE catalog_quota AS quota SET limit_now = seen.limit_now, over_since = seen.over_since
FROM unnest(%s::bigint[], %s::numeric[], %s::timestamptz[]) AS seen (id, limit_now, over_since)
WHERE quota.id = seen.id
"""
# Pair by pair: of thousands, Django would make as many conditions.
_LOCK_LEVELS: Final[LiteralString] = """
SELECT quota.* FROM catalog_quota AS quota
JOIN unnest(%s::bigint[], %s::text[]) AS level (node_id, metric)
    ON quota.node_id = level.node_id AND quota.metric = level.metric
ORDER BY quota.node_id, quota.metric FOR UPDATE OF quota
"""
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

    @property
    def key(self) -> tuple[int, str]:
        """Which counter it is about."""
        return self.node.pk, self.metric.value


@dataclass(frozen=True)
class Step:
    """What setting one limit does.

    Attributes:
        is_new: some moment of its period gets another limit.
        undone: what would follow in its period, by a limit that ends by itself or is planned, and
            now does not; without a limit after an end, that nothing is allowed.
    """

    change: LimitChange
    is_new: bool
    undone: list[LimitPeriod]

    @property
    def is_over(self) -> bool:
        """More is claimed than the limit: nothing can be ordered there."""
        amount = self.change.amount
        return amount is not None and self.change.quota.claimed > amount


@dataclass(frozen=True)
class Trial:
    """What ``set_limits`` would do, or why not.

    Attributes:
        problems: by number of the limit, from zero.
        seen: stands for what was there of the steps that are new; see ``set_limits``.
    """

    steps: list[Step]
    problems: dict[int, list[str]]
    seen: str


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
    limits: Sequence[NewLimit],
    *,
    reason: str = "",
    actor: Person | None,
    seen: str = "",
    request: QuotaRequest | None = None,
) -> list[Quota]:
    """Set several limits, all or none, each with an audit entry of its own.

    Call last in a transaction: it writes the audit entries. A limit below what is claimed is
    accepted: it stops new claims. It asks no rights: who governs calls
    ``catalog.services.governing``. ``actor``: None is the platform, as it is set up.

    Args:
        seen: what ``try_limits`` said of these limits; left out, whatever is there now will do.
        request: what is granted so.

    Raises:
        LimitsRefused: one ends before it begins or is too far away, or a level would hand out more
            than it has.
        LimitsChanged: what is there is no longer what was seen.
    """
    problems = {
        number: [problem] for number, new in enumerate(limits) if (problem := find_misfit(new))
    }
    if problems:
        raise LimitsRefused(problems, field="valid_until")
    steps, problems = _carry_out(limits, reason, actor)
    if seen and seen != _sight_of(steps):
        raise LimitsChanged()
    if problems:
        raise LimitsRefused(problems)
    changes = [step.change for step in steps]
    for change in changes:
        change.request = request
    LimitChange.objects.bulk_create(changes)
    bring_up_to_date(list(dict.fromkeys(change.quota for change in changes)))
    record_all([_told(new, step, actor) for new, step in zip(limits, steps, strict=True)])
    return [change.quota for change in changes]


def try_limits(limits: Sequence[NewLimit]) -> Trial:
    """What ``set_limits`` would do now, by its own code. Nothing is kept of it.

    None of them may be a misfit.
    """
    with transaction.atomic():
        steps, problems = _carry_out(limits, "", None)
        seen = _sight_of(step for step in steps if step.is_new)
        transaction.set_rollback(True)
    return Trial(steps, problems, seen)


def find_misfit(new: NewLimit) -> str:
    """What is wrong with its period; empty when nothing is."""
    for moment in (new.valid_from, new.valid_until):
        if moment is not None and (problem := find_far(moment)):
            return problem
    if new.valid_until is not None and new.valid_until <= new.valid_from:
        return _("Choose a moment after the beginning.")
    return ""


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
    with connection.cursor() as cursor:
        cursor.execute(_IN_FORCE, {"quotas": [row.pk for row in rows], "at": now()})
        amount_now = dict(cursor.fetchall())
        stale = [row for row in rows if _renew(row, amount_now.get(row.pk, Decimal(0)))]
        if stale:
            names = ("pk", "limit_now", "over_since")
            columns = [[getattr(row, name) for row in stale] for name in names]
            cursor.execute(_WRITE_LIMITS, columns)


def _renew(row: Quota, limit: Decimal | None) -> bool:
    """Let the row have this limit; True when it had another, or did not say that it is over it."""
    is_over = limit is not None and row.claimed > limit
    if limit == row.limit_now and is_over == (row.over_since is not None):
        return False
    row.limit_now = limit
    row.over_since = (row.over_since or now()) if is_over else None
    return True


def _carry_out(
    limits: Sequence[NewLimit], reason: str, actor: Person | None
) -> tuple[list[Step], dict[int, list[str]]]:
    """Write the limits, and see where a level then hands out too much, by number of the limit."""
    lock_tree_shared()
    limits = _where_they_stand(limits)
    rows = lock_levels(limits)
    levels = _touched_levels(limits)
    before = find_excess(levels)
    steps = _write(rows, limits, reason, actor)
    return steps, _find_handed_out(limits, before, find_excess(levels))


def _where_they_stand(limits: Sequence[NewLimit]) -> list[NewLimit]:
    """With their nodes as they are now that nobody moves them: they were read before."""
    nodes = Node.objects.in_bulk({new.node.pk for new in limits})
    return [replace(new, node=nodes[new.node.pk]) for new in limits]


def lock_levels(limits: Sequence[NewLimit]) -> dict[tuple[int, str], Quota]:
    """Lock the counters, and those above: of what one level hands out, one at a time decides.

    Call under the tree lock; ``set_limits`` does it too.
    """
    Quota.objects.bulk_create(
        (
            Quota(node=new.node, metric=new.metric, limit_now=Decimal(0))
            for new in sorted(limits, key=lambda new: (new.node.pk, new.metric.value))
        ),
        ignore_conflicts=True,
    )
    levels = _touched_levels(limits)
    nodes, metrics = [pk for pk, _metric in levels], [metric.value for _pk, metric in levels]
    rows = Quota.objects.raw(_LOCK_LEVELS, [nodes, metrics])
    return {(row.node_id, row.metric): row for row in rows}


def _touched_levels(limits: Sequence[NewLimit]) -> list[Level]:
    """Those that hand out something else now, or have something else to hand out."""
    own = {(new.node.pk, new.metric) for new in limits}
    above = {(new.node.parent_id, new.metric) for new in limits if new.node.parent_id}
    return sorted(own | above)


def _write(
    rows: dict[tuple[int, str], Quota],
    limits: Sequence[NewLimit],
    reason: str,
    actor: Person | None,
) -> list[Step]:
    """Write all of them, in the order given. Four statements, however many there are."""
    first = min((new.valid_from for new in limits), default=now())
    counters = {rows[new.key] for new in limits}
    stored = list(QuotaLimit.objects.filter(is_not_over(first), quota__in=counters))
    ends = {limit.pk: limit.valid_until for limit in stored}
    held: dict[int, list[QuotaLimit]] = defaultdict(list)
    for limit in stored:
        held[limit.quota_id].append(limit)
    steps = []
    for new in limits:
        row = rows[new.key]
        steps.append(_step(row, held[row.pk], new, reason, actor))
        held[row.pk] = [*_left_beside(held[row.pk], new), _as_limit(row, new)]
    result = [limit for those in held.values() for limit in those]
    QuotaLimit.objects.filter(pk__in=ends.keys() - {limit.pk for limit in result}).delete()
    shortened = [limit for limit in result if limit.pk and limit.valid_until != ends[limit.pk]]
    QuotaLimit.objects.bulk_update(shortened, ["valid_until"])
    QuotaLimit.objects.bulk_create([limit for limit in result if limit.pk is None])
    return steps


def _step(
    row: Quota, held: list[QuotaLimit], new: NewLimit, reason: str, actor: Person | None
) -> Step:
    inside = sorted((one for one in held if _overlaps(one, new)), key=lambda one: one.valid_from)
    periods = periods_of(inside, new.valid_from, new.valid_until)
    others = [period for period in periods if period.limit != new.amount]
    change = LimitChange(
        quota=row,
        before=periods[0].limit,
        amount=new.amount,
        valid_from=new.valid_from,
        valid_until=new.valid_until,
        reason=reason,
        changed_by=actor,
    )
    undone = [period for period in others if period is not periods[0]]
    return Step(change, is_new=bool(others), undone=undone)


def _as_limit(row: Quota, new: NewLimit) -> QuotaLimit:
    return QuotaLimit(
        quota=row, amount=new.amount, valid_from=new.valid_from, valid_until=new.valid_until
    )


def _overlaps(limit: QuotaLimit, new: NewLimit) -> bool:
    begins_before = new.valid_until is None or limit.valid_from < new.valid_until
    return begins_before and (limit.valid_until is None or limit.valid_until > new.valid_from)


def _left_beside(held: list[QuotaLimit], new: NewLimit) -> list[QuotaLimit]:
    """What stays of them before and after the period of the new one."""
    left = []
    for limit in held:
        if not _overlaps(limit, new):
            left.append(limit)
            continue
        amount, until = limit.amount, limit.valid_until
        if limit.valid_from < new.valid_from:
            limit.valid_until = new.valid_from
            left.append(limit)
        if new.valid_until is not None and (until is None or until > new.valid_until):
            rest = QuotaLimit(
                quota=limit.quota, amount=amount, valid_from=new.valid_until, valid_until=until
            )
            left.append(rest)
    return left


def _sight_of(steps: Iterable[Step]) -> str:
    """Stands for what is there: the limit at each place, whether it gets too low, and who was last.

    The counters are locked, so the last change of each is the last that was made.
    """
    those = list(steps)
    quotas = {step.change.quota_id for step in those}
    changes = LimitChange.objects.filter(quota__in=quotas).values_list("quota")
    last = dict(changes.annotate(last=Max("pk")).order_by())
    sight = [
        [_exact(step.change.before), step.is_over, last.get(step.change.quota_id)] for step in those
    ]
    return hashlib.sha256(json.dumps(sight).encode()).hexdigest()


def _exact(amount: Decimal | None) -> str | None:
    return None if amount is None else format(amount.normalize(), "f")


def _find_handed_out(
    limits: Sequence[NewLimit], before: dict[Level, Excess], after: dict[Level, Excess]
) -> dict[int, list[str]]:
    worse = {
        level: describe_excess(level, after[level])
        for level in after
        if after[level].is_worse_than(before[level])
    }
    return {
        number: found
        for number, new in enumerate(limits)
        if (found := [worse[level] for level in _levels_of(new) if level in worse])
    }


def _levels_of(new: NewLimit) -> Collection[Level]:
    own = (new.node.pk, new.metric)
    return [own, (new.node.parent_id, new.metric)] if new.node.parent_id else [own]


def _told(new: NewLimit, step: Step, actor: Person | None) -> Told:
    data: dict[str, Any] = {
        "metric": str(new.metric),
        "amount": None if new.amount is None else str(new.amount),
        "valid_from": new.valid_from.isoformat(),
        "valid_until": new.valid_until.isoformat() if new.valid_until else None,
        "change": str(step.change.public_id),
    }
    if step.undone:
        data["undone"] = [
            {
                "from": one.since.isoformat(),
                "until": one.until.isoformat() if one.until else None,
                "amount": None if one.limit is None else str(one.limit),
            }
            for one in step.undone
        ]
    return Told(
        event="quota.limit_set", subject=new.node, actor=actor, node_id=new.node.pk, data=data
    )
