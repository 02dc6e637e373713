"""Orders through the API: placed once, decided by another, seen by who may."""

import threading
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.utils.timezone import localdate, now

from billing.models import Budget
from catalog.models import (
    Metric,
    Order,
    OrderState,
    Quota,
)
from catalog.services.limits import set_limit
from portal.cloud.models import Image
from portal.identity.models import Role
from portal.identity.oidc.assurance import Assurance
from tests.catalog.api.conftest import Api, assert_problem
from tests.factories import (
    OfferingVersionFactory,
    PersonFactory,
    grant,
    make_project,
    place,
    withdrawn,
)
from tests.factories.billing import set_price

pytestmark = pytest.mark.django_db
APPROVED = {"decision": "approved"}
REJECTED = {"decision": "rejected", "reason": "Er is er al een."}


@pytest.fixture
def order(requester, project, version):
    return place(requester, project, version)


def claimed(project, metric=Metric.SERVERS):
    return Quota.objects.get(node=project, metric=metric).claimed


class TestPlacing:
    def test_it_claims_quota_and_says_where_the_order_is(self, as_requester, body, project):
        response = as_requester.order(body)

        shown = response.json()
        assert response.status_code == 201
        assert response["Location"].endswith(f"/api/v1/orders/{shown['id']}")
        assert as_requester.get(f"/orders/{shown['id']}").json() == shown
        assert shown["state"] == OrderState.PENDING_APPROVAL
        assert shown["project"]["id"] == str(project.public_id)
        assert shown["lines"][0]["spec"]["volume_gib"] == 40
        assert shown["lines"][0]["offering"]["code"] == "virtual-server"
        assert shown["lines"][0]["steps"] == shown["approvals"] == []
        assert shown["monthly_price"] == "41.800000"
        assert shown["one_off_price"] == shown["lines"][0]["one_off_price"] == "0.000000"
        assert shown["submitted_at"].endswith("Z")
        assert claimed(project) == 1

    def test_it_says_what_comes_after_the_first_month_of_a_minimum_term(
        self, as_requester, body, project
    ):
        free = as_requester.order(body).json()
        organization = project.parent.organization
        set_price("40", sku="server.gp.small", organization=organization, minimum_months=12)

        bound = as_requester.order({**body, "name": "zaken-web-02"}).json()

        assert free["later_price"] == "0.000000"
        assert bound["later_price"] == "440.000000"
        assert bound["lines"][0]["quote"][0]["minimum_months"] == 12

    def test_the_answer_holds_no_primary_key(self, as_requester, body):
        text = as_requester.order(body).content.decode()

        assert '"pk"' not in text
        assert '"id":1' not in text

    def test_same_key_and_body_give_the_same_order(self, as_requester, body, project):
        first = as_requester.order(body, key="k-1")
        second = as_requester.order(body, key="k-1")

        assert (first.status_code, second.status_code) == (201, 200)
        assert first.json() == second.json()
        assert Order.objects.count() == claimed(project) == 1

    @pytest.mark.parametrize("loss", ["image", "offering", "new version"])
    def test_same_key_and_body_are_not_judged_anew(self, as_requester, body, version, loss):
        first = as_requester.order(body, key="k-1")
        if loss == "image":
            Image.objects.update(gone_at=now())
        else:
            withdrawn(version)
        if loss == "new version":
            OfferingVersionFactory()

        second = as_requester.order(body, key="k-1")

        assert (second.status_code, second.json()) == (200, first.json())

    def test_same_key_and_another_body_are_refused(self, as_requester, body, project):
        as_requester.order(body, key="k-1")

        response = as_requester.order(body | {"name": "zaken-web-02"}, key="k-1")

        assert_problem(response, 422, "idempotency_conflict")
        assert Order.objects.count() == claimed(project) == 1

    def test_two_people_may_use_the_same_key(self, as_requester, as_role, body):
        as_requester.order(body, key="k-1")

        other = as_role(Role.REQUESTER).order(body | {"name": "zaken-web-02"}, key="k-1")

        assert other.status_code == 201

    @pytest.mark.parametrize("key", ["", " ", "a b", "x" * 101, "é", "a\tb"])
    def test_key_must_be_usable(self, as_requester, body, key, nothing_happens):
        response = as_requester.post("/orders", body, **{"Idempotency-Key": key})

        assert_problem(response, 400, "invalid_input", "Idempotency-Key")
        nothing_happens()

    def test_key_is_required(self, as_requester, body, nothing_happens):
        problem = assert_problem(
            as_requester.post("/orders", body), 400, "invalid_input", "Idempotency-Key"
        )

        assert problem["errors"][0]["in"] == "header"
        assert problem["errors"][0]["code"] == "required"
        nothing_happens()

    @pytest.mark.parametrize("role", [role for role in Role if role is not Role.REQUESTER])
    def test_other_roles_see_the_project_but_may_not_order(
        self, as_role, body, role, nothing_happens
    ):
        assert_problem(as_role(role).order(body), 403, "not_allowed")
        nothing_happens()

    @pytest.fixture
    def no_room(self, project):
        set_limit(project, Metric.SERVERS, Decimal(0), valid_from=now(), actor=None)

    def test_what_does_not_fit_is_refused(self, as_requester, body, no_room, nothing_happens):
        assert_problem(as_requester.order(body), 409, "quota_exceeded")
        nothing_happens()

    @pytest.fixture
    def no_money(self, project):
        year = localdate().year
        Budget.objects.create(node=project, year=year, amount=Decimal(0), is_hard_stop=True)

    def test_what_a_budget_stops_is_refused(
        self, as_requester, body, project, no_money, nothing_happens
    ):
        problem = assert_problem(as_requester.order(body), 409, "budget_exceeded")

        assert problem["level"] == {"id": str(project.public_id), "name": project.name}
        assert (problem["budget"], problem["free"]) == ("0.00", "0.00")
        assert Decimal(problem["asked"]) > 0
        nothing_happens()

    def test_name_that_is_in_use_is_refused(self, as_requester, body):
        as_requester.order(body)

        assert_problem(as_requester.order(body), 400, "name_taken", "name")
        assert Order.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_same_key_at_the_same_moment_gives_one_order(requester, body, project):
    both = threading.Barrier(2, timeout=30)
    answers = []

    def call(api):
        both.wait()
        answers.append(api.order(body, key="k-1"))
        connection.close()

    # Both log in before: the first login of somebody is a race of its own.
    callers = [threading.Thread(target=call, args=[Api(requester)]) for _ in range(2)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()

    assert sorted(answer.status_code for answer in answers) == [200, 201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert Order.objects.count() == claimed(project) == 1


class TestDeciding:
    def test_approval_starts_the_delivery(self, as_approver, approver, order, sent_tasks):
        response = as_approver.post(f"/orders/{order.public_id}/approvals", APPROVED)

        assert response.status_code == 201
        assert response.json()["decision"] == "approved"
        assert response.json()["approver"]["id"] == str(approver.public_id)
        shown = as_approver.get(f"/orders/{order.public_id}").json()
        assert shown["state"] == OrderState.PROVISIONING
        assert [step["state"] for step in shown["lines"][0]["steps"]] == ["todo"] * 7
        assert shown["lines"][0]["resource"]["state"] == "provisioning"
        assert shown["approvals"] == [response.json()]

    def test_rejection_gives_the_quota_back(self, as_approver, order, project):
        response = as_approver.post(f"/orders/{order.public_id}/approvals", REJECTED)

        assert response.status_code == 201
        assert response.json()["reason"] == REJECTED["reason"]
        assert claimed(project) == 0

    def test_rejection_needs_a_reason(self, as_approver, order):
        response = as_approver.post(
            f"/orders/{order.public_id}/approvals", {"decision": "rejected", "reason": " "}
        )

        assert_problem(response, 400, "reason_required", "reason")
        assert_undecided(order)

    @pytest.mark.parametrize("decision", [APPROVED, REJECTED])
    def test_requester_cannot_decide(self, requester, project, order, decision):
        grant(requester, Role.APPROVER, project)

        response = Api(requester).post(f"/orders/{order.public_id}/approvals", decision)

        assert_problem(response, 403, "self_approval")
        assert_undecided(order)

    @pytest.mark.parametrize("decision", [APPROVED, REJECTED])
    @pytest.mark.parametrize("role", [role for role in Role if role is not Role.APPROVER])
    def test_other_roles_cannot_decide(self, as_role, order, role, decision):
        response = as_role(role).post(f"/orders/{order.public_id}/approvals", decision)

        assert_problem(response, 403, "not_allowed")
        assert_undecided(order)

    def test_amount_above_the_limit_is_refused(self, project, order):
        person = PersonFactory()
        grant(person, Role.APPROVER, project, amount_limit=1)

        response = Api(person).post(f"/orders/{order.public_id}/approvals", APPROVED)

        assert_problem(response, 403, "approval_above_limit")
        assert_undecided(order)

    @pytest.mark.parametrize("decision", [APPROVED, REJECTED])
    @pytest.mark.parametrize("login", [{"level": Assurance.LOW}, {"age_seconds": 3600}])
    def test_weak_or_old_login_is_refused(self, approver, order, decision, login):
        response = Api(approver, **login).post(f"/orders/{order.public_id}/approvals", decision)

        assert_problem(response, 403, "assurance_required")
        assert_undecided(order)

    def test_second_decision_comes_too_late(self, as_approver, as_role, order, sent_tasks):
        as_approver.post(f"/orders/{order.public_id}/approvals", APPROVED)

        response = as_role(Role.APPROVER).post(f"/orders/{order.public_id}/approvals", REJECTED)

        assert_problem(response, 409, "already_decided")

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ({"decision": None}, "decision"),
            ({"decision": "maybe"}, "decision"),
            ({"decision": True}, "decision"),
            ({"decision": ["approved"]}, "decision"),
            ({"reason": 5}, "reason"),
            ({"reason": None}, "reason"),
            ({"reason": ["x"]}, "reason"),
            ({"reason": "x" * 1001}, "reason"),
            ({"reason": "a\u202eb"}, "reason"),
            ({"reason": "a\u0000b"}, "reason"),
            ({"accepts_changes": "true"}, "accepts_changes"),
            ({"accepts_changes": 1}, "accepts_changes"),
            ({"accepts_changes": None}, "accepts_changes"),
            ({"approver": "me"}, "approver"),
        ],
    )
    def test_every_field_is_checked(self, as_approver, order, change, name):
        response = as_approver.post(f"/orders/{order.public_id}/approvals", APPROVED | change)

        assert_problem(response, 400, "invalid_input", name)
        assert_undecided(order)


