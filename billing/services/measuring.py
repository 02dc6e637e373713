"""From what the cloud counts to use. The rules, with their reasons: docs/adr/0029.

A sample and the use that follows from it are one transaction, and a sample that is not newer than
the last one changes nothing: whatever is asked or told twice, or too late, is charged once.
"""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from typing import Final

from django.db import transaction

from billing.meters import Measure
from billing.models import MeasuredUse, MeteredResource, SampleProblem, UsageSample, UsageSpan

BYTES_PER_GIB: Final = 1024**3
QUANTITY_PLACES: Final = Decimal("0.000001")  # of a GiB, as a span keeps it: about a kilobyte
# Beyond these somebody counts wrong: a petabyte in one container, 100 Gbit in each second.
MOST_STORED: Final = 1024**5
MOST_A_SECOND: Final = 100 * 10**9 // 8
MOST_COUNTED: Final = 2**63 - 1  # what a row can hold


@transaction.atomic(durable=True)
def take_sample(use_id: int, *, measured_at: datetime, value: int) -> bool:
    """Write down what the cloud counted, and what of it somebody pays for.

    Args:
        measured_at: the ``tried_at`` with which the question was claimed.
        value: bytes.

    Returns:
        False when nothing came of it: somebody asked anew since, it is not measured any more,
        there is a sample of this moment or a later one, or nobody can believe the value.
    """
    use = MeasuredUse.objects.select_related("sku").get(pk=use_id)
    MeteredResource.objects.select_for_update().get(pk=use.resource_id)
    use.refresh_from_db(fields=["ended_at", "tried_at"])
    if use.ended_at is not None or use.tried_at != measured_at or measured_at < use.started_at:
        return False
    last = use.samples.order_by("-measured_at").first()
    if last is not None and measured_at <= last.measured_at:
        return False
    if not _is_credible(use, last, measured_at, value):
        _note(use, SampleProblem.INCREDIBLE)
        return False
    UsageSample.objects.create(use=use, measured_at=measured_at, value=value)
    if use.measure == Measure.STORED:
        _hold(use, measured_at, value)
    elif last is not None:
        _charge(use, last, measured_at, value)
    _note(use, SampleProblem.NONE)
    return True


def gib(value: int) -> Decimal:
    """Bytes as the GiB of a span, rounded down.

    What passed by is the difference of two such numbers, so that all of it together strays by no
    more than one.
    """
    return (Decimal(value) / BYTES_PER_GIB).quantize(QUANTITY_PLACES, rounding=ROUND_DOWN)


def _is_credible(
    use: MeasuredUse, last: UsageSample | None, measured_at: datetime, value: int
) -> bool:
    if not 0 <= value <= MOST_COUNTED:
        return False
    if use.measure == Measure.STORED:
        return value <= MOST_STORED
    if last is None:
        return True
    seconds = int((measured_at - last.measured_at).total_seconds())
    return value - last.value <= MOST_A_SECOND * seconds


def _hold(use: MeasuredUse, measured_at: datetime, value: int) -> None:
    """From now on that much is stored; while it stays equal, one span goes on."""
    spans = UsageSpan.objects.filter(resource=use.resource_id, sku=use.sku_id)
    running, quantity = spans.filter(ended_at=None).first(), gib(value)
    if running is not None and running.quantity == quantity:
        return
    if running is not None:
        spans.filter(pk=running.pk).update(ended_at=measured_at, end_facts=_facts(measured_at))
    if quantity:
        _span(use, quantity, measured_at, is_beginning=not spans.exists())


def _charge(use: MeasuredUse, last: UsageSample, measured_at: datetime, value: int) -> None:
    """What passed by since the last sample is due where that time begins.

    A count that went down was set back, in whole or in part, and nobody knows how much passed by
    before: nothing is charged, and what comes counts from there.
    """
    quantity = gib(value) - gib(last.value)
    if quantity > 0:
        _span(use, quantity, last.measured_at, ended_at=measured_at)


def _span(
    use: MeasuredUse,
    quantity: Decimal,
    started_at: datetime,
    *,
    ended_at: datetime | None = None,
    is_beginning: bool = True,
) -> None:
    UsageSpan.objects.create(
        resource_id=use.resource_id,
        sku=use.sku,
        quantity=quantity,
        started_at=started_at,
        ended_at=ended_at,
        is_beginning=is_beginning,
        start_facts=_facts(started_at),
        end_facts=_facts(ended_at) if ended_at else {},
    )


def _facts(measured_at: datetime) -> dict[str, str | None]:
    """As ``UsageTime.as_json``: the cloud gives no time, only we know when we asked."""
    moment = measured_at.isoformat()
    return {"cloud": None, "intended": moment, "observed": moment}


def _note(use: MeasuredUse, problem: SampleProblem) -> None:
    MeasuredUse.objects.filter(pk=use.pk).update(problem=problem)
