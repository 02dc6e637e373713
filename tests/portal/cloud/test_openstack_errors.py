"""What OpenStack answers, or does not answer, becomes what the engine can act on.

Over real HTTP, so that what requests, urllib3, keystoneauth and openstacksdk do in between is part
of what is tried.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from keystoneauth1.exceptions import Unauthorized

from portal.cloud.openstack import OpenStackCloud, connect, connections
from portal.cloud.ports import (
    CloudError,
    CloudMissing,
    CloudQuotaRefused,
    CloudRefused,
    CloudUnavailable,
    NetworkSpec,
    PortSpec,
    ServerSpec,
    VolumeSpec,
)
from tests.portal.cloud.openstack_server import (
    PROJECT,
    REQUEST_ID,
    Misbehaviour,
    OpenStackServer,
    answer,
    break_off,
    reset,
    say_half,
    say_nothing,
)

CREATE_SERVER = "POST /compute/v2.1/servers"
LIST_SERVERS = "GET /compute/v2.1/servers/detail"
DELETE_SERVER = "DELETE /compute/v2.1/servers/s"
CREATE_NETWORK = "POST /network/v2.0/networks"
CREATE_PORT = "POST /network/v2.0/ports"
DELETE_NETWORK = "DELETE /network/v2.0/networks/n"
READ_USAGE = f"GET /compute/v2.1/os-quota-sets/{PROJECT}/detail"
SET_NETWORK_QUOTA = f"PUT /network/v2.0/quotas/{PROJECT}"
CREATE_VOLUME = "POST /volume/v3/volumes"
DELETE_VOLUME = "DELETE /volume/v3/volumes/v"
EXTEND_VOLUME = "POST /volume/v3/volumes/v/action"
ACT_ON_SERVER = "POST /compute/v2.1/servers/s/action"
ATTACH_VOLUME = "POST /compute/v2.1/servers/s/os-volume_attachments"
AT_MOST_SECONDS = 20  # that a call takes when nothing holds it up
LOG_IN = "POST /identity/v3/auth/tokens"

ResizeCall = Callable[[OpenStackCloud, str, str], None]
SPEC = ServerSpec(name="web-1", flavor_id="f", image_id="i", port_id="p")
CALLS: dict[str, Callable[[OpenStackCloud], Any]] = {
    CREATE_SERVER: lambda cloud: cloud.create_server(PROJECT, SPEC, "cloudloket:1"),
    LIST_SERVERS: lambda cloud: cloud.list_servers(PROJECT),
    DELETE_SERVER: lambda cloud: cloud.delete_server(PROJECT, "s"),
    CREATE_NETWORK: lambda cloud: cloud.create_network(
        PROJECT, NetworkSpec(name="n", cidr="10.0.0.0/24"), "cloudloket:1"
    ),
    CREATE_PORT: lambda cloud: cloud.create_port(
        PROJECT, PortSpec(name="p", network_id="n", security_group_ids=[]), "cloudloket:1"
    ),
    DELETE_NETWORK: lambda cloud: cloud.delete_network(PROJECT, "n"),
    SET_NETWORK_QUOTA: lambda cloud: cloud.set_quota(PROJECT, {"floating_ips": 1}),
    READ_USAGE: lambda cloud: cloud.fetch_usage(PROJECT),
    CREATE_VOLUME: lambda cloud: cloud.create_volume(
        PROJECT, VolumeSpec(name="v", size_gib=1), "cloudloket:1"
    ),
    DELETE_VOLUME: lambda cloud: cloud.delete_volume(PROJECT, "v"),
    EXTEND_VOLUME: lambda cloud: cloud.extend_volume(PROJECT, "v", 2),
    ATTACH_VOLUME: lambda cloud: cloud.attach_volume(PROJECT, "s", "v"),
}


@pytest.fixture
def openstack() -> Iterator[OpenStackServer]:
    server = OpenStackServer()
    yield server
    server.stop()


@pytest.fixture
def cloud(
    openstack: OpenStackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> OpenStackCloud:
    """Its clouds.yaml asks for all the repetition there is; the environment for another cloud."""
    repeats = "".join(
        f"    {service}{kind}_retries: 3\n"
        for service in ("", "compute_", "network_", "block_storage_", "volume_", "identity_")
        for kind in ("connect", "status_code")
    )
    clouds = tmp_path / "clouds.yaml"
    clouds.write_text(
        "clouds:\n  sovereign:\n"
        f"    auth: {{auth_url: {openstack.url}/identity/v3, username: portal, password: x,\n"
        "           project_name: p, user_domain_name: Default, project_domain_name: Default}\n"
        f"    region_name: here\n    api_timeout: 90\n{repeats}"
    )
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(clouds))
    monkeypatch.setenv("OS_CLOUD", "elsewhere")
    monkeypatch.setenv("OS_AUTH_URL", "http://elsewhere.invalid/v3")
    monkeypatch.setenv("OS_PROJECT_NAME", "elsewhere")
    monkeypatch.setattr(connections, "CONNECT_AND_READ_SECONDS", (0.5, 0.5))
    return connect("sovereign")


def ask(
    cloud: OpenStackCloud, openstack: OpenStackServer, request: str, *behaviours: Misbehaviour
) -> CloudError:
    """The error that the call behind ``request`` gives when the service behaves like that."""
    openstack.plan(request, *behaviours)
    with pytest.raises(CloudError) as raised:
        CALLS[request](cloud)
    return raised.value


def neutron(kind: str) -> dict[str, Any]:
    return {"NeutronError": {"type": kind, "message": "no", "detail": ""}}


def nova(message: str, status: int = 403) -> dict[str, Any]:
    return {"forbidden": {"message": message, "code": status}}


# --- answers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 408, 409, 423, 425, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("request_", [CREATE_SERVER, LIST_SERVERS])
def test_these_answers_mean_later(
    cloud: OpenStackCloud, openstack: OpenStackServer, request_: str, status: int
) -> None:
    error = ask(cloud, openstack, request_, *[answer(status)] * 2)

    assert isinstance(error, CloudUnavailable)
    assert (error.status, error.request_id) == (status, REQUEST_ID)
    changes_something = not request_.startswith("GET")
    assert error.outcome_unknown is (status >= 500 and changes_something)
    assert openstack.asked[request_] == (2 if status == 401 else 1)


@pytest.mark.parametrize(
    ("header", "pause"),
    [("7", 7), ("", 0), ("86400", 300), ("Fri, 27 Nov 2026 09:00:00 GMT", 0), ("-5", 0)],
)
@pytest.mark.parametrize("request_", [CREATE_SERVER, LOG_IN])
def test_pause_that_is_asked_for_is_told(
    cloud: OpenStackCloud, openstack: OpenStackServer, request_: str, header: str, pause: int
) -> None:
    openstack.plan(request_, answer(503, retry_after=header))

    with pytest.raises(CloudUnavailable) as raised:
        CALLS[CREATE_SERVER](cloud)

    assert raised.value.retry_after == timedelta(seconds=pause)


@pytest.mark.parametrize(
    ("request_", "status", "body", "expected"),
    [
        (CREATE_SERVER, 400, {}, CloudRefused),
        (CREATE_SERVER, 403, nova("Policy doesn't allow it to be performed."), CloudRefused),
        (CREATE_SERVER, 403, nova("Quota exceeded for instances: 1, 10"), CloudQuotaRefused),
        (CREATE_SERVER, 403, nova("Maximum number of ports exceeded"), CloudQuotaRefused),
        (DELETE_SERVER, 404, nova("Instance s could not be found.", 404), CloudMissing),
        (CREATE_NETWORK, 409, neutron("OverQuota"), CloudQuotaRefused),
        (CREATE_PORT, 409, neutron("IpAddressGenerationFailure"), CloudRefused),
        (DELETE_NETWORK, 409, neutron("NetworkInUse"), CloudUnavailable),
        (SET_NETWORK_QUOTA, 400, "Quota limit 1 … must be … already used 2", CloudUnavailable),
        (SET_NETWORK_QUOTA, 400, neutron("HTTPBadRequest"), CloudRefused),
        (DELETE_NETWORK, 404, neutron("NetworkNotFound"), CloudMissing),
        (CREATE_VOLUME, 413, {"overLimit": {"message": "no", "code": 413}}, CloudQuotaRefused),
        (CREATE_VOLUME, 403, {}, CloudRefused),
        (CREATE_SERVER, 400, nova("Volume v status must be available", 400), CloudUnavailable),
        (CREATE_SERVER, 400, nova("Invalid image", 400), CloudRefused),
        (DELETE_VOLUME, 400, nova("Invalid volume: Volume status must be", 400), CloudUnavailable),
        (DELETE_VOLUME, 400, nova("Malformed", 400), CloudRefused),
        (DELETE_VOLUME, 404, {}, CloudMissing),
        (EXTEND_VOLUME, 400, nova("Volume v status must be 'in-use'", 400), CloudUnavailable),
        (EXTEND_VOLUME, 400, nova("New size must be greater", 400), CloudRefused),
        (EXTEND_VOLUME, 413, {"overLimit": {"message": "no", "code": 413}}, CloudQuotaRefused),
    ],
)
def test_each_service_has_words_of_its_own(
    cloud: OpenStackCloud,
    openstack: OpenStackServer,
    request_: str,
    status: int,
    body: dict[str, Any],
    expected: type[CloudError],
) -> None:
    error = ask(cloud, openstack, request_, answer(status, body))

    assert type(error) is expected
    assert (error.status, error.request_id) == (status, REQUEST_ID)
    assert not getattr(error, "outcome_unknown", False)
    assert error.service in {"compute", "network", "block-storage"}
    assert error.operation in str(error)
    assert openstack.asked[request_] == 1


def test_refused_attachment_is_judged_by_what_is_attached(
    cloud: OpenStackCloud, openstack: OpenStackServer
) -> None:
    refusal = answer(400, nova("Invalid volume: already attached", 400))
    look = ATTACH_VOLUME.replace("POST", "GET")
    openstack.plan(look, answer(200, {"volumeAttachments": []}))
    assert isinstance(ask(cloud, openstack, ATTACH_VOLUME, refusal), CloudRefused)

    attached = {"volumeAttachments": [{"id": "v", "volumeId": "v", "serverId": "s"}]}
    openstack.plan(look, answer(200, attached))
    openstack.plan(ATTACH_VOLUME, refusal)
    CALLS[ATTACH_VOLUME](cloud)


@pytest.mark.parametrize("status", ["VERIFY_RESIZE", "ACTIVE", "SHUTOFF", "ERROR"])
@pytest.mark.parametrize("call", [OpenStackCloud.confirm_resize, OpenStackCloud.revert_resize])
def test_resize_that_is_being_confirmed_is_no_refusal(
    cloud: OpenStackCloud, openstack: OpenStackServer, call: ResizeCall, status: str
) -> None:
    """Nova says "has not been resized" from the moment on that it begins to confirm."""
    openstack.plan(ACT_ON_SERVER, answer(400, nova("Instance has not been resized.", 400)))
    look = ACT_ON_SERVER.replace("POST", "GET").removesuffix("/action")
    openstack.plan(look, answer(200, {"server": {"id": "s", "status": status}}))

    with pytest.raises(CloudRefused) if status == "ERROR" else nullcontext():
        call(cloud, PROJECT, "s")

    assert openstack.asked[look] == 1


def test_missing_is_only_believed_of_openstack_itself(
    cloud: OpenStackCloud, openstack: OpenStackServer
) -> None:
    stranger = answer(404, "<h1>Not Found</h1>", request_id="", content_type="text/html")

    error = ask(cloud, openstack, DELETE_SERVER, stranger)

    assert isinstance(error, CloudUnavailable)


def test_answer_that_names_nothing_may_hide_a_server(
    cloud: OpenStackCloud, openstack: OpenStackServer
) -> None:
    error = ask(cloud, openstack, CREATE_SERVER, answer(202, {"server": {}}))

    assert isinstance(error, CloudUnavailable)
    assert error.outcome_unknown


@pytest.mark.parametrize("request_", [CREATE_SERVER, CREATE_NETWORK, CREATE_VOLUME])
def test_unreadable_answer_may_hide_something_made(
    cloud: OpenStackCloud, openstack: OpenStackServer, request_: str
) -> None:
    page = answer(202, "<h1>Welcome</h1>", content_type="text/html")

    error = ask(cloud, openstack, request_, page)

    assert isinstance(error, CloudUnavailable)
    assert error.outcome_unknown


@pytest.mark.parametrize("request_", [CREATE_SERVER, LIST_SERVERS, READ_USAGE, SET_NETWORK_QUOTA])
def test_answer_that_was_cut_is_none(
    cloud: OpenStackCloud, openstack: OpenStackServer, request_: str
) -> None:
    """Its length agrees, and the SDK would read it as a thing without any property."""
    cut = answer(200, '{"quota_set": {"id": "f0')

    error = ask(cloud, openstack, request_, *[cut] * (1 + (request_ == SET_NETWORK_QUOTA)))

    assert isinstance(error, CloudUnavailable)
    assert error.outcome_unknown == (not request_.startswith("GET"))


def test_who_did_not_answer_is_told_its_limits_once_more(
    cloud: OpenStackCloud, openstack: OpenStackServer
) -> None:
    openstack.plan(SET_NETWORK_QUOTA, reset, answer(200, '{"quota": {}}'))

    cloud.set_quota(PROJECT, {"networks": 1})

    assert openstack.asked[SET_NETWORK_QUOTA] == 2


# --- no answer -------------------------------------------------------------------------------


@pytest.mark.parametrize("behaviour", [break_off, reset, say_half, say_nothing])
@pytest.mark.parametrize("request_", [CREATE_SERVER, CREATE_NETWORK, CREATE_VOLUME, DELETE_SERVER])
def test_change_without_an_answer_is_never_sent_again(
    cloud: OpenStackCloud, openstack: OpenStackServer, request_: str, behaviour: Misbehaviour
) -> None:
    error = ask(cloud, openstack, request_, behaviour)

    assert isinstance(error, CloudUnavailable)
    assert error.outcome_unknown
    assert (error.status, error.request_id) == (None, "")
    assert openstack.asked[request_] == 1


def test_reading_is_tried_once_more(cloud: OpenStackCloud, openstack: OpenStackServer) -> None:
    openstack.plan(LIST_SERVERS, break_off, answer(200, {"servers": []}))

    assert cloud.list_servers(PROJECT) == []

    error = ask(cloud, openstack, LIST_SERVERS, break_off, break_off)
    assert isinstance(error, CloudUnavailable)
    assert not error.outcome_unknown
    assert openstack.asked[LIST_SERVERS] == 4


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Held, so that nobody else answers there meanwhile."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "nova.invalid"])
def test_request_that_was_not_sent_changed_nothing(
    cloud: OpenStackCloud, openstack: OpenStackServer, closed_port: int, host: str
) -> None:
    openstack.elsewhere["compute"] = f"http://{host}:{closed_port}/compute/v2.1"

    error = ask(cloud, openstack, CREATE_SERVER)

    assert isinstance(error, CloudUnavailable)
    assert not error.outcome_unknown


def test_connection_that_does_not_come_about_changed_nothing(
    cloud: OpenStackCloud, openstack: OpenStackServer
) -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for caller in (first, second):  # fill the queue that nobody empties
            caller.setblocking(False)
            caller.connect_ex(full.getsockname())
        openstack.elsewhere["compute"] = f"http://127.0.0.1:{full.getsockname()[1]}/compute/v2.1"

        error = ask(cloud, openstack, CREATE_SERVER)

    assert isinstance(error, CloudUnavailable)
    assert not error.outcome_unknown


# --- logging in ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "behaviour",
    [answer(401), answer(403), answer(404), answer(500), answer(503), break_off, say_nothing],
    ids=["401", "403", "404", "500", "503", "broken", "silent"],
)
@pytest.mark.parametrize("request_", [CREATE_SERVER, DELETE_SERVER])
def test_failed_login_changed_nothing(
    cloud: OpenStackCloud, openstack: OpenStackServer, request_: str, behaviour: Misbehaviour
) -> None:
    openstack.plan(LOG_IN, *[behaviour] * 9)

    error = ask(cloud, openstack, request_)

    assert isinstance(error, CloudUnavailable)
    assert not error.outcome_unknown
    assert openstack.asked[request_] == 0


def test_rejected_token_logs_in_once_more(
    cloud: OpenStackCloud, openstack: OpenStackServer
) -> None:
    openstack.plan(CREATE_SERVER, answer(401), answer(202, {"server": {"id": "s"}}))

    assert cloud.create_server(PROJECT, SPEC, "cloudloket:1").id == "s"
    assert openstack.asked[LOG_IN] == 2


def test_rejection_before_the_login_holds_nobody_up(
    cloud: OpenStackCloud, openstack: OpenStackServer
) -> None:
    errors: list[CloudError] = []
    asking = threading.Thread(
        target=lambda: errors.append(ask(cloud, openstack, LIST_SERVERS)), daemon=True
    )
    openstack.plan("GET /identity/v3", answer(401))

    asking.start()
    asking.join(AT_MOST_SECONDS)

    assert [type(error) for error in errors] == [CloudUnavailable]


def test_service_that_tells_its_versions_to_who_is_logged_in_says_so(
    openstack: OpenStackServer, cloud: OpenStackCloud
) -> None:
    # keystoneauth, which is looking for them, asks again with a token after this error only.
    session = cloud._connections.over_all().session
    openstack.plan("GET /volume/v3", answer(401))

    with pytest.raises(Unauthorized):
        session.get(f"{openstack.url}/volume/v3", authenticated=False)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_project_without_access_is_not_taken_for_ready(
    cloud: OpenStackCloud, openstack: OpenStackServer, status: int
) -> None:
    openstack.plan("GET /identity/v3/roles", answer(200, {"roles": [{"id": "r"}]}))
    user = cloud._connections.over_all().current_user_id
    grant = f"PUT /identity/v3/projects/{PROJECT}/users/{user}/roles/r"
    openstack.plan(grant, answer(status), answer(204))

    with pytest.raises(CloudUnavailable):
        cloud.ensure_project_access(PROJECT)
    cloud.ensure_project_access(PROJECT)

    assert openstack.asked[grant] == 2


def test_role_that_a_busy_keystone_does_not_find_is_asked_for_again(
    cloud: OpenStackCloud, openstack: OpenStackServer
) -> None:
    said = "Invalid application credential: Could not find role assignment with role: r"
    error = {"error": {"code": 400, "message": said, "title": "Bad Request"}}
    openstack.plan("POST /identity/v3/users/u/application_credentials", answer(400, error))

    with pytest.raises(CloudUnavailable):
        cloud.create_credential(PROJECT, "u", name="ours", expires_at=None)


def test_changed_password_is_read_without_a_restart(
    cloud: OpenStackCloud, openstack: OpenStackServer, tmp_path: Path
) -> None:
    openstack.plan(LOG_IN, answer(401))
    assert isinstance(ask(cloud, openstack, LIST_SERVERS), CloudUnavailable)
    clouds = tmp_path / "clouds.yaml"
    clouds.write_text(clouds.read_text().replace("password: x", "password: changed"))
    openstack.plan(LIST_SERVERS, answer(200, {"servers": []}))

    assert cloud.list_servers(PROJECT) == []

    identity = openstack.last_body[LOG_IN]["auth"]["identity"]
    assert identity["password"]["user"]["password"] == "changed"


def test_markers_travel_in_the_request_that_makes_the_thing(
    cloud: OpenStackCloud, openstack: OpenStackServer
) -> None:
    for request, key in (
        (CREATE_SERVER, "server"),
        (CREATE_NETWORK, "network"),
        (CREATE_PORT, "port"),
        (CREATE_VOLUME, "volume"),
    ):
        openstack.plan(request, answer(202, {key: {"id": "x", "status": "BUILD"}}))
        CALLS[request](cloud)

    sent = openstack.last_body
    assert sent[CREATE_SERVER]["server"]["tags"] == ["cloudloket:1"]
    assert sent[CREATE_NETWORK]["network"]["description"] == "cloudloket:1"
    assert sent[CREATE_PORT]["port"]["description"] == "cloudloket:1"
    assert sent[CREATE_VOLUME]["volume"]["metadata"] == {"cloudloket": "cloudloket:1"}


def test_service_that_joins_the_catalogue_later_is_found(
    cloud: OpenStackCloud, openstack: OpenStackServer
) -> None:
    openstack.elsewhere["network"] = None
    error = ask(cloud, openstack, CREATE_NETWORK)
    assert isinstance(error, CloudUnavailable)
    assert not error.outcome_unknown

    del openstack.elsewhere["network"]
    openstack.plan(CREATE_NETWORK, answer(201, {"network": {"id": "n", "status": "ACTIVE"}}))
    assert CALLS[CREATE_NETWORK](cloud).id == "n"


def test_cloud_that_is_not_configured_yet_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))

    with pytest.raises(CloudUnavailable, match="sovereign"):
        connect("sovereign").fetch_inventory()


def test_a_project_is_entered_with_one_login_and_no_search(
    cloud: OpenStackCloud, openstack: OpenStackServer
) -> None:
    openstack.plan(LIST_SERVERS, *[answer(200, {"servers": []})] * 3)
    for _ in range(3):
        cloud.list_servers(PROJECT)

    assert openstack.asked == {
        "GET /identity/v3": 1,
        LOG_IN: 1,
        "GET /compute/v2.1": 1,
        LIST_SERVERS: 3,
    }
