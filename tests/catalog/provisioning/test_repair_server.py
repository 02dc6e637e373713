"""Rebuild and rescue: what they lose is confirmed, and a lost answer loses nothing twice."""

from __future__ import annotations

import pytest
from django.urls import reverse

from catalog.errors import ActionNotOffered, ConfirmationMismatch
from catalog.models import Operation, OperationKind, OperationState, Resource
from catalog.services.operations import resume_operation
from catalog.services.resources import act_on_resource
from portal.cloud.ports import CloudUnavailable
from tests.logins import log_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(deliver) -> Resource:
    return deliver()


@pytest.fixture
def act(engine, server, requester):
    """Asks for an action, and lets the engine come to rest."""

    def ask(action: str) -> Operation:
        operation = engine.call(
            act_on_resource,
            server.public_id,
            action=action,
            actor=requester,
            confirmation=server.name,
        )
        engine.run()
        operation.refresh_from_db()
        server.refresh_from_db()
        return operation

    return ask


def in_cloud(cloud, server):
    return cloud.things[server.cloud_ids["server"]]


def test_rebuilt_server_is_the_same_with_its_addresses_and_disk(act, server, cloud):
    was = in_cloud(cloud, server).facts()

    rebuilt = act("rebuild")

    now = in_cloud(cloud, server)
    assert rebuilt.state == OperationState.SUCCEEDED
    assert now.details["rebuild"] == str(rebuilt.public_id)
    assert now.details["addresses"] == was.details["addresses"]
    assert now.details["volume_ids"] == [server.cloud_ids["volume"]]
    assert now.status == server.facts["status"] == "ACTIVE"


def test_each_rebuild_that_is_asked_for_is_one(act, cloud):
    act("rebuild")
    act("rebuild")

    assert cloud.calls["rebuild_server"] == 2


def test_stopped_server_is_rebuilt_and_stays_stopped(act, server):
    act("stop")

    assert act("rebuild").state == OperationState.SUCCEEDED
    assert server.facts["status"] == "SHUTOFF"


def test_rebuild_whose_answer_was_lost_is_not_done_twice(act, cloud):
    cloud.lose_next_reply("rebuild_server")

    assert act("rebuild").state == OperationState.SUCCEEDED
    assert cloud.calls["rebuild_server"] == 1


def test_rebuild_that_was_ready_before_we_looked_again_is_not_done_twice(
    engine, server, requester, cloud
):
    cloud.polls_until_settled = 0
    cloud.lose_next_reply("rebuild_server")
    engine.call(
        act_on_resource,
        server.public_id,
        action="rebuild",
        actor=requester,
        confirmation=server.name,
    )
    engine.run_one()
    for _ in range(5):
        cloud.tick()
    assert in_cloud(cloud, server).status == "ACTIVE"

    engine.run()

    assert cloud.calls["rebuild_server"] == 1
    assert Operation.objects.get(kind=OperationKind.ACT).state == OperationState.SUCCEEDED


def test_busy_cloud_is_asked_later(act, cloud):
    cloud.fail_next("rebuild_server", CloudUnavailable("conflict", status=409))

    assert act("rebuild").state == OperationState.SUCCEEDED


def test_rebuild_that_breaks_is_tried_again_and_then_told(act, cloud, server, engine, requester):
    cloud.servers_become("ERROR", "No space left on the host.")

    broken = act("rebuild")

    assert broken.state == OperationState.FAILED
    assert broken.steps.get().last_error == "No space left on the host."
    assert cloud.calls["rebuild_server"] == 3
    cloud.servers_become("ACTIVE")
    engine.call(resume_operation, broken.public_id, actor=requester)
    engine.run()
    assert in_cloud(cloud, server).status == "ACTIVE"
    broken.refresh_from_db()
    assert broken.state == OperationState.SUCCEEDED


@pytest.mark.parametrize("confirmation", ["", "another"])
def test_rebuild_asks_for_the_name(server, requester, confirmation, cloud):
    with pytest.raises(ConfirmationMismatch):
        act_on_resource(
            server.public_id, action="rebuild", actor=requester, confirmation=confirmation
        )
    assert not Operation.objects.filter(kind=OperationKind.ACT).exists()


