"""Keys for programs: proposed, decided on, taken back and ended as on the pages."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from billing.models import SplitKey
from billing.services.tariff_drafts import months_to_begin
from portal.identity.models import Person, Project, Role
from portal.identity.models.proposed import DecisionState
from tests.billing.visits import visit_as
from tests.factories import PersonFactory, grant
from tests.races import at_once

PATH = "/api/v1/split-keys"
pytestmark = pytest.mark.django_db


def month(ahead: int) -> str:
    return months_to_begin(now())[ahead - 1].start.strftime("%Y-%m")


@pytest.fixture
def body(gateway: Project, project: Project, other: Project) -> dict[str, Any]:
    return {
        "source": str(gateway.public_id),
        "method": "percentages",
        "recipients": [
            {"project": str(project.public_id), "percentage": "12.345"},
            {"project": str(other.public_id), "percentage": "87.655"},
        ],
        "valid_from": month(1),
        "reason": "Gedeelde gateway",
    }


@pytest.fixture
def proposed(body: dict[str, Any], first: Person) -> dict[str, Any]:
    answer = send(first, PATH, **body)
    assert answer.status_code == 201, answer.content
    return answer.json()


def send(person: Person, path: str, **body: Any) -> Any:
    return visit_as(person).post(path, body, content_type="application/json")


def decide(person: Person, key: dict[str, Any], **body: Any) -> Any:
    return send(person, f"{PATH}/{key['id']}/decision", **body)


def test_proposed_it_stands_in_the_list_as_it_was_said(proposed, body, first, gateway):
    visit = visit_as(first)

    assert visit.get(PATH).json()["results"] == [proposed]
    assert visit.get(f"{PATH}/{proposed['id']}").json() == proposed
    assert visit.get(PATH, {"state": "confirmed"}).json()["results"] == []
    assert visit.get(PATH, {"source": str(uuid4())}).json()["results"] == []
    assert proposed["state"] == "proposed"
    assert proposed["source"] == {"id": body["source"], "name": gateway.name}
    assert [(one["project"]["id"], one["percentage"]) for one in proposed["recipients"]] == [
        (one["project"], one["percentage"]) for one in body["recipients"]
    ]
    assert (proposed["valid_from"], proposed["valid_until"]) == (month(1), None)
    assert (proposed["ends"], proposed["decided_by"]) == (None, None)
    assert proposed["other_count"] == 0


def test_another_agrees_and_it_holds(proposed, second):
    answer = decide(second, proposed, decision="confirmed")

    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["decided_by"]["id"]) == (
        "confirmed",
        str(second.public_id),
    )
    assert SplitKey.objects.get().state == DecisionState.CONFIRMED


def test_who_proposed_it_does_not_decide(proposed, first):
    refused = decide(first, proposed, decision="confirmed")

    assert (refused.status_code, refused.json()["code"]) == (403, "own_split_key")
    assert SplitKey.objects.get().state == DecisionState.PROPOSED


def test_no_needs_a_reason(proposed, second):
    refused = decide(second, proposed, decision="refused")
    assert refused.json()["code"] == "reason_required"

    answer = decide(second, proposed, decision="refused", reason="Te duur")
    assert (answer.json()["state"], answer.json()["decision_reason"]) == ("refused", "Te duur")
    late = decide(second, proposed, decision="confirmed")
    assert late.json()["code"] == "split_key_settled"


def test_repetition_proposes_nothing(proposed, body, first, second):
    again = send(first, PATH, **body)
    turned = send(first, PATH, **{**body, "recipients": body["recipients"][::-1]})

    for one in (again, turned):
        assert (one.status_code, one.json()["code"]) == (409, "split_key_proposed")
    assert SplitKey.objects.count() == 1
    assert send(second, PATH, **body).status_code == 201  # of somebody else it is another opinion
    assert send(first, PATH, **{**body, "reason": "Anders"}).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_sent_twice_at_once_it_is_proposed_once(body, first):
    clients = [visit_as(first), visit_as(first)]
    sent = [
        lambda client=client: client.post(PATH, body, content_type="application/json")
        for client in clients
    ]

    assert at_once(*sent) == ["done", "done"]

    assert SplitKey.objects.count() == 1


def test_taken_back_nobody_decides_any_more(proposed, first, second):
    other = send(second, f"{PATH}/{proposed['id']}/withdrawal")
    assert other.status_code == 403

    answer = send(first, f"{PATH}/{proposed['id']}/withdrawal")

    assert (answer.status_code, answer.json()["state"]) == (200, "withdrawn")
    assert decide(second, proposed, decision="confirmed").json()["code"] == "split_key_settled"


def test_ending_is_a_proposal_of_its_own(proposed, first, second):
    decide(second, proposed, decision="confirmed")
    path = f"{PATH}/{proposed['id']}/end"

    ending = send(second, path, valid_from=month(2), reason="Klaar")
    again = send(second, path, valid_from=month(2), reason="Klaar")

    assert (ending.status_code, ending.json()["ends"]) == (201, proposed["id"])
    assert (ending.json()["method"], ending.json()["recipients"]) == ("", [])
    assert again.json()["code"] == "split_key_settled"
    assert decide(first, ending.json(), decision="confirmed").status_code == 200
    ended = visit_as(first).get(f"{PATH}/{proposed['id']}").json()
    assert ended["valid_until"] == month(2)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"valid_from": "2020-01"}, 400),
        ({"valid_from": "januari"}, 400),
        ({"valid_until": "2020-01"}, 400),
        ({"method": "loterij"}, 400),
        ({"method": "equal"}, 400),  # has percentages
        ({"recipients": []}, 400),
        ({"recipients": "alle"}, 400),
        ({"recipients": [{"project": str(uuid4())}]}, 404),
        ({"source": str(uuid4())}, 404),
        ({"reason": ""}, 400),
        ({"percentage": "1"}, 400),
    ],
)
def test_what_is_not_right_proposes_nothing(body, first, changes, status):
    assert send(first, PATH, **{**body, **changes}).status_code == status
    assert not SplitKey.objects.exists()


def test_project_twice_is_refused(body, first):
    body["recipients"][1]["project"] = body["recipients"][0]["project"]

    refused = send(first, PATH, **body)

    assert (refused.status_code, refused.json()["errors"][0]["name"]) == (400, "recipients")


def test_finance_of_one_of_them_sees_it_and_does_not_decide(proposed, project):
    finance = PersonFactory()
    grant(finance, Role.FINANCE, project)

    (seen,) = visit_as(finance).get(PATH).json()["results"]

    assert seen["id"] == proposed["id"]
    assert decide(finance, proposed, decision="confirmed").status_code == 403
    assert visit_as(PersonFactory()).get(PATH).status_code == 403


@pytest.mark.parametrize("role", [Role.FINANCE, Role.APPROVER, Role.AUDITOR])
def test_who_bears_a_part_reads_of_the_others_only_how_many_they_are(
    proposed, project, other, gateway, role
):
    person = PersonFactory()
    grant(person, role, project)
    visit = visit_as(person)

    listed, alone = visit.get(PATH), visit.get(f"{PATH}/{proposed['id']}")

    assert listed.json()["results"] == [alone.json()]
    assert alone.json() == {**proposed, "recipients": [proposed["recipients"][0]], "other_count": 1}
    for secret in (other.name, str(other.public_id), "87.655"):
        assert secret not in listed.content.decode() + alone.content.decode()
    assert alone.json()["source"]["name"] == gateway.name  # as on the page


def test_finance_of_the_source_and_a_part_does_not_read_who_else_bears_some(
    proposed, project, gateway
):
    person = PersonFactory()
    for place in (project, gateway):
        grant(person, Role.FINANCE, place)

    key = visit_as(person).get(f"{PATH}/{proposed['id']}").json()

    assert [one["project"]["name"] for one in key["recipients"]] == [project.name]
    assert key["other_count"] == 1


def test_queries_do_not_grow_with_keys(body, first, project):
    person = PersonFactory()
    grant(person, Role.FINANCE, project)
    visit = visit_as(person)
    counts = []
    for reason in ("Een", "Twee", "Drie"):
        send(first, PATH, **{**body, "reason": reason})
        with CaptureQueriesContext(connection) as queries:
            visit.get(PATH)
        counts.append(len(queries))

    assert counts[1:] == counts[:-1]
