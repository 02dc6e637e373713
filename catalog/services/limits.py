"""How much each level of the tree may hold, from when and until when."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import transaction
from django.db.models import Case, Exists, F, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce, Greatest
from django.utils.timezone import now
from django.utils.translation import gettext as _

from catalog.models import Metric, Quota, QuotaLimit
from portal.audit.services import record
from portal.core.errors import InvalidInput
from portal.core.faults import each_by_itself
from portal.core.locks import lock_tree_shared
from portal.core.models import is_in_force
from portal.identity.models import Node, Person
from portal.identity.sensitive import sensitive

_UNLIMITED: Final = Value(Decimal(-1))  # as NULL is compared; no limit is below zero


@sensitive("quota.set_limit")
def set_limit(
    node: Node,
    metric: Metric,
    amount: Decimal | None,
    *,
    valid_from: datetime,
    valid_until: datetime | None = None,
    actor: Person | None,
) -> Quota:
    """Set the limit from ``valid_from`` on; None is an explicit "unlimited".

    A limit with an end is for a time: what was in force or planned for after that stays, so that
    it ends by itself. Without one it replaces whatever was planned.

    Call last in a transaction: it writes the audit entry. A limit below what is claimed is
    accepted: it stops new claims. ``actor``: None is the platform, as it is set up.

    Raises:
        InvalidInput: it would end before it begins.
    """
    if valid_until is not None and valid_until <= valid_from:
        raise InvalidInput({"valid_until": [_("Choose a moment after the beginning.")]})
    lock_tree_shared()
    Quota.objects.get_or_create(node=node, metric=metric, defaults={"limit_now": Decimal(0)})
    row = Quota.objects.select_for_update().get(node=node, metric=metric)
    _make_way(row, valid_from, valid_until)
    QuotaLimit.objects.create(
        quota=row, amount=amount, valid_from=valid_from, valid_until=valid_until
    )
    bring_up_to_date([row])
    data = {
        "metric": str(metric),
        "amount": None if amount is None else str(amount),
        "valid_from": valid_from.isoformat(),
        "valid_until": valid_until.isoformat() if valid_until else None,
    }
    record("quota.limit_set", node, actor=actor, node_id=node.pk, data=data)
    return row


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
    limit = Coalesce(Subquery(holds.values("amount")[:1]), _UNLIMITED)
    stale = Quota.objects.annotate(
        written=Coalesce("limit_now", _UNLIMITED),
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
