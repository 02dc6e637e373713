"""The documents of closed months: made by a worker, each once, and found again after a crash."""

from __future__ import annotations

import hashlib
import logging

from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction

from billing.documents.pdf import make_document
from billing.models import MonthState, Statement

logger = logging.getLogger(__name__)


def make_documents() -> None:
    """Make what is lacking. What fails does not keep the others, and is tried again next time.

    In any order: what takes all the time that there is does not come first each time.
    """
    lacking = Statement.objects.filter(document_sha256="", month__state=MonthState.CLOSED)
    for pk in list(lacking.order_by("?").values_list("pk", flat=True)):
        try:
            _make(pk)
        except SoftTimeLimitExceeded:
            raise
        except Exception:  # whatever it is, the others are made; the log and the page tell of it
            logger.exception("no document was made of statement %s", pk)


def _make(pk: int) -> None:
    """Outside a transaction for as long as it takes: only the database decides who was first."""
    statement = Statement.objects.select_related("month").get(pk=pk)
    document = make_document(statement)
    with transaction.atomic():
        statements = Statement.objects.select_for_update().filter(pk=pk, document_sha256="")
        if lacking := statements.first():
            lacking.document = document
            lacking.document_sha256 = hashlib.sha256(document).hexdigest()
            lacking.save(update_fields=["document", "document_sha256"])
