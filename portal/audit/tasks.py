"""The hourly seal."""

import logging

from celery import shared_task

from portal.audit.export import to_line
from portal.audit.services import anchor_chains

logger = logging.getLogger(__name__)


@shared_task(name="audit.anchor")
def anchor() -> None:
    """Sign the heads of all chains, every hour; the log carries the anchor out of the database."""
    logger.info("audit anchor %s", to_line(anchor_chains()))
