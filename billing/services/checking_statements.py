"""Whether the statements of a closed month are those that were closed, with their documents."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from django.db.models import Count, Max, Sum
from django.utils.timezone import now

from billing.documents.keywords import keywords_of
from billing.models import BillingMonth, Statement
from billing.services.digests import digest_of_all, digests_of
from portal.audit.reading import legible_entries

_SOON: Final = timedelta(hours=1)
# As the renderer writes it: beside the compressed pages, and never in a compressed stream.
_KEYWORDS: Final = re.compile(rb"<pdf:Keywords>([^<]*)</pdf:Keywords>")


def flaws_of_statements(month: BillingMonth) -> Iterator[str]:
    """What does not agree, in words for who runs the portal."""
    digests = digests_of(month)
    statements = month.statements.annotate(
        sum=Sum("lines__amount"), count=Count("lines"), last=Max("lines__position")
    )
    for statement in statements.order_by("sequence").iterator(chunk_size=20):
        for flaw in _flaws_of(statement, digests[statement.pk]):
            yield f"{statement.number}: {flaw}"
    yield from _flaws_by_the_trail(month, digests)


def _flaws_of(statement: Statement, digest: str) -> Iterator[str]:
    if statement.total != statement.sum:  # type: ignore[attr-defined]  # annotated
        yield "the total is not the sum of its lines"
    if statement.count != (statement.last or 0):  # type: ignore[attr-defined]
        yield "a line lacks"
    if statement.content_sha256 and statement.content_sha256 != digest:
        yield "it does not say what it said when it was closed"
    yield from _flaws_of_document(statement)


def _flaws_of_document(statement: Statement) -> Iterator[str]:
    if not statement.document_sha256 and not statement.document:
        if statement.issued_at < now() - _SOON:
            yield "no document was made of it"
        return
    document = bytes(statement.document)
    if hashlib.sha256(document).hexdigest() != statement.document_sha256:
        yield "the document is not the one that was made"
    found = _KEYWORDS.search(document)
    # What was made before documents told this tells nothing.
    if statement.content_sha256 and (
        found is None or found[1].decode() != ", ".join(keywords_of(statement))
    ):
        yield "the document is of other figures"


def _flaws_by_the_trail(month: BillingMonth, digests: dict[int, str]) -> Iterator[str]:
    """The trail proves itself; of months that it no longer tells of nothing is known."""
    closed = legible_entries().filter(event="month.closed", subject_public_id=month.public_id)
    told = {entry.data["sha256"] for entry in closed if "sha256" in entry.data}
    ordered = month.statements.order_by("sequence").values_list("pk", flat=True)
    if told and told != {digest_of_all(digests[pk] for pk in ordered)}:
        yield f"{month.key}: the statements are not those that the audit trail tells of"
