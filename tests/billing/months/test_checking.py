"""Calculating closed months again: nothing differs, unless somebody went around the triggers."""

from __future__ import annotations

import re
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from billing.models import BillingMonth, StatementLine
from billing.services.credits import propose_credit
from billing.services.digests import write_digests
from billing.services.documents import make_documents
from tests.billing.months.conftest import OCTOBER, SEPTEMBER, around_the_triggers, used
from tests.billing.months.conftest import september as day

pytestmark = pytest.mark.django_db


def said() -> str:
    out = StringIO()
    call_command("check_months", stdout=out)
    return out.getvalue()


def test_closed_months_are_as_they_were(close, server, project):
    close(SEPTEMBER)
    used(project, day(1), day(2))
    close(OCTOBER)

    assert said() == (
        "2026-09: 1 statements, 1 lines, as it was\n"
        "2026-10: 1 statements, 2 lines, as it was\n"
        "0 corrections wait for the next month\n"
    )


def test_what_came_late_waits_and_is_no_flaw(close, server, project):
    close(SEPTEMBER)
    used(project, day(1), day(2))

    assert said().endswith("1 corrections wait for the next month\n")


USE = "1, line 1: another amount"
SAYS = "it does not say what it said"
TRAIL = "2026-09: the statements are not those that the audit trail tells of"
SOURCES = "DELETE FROM billing_statementlinesource"
OF_USE = [
    ("UPDATE billing_usagespan SET quantity = 2", USE),
    ("UPDATE billing_usagespan SET sku_id = -1", USE),
    ("UPDATE billing_meteredresource SET project_id = -1", USE),
    ("UPDATE billing_price SET amount = 40", USE),
    ("UPDATE billing_price SET amount = 40", "line 1: the price of something else"),
    ("UPDATE billing_statementline SET amount = 38.41", USE),
    ("UPDATE billing_statementline SET exact = 38.400001", USE),
    ("UPDATE billing_statementline SET quantity = 2", USE),
    ("UPDATE billing_statementline SET unit_price = 2", "line 1: the price of something else"),
    ("UPDATE billing_statementline SET unit = 'hour'", "line 1: the price of something else"),
    ("UPDATE billing_statementlinesource SET amount = 38", USE),
    ("UPDATE billing_statementlinesource SET seconds = 1", USE),
    ("UPDATE billing_statementlinesource SET ended_at = ended_at + interval '1 s'", USE),
    (SOURCES, USE),
    (f"{SOURCES}; DELETE FROM billing_statementline", "total is not the sum"),
    ("UPDATE billing_statementline SET position = 2", "a line lacks"),
    ("UPDATE billing_statementline SET kind = 'correction'", "a month that it cannot be of"),
]
OF_STATEMENTS = [
    ("UPDATE billing_statement SET total = 38.41", "total is not the sum"),
    ("UPDATE billing_statement SET document = 'anders'", "document is not the one"),
    ("UPDATE billing_statement SET sequence = 2", "numbers of the statements have a gap"),
    (f"{SOURCES}; DELETE FROM billing_statementline; DELETE FROM billing_statement", TRAIL),
    (
        "UPDATE billing_statement SET document = 'x', document_sha256 = encode(sha256('x'), 'hex')",
        "the document is of other figures",
    ),
]
WHAT_IT_SAYS = [
    "billing_statement SET issued_at = issued_at - interval '1 year'",
    "billing_statement SET currency = 'USD'",
    """billing_statement SET parties = jsonb_set(parties, '{payer}', '"Een ander"')""",
    """billing_statement SET parties = jsonb_set(parties, '{payer_oin}', '"1"')""",
    """billing_statementline SET names = jsonb_set(names, '{project}', '"Anders"')""",
    """billing_statementline SET names = jsonb_set(names, '{sku_nl}', '"Anders"')""",
    "billing_statementline SET cost_center = 'K1'",
    "billing_statementline SET cost_object = 'O1'",
    "billing_statementline SET commitment_number = 'V1'",
    "billing_statementline SET public_id = gen_random_uuid()",
]


