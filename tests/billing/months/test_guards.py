"""The database itself keeps the books, whoever asks and however."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from billing.models import Statement
from billing.services import statements
from billing.services.closing import begin_closing, close_month, prepare_closing
from billing.services.credits import confirm_credit, propose_credit
from tests.billing.months.conftest import OCTOBER, SEPTEMBER

pytestmark = pytest.mark.django_db
TABLES = (
    *("billingmonth", "statement", "statementline", "statementlinesource", "credit"),
    *("usagespan", "meteredresource", "allocationfact", "pastbudget"),
)


def refusal_of(statement: str, **values: Any) -> str:
    """The name of what refuses the statement; empty: nothing does."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, values)
    except IntegrityError as error:
        return str(error.__cause__.diag.constraint_name)  # type: ignore[union-attr]
    return ""


@pytest.mark.parametrize(
    ("statement", "refusal"),
    [
        ("UPDATE billing_billingmonth SET state = 'open'", "billing_month_closed_is_closed"),
        ("DELETE FROM billing_billingmonth", "billing_month_is_never_deleted"),
        ("UPDATE billing_statement SET total = 0", "statement_is_never_changed"),
        ("UPDATE billing_statement SET document = ''", "statement_is_never_changed"),
        ("DELETE FROM billing_statement", "statement_is_never_changed"),
        ("UPDATE billing_statementline SET names = '{}'", "statement_line_is_never_changed"),
        ("DELETE FROM billing_statementline", "statement_line_is_never_changed"),
        (
            "UPDATE billing_statementlinesource SET amount = 0",
            "statement_line_source_is_never_changed",
        ),
        ("DELETE FROM billing_statementlinesource", "statement_line_source_is_never_changed"),
        (
            "INSERT INTO billing_statement (public_id, month_id, organization_id, year, sequence,"
            " issued_at, currency, total, parties, document, document_sha256)"
            " SELECT gen_random_uuid(), month_id, organization_id, year, 2, issued_at, currency,"
            " total, parties, document, document_sha256 FROM billing_statement",
            "statement_is_never_changed",
        ),
        (
            "INSERT INTO billing_statementline (public_id, statement_id, position, kind,"
            " used_in_id, project_id, sku_id, price_id, unit, unit_price, quantity, exact, amount,"
            " reason, names) SELECT gen_random_uuid(), statement_id, 99, kind, used_in_id,"
            " project_id, sku_id, price_id, unit, unit_price, quantity, exact, amount, reason,"
            " names FROM billing_statementline",
            "statement_line_is_written_at_closing",
        ),
        (
            "INSERT INTO billing_statementlinesource (line_id, span_id, started_at, ended_at,"
            " seconds, amount) SELECT line_id, span_id, started_at, ended_at, seconds, amount"
            " FROM billing_statementlinesource",
            "statement_line_source_is_written_at_closing",
        ),
    ],
)
def test_what_is_closed_never_changes(close, server, statement, refusal):
    close(SEPTEMBER)

    assert refusal_of(statement) == refusal


OF_X = "encode(sha256('x'), 'hex')"


@pytest.mark.parametrize(
    "change",
    [
        "document = 'x'",
        "document_sha256 = 'x'",
        f"document_sha256 = {OF_X}",
        "document = 'x', document_sha256 = 'y'",
        f"document = 'x', document_sha256 = {OF_X}, total = 1",
        f"document = 'x', document_sha256 = {OF_X}, content_sha256 = ''",
        f"document = '', document_sha256 = {OF_X}",
    ],
)
def test_of_a_closed_month_only_the_document_comes_later(close, server, change):
    close(SEPTEMBER)

    assert refusal_of(f"UPDATE billing_statement SET {change}") == "statement_is_never_changed"


def test_the_document_comes_once(close, server):
    close(SEPTEMBER)
    change = f"UPDATE billing_statement SET document = 'x', document_sha256 = {OF_X}"

    assert refusal_of(change) == ""
    assert refusal_of(change) == "statement_is_never_changed"