def test_server_is_rescued_and_leaves_that_again(act, server, cloud, requester):
    assert act("rescue").state == OperationState.SUCCEEDED
    assert in_cloud(cloud, server).status == server.facts["status"] == "RESCUE"
    with pytest.raises(ActionNotOffered):
        act_on_resource(server.public_id, action="rescue", actor=requester)
    with pytest.raises(ActionNotOffered):
        act_on_resource(server.public_id, action="reboot", actor=requester)

    assert act("unrescue").state == OperationState.SUCCEEDED
    assert in_cloud(cloud, server).status == server.facts["status"] == "ACTIVE"


@pytest.mark.parametrize("name", ["rescue", "unrescue"])
def test_lost_answer_is_asked_after(act, cloud, name):
    if name == "unrescue":
        act("rescue")
    cloud.lose_next_reply(f"{name}_server")

    assert act(name).state == OperationState.SUCCEEDED
    assert cloud.calls[f"{name}_server"] <= 2


def test_rescued_server_is_cleaned_up(act, server, cloud, engine, retire):
    act("rescue")

    retire(server)
    engine.run()

    assert cloud.count("server") == cloud.count("volume") == cloud.count("port") == 0


class TestPage:
    def test_tells_that_it_is_rescued_and_how_to_leave(self, client, server, requester, act):
        log_in(client, requester)
        act("rescue")

        page = client.get(url(server)).content.decode()

        assert "In reddingsstand" in page
        assert url(server, "unrescue") in page
        assert url(server, "rebuild") not in page

    def test_rebuild_leads_to_a_page_that_names_the_server(self, client, server, requester):
        log_in(client, requester)
        assert f'href="{url(server, "rebuild")}"' in client.get(url(server)).content.decode()

        page = client.get(url(server, "rebuild")).content.decode()

        assert f"Typ de naam {server.name}" in page
        assert "voorgoed weg" in page

    def test_wrong_name_is_said_at_the_field_and_kept(self, client, server, requester):
        response = log_in(client, requester).post(
            url(server, "rebuild"), {"confirmation": "zaak-ap"}
        )

        page = response.content.decode()
        assert response.status_code == 422
        assert 'value="zaak-ap"' in page
        assert 'id="confirmation-error"' in page
        assert not Operation.objects.filter(kind=OperationKind.ACT).exists()

    def test_right_name_begins_the_work(self, client, server, requester, engine):
        response = log_in(client, requester).post(
            url(server, "rebuild"), {"confirmation": server.name}
        )

        assert (response.status_code, response["Location"]) == (303, url(server))
        assert Operation.objects.get(kind=OperationKind.ACT).plan == "server.act.rebuild"

    def test_what_is_not_offered_now_has_no_page(self, client, server, requester, act):
        act("rescue")

        response = log_in(client, requester).get(url(server, "rebuild"))

        assert (response.status_code, response["Location"]) == (302, url(server))

    @pytest.mark.parametrize("action", ["stop", "fly"])
    def test_what_asks_no_name_has_no_page(self, client, server, requester, action):
        response = log_in(client, requester).get(url(server, action))

        assert (response.status_code, response["Location"]) == (302, url(server))


class TestApi:
    def test_rebuild_needs_the_name(self, client, server, requester, engine):
        log_in(client, requester)
        address = f"{reverse('api:resource-detail', args=[server.public_id])}/actions"

        refused = client.post(address, {"action": "rebuild"}, content_type="application/json")
        accepted = client.post(
            address,
            {"action": "rebuild", "confirmation": server.name},
            content_type="application/json",
        )

        assert (refused.status_code, refused.json()["code"]) == (400, "confirmation_mismatch")
        assert accepted.status_code == 202


def url(server, action=""):
    if action:
        return reverse("catalog:resource-act", args=[server.public_id, action])
    return reverse("catalog:resource", args=[server.public_id])
