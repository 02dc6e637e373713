"""What is used, from when until when. Call inside the transaction that changes the resource.

What begins at a price with a minimum term, as was agreed, is due until that ends, whatever becomes
of it (``billing.services.minimum_terms``). What of that is not used is a span that ``is_unused``.

Every function may be repeated: a message that comes twice meters nothing twice.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from django.db.models import F, Max
from django.db.models.functions import Coalesce, Greatest

from billing.errors import SkuUnknown
from billing.meters import Meter, quantity_by_sku
from billing.models import MeasuredUse, MeteredResource, Sku, UsageSpan
from billing.services.measured_use import change_measuring, end_measuring, measured_now
from billing.services.minimum_terms import (
    TermsBySku,
    begin_terms,
    release_terms,
    settle_terms,
    terms_at,
)
from portal.cloud.models import Cloud
from portal.identity.models import Project

_NO_MONTHS: Final[Mapping[str, int]] = MappingProxyType({})


@dataclass(frozen=True)
class UsageTime:
    """When use began or ended, as three clocks say it (all aware).

    Attributes:
        cloud: the cloud's own time, where it gives one.
        intended: when we asked the cloud for it.
        observed: when we saw that it had happened.
    """

    cloud: datetime | None
    intended: datetime
    observed: datetime

    @property
    def start(self) -> datetime:
        """The moment at which use begins: without a time of the cloud, when it was seen."""
        return self._bounded(self.cloud or self.observed)

    @property
    def end(self) -> datetime:
        """The moment at which use ends: without a time of the cloud, when the end was asked for.

        So nobody pays for the time that cleaning up takes.
        """
        return self._bounded(self.cloud or self.intended)

    def as_json(self) -> dict[str, str | None]:
        """The three times, for ``UsageSpan.start_facts`` and ``end_facts``."""
        return {
            "cloud": self.cloud.isoformat() if self.cloud else None,
            "intended": self.intended.isoformat(),
            "observed": self.observed.isoformat(),
        }

    def _bounded(self, moment: datetime) -> datetime:
        """Not before the intent, not after the observation; in whole seconds."""
        return min(max(moment, self.intended), self.observed).replace(microsecond=0)


def start_metering(
    *,
    public_id: UUID,
    project: Project,
    cloud: Cloud,
    kind: str,
    name: str,
    openstack_id: str,
    meters: Sequence[Meter],
    time: UsageTime,
    end_date: date | None = None,
    agreed_months: Mapping[str, int] = _NO_MONTHS,
) -> MeteredResource:
    """Begin to meter a resource. While it is being metered, a second call changes nothing.

    What it was metered for last goes on with this; use of anything else begins.

    Args:
        public_id: the catalogue's id of the resource.
        meters: may be empty: then the resource is known, and costs nothing. Of what is measured
            use begins when the cloud says so (``billing.services.measuring``).
        end_date: last business day that the resource is expected to exist; for forecasts.
        agreed_months: by code of the SKU, the minimum term that was agreed; of others none begins.

    Raises:
        SkuUnknown: a meter names a SKU that is not in the price list.
    """
    known_by: dict[str, Any] = {"openstack_id": openstack_id, "end_date": end_date}
    resource, is_new = MeteredResource.objects.get_or_create(
        public_id=public_id,
        defaults={"project": project, "cloud": cloud, "kind": kind, "name": name, **known_by},
    )
    moment, before = time.start, dict[str, Decimal]()
    if not is_new:  # nobody else sees a new row before it is committed, so that needs no lock
        resource = MeteredResource.objects.select_for_update().get(public_id=public_id)
        if resource.spans.filter(ended_at=None).exists() or measured_now(resource):
            return resource
        resource.openstack_id, resource.end_date = openstack_id, end_date
        resource.save(update_fields=["openstack_id", "end_date"])
        moment, before = _not_before_history(resource, moment), _metered_last(resource)
    wanted = quantity_by_sku(_held(meters))
    _open_spans(resource, wanted, moment, time, agreed_months=agreed_months, before=before)
    if not is_new or any(meter.measure for meter in meters):  # else there is nothing to look for
        change_measuring(resource, meters, moment)
    return resource


def end_metering(
    public_id: UUID, *, time: UsageTime, never_came: Collection[UUID] = frozenset()
) -> None:
    """End the metering of a resource. Of one that is not being metered, nothing changes.

    Args:
        never_came: all that was ordered as one with it, where that never came as a whole. Of
            nothing of it is due what was not used; what still is used goes on.
    """
    known = MeteredResource.objects.filter(public_id__in={public_id, *never_came})
    locked = {one.public_id: one for one in known.order_by("public_id").select_for_update()}
    if resource := locked.get(public_id):
        running = list(resource.spans.filter(ended_at=None))
        _end_spans(resource, running, time.end, time)
        settle_terms(resource, [span.sku_id for span in running])
        end_measuring(resource, time.end)
    if never_came:
        release_terms(locked.values())


def change_metering(
    public_id: UUID,
    *,
    meters: Sequence[Meter],
    time: UsageTime,
    agreed_months: Mapping[str, int] = _NO_MONTHS,
) -> None:
    """From the moment that the change was seen, meter ``meters``; what stays equal runs on.

    Args:
        agreed_months: as of ``start_metering``.

    Raises:
        MeteredResource.DoesNotExist: metering never started.
        SkuUnknown: a meter names a SKU that is not in the price list.
    """
    resource = MeteredResource.objects.select_for_update().get(public_id=public_id)
    wanted = quantity_by_sku(_held(meters))
    goes_on = measured_now(resource) & {meter.sku for meter in meters if meter.measure}
    changed = []
    running = list(resource.spans.filter(ended_at=None).select_related("sku"))
    before = {} if running else _metered_last(resource)
    held = {span.sku.code for span in running}
    for span in running:
        if wanted.get(span.sku.code) == span.quantity:
            del wanted[span.sku.code]
        elif span.sku.code not in goes_on:
            changed.append(span)
    moment = _not_before_history(resource, time.start)
    _end_spans(resource, changed, moment, time)
    agreed = {code: months for code, months in agreed_months.items() if code not in held}
    _open_spans(resource, wanted, moment, time, agreed_months=agreed, before=before)
    settle_terms(resource, [span.sku_id for span in changed])
    change_measuring(resource, meters, moment)


def known_as(public_id: UUID, openstack_id: str) -> None:
    """From now on the cloud knows it by another id; what was used before keeps counting for it."""
    MeteredResource.objects.filter(public_id=public_id).update(openstack_id=openstack_id)


def expect_until(public_id: UUID, end_date: date | None) -> None:
    """From now on forecasts and commitments count with another end; charges do not look at it."""
    MeteredResource.objects.filter(public_id=public_id).update(end_date=end_date)


def metered_now(public_ids: Collection[UUID]) -> set[UUID]:
    """Those of the resources that somebody pays for now."""
    spans = UsageSpan.objects.filter(resource__public_id__in=public_ids, ended_at=None)
    uses = MeasuredUse.objects.filter(resource__public_id__in=public_ids, ended_at=None)
    return {
        *spans.values_list("resource__public_id", flat=True),
        *uses.values_list("resource__public_id", flat=True),
    }


def _held(meters: Sequence[Meter]) -> list[Meter]:
    """Those of which the quantity is known beforehand."""
    return [meter for meter in meters if meter.measure is None]


def _not_before_history(resource: MeteredResource, moment: datetime) -> datetime:
    """The first moment from ``moment`` on at which nothing that is known yet would change."""
    last_change = Max(Coalesce("ended_at", "started_at"))
    # What is unused follows on what was used, and its end may lie ahead.
    latest = resource.spans.filter(is_unused=False).aggregate(latest=last_change)["latest"]
    return max(moment, latest) if latest else moment


def _metered_last(resource: MeteredResource) -> dict[str, Decimal]:
    """The last quantity of each SKU, of those that were in use at all."""
    used = resource.spans.filter(is_unused=False, ended_at__gt=F("started_at"))
    used = used.order_by("started_at")
    return dict(used.values_list("sku__code", "quantity"))


def _open_spans(
    resource: MeteredResource,
    quantities: Mapping[str, Decimal],
    moment: datetime,
    time: UsageTime,
    *,
    agreed_months: Mapping[str, int],
    before: Mapping[str, Decimal],
) -> None:
    """Open a span for each SKU; one of the same quantity as ``before`` goes on.

    Of what was there ``before``, or has not ``agreed_months``, no term begins.
    """
    skus = {sku.code: sku for sku in Sku.objects.filter(code__in=quantities)}
    for code in quantities:
        if code not in skus:
            raise SkuUnknown(sku=code)
    agreed = {code: months for code, months in agreed_months.items() if code not in before}
    terms = _terms_of(resource, skus, quantities, moment, agreed)
    UsageSpan.objects.bulk_create(
        UsageSpan(
            resource=resource,
            sku=skus[code],
            quantity=quantity,
            started_at=moment,
            start_facts=time.as_json(),
            is_beginning=before.get(code) != quantity,
            term=terms.get(skus[code].pk),
        )
        for code, quantity in quantities.items()
    )
    settle_terms(resource, [sku.pk for sku in skus.values()])


def _terms_of(
    resource: MeteredResource,
    skus: Mapping[str, Sku],
    quantities: Mapping[str, Decimal],
    moment: datetime,
    agreed_months: Mapping[str, int],
) -> TermsBySku:
    """The terms that run, and those that begin, by primary key of the SKU."""
    running = terms_at(resource, moment)
    begins = [(sku, quantities[code]) for code, sku in skus.items() if sku.pk not in running]
    return running | begin_terms(resource, begins, moment, agreed_months)


def _end_spans(
    resource: MeteredResource, spans: Sequence[UsageSpan], moment: datetime, time: UsageTime
) -> None:
    """End ``spans`` at ``moment``, but never before they began: that costs nothing then."""
    resource.spans.filter(pk__in=[span.pk for span in spans]).update(
        ended_at=Greatest(F("started_at"), moment), end_facts=time.as_json()
    )
