"""What is paid for and perhaps used by nobody, since when, and what it costs per month.

Told of facts that the portal has, and reckoned as the page of an order does. Nothing is kept: a
hint is there as long as what it says is so. What may be too large is kept beside what the cloud
told of it: ``size_advice``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Any, TypeAlias
from uuid import UUID

from django.db.models import Case, DateTimeField, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Greatest
from django.utils.functional import Promise
from django.utils.translation import ngettext

from billing.meters import Meter
from billing.models import UsageSpan
from billing.services.pricing import quote_in_projects
from billing.services.quotes import Quote
from catalog.kinds.base import ACT_PREFIX, LEFT_ALONE_AT, all_kinds, get_kind
from catalog.kinds.idle import Idle
from catalog.models import (
    Difference,
    DifferenceKind,
    Operation,
    OperationState,
    Resource,
    ResourceState,
)
from catalog.services.size_advice import SizeHint, find_size_hints, oversized_resources
from portal.core.formats import money

Hint: TypeAlias = "SavingHint | SizeHint"


@dataclass(frozen=True, kw_only=True)
class SavingHint:
    """One resource that may cost money for nothing.

    Attributes:
        label: how it is, as its kind calls it.
        monthly: what it costs in a full month at the prices of this moment; None where something
            of it has no price.
    """

    resource: Resource
    label: str | Promise
    days: int
    monthly: Decimal | None

    @property
    def is_about_size(self) -> bool:
        return False

    @property
    def gist(self) -> str:
        """How it is and for how long: “Stopped for 12 days”."""
        text = ngettext("{how} for {count} day", "{how} for {count} days", self.days)
        return text.format(how=self.label, count=self.days)

    @property
    def saving(self) -> str:
        """What it costs each month, as an amount; empty where that is not known."""
        return "" if self.monthly is None else money(self.monthly)


def idle_resources(resources: QuerySet[Resource], *, at: datetime) -> QuerySet[Resource]:
    """Those of the resources of which a hint tells, each with ``idle_since``."""
    kinds = _idle_kinds()
    begun = Operation.objects.filter(
        resource=OuterRef("pk"),
        plan__in=[f"{key}.{ACT_PREFIX}{idle.begun_by}" for key, idle in kinds.items()],
        state=OperationState.SUCCEEDED,
    ).order_by("-finished_at")
    since = Greatest(  # of what is known; what is not is passed over
        Cast(KT(f"facts__{LEFT_ALONE_AT}"), DateTimeField()),
        Subquery(begun.values("finished_at")[:1]),
        _seen(kinds),
        "activated_at",
        "created_at",
    )
    is_idle = [
        Q(idle.holds, kind=key, idle_since__lte=at - idle.after) for key, idle in kinds.items()
    ]
    running = resources.filter(state=ResourceState.ACTIVE).annotate(idle_since=since)
    return running.filter(reduce(or_, is_idle, Q(pk=None)))


def _idle_kinds() -> dict[str, Idle]:
    return {kind.key: kind.idle_when for kind in all_kinds() if kind.idle_when}


def _seen(kinds: Mapping[str, Idle]) -> Subquery:
    """Since when looks at the cloud saw it so, or until when they did not; the newest of these.

    For what the portal did not do itself: it may have been turned on and off there. Of a resource
    of an outer query.
    """
    watched = {key: idle for key, idle in kinds.items() if idle.seen_in}
    differs = [Q(resource__kind=key, field=idle.seen_in) for key, idle in watched.items()]
    is_so = [Q(resource__kind=key, theirs=idle.seen_as) for key, idle in watched.items()]
    seen = Difference.objects.filter(
        reduce(or_, differs, Q(pk=None)), resource=OuterRef("pk"), kind=DifferenceKind.DIFFERS
    )
    since = When(reduce(or_, is_so, Q(pk=None)), then="first_seen_at")
    moments = seen.annotate(moment=Case(since, default="last_seen_at")).order_by("-moment")
    return Subquery(moments.values("moment")[:1])


def find_hints(resources: QuerySet[Resource], *, at: datetime) -> dict[UUID, Hint]:
    """What hints tell of these resources, by public id. Four queries, whatever their number.

    Of what is idle nothing is told of its size.
    """
    found = list(idle_resources(resources, at=at).select_related("project"))
    quotes = _quotes(found, at) if found else {}
    idle = {resource.public_id: _hint(resource, quotes, at) for resource in found}
    return {**find_size_hints(resources, at=at), **idle}


def hinted_resources(resources: QuerySet[Resource], *, at: datetime) -> QuerySet[Resource]:
    """Those of which ``find_hints`` tells something."""
    idle, oversized = (
        which(resources, at=at).values("pk") for which in (idle_resources, oversized_resources)
    )
    return resources.filter(Q(pk__in=idle) | Q(pk__in=oversized))


def _hint(resource: Any, quotes: Mapping[UUID, Quote], at: datetime) -> SavingHint:
    """Of a resource with ``idle_since``."""
    idle, quote = get_kind(resource.kind).idle_when, quotes.get(resource.public_id)
    return SavingHint(
        resource=resource,
        label=idle.label if idle else "",
        days=(at - resource.idle_since) // timedelta(days=1),
        monthly=quote.monthly if quote else None,
    )


def _quotes(resources: Iterable[Resource], at: datetime) -> dict[UUID, Quote]:
    """What each uses now, at the prices of now. Two queries.

    What is in a minimum term saves nothing: it is due until that ends.
    """
    by_id = {resource.public_id: resource for resource in resources}
    spans = UsageSpan.objects.filter(resource__public_id__in=by_id, ended_at=None)
    meters: dict[UUID, list[Meter]] = {}
    for public_id, code, quantity, due_until in spans.values_list(
        "resource__public_id", "sku__code", "quantity", "term__ends_at"
    ):
        used = meters.setdefault(public_id, [])
        if due_until is None or due_until <= at:
            used.append(Meter(code, quantity))
    sets = {public_id: (by_id[public_id].project, used) for public_id, used in meters.items()}
    return quote_in_projects(sets, at=at)
