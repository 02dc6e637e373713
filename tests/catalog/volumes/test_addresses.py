"""A public address leads to a server, until somebody takes it off or the server goes."""

from __future__ import annotations

import pytest

from catalog.models import OperationState, ResourceState

pytestmark = pytest.mark.django_db


@pytest.fixture
def address(deliver):
    return deliver("floating_ip", "ingang")


@pytest.fixture
def leads_to(cloud, address):
    return lambda: cloud.things[address.cloud_ids["floating_ip"]].details["port_id"]


def test_it_is_attached_and_taken_off(act, address, server, leads_to):
    assert act(address, "attach", server=str(server.public_id)).state == OperationState.SUCCEEDED
    assert leads_to() == server.cloud_ids["port"]
    assert address.facts["attached_to"] == str(server.public_id)
    assert address.facts["addresses"]

    act(address, "detach")

    assert (leads_to(), address.facts["attached_to"]) == ("", None)


@pytest.mark.parametrize("action", ["attach", "detach"])
def test_lost_answer_is_asked_again(act, address, server, leads_to, cloud, action):
    answers = {"server": str(server.public_id)}
    if action == "detach":
        act(address, "attach", **answers)
        answers = {}
    cloud.lose_next_reply("point_floating_ip")

    assert act(address, action, **answers).state == OperationState.SUCCEEDED
    assert bool(leads_to()) == (action == "attach")


def test_it_stays_when_its_server_goes(act, address, server, leads_to, retire, engine):
    act(address, "attach", server=str(server.public_id))

    retire(server)
    engine.run()

    address.refresh_from_db()
    assert (address.state, address.facts["attached_to"]) == (ResourceState.ACTIVE, None)
    assert leads_to() == ""
