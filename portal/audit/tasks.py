"""What the clock does for the trail."""

import logging

from celery import shared_task

from portal.audit.export import to_line
from portal.audit.refusals import write_tallies
from portal.audit.services import anchor_chains

logger = logging.getLogger(__name__)


@shared_task(name="audit.anchor")
def anchor() -> None:
    """Sign the heads of all chains, every hour; the log carries the anchor out of the database."""
    logger.info("audit anchor %s", to_line(anchor_chains()))


@shared_task(name="audit.write_tallies")
def write_refusal_tallies() -> None:
    """Write down how many refusals were only counted, every minute."""
    write_tallies()
