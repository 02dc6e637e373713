"""On the first page of who does the books: which month waits for them."""

from __future__ import annotations

import pytest
from django.utils import translation

from billing.services.closing import begin_closing
from portal.identity.models import Person, Role
from portal.web.home_tasks import find_tasks
from tests.billing.months.conftest import OCTOBER, SEPTEMBER, october
from tests.factories import PersonFactory, grant

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def in_english():
    with translation.override("en"):
        yield


@pytest.fixture
def payer(service):
    """Finance of the organization that pays, not of the platform."""
    person = PersonFactory()
    grant(person, Role.FINANCE, service)
    return person


def waiting(person: Person, at=OCTOBER.start) -> list[tuple[str, str]]:
    return [(task.title, task.text) for task in find_tasks(person, at=at) if "month" in task.url]


def test_a_month_that_is_over_waits_for_whoever_begins_with_it(first, second, server):
    begin = (
        "September 2026 can be closed",
        "Check what everybody has to pay, and begin to close it.",
    )

    assert waiting(first) == waiting(second) == [begin]


def test_a_month_that_was_begun_waits_for_the_second_person_alone(first, second, server):
    begin_closing(SEPTEMBER, actor=first)

    assert waiting(first) == []
    ((title, text),) = waiting(second)
    assert title == "September 2026 can be closed"
    assert text == "Fatima Aydin began to close it. Check the same figures and close it."


def test_nothing_waits_while_a_month_runs_nor_when_it_is_closed(first, second, server, close):
    assert waiting(first, at=SEPTEMBER.end - (OCTOBER.end - OCTOBER.start)) == []
    close(SEPTEMBER)

    assert waiting(second, at=october(30)) == []
    assert waiting(second, at=OCTOBER.end) != []


def test_nothing_waits_for_who_closes_no_months(payer, server):
    assert waiting(payer) == []
