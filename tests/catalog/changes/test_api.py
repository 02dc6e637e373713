"""Changing what runs through the API."""

from datetime import timedelta

import pytest
from django.utils.timezone import localdate

from catalog.models import Order, OrderState
from catalog.services.approvals import approve_order
from catalog.services.changes import shorten_term
from tests.catalog.api.conftest import Api, assert_problem

pytestmark = pytest.mark.django_db


KEY = {"Idempotency-Key": "k"}


@pytest.fixture
def api(requester):
    return Api(requester)


def body(**changes):
    return {"purpose": "Meer zaken", "spec": {"flavor": "gp.medium"}, **changes}


def test_resource_says_what_can_be_changed(api, server):
    schema = api.get(f"/resources/{server.public_id}").json()["changeable"]

    assert set(schema["properties"]) == {"flavor", "volume_gib"}
    assert schema["properties"]["volume_gib"]["minimum"] == 40
    assert schema["required"] == []


def test_change_is_ordered_once_and_tells_both_sides(api, server, engine, approver):
    path = f"/resources/{server.public_id}/changes"
    first = api.post(path, body(), **KEY)
    again = api.post(path, body(), **KEY)

    order = Order.objects.get(lines__changes=server)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first["Location"].endswith(f"/orders/{order.public_id}")
    (line,) = first.json()["lines"]
    assert line["changes"]["id"] == str(server.public_id)
    assert line["resource"] is None
    assert (line["before"]["spec"]["flavor"], line["spec"]["flavor"]) == ("gp.small", "gp.medium")

    engine.call(approve_order, order.public_id, approver=approver)
    engine.run()
    detail = api.get(f"/orders/{order.public_id}").json()
    assert detail["state"] == OrderState.COMPLETED
    names = [step["name"] for step in detail["lines"][0]["steps"]]
    assert names == ["room", "resize", "confirmation", "quota"]


def test_end_date_that_is_left_out_stays(api, server):
    path = f"/resources/{server.public_id}/changes"

    made = api.post(path, body(), **KEY).json()

    assert made["lines"][0]["end_date"] == server.end_date.isoformat()


@pytest.fixture
def sent_before(api, server, engine, approver):
    """A change of the size alone that was carried out, and how it is sent again."""
    path = f"/resources/{server.public_id}/changes"
    content = {"purpose": "Meer zaken", "spec": {"volume_gib": 50}}
    made = api.post(path, content, **KEY).json()
    engine.call(approve_order, made["id"], approver=approver)
    engine.run()
    return lambda: (api.post(path, content, **KEY), made["id"])


def test_sent_again_after_another_end_date_it_is_the_same_order(sent_before, server, requester):
    sooner = localdate() + timedelta(days=30)
    shorten_term(server.public_id, end_date=sooner, actor=requester)

    again, earlier = sent_before()
    assert (again.status_code, again.json()["id"]) == (200, earlier)


def test_sent_again_after_a_later_change_it_is_the_same_order(sent_before, server, change):
    change(server, volume_gib=60)

    again, earlier = sent_before()
    assert (again.status_code, again.json()["id"]) == (200, earlier)


def test_left_out_and_no_end_are_two_different_things(api, server):
    path = f"/resources/{server.public_id}/changes"
    api.post(path, body(), **KEY)

    assert_problem(api.post(path, body(end_date=None), **KEY), 422, "idempotency_conflict")


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"spec": {"volume_gib": 39}}, "spec.volume_gib"),
        ({"spec": {"volume_gib": "50"}}, "spec.volume_gib"),
        ({"spec": {"image": "Debian 12"}}, "spec.image"),
        ({"end_date": "2020-01-01"}, "end_date"),
        ({"purpose": ""}, "purpose"),
    ],
)
def test_bad_change_is_refused_with_the_field(api, server, sent, field):
    path = f"/resources/{server.public_id}/changes"

    answer = api.post(path, body(**sent), **KEY)

    assert_problem(answer, 400, "invalid_input", field)


def test_second_change_at_a_time_is_refused(api, server, ask):
    ask(server, volume_gib=50)
    path = f"/resources/{server.public_id}/changes"

    answer = api.post(path, body(), **KEY)

    assert_problem(answer, 409, "change_waits")


def test_earlier_end_date_holds_at_once(api, server):
    sooner = localdate() + timedelta(days=30)
    path = f"/resources/{server.public_id}/term"

    answer = api.post(path, {"end_date": sooner.isoformat()})

    assert (answer.status_code, answer.json()["end_date"]) == (200, sooner.isoformat())
    later = {"end_date": (sooner + timedelta(days=9)).isoformat()}
    assert_problem(api.post(path, later), 400, "not_shorter", "end_date")
