"""The same by API: what an action asks is told as a schema, and answered beside it."""

from __future__ import annotations

import pytest

from tests.catalog.api.conftest import Api
from tests.factories import make_project
from tests.factories.catalog import put_elsewhere

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(requester):
    return Api(requester)


def path_of(resource):
    return f"/resources/{resource.public_id}"


def test_questions_are_told_and_answered(api, disk, server):
    told = api.get(path_of(disk)).json()
    assert told["actions"] == ["attach"]
    (option,) = told["questions"]["attach"]["properties"]["server"]["oneOf"]
    assert (option["const"], option["title"]) == (str(server.public_id), "web-1")

    body = {"action": "attach", "answers": {"server": str(server.public_id)}}
    response = api.post(f"{path_of(disk)}/actions", body)

    assert (response.status_code, response.json()["kind"]) == (202, "act")


@pytest.mark.parametrize(
    ("answers", "field"),
    [
        ({"server": 7}, "answers.server"),
        ({"server": "iets"}, "answers.server"),
        ({}, "answers.server"),
        ({"server": "x", "force": "yes"}, "answers.force"),
        ("web-1", "answers"),
    ],
)
def test_wrong_answer_is_told_at_its_place(api, disk, server, answers, field):
    response = api.post(f"{path_of(disk)}/actions", {"action": "attach", "answers": answers})

    assert response.status_code == 400
    assert field in {error["name"] for error in response.json()["errors"]}


def test_disk_of_an_order_is_named_by_its_id(api, disk, project, offerings):
    offering = offerings["volume_snapshot"].offering
    schema = api.get(f"/offerings/{offering.public_id}").json()["parameters"]
    assert schema["properties"]["volume"]["format"] == "uuid"
    body = {
        "project": str(project.public_id),
        "offering": str(offering.public_id),
        "name": "kiek",
        "purpose": "Terug kunnen",
        "spec": {"volume": str(disk.public_id)},
    }
    wrong = api.order({**body, "spec": {"volume": str(offering.public_id)}})
    assert wrong.status_code in {400, 422}
    assert {error["name"] for error in wrong.json()["errors"]} == {"spec.volume"}

    assert api.order(body).status_code == 201


def test_network_of_an_order_is_offered_or_named_by_its_id(api, deliver, project, offerings):
    offering = offerings["load_balancer"].offering
    schema = api.get(f"/offerings/{offering.public_id}").json()["parameters"]
    offered, own = schema["properties"]["network"]["oneOf"]
    assert (offered["const"], "pattern" in own) == ("intern", True)
    network = deliver("network", "achter", cidr="192.168.30.0/24", way_out="none")
    spec = {"protocol": "HTTP", "port": 80, "members": "192.168.30.12:8080"}
    body = {
        "project": str(project.public_id),
        "offering": str(offering.public_id),
        "name": "ingang",
        "purpose": "Bereikbaar zijn",
        "spec": {**spec, "network": str(network.public_id)},
    }
    stranger = deliver("network", "elders", cidr="192.168.31.0/24", way_out="none")
    put_elsewhere(stranger, make_project(name="Elders"))
    for other in (stranger.public_id, offering.public_id):
        wrong = api.order({**body, "spec": {**spec, "network": str(other)}})
        assert wrong.status_code in {400, 422}
        assert {error["name"] for error in wrong.json()["errors"]} == {"spec.network"}

    assert api.order(body).status_code == 201


def test_needed_disk_is_not_cleaned_up(api, disk, snapshot):
    response = api.post(f"{path_of(disk)}/retirement", {"confirmation": disk.name})

    assert (response.status_code, response.json()["code"]) == (409, "resource_needed")
