"""The small REST client with which the local cloud is furnished."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from local.layout import PORT_NAMES, Layout
from local.openstack.drivers import trouble
from local.openstack.rest import Operator, Refused, wait_for
from local.openstack.site import Site


class Keystone(BaseHTTPRequestHandler):
    """Grants every log-in, knows one user, refuses to change anything."""

    def do_GET(self) -> None:
        self._answer(200, b'{"users": [{"id": "1"}]}')

    def do_PUT(self) -> None:
        self._answer(409, b'{"error": "there already"}')

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(201, b'{"token": {"project": {"id": "p1"}}}')

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("X-Subject-Token", "a-token")
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    server = HTTPServer(("127.0.0.1", 0), Keystone)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    python = tmp_path / "python"
    yield Site(
        Layout(
            checkout=tmp_path,
            home=tmp_path,
            ports=dict.fromkeys(PORT_NAMES, server.server_port),
            python=python,
            openstack_python=python,
        )
    )
    server.shutdown()
    thread.join()
    server.server_close()


def test_operator_logs_in_and_reads(site):
    operator = Operator(site)

    assert operator.project_id == "p1"
    assert operator.get("keystone", "/v3/users") == {"users": [{"id": "1"}]}


def test_refusal_says_what_was_asked_and_what_was_answered(site):
    with pytest.raises(Refused, match=r"PUT .*/v3/roles: 409 .*there already") as caught:
        Operator(site).call("PUT", "keystone", "/v3/roles")

    assert caught.value.status == 409


def test_waiting_gives_up_with_the_last_reason():
    def refuse() -> bool:
        raise Refused("GET /", 503, "not yet")

    with pytest.raises(SystemExit, match="no hypervisor within 0 s: GET /: 503 not yet"):
        wait_for(refuse, "hypervisor", within_seconds=0.01)


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [("2.5", 2.5), ("0", 0.0), ("-1", 0.0), ("soon", 0.0), ("1e9", 600.0)],
)
def test_spawn_delay_is_a_sane_number(asked, seconds):
    assert trouble.spawn_seconds({trouble.SPAWN_SECONDS: asked}) == seconds


def test_only_the_step_that_was_asked_to_fail_fails():
    metadata = {trouble.FAIL_AT: "resize"}

    assert [step for step in ("spawn", "resize") if trouble.fails_at(metadata, step)] == ["resize"]
