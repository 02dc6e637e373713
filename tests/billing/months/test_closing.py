"""From open to closed: by two people, in order, with everything or with nothing."""

from __future__ import annotations

import hashlib
from decimal import Decimal

import pytest

from billing.models import BillingMonth, Statement, StatementLine, StatementLineSource
from billing.services.closing import begin_closing, close_month
from portal.audit.models import AuditEntry
from tests.billing.months.conftest import SEPTEMBER, lines_of, used
from tests.billing.months.conftest import september as day

pytestmark = pytest.mark.django_db




def test_a_month_closes_with_a_statement_for_each_payer(close, server, service):
    month = close(SEPTEMBER)

    assert month.state == "closed"
    (statement,) = Statement.objects.all()
    assert (statement.number, statement.organization_id) == ("2026-000001", service.pk)
    assert statement.total == Decimal("38.40")
    assert lines_of(statement) == [("usage", "2026-09", Decimal("1.000"), Decimal("38.40"))]
    (source,) = StatementLineSource.objects.all()
    assert (source.span, source.seconds) == (server.spans.get(), SEPTEMBER.seconds)
    assert source.amount == Decimal("38.40")


def test_the_document_is_kept_with_its_checksum(close, server):
    close(SEPTEMBER)

    statement = Statement.objects.get()
    assert bytes(statement.document).startswith(b"%PDF-1.")
    assert hashlib.sha256(statement.document).hexdigest() == statement.document_sha256