@pytest.mark.parametrize("table", TABLES)
def test_no_table_of_the_books_is_emptied(db, table):
    """Not even alone, where no other table would be emptied with it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgenabled FROM pg_trigger WHERE tgrelid = %s::regclass AND tgtype & 32 > 0",
            [f"billing_{table}"],
        )
        assert cursor.fetchall() == [("O",)]
    assert refusal_of(f"TRUNCATE billing_{table} CASCADE") != ""


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ("state = 'closed'", "billing_month_closed_names_who_and_when"),
        (
            "state = 'closed', closed_at = now(), closed_by_id = closing_by_id",
            "billing_month_closed_by_another_person",
        ),
        ("first_day = '2026-08-01'", "billing_month_stays_the_same_month"),
        ("state = 'gone'", "billing_month_closed_names_who_and_when"),
    ],
)
def test_a_month_closes_by_two_people(first, server, change, refusal):
    begin_closing(SEPTEMBER, actor=first)

    assert refusal_of(f"UPDATE billing_billingmonth SET {change}") == refusal


CLOSE = (
    "UPDATE billing_billingmonth SET state = 'closed', closed_at = now(), closed_by_id = %(who)s"
)


@pytest.mark.parametrize(
    ("wrong", "refusal"),
    [
        ("UPDATE billing_statement SET total = 1", "statement_total_is_the_sum_of_its_lines"),
        (
            "UPDATE billing_statement SET document = 'x'",
            "statement_has_the_document_of_its_checksum",
        ),
        (
            "UPDATE billing_statement SET document_sha256 = 'x'",
            "statement_has_the_document_of_its_checksum",
        ),
        (
            "INSERT INTO billing_statementlinesource (line_id, span_id, started_at, ended_at,"
            " seconds, amount) SELECT line_id, span_id, started_at, ended_at, 1, 1"
            " FROM billing_statementlinesource",
            "statement_line_is_the_sum_of_what_is_behind_it",
        ),
    ],
)
def test_a_month_closes_when_its_statements_agree(
    first, second, server, close, monkeypatch, wrong, refusal
):
    finish = statements._finish

    def finish_wrong(*arguments: Any) -> None:
        finish(*arguments)
        with connection.cursor() as cursor:
            cursor.execute(wrong)

    monkeypatch.setattr(statements, "_finish", finish_wrong)

    with pytest.raises(IntegrityError, match="closes after those before it") as error:
        close(SEPTEMBER)
    assert error.value.__cause__.diag.constraint_name == refusal
    assert not Statement.objects.exists()


def test_numbers_without_a_gap(first, second, server, close, monkeypatch):
    monkeypatch.setattr(statements, "_last_sequence", lambda year: 7)

    with pytest.raises(IntegrityError) as error:
        close(SEPTEMBER)
    assert error.value.__cause__.diag.constraint_name == "statement_numbers_have_no_gap"


def test_a_month_that_does_not_follow_is_not_closed(close, server, first, second):
    first_day = "2026-07-01"
    close(SEPTEMBER)
    statement = (
        "INSERT INTO billing_billingmonth (public_id, first_day, state, closing_by_id, closing_at)"
        " VALUES (gen_random_uuid(), %(day)s, 'closing', %(who)s, now())"
    )
    assert refusal_of(statement, day=first_day, who=first.pk) == ""

    closing = f"{CLOSE} WHERE first_day = %(day)s"
    assert refusal_of(closing, who=second.pk, day=first_day) == "billing_month_closes_in_order"


def test_a_month_that_runs_is_not_closed(first, second, platform):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO billing_billingmonth (public_id, first_day, state, closing_by_id,"
            " closing_at) VALUES (gen_random_uuid(), date_trunc('month', now())::date, 'closing',"
            " %s, now())",
            [first.pk],
        )

    assert refusal_of(CLOSE, who=second.pk) == "billing_month_closes_after_it_ended"


def test_a_month_is_not_born_closed(first, second, platform):
    statement = (
        "INSERT INTO billing_billingmonth (public_id, first_day, state, closing_by_id, closing_at,"
        " closed_by_id, closed_at) VALUES (gen_random_uuid(), '2026-09-01', 'closed', %(first)s,"
        " now(), %(second)s, now())"
    )

    refusal = refusal_of(statement, first=first.pk, second=second.pk)

    assert refusal == "billing_month_begins_open"


# --- credits -----------------------------------------------------------------------------------


@pytest.fixture
def credit(close, server, first):
    close(SEPTEMBER)
    line = Statement.objects.get().lines.get()
    return propose_credit(line.public_id, amount=Decimal(1), reason="Storing", actor=first)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ("confirmed_by_id = %(second)s", "credit_confirmed_by_another_person"),
        ("confirmed_at = now()", "credit_confirmed_by_another_person"),
        (
            "confirmed_at = now(), confirmed_by_id = %(first)s",
            "credit_confirmed_by_another_person",
        ),
        ("amount = 2", "credit_stays_as_proposed"),
        ("confirmed_at = now(), confirmed_by_id = %(second)s", ""),
    ],
)
def test_a_credit_is_confirmed_by_another_person(credit, first, second, change, refusal):
    people = {"first": first.pk, "second": second.pk}

    assert refusal_of(f"UPDATE billing_credit SET {change}", **people) == refusal


def test_two_logins_of_one_human_do_not_confirm_a_credit(db):
    """What that trigger refuses is tried in tests/portal/identity/test_links.py."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT encode(tgargs, 'escape') FROM pg_trigger"
            " WHERE tgname = 'credit_confirmed_by_another_human' AND tgenabled = 'O'"
        )
        assert cursor.fetchall() == [("proposed_by_id\\000confirmed_by_id\\000",)]


def test_what_was_confirmed_stays_so(credit, second):
    confirm_credit(credit.public_id, actor=second)

    change = "UPDATE billing_credit SET confirmed_at = NULL, confirmed_by_id = NULL"
    assert refusal_of(change) == "credit_stays_as_proposed"


def test_a_month_closes_by_another_than_who_proposed_what_nobody_confirmed(
    credit, close, first, second, monkeypatch
):
    monkeypatch.setattr("billing.services.closing._check_other_person", lambda *_facts: None)
    begin_closing(OCTOBER, actor=second)

    with pytest.raises(IntegrityError) as error:
        close_month(OCTOBER, actor=first, total=prepare_closing(OCTOBER).total)
    refusal = error.value.__cause__.diag.constraint_name  # type: ignore[union-attr]
    assert refusal == "credit_is_agreed_by_another_person"

    confirm_credit(credit.public_id, actor=second)
    assert close_month(OCTOBER, actor=first, total=prepare_closing(OCTOBER).total)
