"""Stop, start, restart: an operation with steps, and the page tells how the server is."""

from __future__ import annotations

import pytest
from django.db import IntegrityError
from django.urls import reverse

from catalog.errors import ActionNotOffered, ActionUnknown, ResourceBusy
from catalog.models import Operation, OperationKind, OperationState, Resource, ResourceState
from catalog.services.operations import abandon_operation, resume_operation
from catalog.services.resources import act_on_resource
from catalog.services.undoing import compensate_operation
from portal.audit.models import AuditEntry
from portal.cloud.ports import CloudRefused, CloudUnavailable
from portal.core.states import IllegalTransition
from portal.identity.models import Role
from tests.factories import PersonFactory, grant, make_project
from tests.logins import log_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(deliver) -> Resource:
    return deliver()


@pytest.fixture
def act(engine, server, requester):
    """Asks for an action, and lets the engine come to rest."""

    def ask(action: str) -> Operation:
        operation = engine.call(act_on_resource, server.public_id, action=action, actor=requester)
        engine.run()
        operation.refresh_from_db()
        server.refresh_from_db()
        return operation

    return ask


def status_in_cloud(cloud, server):
    return cloud.things[server.cloud_ids["server"]].status


def test_server_is_stopped_and_started_again(act, server, cloud):
    stopped = act("stop")

    assert (stopped.state, stopped.kind) == (OperationState.SUCCEEDED, OperationKind.ACT)
    assert status_in_cloud(cloud, server) == server.facts["status"] == "SHUTOFF"
    assert server.state == ResourceState.ACTIVE

    act("start")

    assert status_in_cloud(cloud, server) == server.facts["status"] == "ACTIVE"
    events = AuditEntry.objects.filter(event="resource.action_requested").order_by("pk")
    assert [entry.data["action"] for entry in events] == ["stop", "start"]


@pytest.mark.parametrize("action", ["reboot", "reset"])
def test_server_is_restarted(act, server, cloud, action):
    assert act(action).state == OperationState.SUCCEEDED
    assert cloud.calls["reboot_server"] == 1
    assert server.facts["status"] == "ACTIVE"


@pytest.mark.parametrize("action", ["stop", "reboot"])
def test_lost_answer_is_asked_after_and_not_asked_again(act, server, cloud, action):
    name = "stop_server" if action == "stop" else "reboot_server"
    cloud.lose_next_reply(name)

    assert act(action).state == OperationState.SUCCEEDED
    assert cloud.calls[name] <= 2


def test_cloud_that_is_busy_is_asked_later(act, cloud):
    cloud.fail_next("stop_server", CloudUnavailable("conflict", status=409))

    assert act("stop").state == OperationState.SUCCEEDED


def test_what_makes_no_sense_now_is_refused(act, server, requester):
    with pytest.raises(ActionNotOffered):
        act_on_resource(server.public_id, action="start", actor=requester)
    with pytest.raises(ActionUnknown):
        act_on_resource(server.public_id, action="fly", actor=requester)
    assert not Operation.objects.filter(kind=OperationKind.ACT).exists()


def test_one_thing_at_a_time(engine, server, requester):
    engine.call(act_on_resource, server.public_id, action="stop", actor=requester)

    with pytest.raises(ResourceBusy):
        act_on_resource(server.public_id, action="reboot", actor=requester)


def test_while_an_action_runs_it_is_not_cleaned_up(engine, server, requester, retire):
    engine.call(act_on_resource, server.public_id, action="stop", actor=requester)

    with pytest.raises(ResourceBusy):
        retire(server)


def test_what_is_gone_is_not_started(engine, server, requester, retire):
    retire(server)
    engine.run()

    with pytest.raises(IllegalTransition):
        act_on_resource(server.public_id, action="start", actor=requester)


@pytest.fixture
def failed(act, cloud) -> Operation:
    cloud.fail_next("stop_server", CloudRefused("policy does not allow this"))
    return act("stop")


def test_refusal_of_the_cloud_leaves_the_server_running(failed, server):
    assert failed.state == OperationState.FAILED
    assert (server.state, server.facts["status"]) == (ResourceState.ACTIVE, "ACTIVE")


def test_failed_action_can_be_tried_again(failed, engine, requester, server):
    engine.call(resume_operation, failed.public_id, actor=requester)
    engine.run()

    server.refresh_from_db()
    assert server.facts["status"] == "SHUTOFF"


def test_failed_action_can_be_left_and_another_begun(failed, act, requester):
    abandon_operation(failed.public_id, actor=requester)

    assert act("reboot").state == OperationState.SUCCEEDED
    assert AuditEntry.objects.filter(event="operation.abandoned").count() == 1


