"""Proof that counters, claims and what holds them agree. Nothing here trusts a counter."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction
from django.db.models import Count, F, Q, Sum

from catalog.kinds import get_kind
from catalog.models import (
    OPEN_OPERATION_STATES,
    OPEN_ORDER_STATES,
    ClaimState,
    Metric,
    Quota,
    QuotaClaim,
    QuotaClaimLine,
    Resource,
    ResourceState,
)
from catalog.services.change_work import version_of
from catalog.services.quotas import amounts_of, correct_counter
from portal.core.locks import lock_tree_exclusive


def find_differences() -> list[str]:
    """Where a counter differs from the claims that it counts; empty when all is well."""
    counted = _sums_of_claims()
    counters = [
        f"{row.node} {row.metric}: counter {row.claimed}, claims {counted.get(row.pk, 0)}"
        for row in Quota.objects.select_related("node").order_by("node_id", "metric")
        if row.claimed != counted.get(row.pk, Decimal(0))
    ]
    return counters + _find_misplaced_claims()


def find_claims_of_nothing() -> list[str]:
    """Claims that nothing holds any more: no open order, and nothing that lives."""
    held = Q(order_line__order__state__in=OPEN_ORDER_STATES) | Q(
        resource__isnull=False, resource__retired_at=None
    )
    claims = QuotaClaim.objects.exclude(state=ClaimState.RELEASED).exclude(held)
    return [
        f"{claim.project}: claim {claim.public_id} is held by nothing"
        for claim in claims.select_related("project").order_by("pk")
    ]


def find_other_claims() -> Iterator[str]:
    """Resources whose claim holds something else than they need. Not of money: that is agreed.

    What is being done to one may need more, or less, until it is done.
    """
    idle = Resource.objects.filter(state=ResourceState.ACTIVE).exclude(
        operations__state__in=OPEN_OPERATION_STATES
    )
    rows = idle.select_related("claim", "project", "cloud_project__cloud", "order_line")
    for resource in rows.order_by("pk").iterator():
        try:
            needed = get_kind(resource.kind).quota_demand(version_of(resource), resource.spec)
        except ObjectDoesNotExist:
            yield f"{resource.project}: what {resource} needs cannot be told: its size is gone"
            continue
        held: dict[Metric, Decimal] = {
            metric: amount
            for metric, amount in amounts_of(resource.claim).items()
            if metric != Metric.MONTHLY_COST_EUR
        }
        if held != {metric: amount for metric, amount in needed.items() if amount}:
            yield f"{resource.project}: {resource} holds {_shown(held)}, needs {_shown(needed)}"


@transaction.atomic(durable=True)
def repair_counters() -> list[str]:
    """Set each counter that differs to what its claims come to; what was done, in words.

    Nobody claims meanwhile. Claims are never changed: of one that stands wrong a person must know
    why.
    """
    lock_tree_exclusive()
    counted = _sums_of_claims()
    rows = Quota.objects.select_for_update(of=("self",)).select_related("node")
    wrong = [
        row
        for row in rows.order_by("node_id", "metric")
        if row.claimed != counted.get(row.pk, Decimal(0))
    ]
    done = [
        f"{row.node} {row.metric}: {row.claimed} is now {counted.get(row.pk, 0)}" for row in wrong
    ]
    for row in wrong:
        correct_counter(row, counted.get(row.pk, Decimal(0)))
    return done


def _sums_of_claims() -> dict[int, Decimal]:
    """What the claims of each counter come to."""
    lines = QuotaClaimLine.objects.exclude(claim__state=ClaimState.RELEASED)
    return dict(lines.values_list("quota_id").annotate(amount=Sum("amount")))


def _shown(amounts: dict[Metric, Decimal]) -> str:
    shown = [f"{metric.value} {amount.normalize():f}" for metric, amount in amounts.items()]
    return ", ".join(sorted(shown)) or "nothing"


def _find_misplaced_claims() -> list[str]:
    """Claims that do not stand on their project and everything above it, and nowhere else."""
    placed_well = Q(lines__quota__node=F("project")) | Q(
        project__ancestor_ids__contains=[F("lines__quota__node")]
    )
    claims = (
        QuotaClaim.objects.exclude(state=ClaimState.RELEASED)
        .select_related("project")
        .annotate(
            all_lines=Count("lines"),
            good_lines=Count("lines", filter=placed_well),
            metrics=Count("lines__quota__metric", distinct=True),
        )
        .order_by("pk")
    )
    return [
        f"{claim.project}: claim {claim.public_id} stands on other levels than its project"
        for claim in claims
        if {claim.all_lines, claim.good_lines} != {claim.metrics * len(claim.project.lineage_ids)}
    ]
