"""What happens to costs by the clock."""

from __future__ import annotations

from celery import shared_task
from django.utils.timezone import now

from billing.services import summaries
from portal.core.locks import SUMMARIES, only_one


@shared_task(name="billing.keep_summaries")
def keep_summaries() -> None:
    """Reckon what months cost, where what is known no longer holds; one process at a time."""
    with only_one(SUMMARIES) as is_mine:
        if is_mine:
            summaries.keep_summaries(at=now())
