"""The hourly seal."""

from celery import shared_task

from portal.audit.services import anchor_chains


@shared_task(name="audit.anchor")
def anchor() -> None:
    """Sign the heads of all chains; run every hour."""
    anchor_chains()
