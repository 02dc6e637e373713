"""An order for several things in one call."""

import pytest

from catalog.models import Metric, Offering, Order, Quota
from catalog.services.approvals import approve_order
from tests.catalog.api.conftest import assert_problem
from tests.factories import OfferingVersionFactory, make_organization

pytestmark = pytest.mark.django_db


@pytest.fixture
def several(body):
    """The same thing twice, under two names."""
    line = {name: body.pop(name) for name in ("offering", "name", "spec", "end_date")}
    return {**body, "lines": [{**line, "name": "web-01"}, {**line, "name": "web-02"}]}


def test_both_are_ordered_in_one(as_requester, several, project):
    response = as_requester.order(several)

    shown = response.json()
    assert response.status_code == 201
    assert [(line["position"], line["name"]) for line in shown["lines"]] == [
        (1, "web-01"),
        (2, "web-02"),
    ]
    assert shown["monthly_price"] == "83.600000"
    assert Quota.objects.get(node=project, metric=Metric.SERVERS).claimed == 2


def test_each_line_shows_its_own_resource(as_requester, several, approver, sent_tasks):
    order = Order.objects.get(public_id=as_requester.order(several).json()["id"])
    approve_order(order.public_id, approver=approver)

    lines = as_requester.get(f"/orders/{order.public_id}").json()["lines"]

    assert [line["resource"]["name"] for line in lines] == ["web-01", "web-02"]
    assert all(line["steps"] for line in lines)


def test_same_key_gives_the_same_order(as_requester, several):
    first = as_requester.order(several, key="k-1")
    second = as_requester.order(several, key="k-1")

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()


def test_what_is_wrong_is_said_at_its_line(as_requester, several, nothing_happens):
    first, second = several["lines"]
    first["name"] = "NO"
    second["spec"] = {**second["spec"], "volume_gib": 9}
    response = as_requester.order(several)

    assert_problem(response, 400, "invalid_input", "lines.1.name", "lines.2.spec.volume_gib")
    nothing_happens()


def test_the_line_that_is_in_the_way_is_named(as_requester, several, nothing_happens):
    several["lines"][1]["name"] = "web-01"

    assert_problem(as_requester.order(several), 400, "line_refused", "lines.2.name")
    nothing_happens()


@pytest.mark.parametrize(
    ("lines", "name"),
    [([], "lines"), ({}, "lines"), ("web", "lines"), ([1], "lines.1"), (None, "lines")],
)
def test_no_lines_are_refused_at_their_name(as_requester, several, lines, name, nothing_happens):
    assert_problem(as_requester.order({**several, "lines": lines}), 400, "invalid_input", name)
    nothing_happens()


def test_what_is_missing_is_said_at_its_line(as_requester, several, nothing_happens):
    del several["lines"][1]["name"]

    assert_problem(as_requester.order(several), 400, "invalid_input", "lines.2.name")
    nothing_happens()


def test_one_and_several_do_not_go_together(as_requester, several, nothing_happens):
    assert_problem(as_requester.order({**several, "name": "web"}), 400, "invalid_input", "name")
    nothing_happens()


@pytest.fixture
def hidden(version):
    """Something that exists for another organization alone."""
    other = Offering.objects.create(code="elders", kind="server")
    return OfferingVersionFactory(offering=other, visible_to=[make_organization()])


def test_what_is_not_offered_there_does_not_exist(as_requester, several, hidden, nothing_happens):
    several["lines"][1]["offering"] = str(hidden.offering.public_id)

    assert_problem(as_requester.order(several), 400, "invalid_input", "lines.2.offering")
    nothing_happens()
