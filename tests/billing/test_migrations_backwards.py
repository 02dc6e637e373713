"""A migration goes back, or refuses before it changes anything where facts would be lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils.timezone import now

from billing.models import MonthState, TariffRound
from tests.billing.months.conftest import around_the_triggers
from tests.factories import PersonFactory, make_organization, make_project
from tests.factories.billing import make_month, make_statement, set_price

pytestmark = [pytest.mark.django_db, pytest.mark.database]
ROUNDS = ("billing", "0016_rounds_that_begin_late_or_never")
BOOKS = ("billing", "0017_books_that_add_up")


@pytest.fixture(autouse=True)
def undone(db: None) -> Iterator[None]:
    """Whatever a test does to the tables."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def go_back(key: tuple[str, str]) -> None:
    """Only this one; those after it changed nothing of what it did."""
    executor = MigrationExecutor(connection)
    migration = executor.loader.graph.nodes[key]
    state = executor.loader.project_state(key, at_end=False)
    with transaction.atomic(), connection.schema_editor() as editor:
        migration.unapply(state, editor)


def columns(table: str) -> set[str]:
    with connection.cursor() as cursor:
        return {one.name for one in connection.introspection.get_table_description(cursor, table)}


def constraints(table: str) -> set[str]:
    with connection.cursor() as cursor:
        return set(connection.introspection.get_constraints(cursor, table))


@pytest.fixture
def withdrawal() -> None:
    """Written as its service leaves it, whatever came before."""
    person = PersonFactory()
    around_the_triggers(
        "INSERT INTO billing_tariffround (public_id, state, proposed_by_id, proposed_at,"
        " decision_reason, name, valid_from, line_count, withdraws_id)"
        " VALUES (gen_random_uuid(), 'proposed', %s, now(), '', 'Later', now(), 0, 1)",
        person.pk,
    )


def test_without_a_withdrawal_rounds_go_back() -> None:
    go_back(ROUNDS)

    assert "withdraws_id" not in columns("billing_tariffround")


def test_with_a_withdrawal_rounds_stay(withdrawal: None) -> None:
    with pytest.raises(DatabaseError, match="nothing was changed"):
        go_back(ROUNDS)

    assert "withdraws_id" in columns("billing_tariffround")
    assert TariffRound.objects.exclude(withdraws=None).count() == 1


def test_with_a_price_that_never_held_rounds_stay() -> None:
    moment = now().replace(microsecond=0)
    set_price("1", since=moment, until=moment)

    with pytest.raises(DatabaseError, match="nothing was changed"):
        go_back(ROUNDS)


def test_without_a_set_off_statements_go_back() -> None:
    go_back(BOOKS)

    assert "statement_line_of_set_off_says_of_what" not in constraints("billing_statementline")


def test_with_a_set_off_statements_stay() -> None:
    people = PersonFactory(), PersonFactory()
    month = make_month(date(2026, 9, 1), MonthState.CLOSED, *people)
    make_statement(month, make_project(make_organization()), set_price("1"))
    around_the_triggers(
        "UPDATE billing_statementline SET kind = 'set_off', corrects_id = id, quantity = 0"
    )

    with pytest.raises(DatabaseError, match="nothing was changed"):
        go_back(BOOKS)

    assert "statement_line_of_set_off_says_of_what" in constraints("billing_statementline")