def assert_undecided(order):
    order.refresh_from_db()
    assert order.state == OrderState.PENDING_APPROVAL
    assert not order.approvals.exists()
    assert claimed(order.project) == 1


class TestWithdrawing:
    def test_requester_takes_it_back(self, as_requester, order, project):
        response = as_requester.post(f"/orders/{order.public_id}/withdrawal")

        assert (response.status_code, response.json()["state"]) == (200, "withdrawn")
        assert claimed(project) == 0

    def test_nobody_else_can(self, as_approver, order):
        response = as_approver.post(f"/orders/{order.public_id}/withdrawal")

        assert_problem(response, 403, "not_allowed")
        assert_undecided(order)

    def test_not_after_a_decision(self, as_requester, as_approver, order):
        as_approver.post(f"/orders/{order.public_id}/approvals", REJECTED)

        response = as_requester.post(f"/orders/{order.public_id}/withdrawal")

        assert_problem(response, 409, "illegal_transition")


class TestLists:
    def test_filters(self, as_requester, requester, project, version, order):
        second = make_project(project.parent, name="Tweede")
        for metric in Metric:
            set_limit(second, metric, None, valid_from=now(), actor=None)
        grant(requester, Role.REQUESTER, second)
        place(requester, second, version)

        everything = as_requester.get("/orders").json()["results"]
        here = as_requester.get("/orders", {"project": str(project.public_id)}).json()["results"]
        rejected = as_requester.get("/orders", {"state": "rejected"}).json()["results"]

        assert len(everything) == 2
        assert [item["id"] for item in here] == [str(order.public_id)]
        assert rejected == []

    def test_project_of_somebody_else_filters_everything_away(
        self, as_requester, order, other_project
    ):
        response = as_requester.get("/orders", {"project": str(other_project.public_id)})

        assert response.json()["results"] == []

    def test_approvals_are_the_orders_that_wait_for_me(
        self, as_approver, as_requester, requester, project, order
    ):
        grant(requester, Role.APPROVER, project)

        waiting = as_approver.get("/approvals").json()["results"]
        assert [item["id"] for item in waiting] == [str(order.public_id)]
        assert as_requester.get("/approvals").json()["results"] == []

    @pytest.mark.parametrize("path", ["/orders", "/approvals"])
    def test_query_count_does_not_depend_on_length(
        self, as_approver, requester, project, version, order, path, django_assert_num_queries
    ):
        for _ in range(4):
            place(requester, project, version)

        with django_assert_num_queries(4 if path == "/orders" else 5):
            assert len(as_approver.get(path).json()["results"]) == 5

    def test_query_count_of_one_order_does_not_depend_on_its_steps(
        self, as_approver, order, sent_tasks, django_assert_num_queries
    ):
        as_approver.post(f"/orders/{order.public_id}/approvals", APPROVED)

        with django_assert_num_queries(11):
            as_approver.get(f"/orders/{order.public_id}")


@pytest.mark.parametrize("path", ["", "/approvals", "/withdrawal"])
def test_order_of_another_ministry_does_not_exist(as_outsider, order, path):
    call = as_outsider.post if path else as_outsider.get

    assert_problem(call(f"/orders/{order.public_id}{path}", APPROVED), 404, "not_found")
    assert_problem(call(f"/orders/{uuid4()}{path}", APPROVED), 404, "not_found")
    assert_undecided(order)


def test_lists_of_another_ministry_are_empty(as_outsider, order):
    assert as_outsider.get("/orders").json()["results"] == []
    assert as_outsider.get("/approvals").json()["results"] == []
