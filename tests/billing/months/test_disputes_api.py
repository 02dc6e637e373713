"""Disputes for programs: raised, answered and taken back as on the pages."""

from __future__ import annotations

from typing import Any

import pytest

from billing.models import Credit, Dispute, StatementLine
from portal.identity.models import Person, Role
from tests.billing.months.conftest import SEPTEMBER
from tests.billing.visits import visit_as
from tests.factories import PersonFactory, grant, make_organization

PATH = "/api/v1/disputes"
pytestmark = pytest.mark.django_db


@pytest.fixture
def payer(service: Any) -> Person:
    person: Person = PersonFactory(name="Bram Kok")
    grant(person, Role.FINANCE, service)
    return person


@pytest.fixture
def line(close: Any, server: Any) -> StatementLine:
    """38.40 of September."""
    close(SEPTEMBER)
    return StatementLine.objects.get()


@pytest.fixture
def raised(line: StatementLine, payer: Person) -> Any:
    answer = send(payer, PATH, line=str(line.public_id), reason="Die week lag het plat.")
    assert answer.status_code == 201, answer.content
    return answer.json()


def send(person: Person, path: str, **body: Any) -> Any:
    return visit_as(person).post(path, body, content_type="application/json")


def decide(person: Person, raised: Any, **body: Any) -> Any:
    return send(person, f"{PATH}/{raised['id']}/decision", **body)


def test_line_of_a_statement_says_by_which_id_it_is_disputed(raised, line, payer):
    visit = visit_as(payer)

    statement = visit.get(f"/api/v1/statements/{raised['statement']['id']}").json()
    read = visit.get(f"{PATH}/{raised['id']}").json()
    (listed,) = visit.get(PATH, {"state": "proposed"}).json()["results"]

    assert statement["lines"][0]["id"] == raised["line"]["id"] == str(line.public_id)
    assert raised == read == listed
    assert (raised["state"], raised["reason"]) == ("proposed", "Die week lag het plat.")
    assert raised["line"]["amount"] == "38.40"
    assert (raised["proposed_by"]["name"], raised["given_back"]) == ("Bram Kok", None)
    assert visit.get(PATH, {"state": "refused"}).json()["results"] == []


def test_granted_it_gives_back(raised, first, payer):
    answer = decide(first, raised, decision="confirmed", amount="6.00", answer="Storing.")

    assert answer.status_code == 200
    assert Credit.objects.get().reason == "Storing."
    found = visit_as(payer).get(f"{PATH}/{raised['id']}").json()
    assert found == answer.json()
    assert (found["state"], found["answer"], found["given_back"]) == (
        *("confirmed", "Storing."),
        "6.00",
    )


def test_refused_it_gives_nothing_back_and_says_why(raised, first):
    answer = decide(first, raised, decision="refused", answer="Er was niets.").json()

    assert (answer["state"], answer["answer"], answer["given_back"]) == (
        *("refused", "Er was niets."),
        None,
    )
    assert not Credit.objects.exists()


def test_taken_back_nobody_answers_it_any_more(raised, first, payer):
    taken = send(payer, f"{PATH}/{raised['id']}/withdrawal")
    late = decide(first, raised, decision="refused", answer="Nee.")

    assert (taken.status_code, taken.json()["state"]) == (200, "withdrawn")
    assert (late.status_code, late.json()["code"]) == (409, "dispute_settled")


def test_repetition_changes_nothing_and_hears_why(raised, line, payer):
    again = send(payer, PATH, line=str(line.public_id), reason="Die week lag het plat.")

    assert (again.status_code, again.json()["code"]) == (409, "line_disputed")
    assert Dispute.objects.count() == 1


def test_nobody_answers_their_own(line, first, service):
    grant(first, Role.FINANCE, service)
    raised = send(first, PATH, line=str(line.public_id), reason="Te duur.").json()

    own = decide(first, raised, decision="confirmed", amount="1.00", answer="Ja.")

    assert (own.status_code, own.json()["code"]) == (403, "own_dispute")
    assert Dispute.objects.get().state == "proposed"


def test_who_pays_does_not_answer(raised, payer):
    refused = decide(payer, raised, decision="confirmed", amount="38.40", answer="Ja.")

    assert refused.status_code == 403
    assert not Credit.objects.exists()


def test_elsewhere_it_does_not_exist(raised, line):
    elsewhere = PersonFactory()
    grant(elsewhere, Role.FINANCE, make_organization())

    assert visit_as(elsewhere).get(f"{PATH}/{raised['id']}").status_code == 404
    assert visit_as(elsewhere).get(PATH).json()["results"] == []
    assert send(elsewhere, PATH, line=str(line.public_id), reason="Te duur.").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"decision": "confirmed", "answer": "Ja."},
        {"decision": "refused", "answer": "Nee.", "amount": "1.00"},
        {"decision": "confirmed", "answer": "Ja.", "amount": "1.001"},
        {"decision": "confirmed", "answer": "Ja.", "amount": "-1.00"},
        {"decision": "withdrawn", "answer": "Ja."},
        {"decision": "refused", "answer": ""},
    ],
)
def test_answer_that_is_not_right_changes_nothing(raised, first, body):
    assert decide(first, raised, **body).status_code == 400
    assert Dispute.objects.get().state == "proposed"
