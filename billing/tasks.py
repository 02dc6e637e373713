"""What happens to costs by the clock."""

from __future__ import annotations

from typing import Final

from celery import shared_task
from django.utils.timezone import now

from billing.services import budget_alerts, documents, sampling, scheduled_files, summaries
from portal.core.locks import BUDGET_ALERTS, DOCUMENTS, FILES, SAMPLES, SUMMARIES, only_one

LONGEST_ROUND_SECONDS: Final = 1800  # what is left waits for the next round


@shared_task(name="billing.keep_summaries")
def keep_summaries() -> None:
    """Reckon what months cost, where what is known no longer holds; one process at a time."""
    with only_one(SUMMARIES) as is_mine:
        if is_mine:
            summaries.keep_summaries(at=now())


@shared_task(name="billing.mind_budget_alerts")
def mind_budget_alerts() -> None:
    """Find which budgets reached a percentage, and tell; one process at a time."""
    with only_one(BUDGET_ALERTS) as is_mine:
        if is_mine:
            budget_alerts.mind_alerts(at=now())


@shared_task(name="billing.send_budget_letter")
def send_budget_letter(*, letter_id: int) -> None:
    """Tell finance or a budget holder by e-mail what budgets reached."""
    budget_alerts.send_budget_letter(letter_id)


@shared_task(
    name="billing.take_samples",
    soft_time_limit=LONGEST_ROUND_SECONDS,
    time_limit=LONGEST_ROUND_SECONDS + 10,
)
def take_samples() -> None:
    """Ask the clouds what was used of what is measured; one process at a time."""
    with only_one(SAMPLES) as is_mine:
        if is_mine:
            sampling.take_samples(at=now())


@shared_task(name="billing.make_documents")
def make_documents() -> None:
    """Make the documents that closed months lack; one process at a time."""
    with only_one(DOCUMENTS) as is_mine:
        if is_mine:
            documents.make_documents()


# A file of a million charges takes some minutes; RabbitMQ waits half an hour for any task.
@shared_task(name="billing.tend_files", soft_time_limit=1500, time_limit=1560)
def tend_files() -> None:
    """Make the files that finance wants by the clock; one process at a time."""
    with only_one(FILES) as is_mine:
        if is_mine:
            scheduled_files.tend_files(at=now())