@pytest.mark.parametrize(("statement", "flaw"), OF_USE + OF_STATEMENTS)
def test_what_was_changed_around_the_triggers_is_found(close, server, statement, flaw):
    close(SEPTEMBER)
    make_documents()
    around_the_triggers(statement)

    assert re.search(flaw, complaint())


@pytest.mark.parametrize("change", WHAT_IT_SAYS)
def test_what_adds_up_and_says_something_else_is_found(close, server, change):
    close(SEPTEMBER)
    around_the_triggers(f"UPDATE {change}")

    assert SAYS in complaint()
    assert TRAIL in complaint()


def test_who_also_writes_another_checksum_is_found_by_the_trail(close, server):
    close(SEPTEMBER)
    make_documents()
    around_the_triggers("UPDATE billing_statementline SET cost_center = 'K1'")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        write_digests(BillingMonth.objects.get())
        cursor.execute("SET LOCAL session_replication_role = origin")

    assert SAYS not in complaint()
    assert TRAIL in complaint()
    assert "the document is of other figures" in complaint()


@pytest.fixture
def put_right(close, server, first):
    """A month with a correction, and with a credit of which a part is set off."""
    close(SEPTEMBER)
    line = StatementLine.objects.get()
    propose_credit(line.public_id, amount=Decimal("30.00"), reason="Storing", actor=first)
    server.spans.update(ended_at=day(16))
    close(OCTOBER)
    assert list(StatementLine.objects.order_by("pk").values_list("kind", flat=True)) == [
        *("usage", "correction", "set_off", "credit")
    ]


TOGETHER = "2, line 1: does not make up"


@pytest.mark.parametrize(
    ("kind", "change", "flaw"),
    [
        ("correction", "amount = amount - 1", TOGETHER),
        ("correction", "exact = exact - 1", TOGETHER),
        ("correction", "amount = amount - 1, exact = exact - 1", TOGETHER),
        ("correction", "quantity = quantity - 1", SAYS),
        ("correction", "corrects_id = NULL", SAYS),
        ("correction", "unit_price = 1", "2, line 1: the price of something else"),
        ("correction", "used_in_id = (SELECT max(id) FROM billing_billingmonth)", "cannot be of"),
        ("correction", "cost_center = 'K1'", "2, line 1: puts something else right"),
        ("set_off", "amount = 0, exact = 0", TOGETHER),
        ("set_off", "exact = 1", "2, line 2: has a quantity, or"),
        ("credit", "amount = -29, exact = -29", "2, line 3: not the credit that was proposed"),
        ("credit", "reason = 'Anders'", "2, line 3: not the credit that was proposed"),
        ("credit", "quantity = 1", "2, line 3: has a quantity, or"),
        ("credit", "project_id = -1", "2, line 3: puts something else right"),
    ],
)
def test_what_is_put_right_is_held_against_what_it_is_of(put_right, kind, change, flaw):
    around_the_triggers(f"UPDATE billing_statementline SET {change} WHERE kind = '{kind}'")

    assert flaw in complaint()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE billing_credit SET amount = 31",
        "UPDATE billing_credit SET reason = 'Anders'",
        "UPDATE billing_credit SET settled_on_id = NULL",
        "UPDATE billing_credit SET settled_on_id = settled_on_id - 1",
        "DELETE FROM billing_credit",
    ],
)
def test_a_credit_stays_what_was_proposed(put_right, change):
    around_the_triggers(change)

    assert "not the credit that was proposed" in complaint()


def test_months_with_all_of_it_are_as_they_were(put_right):
    make_documents()
    assert complaint() == ""


def complaint() -> str:
    """What the command exits with; empty when all is as it was."""
    try:
        said()
    except CommandError as error:
        return str(error)
    return ""
