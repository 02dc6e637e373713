"""What happens to costs by the clock."""

from __future__ import annotations

from celery import shared_task
from django.utils.timezone import now

from billing.services import budget_alerts, documents, summaries
from portal.core.locks import BUDGET_ALERTS, DOCUMENTS, SUMMARIES, only_one


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


@shared_task(name="billing.make_documents")
def make_documents() -> None:
    """Make the documents that closed months lack; one process at a time."""
    with only_one(DOCUMENTS) as is_mine:
        if is_mine:
            documents.make_documents()
