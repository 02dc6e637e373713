"""The console of a server: an address that one person sees once."""

from __future__ import annotations

import pytest
from django.urls import reverse

from catalog.errors import ActionNotOffered
from catalog.models import Operation, OperationState
from catalog.services.resources import act_on_resource
from portal.cloud.models import Secret
from portal.identity.models import Role
from tests.factories import PersonFactory, grant
from tests.logins import log_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(deliver):
    return deliver()


@pytest.fixture
def act(engine, server, requester):
    def ask(action: str) -> Operation:
        operation = engine.call(act_on_resource, server.public_id, action=action, actor=requester)
        engine.run()
        operation.refresh_from_db()
        server.refresh_from_db()
        assert operation.state == OperationState.SUCCEEDED
        return operation

    return ask


def test_who_asked_sees_the_address_once(act, client, server, requester):
    act("console")
    log_in(client, requester)
    address = reverse("catalog:resource-secret", args=[server.public_id])

    shown = client.post(address, {"slot": "console"}).content.decode()

    assert 'href="https://console.example.nl/vnc_auto.html?path=%3Ftoken%3D' in shown
    assert 'rel="noopener noreferrer"' in shown
    assert "console.example.nl" not in client.post(address, {"slot": "console"}).content.decode()
    assert "console.example.nl" not in str(server.facts)


def test_colleague_and_operator_do_not_see_it(act, client, server, project):
    act("console")
    address = reverse("catalog:resource-secret", args=[server.public_id])
    for role in (Role.REQUESTER, Role.OPERATOR):
        person = PersonFactory()
        grant(person, role, project)
        log_in(client, person)

        assert client.post(address, {"slot": "console"}).status_code == 404

    assert Secret.objects.exists()


def test_operator_opens_no_console_of_a_tenant(client, server, project):
    operator = PersonFactory()
    grant(operator, Role.OPERATOR, project)
    log_in(client, operator)

    page = client.get(reverse("catalog:resource", args=[server.public_id])).content.decode()
    asked = client.post(reverse("catalog:resource-act", args=[server.public_id, "console"]))

    assert reverse("catalog:resource-act", args=[server.public_id, "stop"]) in page
    assert reverse("catalog:resource-act", args=[server.public_id, "console"]) not in page
    assert asked.status_code == 403


def test_stopped_server_has_no_console(act, server, requester):
    act("stop")

    with pytest.raises(ActionNotOffered):
        act_on_resource(server.public_id, action="console", actor=requester)
