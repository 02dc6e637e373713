"""Of a closed month the rows of FOCUS are what was billed, and add up to the statements."""

from __future__ import annotations

from decimal import Decimal
from io import StringIO

import pytest

from billing.focus.checker import check
from billing.focus.export import export_month
from billing.focus.metadata import describe_month
from billing.models import Sku, Statement, StatementLine
from billing.services.closing import begin_closing, close_month, prepare_closing
from billing.services.credits import propose_credit
from portal.identity.models import Node, NodeParent
from tests.billing.focus.reading import read, written
from tests.billing.months.conftest import OCTOBER, SEPTEMBER, used
from tests.billing.months.conftest import september as day
from tests.factories import make_organization, make_project

pytestmark = pytest.mark.django_db


def rows_of(node, month=OCTOBER):
    """The rows, once they are found to be FOCUS and to add up to what statements say."""
    text = written(export_month([node.pk], month=month, as_of=month.end))
    statements = Statement.objects.filter(month__first_day=month.start.date())
    payable = {one.number: one.total for one in statements}
    assert list(check(StringIO(text, newline=""), payable=payable)) == []
    return read(text)


def test_rows_of_an_open_month_are_on_no_statement(server, project):
    text = written(export_month([project.pk], month=SEPTEMBER, as_of=SEPTEMBER.end))

    assert [row["InvoiceId"] for row in read(text)] == [""]


def test_rows_of_a_closed_month_add_up_to_its_statement(close, server, project):
    for number in range(3):
        used(project, day(1), day(2 + number))
    close(SEPTEMBER)

    rows = rows_of(project.parent, SEPTEMBER)

    assert {row["InvoiceId"] for row in rows} == {"2026-000001"}
    assert [row["ChargeCategory"] for row in rows] == ["Usage"] * 4
    assert len(rows) == 4


def test_what_becomes_known_later_changes_no_row_of_a_closed_month(close, server, project):
    close(SEPTEMBER)
    before = rows_of(project, SEPTEMBER)
    used(project, day(16), day(26))
    server.spans.update(ended_at=day(16))
    Node.objects.filter(pk__in=[project.pk, project.parent_id]).update(name="Hernoemd")
    Sku.objects.update(
        name_en="Renamed", service_category="Storage", service_subcategory="Block Storage"
    )

    assert rows_of(project, SEPTEMBER) == before


def test_corrections_and_credits_are_rows_of_their_own(close, server, project, first, second):
    close(SEPTEMBER)
    used(project, day(16), day(26))
    line = StatementLine.objects.get()
    propose_credit(line.public_id, amount=Decimal("8.40"), reason="Storing", actor=first)
    begin_closing(OCTOBER, actor=first)
    close_month(OCTOBER, actor=second, total=prepare_closing(OCTOBER).total)

    usage, correction, credit = rows_of(project)

    assert (usage["ChargeClass"], usage["BilledCost"]) == ("", "38.4")
    told = ("ChargeCategory", "ChargeClass", "BilledCost", "PricingQuantity", "ChargePeriodStart")
    assert [correction[name] for name in told] == [
        *("Usage", "Correction", "12.8", "0.333333333333", "2026-08-31T22:00:00Z")
    ]
    assert [credit[name] for name in told] == [
        *("Credit", "Correction", "-8.4", "", "2026-08-31T22:00:00Z")
    ]
    assert correction["BillingPeriodStart"] == "2026-09-30T22:00:00Z"
    assert {row["InvoiceId"] for row in (usage, correction, credit)} == {"2026-000002"}


def test_a_branch_sees_what_belonged_to_it_then(close, server, project, service):
    ministry = service.parent
    elsewhere = make_project(make_organization(name="Andere dienst"))
    NodeParent.objects.filter(node=elsewhere).update(valid_from=day(1))
    used(elsewhere, day(1), day(2))
    close(SEPTEMBER)

    def payers(node):
        text = written(export_month([node.pk], month=SEPTEMBER, as_of=SEPTEMBER.end))
        return {row["BillingAccountName"] for row in read(text)}

    assert payers(ministry) == payers(service) == payers(project) == {"Dienst"}
    assert payers(elsewhere.parent) == {"Andere dienst"}
    NodeParent.objects.filter(node=service).update(valid_until=SEPTEMBER.end)
    NodeParent.objects.create(node=service, parent=elsewhere.parent, valid_from=SEPTEMBER.end)
    assert payers(ministry) == {"Dienst"}
    assert payers(elsewhere.parent) == {"Andere dienst"}


def test_who_pays_may_have_moved_to_another_branch_halfway(close, server, project, service):
    """The statement is one whole: its cents are not rounded once for each branch."""
    other = make_organization(name="Ander ministerie")
    for number in range(3):
        used(project, day(1), day(2 + number))
    NodeParent.objects.filter(node=service).update(valid_until=day(3))
    NodeParent.objects.create(node=service, parent=other, valid_from=day(3))
    close(SEPTEMBER)

    def billed(*nodes):
        pks = [node.pk for node in nodes]
        rows = read(written(export_month(pks, month=SEPTEMBER, as_of=SEPTEMBER.end)))
        return sum(Decimal(row["BilledCost"]) for row in rows)

    total = Statement.objects.get().total
    assert (billed(service.parent), billed(other)) == (0, total)
    assert billed(service) == billed(service.parent, other) == total


def test_metadata_tell_that_a_month_is_closed(close, server, project):
    def is_closed():
        described = describe_month([project.pk], month=SEPTEMBER, as_of=SEPTEMBER.end)
        return described["x_IsClosed"]

    assert not is_closed()
    close(SEPTEMBER)
    assert is_closed()
