"""Asking for more and deciding by the API; and what a refusal tells a program."""

from decimal import Decimal

import pytest
from django.utils.timezone import now

from catalog.models import QuotaRequest
from catalog.services.limits import set_limit
from portal.identity.models import Role
from tests.catalog.api.conftest import Api, assert_problem, body
from tests.catalog.quota_requests.conftest import METRIC, limit_that_holds
from tests.factories import UNKNOWN_ID, PersonFactory, grant, make_project

__all__ = ["body"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def as_requester(requester, narrow):
    return Api(requester)


@pytest.fixture
def as_administrator(administrator):
    return Api(administrator)


def asked(node, **changes):
    return {
        "node": str(node.public_id),
        "metric": "volume_gib",
        "amount": "80",
        "reason": "Meer zaken",
        **changes,
    }


def test_a_refusal_tells_what_lacks_and_whom_to_ask(as_requester, administrator, narrow, body):
    set_limit(narrow, METRIC, Decimal(30), valid_from=now(), actor=None)

    problem = as_requester.order(body).json()

    assert problem["code"] == "quota_exceeded"
    assert {name: problem[name] for name in ("metric", "level", "limit", "claimed", "asked")} == {
        "metric": "volume_gib",
        "level": {"id": str(narrow.public_id), "name": narrow.name},
        "limit": "30.000000",
        "claimed": "0.000000",
        "asked": "40.000000",
    }
    assert problem["ask"] == administrator.name


def test_another_refusal_tells_nothing_of_that(as_requester):
    assert "level" not in as_requester.get(f"/quota-requests/{UNKNOWN_ID}").json()


def test_it_is_asked_granted_and_holds(as_requester, as_administrator, narrow):
    made = as_requester.post("/quota-requests", asked(narrow, end_date=None))
    assert made.status_code == 201
    assert (made.json()["before"], made.json()["amount"]) == ("50.000000", "80.000000")
    path = f"/quota-requests/{made.json()['id']}"

    given = as_administrator.post(f"{path}/decision", {"decision": "confirmed"})

    assert given.status_code == 200
    assert given.json()["state"] == "confirmed"
    assert limit_that_holds(narrow, METRIC) == 80
    assert as_requester.get(path).json() == given.json()


def test_the_same_again_is_the_same(as_requester, narrow):
    first, second = (as_requester.post("/quota-requests", asked(narrow)) for _ in range(2))

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    other = as_requester.post("/quota-requests", asked(narrow, amount="81"))
    assert_problem(other, 409, "quota_request_waits")


def test_a_no_has_a_reason(as_requester, as_administrator, narrow):
    path = f"/quota-requests/{as_requester.post('/quota-requests', asked(narrow)).json()['id']}"

    wrong = as_administrator.post(f"{path}/decision", {"decision": "refused"})
    assert_problem(wrong, 400, "reason_required", "reason")
    no = as_administrator.post(f"{path}/decision", {"decision": "refused", "reason": "Nee"})
    assert no.json()["decision_reason"] == "Nee"
    late = as_administrator.post(f"{path}/decision", {"decision": "confirmed"})
    assert_problem(late, 409, "quota_request_settled")


def test_what_is_not_there_is_not_given(as_requester, as_administrator, narrow):
    made = as_requester.post("/quota-requests", asked(narrow, amount="120"))
    path = f"/quota-requests/{made.json()['id']}/decision"

    assert_problem(as_administrator.post(path, {"decision": "confirmed"}), 409, "quota_not_there")


def test_it_is_taken_back(as_requester, as_administrator, narrow):
    path = f"/quota-requests/{as_requester.post('/quota-requests', asked(narrow)).json()['id']}"

    assert as_administrator.post(f"{path}/withdrawal").status_code == 403
    assert as_requester.post(f"{path}/withdrawal").json()["state"] == "withdrawn"


def test_the_list_is_of_what_one_may_read(as_requester, as_administrator, narrow):
    as_requester.post("/quota-requests", asked(narrow))

    for api in (as_requester, as_administrator):
        assert len(api.get("/quota-requests", {"state": "proposed"}).json()["results"]) == 1
        assert api.get("/quota-requests", {"metric": "vcpus"}).json()["results"] == []
    stranger = PersonFactory()
    grant(stranger, Role.QUOTA_ADMINISTRATOR, make_project().parent)
    assert Api(stranger).get("/quota-requests").json()["results"] == []


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"amount": "50"}, "amount"),
        ({"amount": "NaN"}, "amount"),
        ({"amount": "1e400"}, "amount"),
        ({"amount": "80.5"}, "amount"),
        ({"metric": "luck"}, "metric"),
        ({"node": UNKNOWN_ID}, "node"),
        ({"end_date": "9999-12-31"}, "end_date"),
        ({"end_date": "2020-01-01"}, "end_date"),
        ({"reason": " "}, "reason"),
        ({"luck": 1}, "luck"),
    ],
)
def test_what_is_wrong_is_said_at_its_name(as_requester, narrow, change, name):
    response = as_requester.post("/quota-requests", {**asked(narrow), **change})

    assert response.status_code == 400
    assert [error["name"] for error in response.json()["errors"]] == [name]
    assert not QuotaRequest.objects.exists()


def test_the_limit_of_a_part_out_of_reach_is_not_told(as_requester, as_administrator, narrow):
    made = as_requester.post("/quota-requests", asked(narrow.parent, amount="200"))

    assert made.json()["before"] is None
    path = f"/quota-requests/{made.json()['id']}"
    assert as_requester.get("/quota-requests").json()["results"][0]["before"] is None
    assert as_administrator.get(path).json()["before"] == "100.000000"
