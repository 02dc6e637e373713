"""From when until when a resource is paid by what the cloud counts of it.

Call inside the transaction that locked the resource.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import F
from django.db.models.functions import Greatest

from billing.errors import SkuUnknown
from billing.meters import Meter
from billing.models import MeasuredUse, MeteredResource, Sku


def change_measuring(resource: MeteredResource, meters: Iterable[Meter], moment: datetime) -> None:
    """From ``moment`` on, measure what ``meters`` say; what is measured so already goes on.

    Raises:
        SkuUnknown: one names a SKU that is not in the price list.
    """
    wanted = {meter.sku: meter.measure for meter in meters if meter.measure}
    for use in resource.measured_uses.filter(ended_at=None).select_related("sku"):
        if wanted.get(use.sku.code) == use.measure:
            del wanted[use.sku.code]
        else:
            _end([use.pk], moment)
    skus = {sku.code: sku for sku in Sku.objects.filter(code__in=wanted)}
    for code, measure in wanted.items():
        if code not in skus:
            raise SkuUnknown(sku=code)
        MeasuredUse.objects.create(
            resource=resource, sku=skus[code], measure=measure, started_at=moment
        )


def end_measuring(resource: MeteredResource, moment: datetime) -> None:
    """From ``moment`` on nothing is measured any more."""
    _end(resource.measured_uses.filter(ended_at=None).values_list("pk", flat=True), moment)


def measured_now(resource: MeteredResource) -> set[str]:
    """The codes of the SKUs that it is paid for by what the cloud counts."""
    return set(resource.measured_uses.filter(ended_at=None).values_list("sku__code", flat=True))


def _end(use_ids: Iterable[int], moment: datetime) -> None:
    MeasuredUse.objects.filter(pk__in=list(use_ids)).update(
        ended_at=Greatest(F("started_at"), moment)
    )
