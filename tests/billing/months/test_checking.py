"""Calculating closed months again: nothing differs, unless somebody went around the triggers."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

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


@pytest.mark.parametrize(
    ("statement", "flaw"),
    [
        ("UPDATE billing_usagespan SET quantity = 2", "line 1: another amount"),
        ("UPDATE billing_price SET amount = 40", "line 1: another amount"),
        ("UPDATE billing_statementline SET amount = 38.41", "line 1: another amount"),
        ("UPDATE billing_statementlinesource SET amount = 38", "line 1: another amount"),
        ("UPDATE billing_statementlinesource SET seconds = 1", "line 1: another amount"),
        ("DELETE FROM billing_statementlinesource", "line 1: another amount"),
        ("UPDATE billing_statement SET total = 38.41", "total is not the sum"),
        ("UPDATE billing_statement SET document = 'anders'", "document is not the one"),
        ("UPDATE billing_statement SET sequence = 2", "numbers of the statements have a gap"),
    ],
)
def test_what_was_changed_around_the_triggers_is_found(close, server, statement, flaw):
    close(SEPTEMBER)
    around_the_triggers(statement)

    with pytest.raises(CommandError, match=flaw):
        call_command("check_months", stdout=StringIO())
