"""Resources and quotas through the API."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.utils.timezone import now

from catalog.models import Metric, Operation, OperationKind, Resource, ResourceState
from catalog.services.approvals import approve_order
from catalog.services.end_dates import end_uses
from catalog.services.limits import set_limit
from portal.core.calendar import day_of
from portal.identity.models import Role
from tests.catalog.api.conftest import assert_problem
from tests.factories import place

pytestmark = pytest.mark.django_db


@pytest.fixture
def resource(requester, approver, project, version, sent_tasks):
    """A server that runs."""
    order = place(requester, project, version)
    approve_order(order.public_id, approver=approver)
    resource = Resource.objects.get(order_line__order=order)
    resource.operations.update(state="succeeded")
    resource.state = ResourceState.ACTIVE
    resource.facts = {"addresses": ["10.20.4.11"]}
    resource.save()
    return resource


class TestReading:
    def test_list_and_detail(self, as_requester, resource, project):
        (shown,) = as_requester.get("/resources").json()["results"]
        detail = as_requester.get(f"/resources/{resource.public_id}").json()

        assert shown["id"] == detail["id"] == str(resource.public_id)
        assert (shown["kind"], shown["name"]) == ("server", resource.name)
        assert shown["project"]["id"] == str(project.public_id)
        assert detail["order"]["number"] == resource.order_line.order.number
        assert detail["facts"] == {"addresses": ["10.20.4.11"]}
        assert [operation["kind"] for operation in detail["operations"]] == ["provision"]
        assert len(detail["operations"][0]["steps"]) == 7

    @pytest.mark.parametrize(
        ("query", "count"),
        [
            ({}, 1),
            ({"state": "active"}, 1),
            ({"state": "retired"}, 0),
            ({"kind": "server"}, 1),
            ({"kind": "volume"}, 0),
        ],
    )
    def test_filters(self, as_requester, resource, query, count):
        assert len(as_requester.get("/resources", query).json()["results"]) == count

    def test_of_another_ministry_does_not_exist(self, as_outsider, resource):
        path = f"/resources/{resource.public_id}"

        assert as_outsider.get("/resources").json()["results"] == []
        assert_problem(as_outsider.get(path), 404, "not_found")
        assert_problem(
            as_outsider.post(f"{path}/retirement", {"confirmation": resource.name}),
            404,
            "not_found",
        )
        assert_runs(resource)

    def test_query_counts(self, as_requester, resource, django_assert_num_queries):
        with django_assert_num_queries(4):
            as_requester.get("/resources")
        with django_assert_num_queries(12):
            as_requester.get(f"/resources/{resource.public_id}")


class TestProtecting:
    @pytest.fixture
    def switch(self, as_requester, resource):
        path = f"/resources/{resource.public_id}/protection"
        return lambda value: as_requester.post(path, {"is_protected": value})

    def test_what_is_protected_is_not_cleaned_up(self, as_requester, resource, switch):
        assert switch(True).json()["is_protected"] is True

        path = f"/resources/{resource.public_id}/retirement"
        refused = as_requester.post(path, {"confirmation": resource.name})

        assert_problem(refused, 409, "resource_protected")
        assert_runs(resource)
        assert switch(False).json()["is_protected"] is False
        assert as_requester.post(path, {"confirmation": resource.name}).status_code == 202

    @pytest.mark.parametrize("value", [None, "ja", 2, [], {}])
    def test_it_is_true_or_false(self, switch, value):
        assert_problem(switch(value), 400, "invalid_input", "is_protected")

    def test_what_goes_is_not_protected_any_more(self, resource, switch):
        Resource.objects.filter(pk=resource.pk).update(state=ResourceState.RETIRING)

        assert_problem(switch(True), 409, "illegal_transition")

    def test_the_day_on_which_it_goes_is_told_unless_it_is_protected(
        self, as_requester, resource, switch
    ):
        def told():
            return as_requester.get(f"/resources/{resource.public_id}").json()["clean_up_on"]

        today = day_of(now())
        assert told() is None
        Resource.objects.filter(pk=resource.pk).update(end_date=today - timedelta(days=1))
        end_uses(at=now())

        assert told() == str(today + timedelta(days=14))
        switch(True)
        assert told() is None


class TestRetiring:
    @pytest.mark.parametrize("role", [Role.REQUESTER, Role.OPERATOR])
    def test_it_starts_the_work(self, as_role, resource, role):
        response = as_role(role).post(
            f"/resources/{resource.public_id}/retirement", {"confirmation": resource.name}
        )

        assert response.status_code == 202
        assert response.json()["kind"] == OperationKind.RETIRE
        assert response.json()["steps"]
        resource.refresh_from_db()
        assert resource.state == ResourceState.RETIRING

    @pytest.mark.parametrize(
        "role", [role for role in Role if role not in {Role.REQUESTER, Role.OPERATOR}]
    )
    def test_other_roles_may_not(self, as_role, resource, role):
        response = as_role(role).post(
            f"/resources/{resource.public_id}/retirement", {"confirmation": resource.name}
        )

        assert_problem(response, 403, "not_allowed")
        assert_runs(resource)

    def test_not_twice(self, as_requester, resource):
        path = f"/resources/{resource.public_id}/retirement"
        as_requester.post(path, {"confirmation": resource.name})

        again = as_requester.post(path, {"confirmation": resource.name})

        assert_problem(again, 409, "illegal_transition")

    def test_another_name_is_refused(self, as_requester, resource):
        response = as_requester.post(
            f"/resources/{resource.public_id}/retirement", {"confirmation": "iets-anders"}
        )

        assert_problem(response, 400, "confirmation_mismatch", "confirmation")
        assert_runs(resource)

    def test_confirmation_is_checked(self, as_requester, resource):
        for value in [None, True, 1, [], {}, "", "x" * 64, "a\u0000b"]:
            response = as_requester.post(
                f"/resources/{resource.public_id}/retirement", {"confirmation": value}
            )
            assert_problem(response, 400, "invalid_input", "confirmation")
        assert_runs(resource)

    def test_unknown_resource(self, as_requester):
        response = as_requester.post(f"/resources/{uuid4()}/retirement", {"confirmation": "a"})

        assert_problem(response, 404, "not_found")


def assert_runs(resource):
    resource.refresh_from_db()
    assert resource.state == ResourceState.ACTIVE
    assert not Operation.objects.filter(kind=OperationKind.RETIRE).exists()


class TestQuotas:
    def test_what_is_held_and_what_is_free(self, as_requester, resource, project):
        query = {"metric": "servers", "node": str(project.public_id)}

        (shown,) = as_requester.get("/quotas", query).json()["results"]

        assert shown["node"]["code"] == project.code
        assert (shown["limit"], shown["claimed"]) == ("10000.000000", "1.000000")
        assert shown["free"] == "9999.000000"
        assert shown["over_since"] is None

    @pytest.mark.parametrize(
        ("limit", "shown"), [(None, (None, None)), (Decimal(0), ("0.000000", "0.000000"))]
    )
    def test_no_limit_is_null_and_a_lowered_one_leaves_nothing(
        self, as_requester, resource, project, limit, shown
    ):
        set_limit(project, Metric.SERVERS, limit, valid_from=now(), actor=None)

        (quota,) = as_requester.get("/quotas", {"metric": "servers"}).json()["results"]

        assert (quota["limit"], quota["free"]) == shown
        assert (quota["over_since"] is not None) == (limit is not None)

    def test_levels_above_are_for_who_has_a_role_there(self, as_requester, as_approver, project):
        query = {"metric": "servers"}

        mine = as_requester.get("/quotas", query).json()["results"]
        theirs = as_approver.get("/quotas", query).json()["results"]

        assert [item["node"]["kind"] for item in mine] == ["project"]
        assert {item["node"]["kind"] for item in theirs} == {"organization", "project"}
        kind = as_approver.get("/quotas", {"nodeKind": "organization"}).json()["results"]
        assert {item["node"]["kind"] for item in kind} == {"organization"}

    def test_of_another_ministry_are_not_shown(self, as_outsider, project):
        response = as_outsider.get("/quotas", {"node": str(project.public_id)})

        assert response.json()["results"] == []

    def test_query_count(self, as_approver, django_assert_num_queries):
        with django_assert_num_queries(4):
            as_approver.get("/quotas")