def test_undoing_a_failed_action_does_not_remove_the_server(failed, engine, requester, server):
    with pytest.raises(IllegalTransition):
        engine.call(compensate_operation, failed.public_id, actor=requester)

    server.refresh_from_db()
    assert server.state == ResourceState.ACTIVE


def test_what_was_delivered_is_not_undone_by_sql_either(server):
    with pytest.raises(IntegrityError, match="only what was never delivered is undone"):
        Operation.objects.create(
            resource=server,
            kind=OperationKind.COMPENSATE,
            plan="server.retire",
            plan_version=1,
        )


def test_only_an_action_that_failed_can_be_left(act, requester, server):
    delivery = Operation.objects.get(kind=OperationKind.PROVISION)
    for operation in (delivery, act("stop")):
        with pytest.raises(IllegalTransition):
            abandon_operation(operation.public_id, actor=requester)


def test_failed_action_does_not_keep_a_server_from_being_cleaned_up(failed, engine, server, retire):
    retire(server)
    engine.run()

    failed.refresh_from_db()
    server.refresh_from_db()
    assert (failed.state, server.state) == (OperationState.ABANDONED, ResourceState.RETIRED)


class TestPage:
    def test_offers_what_makes_sense_with_what_it_means(self, client, server, requester, act):
        page = log_in(client, requester).get(url(server)).content.decode()

        assert all(url(server, action) in page for action in ("stop", "reboot", "reset"))
        assert url(server, "start") not in page

        act("stop")
        page = client.get(url(server)).content.decode()

        assert url(server, "start") in page
        assert "Gestopt" in page
        assert url(server, "stop") not in page

    def test_button_begins_the_work(self, client, server, requester, engine):
        response = log_in(client, requester).post(url(server, "stop"))

        assert (response.status_code, response["Location"]) == (303, url(server))
        page = client.get(url(server)).content.decode()
        assert "Server gestopt" in page
        assert url(server, "stop") not in page

    def test_what_is_not_possible_is_said_on_the_page(self, client, server, requester):
        response = log_in(client, requester).post(url(server, "start"))

        assert response.status_code == 409
        assert "is nu niet mogelijk" in response.content.decode()

    def test_who_only_looks_has_no_buttons_and_may_not(self, client, server, project):
        auditor = PersonFactory()
        grant(auditor, Role.AUDITOR, project)
        log_in(client, auditor)

        assert url(server, "stop") not in client.get(url(server)).content.decode()
        assert client.post(url(server, "stop")).status_code == 403

    def test_another_tenant_finds_nothing(self, client, server):
        stranger = PersonFactory()
        grant(stranger, Role.REQUESTER, make_project())

        assert log_in(client, stranger).post(url(server, "stop")).status_code == 404

    def test_failed_action_offers_a_way_out(self, client, failed, server, requester):
        log_in(client, requester)
        leave = reverse("catalog:operation-abandon", args=[failed.public_id])
        assert leave in client.get(url(server)).content.decode()

        assert client.post(leave)["Location"] == url(server)
        failed.refresh_from_db()
        assert failed.state == OperationState.ABANDONED


class TestApi:
    def test_tells_and_carries_out_actions(self, client, server, requester, engine):
        log_in(client, requester)
        assert client.get(api(server)).json()["actions"] == [
            "stop",
            "reboot",
            "reset",
            "rescue",
            "rebuild",
            "console",
        ]

        response = post(client, server, {"action": "stop"})

        assert (response.status_code, response.json()["kind"]) == (202, "act")

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            ({}, 400, "invalid_input"),
            ({"action": 7}, 400, "invalid_input"),
            ({"action": "x" * 41}, 400, "invalid_input"),
            ({"action": "fly"}, 400, "action_unknown"),
            ({"action": "start"}, 409, "action_not_offered"),
            ({"action": "stop", "when": "now"}, 400, "invalid_input"),
        ],
    )
    def test_says_what_is_wrong(self, client, server, requester, body, status, code):
        response = post(log_in(client, requester), server, body)

        assert (response.status_code, response.json()["code"]) == (status, code)
        assert not Operation.objects.filter(kind=OperationKind.ACT).exists()


def url(server, action=""):
    if action:
        return reverse("catalog:resource-act", args=[server.public_id, action])
    return reverse("catalog:resource", args=[server.public_id])


def api(server):
    return reverse("api:resource-detail", args=[server.public_id])


def post(client, server, body):
    return client.post(f"{api(server)}/actions", body, content_type="application/json")
