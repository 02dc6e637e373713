"""What was metered against what lived: every span begins and ends with what it stands for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from billing.meters import quantity_by_sku
from billing.models import UsageSpan
from catalog.kinds import get_kind
from catalog.models import Operation, OperationKind, OrderLine, OrderState, Resource, ResourceState


def differences_of_usage(resource: Resource) -> Iterator[str]:
    """Each of its sizes one after the other, from coming to going; none of what never came."""
    metered = UsageSpan.objects.filter(resource__public_id=resource.public_id)
    spans = list(metered.select_related("sku"))
    found, expected = _sizes_metered(spans), _sizes_it_had(resource)
    if found != expected:
        yield f"{resource.name} was metered as {found}, and was {expected}"
    if resource.activated_at is None or not spans:
        return
    begun = min(span.started_at for span in spans)
    if not _moment(resource, OperationKind.PROVISION) <= begun <= resource.activated_at:
        yield f"metering of {resource.name} began at {begun}"
    ends = [span.ended_at for span in spans]
    if resource.state != ResourceState.RETIRED:
        if None not in ends:
            yield f"metering of {resource.name} ended, and it is {resource.state}"
        return
    ended = max((end for end in ends if end), default=None)
    asked = _moment(resource, OperationKind.RETIRE)
    if None in ends or ended is None or not asked <= ended <= resource.retired_at:
        yield f"metering of {resource.name}, which is retired, ended at {ends}"


def _sizes_metered(spans: list[UsageSpan]) -> list[dict[str, Decimal]]:
    """What ran at the same time, by SKU, in the order of time; a gap in it is empty."""
    ends = {span.ended_at for span in spans}
    moments = sorted({span.started_at for span in spans} | {end for end in ends if end})
    if None not in ends:
        moments = moments[:-1]
    return [
        {span.sku.code: span.quantity for span in spans if _ran_at(span, moment)}
        for moment in moments
    ]


def _ran_at(span: UsageSpan, moment: datetime) -> bool:
    return span.started_at <= moment and (span.ended_at is None or span.ended_at > moment)


def _sizes_it_had(resource: Resource) -> list[dict[str, Decimal]]:
    """As ordered, and after each change that was carried out; nothing of what nobody pays for."""
    if resource.activated_at is None:
        return []
    line = resource.order_line
    version, kind = line.offering_version, get_kind(resource.kind)
    changed = OrderLine.objects.filter(changes=resource, order__state=OrderState.COMPLETED)
    specs = [line.spec, *changed.order_by("order").values_list("spec", flat=True)]
    sizes = [dict(quantity_by_sku(kind.meters(version, spec))) for spec in specs]
    return [
        size for size, before in zip(sizes, [{}, *sizes], strict=False) if size and size != before
    ]


def _moment(resource: Resource, kind: OperationKind) -> datetime:
    operation = Operation.objects.get(resource=resource, kind=kind)
    return operation.started_at.replace(microsecond=0)
