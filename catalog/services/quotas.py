"""Holding what is scarce, on every level of the tree at once.

The counter row of each node and metric is locked in one order (node id, metric), brought up to
date, checked and written. Only these functions change ``Quota.claimed``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, LiteralString

from django.db import connection
from django.db.models import F, Sum
from django.utils.timezone import now

from catalog.models import ClaimState, Metric, Quota, QuotaClaim, QuotaClaimLine
from catalog.quota_errors import QuotaExceeded
from catalog.quota_policies import names_to_ask
from catalog.services.limits import bring_up_to_date
from portal.audit.services import record
from portal.core.locks import lock_tree_shared
from portal.identity.models import Node, Project

Demand = Mapping[Metric, Decimal]

NOTHING: Final = Decimal(0)

# Written out: for so few rows, Django needs longer to put them together than PostgreSQL to do them.
_LEVELS: Final[LiteralString] = """
SELECT ancestor_ids || id FROM identity_node WHERE id = %s
"""
_LOCK_COUNTERS: Final[LiteralString] = """
SELECT id, node_id, metric, limit_now, claimed, over_since FROM catalog_quota
WHERE node_id = ANY(%s) AND metric = ANY(%s)
ORDER BY node_id, metric FOR UPDATE
"""
_REMOVE_LINES: Final[LiteralString] = """
DELETE FROM catalog_quotaclaimline AS line
USING catalog_quotaclaim AS claim, catalog_quota AS quota
WHERE claim.id = line.claim_id AND quota.id = line.quota_id
    AND claim.state <> 'released' AND claim.project_id = ANY(%(projects)s)
    AND quota.node_id = ANY(%(leaving)s)
"""
_WRITE_LINES: Final[LiteralString] = """
INSERT INTO catalog_quotaclaimline (claim_id, quota_id, amount)
SELECT %s, held.* FROM unnest(%s::bigint[], %s::numeric[]) AS held
"""
_WRITE_COUNTERS: Final[LiteralString] = """
UPDATE catalog_quota AS quota SET claimed = seen.claimed, over_since = seen.over_since
FROM unnest(%s::bigint[], %s::numeric[], %s::timestamptz[]) AS seen (id, claimed, over_since)
WHERE quota.id = seen.id
"""
# A released claim has no lines, but for those that an earlier release leaves beside this one.
# A claim's line on its own project says what it holds on every level above.
_ADD_LINES: Final[LiteralString] = """
INSERT INTO catalog_quotaclaimline (claim_id, quota_id, amount)
SELECT claim.id, entered.id, line.amount
FROM catalog_quotaclaim AS claim
JOIN catalog_quotaclaimline AS line ON line.claim_id = claim.id
JOIN catalog_quota AS own ON own.id = line.quota_id AND own.node_id = claim.project_id
JOIN catalog_quota AS entered
    ON entered.metric = own.metric AND entered.node_id = ANY(%(entering)s)
