"""Whether a smaller size would do, by what the cloud counted, and what that saves.

The rules, with their reasons: docs/adr/0036.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Exists, F, Max, OuterRef, Q, QuerySet, Sum
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.errors import PriceMissing
from billing.meters import FEE
from billing.models import UsageSpan
from billing.services.quotes import Quote
from catalog.kinds import get_kind
from catalog.loads import KEPT_DAYS, LEAST_SAMPLES_A_DAY, Evidence
from catalog.models import LoadDay, Resource, ResourceLoad, ResourceState
from catalog.services.change_work import version_of
from catalog.services.changes import version_to_choose_from
from catalog.services.preview import Priced, quotes_of
from portal.core.calendar import day_of
from portal.core.formats import money

HOLDS_FOR: Final = timedelta(days=3)  # after the last time that it was judged
_WHOLE: Final = Decimal(1)


@dataclass(frozen=True, kw_only=True)
class SizeHint:
    """One resource that may be larger than what it does asks for.

    Attributes:
        less: the answers that make it smaller, by the name of the question.
        monthly: what those save in a full month, by the tariff of the day when it was judged.
        processors, memory: the most that was used of it, between 0 and 1; of processors on average
            from one sample to the next, about an hour; memory None: not told.
        days: in how many days.
    """

    resource: Resource
    less: Mapping[str, Any]
    monthly: Decimal
    processors: Decimal
    memory: Decimal | None
    days: int

    @property
    def is_about_size(self) -> bool:
        return True

    @property
    def gist(self) -> str:
        """How little of it is used, at most: each sample is a mean over about an hour."""
        text = ngettext(
            "On average in its busiest hour {percent}% of the processor in {count} day",
            "On average in its busiest hour {percent}% of the processor in {count} days",
            self.days,
        )
        return text.format(percent=_percent(self.processors), count=self.days)

    @property
    def memory_gist(self) -> str:
        """The same of its memory, or that nobody knows."""
        if self.memory is None:
            return _("The cloud does not tell how much memory it uses, so it keeps as much.")
        text = _("Looked at each hour, it used at most {percent}% of its memory.")
        return text.format(percent=_percent(self.memory))

    @property
    def size(self) -> str:
        """What would be enough, in the words of the choice."""
        return ", ".join(map(str, self.less.values()))

    @property
    def saving(self) -> str:
        """What it saves each month, as an amount."""
        return money(self.monthly)


def _percent(share: Decimal) -> int:
    """Rounded up, so that nothing sounds more idle than it is."""
    return int((share * 100).quantize(_WHOLE, rounding=ROUND_CEILING))


def oversized_resources(resources: QuerySet[Resource], *, at: datetime) -> QuerySet[Resource]:
    """Those of the resources that run, and of which something smaller would be enough.

    Not of one that changed since, or in a minimum term: until that ends it is due all the same.
    What binds to a fee does not matter, for that is paid whatever the size.
    """
    in_term = UsageSpan.objects.filter(
        resource__public_id=OuterRef("public_id"), ended_at=None, term__ends_at__gt=at
    ).exclude(sku__code__startswith=FEE)
    return resources.filter(
        ~Q(load__less={}),
        ~Exists(in_term),
        state=ResourceState.ACTIVE,
        load__judged_on__gt=day_of(at) - HOLDS_FOR,
        spec__contains=F("load__present"),
    )


def find_size_hints(resources: QuerySet[Resource], *, at: datetime) -> dict[UUID, SizeHint]:
    """What hints tell of the size of these resources, by public id. One query."""
    found = oversized_resources(resources, at=at).select_related("load", "project")
    return {
        resource.public_id: SizeHint(
            resource=resource,
            less=resource.load.less,
            monthly=resource.load.saving,
            processors=resource.load.processors_used,
            memory=resource.load.memory_used,
            days=resource.load.days,
        )
        for resource in found
    }


@transaction.atomic(durable=True)
def judge_size(load_id: int, *, on: date) -> None:
    """Look whether something smaller and cheaper has room for all that was used, and keep that."""
    load = ResourceLoad.objects.select_for_update().get(pk=load_id)
    evidence = evidence_of(load.resource_id, on=on)
    found = _cheapest(load.resource, evidence) if evidence.is_oversized else None
    load.judged_on = on
    load.less, load.saving = found or ({}, Decimal(0))
    load.days = evidence.days
    load.processors_used, load.memory_used = evidence.processors, evidence.memory
    load.save(
        update_fields=[
            *("judged_on", "less", "saving", "days", "processors_used", "memory_used"),
        ]
    )


def evidence_of(resource_id: int, *, on: date) -> Evidence:
    """What the kept days until and with ``on`` tell."""
    kept = LoadDay.objects.filter(
        resource=resource_id, day__gt=on - timedelta(days=KEPT_DAYS), day__lte=on
    )
    told = kept.aggregate(
        days=Count("pk", filter=Q(samples__gte=LEAST_SAMPLES_A_DAY)),
        processors=Max("processors_used", default=Decimal(0)),
        memory=Max("memory_used"),
        samples=Sum("samples", default=0),
        memory_samples=Sum("memory_samples", default=0),
    )
    is_told = told["samples"] == told["memory_samples"]
    return Evidence(
        days=told["days"],
        processors=told["processors"],
        memory=told["memory"] if is_told else None,
        busiest_memory=told["memory"],
    )


def _cheapest(resource: Resource, evidence: Evidence) -> tuple[dict[str, Any], Decimal] | None:
    """The answers that cost least of those that are enough, and what they save in a month.

    Priced as the page of a change does it. None where nothing saves anything.
    """
    options = get_kind(resource.kind).smaller(
        version_to_choose_from(resource), resource.spec, evidence
    )
    present = _price(resource, {}) if options else None
    if present is None:
        return None
    priced = [
        (present.monthly - price.monthly, answers)
        for answers in options
        if (price := _price(resource, answers))
    ]
    saving, answers = max(priced, key=lambda one: one[0], default=(Decimal(0), {}))
    return (answers, saving) if saving > 0 else None


def _price(resource: Resource, answers: Mapping[str, Any]) -> Quote | None:
    """What it costs with these answers instead; None where something has no price."""
    thing = Priced.now(version_of(resource), resource, {**resource.spec, **answers})
    try:
        return quotes_of([thing], resource.project)[0]
    except PriceMissing:
        return None