WHERE claim.state <> 'released' AND claim.project_id = ANY(%(projects)s)
"""


def claim_quota(project: Project, demand: Demand, *, expires_at: datetime) -> QuotaClaim:
    """Reserve ``demand`` for the project and everything above it, until ``expires_at``.

    Call inside a transaction. All or nothing: the first level that has too little refuses.

    Raises:
        QuotaExceeded: a level has no row for a metric, is over its limit, or has too little.
    """
    lock_tree_shared()
    wanted = {metric: amount for metric, amount in demand.items() if amount}
    levels = _levels_of(project)
    rows = _lock_rows(levels, wanted)
    for metric, amount in wanted.items():
        for node_id in reversed(levels):
            _check_fits(rows.get((node_id, metric)), node_id, metric, amount)
    claim = QuotaClaim.objects.create(project=project, expires_at=expires_at)
    asked = _for_each(rows.values(), wanted)
    _write_lines(claim, asked)
    _add(asked)
    return claim


def lock_counters(project: Project, demands: Iterable[Demand]) -> None:
    """Lock at once all that several claims will take. Call inside their transaction, before them.

    One by one they would take the counters in another order than who asks the same otherwise.
    """
    lock_tree_shared()
    metrics = {metric for demand in demands for metric, amount in demand.items() if amount}
    _lock_rows(_levels_of(project), metrics)


def hold_found(project: Project, demand: Demand) -> QuotaClaim:
    """Count what is there already for the project and everything above it, also where it is much.

    Call inside a transaction. A level with too little is over its limit from now on, and accepts
    no claim until that is mended.
    """
    lock_tree_shared()  # before any row, also one that a foreign key looks at
    claim = QuotaClaim.objects.create(project=project, state=ClaimState.COMMITTED)
    recount_claim(claim, demand)
    return claim


def recount_claim(claim: QuotaClaim, demand: Demand) -> None:
    """Let the claim hold what its thing turns out to need, also where there is too little.

    Call inside a transaction, for what is in the cloud already; may be repeated.
    """
    lock_tree_shared()
    locked = QuotaClaim.objects.select_for_update().get(pk=claim.pk)
    if locked.state == ClaimState.RELEASED:
        return
    project = locked.project
    wanted = {metric: amount for metric, amount in demand.items() if amount}
    held = amounts_of(locked)
    levels = project.lineage_ids
    metrics = wanted | held
    Quota.objects.bulk_create(
        (
            Quota(node_id=node, metric=metric, limit_now=Decimal(0))
            for node in sorted(levels)
            for metric in sorted(wanted, key=lambda metric: metric.value)
        ),
        ignore_conflicts=True,
    )
    rows = _lock_rows(levels, metrics)
    locked.lines.all().delete()
    kept = _for_each(rows.values(), wanted)
    before = _for_each(rows.values(), held)
    _write_lines(locked, kept)
    _add_found({row: amount - before[row] for row, amount in kept.items()})


def commit_claim(claim: QuotaClaim) -> None:
    """Keep what was reserved until it is released. Call inside a transaction."""
    claim.state, claim.expires_at = ClaimState.COMMITTED, None
    claim.save(update_fields=["state", "expires_at"])


def release_claim(claim: QuotaClaim) -> None:
    """Give back what the claim holds. Call inside a transaction; may be repeated.

    Call it only when the thing is surely gone from the cloud, or was never made.
    """
    lock_tree_shared()
    locked = QuotaClaim.objects.select_for_update().get(pk=claim.pk)
    if locked.state == ClaimState.RELEASED:
        return
    held = dict(locked.lines.values_list("quota_id", "amount"))
    rows = Quota.objects.select_for_update().filter(pk__in=held).order_by("node_id", "metric")
    _add({row: -held[row.pk] for row in rows})
    locked.lines.all().delete()
    locked.state, locked.expires_at, locked.released_at = ClaimState.RELEASED, None, now()
    locked.save(update_fields=["state", "expires_at", "released_at"])


def release_claims(claims: Collection[QuotaClaim]) -> None:
    """Give back what several claims hold. As ``release_claim``; locks all before it begins."""
    lock_tree_shared()
    locked = QuotaClaim.objects.select_for_update().filter(pk__in=[claim.pk for claim in claims])
    held = QuotaClaimLine.objects.filter(claim__in=[claim.pk for claim in locked.order_by("pk")])
    counters = Quota.objects.filter(pk__in=held.values("quota")).order_by("node_id", "metric")
    list(counters.select_for_update())
    for claim in claims:
        release_claim(claim)


def absorb_claim(claim: QuotaClaim, extra: QuotaClaim, needed: Demand) -> None:
    """Let ``claim`` hold what a thing needs now that it changed; ``extra`` was what that added.

    What neither needs any more is free again. Call inside a transaction; may be repeated, and
    takes nothing: what is needed beyond both is not held. Call it only when the cloud has it so.
    """
    lock_tree_shared()
    both = QuotaClaim.objects.select_for_update().filter(pk__in=[claim.pk, extra.pk])
    if any(one.state == ClaimState.RELEASED for one in both.order_by("pk")):
        return
    lines = QuotaClaimLine.objects.filter(claim__in=[claim.pk, extra.pk])
    held = dict(lines.values_list("quota_id").annotate(amount=Sum("amount")))
    rows = Quota.objects.select_for_update().filter(pk__in=held).order_by("node_id", "metric")
    needs = _for_each(rows, needed)
    kept = {row: min(held[row.pk], amount) for row, amount in needs.items()}
    lines.delete()
    _write_lines(claim, kept)
    _add({row: amount - held[row.pk] for row, amount in kept.items()})
    QuotaClaim.objects.filter(pk=extra.pk).update(
        state=ClaimState.RELEASED, expires_at=None, released_at=now()
    )


def amounts_of(claim: QuotaClaim) -> dict[Metric, Decimal]:
    """What the claim holds, by metric: as much on every level."""
    own = claim.lines.filter(quota__node=claim.project_id)
    return {Metric(name): amount for name, amount in own.values_list("quota__metric", "amount")}


def held_by(project_ids: Sequence[int]) -> dict[Metric, Decimal]:
    """What these projects hold together, reserved or in use, in the order of the metrics."""
    lines = QuotaClaimLine.objects.exclude(claim__state=ClaimState.RELEASED)
    own = lines.filter(claim__project__in=project_ids, quota__node=F("claim__project"))
    sums = dict(own.values_list("quota__metric").annotate(amount=Sum("amount")))
    return {metric: sums[metric.value] for metric in Metric if metric.value in sums}


def move_claims(
    project_ids: Sequence[int], *, leaving: Sequence[int], entering: Sequence[int]
) -> None:
    """Let what these projects hold count on other levels. Call under the exclusive tree lock.

    Args:
        leaving: primary keys of the nodes that no longer stand above the projects.
        entering: primary keys of those that now do, the nearest first.

    Raises:
        QuotaExceeded: a level that is entered has too little; nothing may be kept then.
    """
    demand = held_by(project_ids)
    rows = _lock_rows([*leaving, *entering], demand)
    for metric, amount in demand.items():
        for node_id in entering:
            _check_fits(rows.get((node_id, metric)), node_id, metric, amount)
    parameters = {
        "projects": list(project_ids),
        "leaving": list(leaving),
        "entering": list(entering),
    }
    with connection.cursor() as cursor:
        cursor.execute(_REMOVE_LINES, parameters)
        cursor.execute(_ADD_LINES, parameters)
    moved = _for_each(rows.values(), demand)
    _add({row: much if row.node_id in entering else -much for row, much in moved.items()})


def _levels_of(project: Project) -> list[int]:
    """Primary keys from the root down to the project. Under the tree's lock they stay so."""
    with connection.cursor() as cursor:
        cursor.execute(_LEVELS, [project.pk])
        return list(cursor.fetchone()[0])


def _lock_rows(node_ids: list[int], metrics: Collection[Metric]) -> dict[tuple[int, str], Quota]:
    """Lock the counters in the one order that everybody uses, with limits as of this moment."""
    rows = Quota.objects.raw(_LOCK_COUNTERS, [node_ids, [metric.value for metric in metrics]])
    by_key = {(row.node_id, row.metric): row for row in rows}
    bring_up_to_date(list(by_key.values()))
    return by_key


def _check_fits(row: Quota | None, node_id: int, metric: Metric, asked: Decimal) -> None:
    limit, claimed = (row.limit_now, row.claimed) if row else (Decimal(0), Decimal(0))
    if row and row.over_since is None and (limit is None or claimed + asked <= limit):
        return
    node = Node.objects.get(pk=node_id)
    raise QuotaExceeded(
        node=node,
        metric=metric,
        limit=limit or Decimal(0),
        claimed=claimed,
        asked=asked,
        ask=names_to_ask(node),
    )


def _for_each(rows: Iterable[Quota], demand: Demand) -> dict[Quota, Decimal]:
    """What the demand comes to on each of the counters."""
    return {row: demand.get(Metric(row.metric), NOTHING) for row in rows}


def _write_lines(claim: QuotaClaim, amounts: Mapping[Quota, Decimal]) -> None:
    """Write what the claim holds on each counter, in one statement; nothing has no line."""
    held = {row.pk: amount for row, amount in amounts.items() if amount}
    with connection.cursor() as cursor:
        cursor.execute(_WRITE_LINES, [claim.pk, list(held), list(held.values())])


def _add(amounts: Mapping[Quota, Decimal]) -> None:
    """Change the counters, in one statement; what was over its limit may come back below it."""
    for row, amount in amounts.items():
        row.claimed += amount
        if row.over_since and row.limit_now is not None and row.claimed <= row.limit_now:
            row.over_since = None
    _write_counters(amounts.keys())


def _add_found(amounts: Mapping[Quota, Decimal]) -> None:
    """Change the counters for what is there anyhow, whatever the limits are."""
    moment = now()
    for row, amount in amounts.items():
        if row.limit_now is not None and row.claimed + amount > row.limit_now:
            row.over_since = row.over_since or moment
    _add(amounts)


def _write_counters(rows: Collection[Quota]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE_COUNTERS,
            [
                [row.pk for row in rows],
                [row.claimed for row in rows],
                [row.over_since for row in rows],
            ],
        )


def correct_counter(row: Quota, amount: Decimal) -> None:
    """Write what the claims come to, where the counter says otherwise. Call with all locked."""
    before, row.claimed = row.claimed, amount
    is_over = row.limit_now is not None and amount > row.limit_now
    row.over_since = (row.over_since or now()) if is_over else None
    row.save(update_fields=["claimed", "over_since"])
    data = {"metric": row.metric, "before": str(before), "after": str(amount)}
    record("quota.counter_corrected", row.node, actor=None, node_id=row.node_id, data=data)
