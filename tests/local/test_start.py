"""What stops a start before anything runs: one clear line each."""

import base64
import hashlib
import http.server
import socket
import threading
from pathlib import Path

import pytest

from local import pip_wheel, ports
from local.errors import StartRefused
from local.home import prepare_home, refuse_full_disk
from local.ports import refuse_occupied_ports, remembered_ports


def test_ports_are_chosen_once(tmp_path):
    file = tmp_path / "ports.json"

    first = remembered_ports(file, None)

    assert first["portal"] == 8000
    assert len(set(first.values())) == len(first)
    assert remembered_ports(file, 8001) == first | {"portal": 8001}
    assert remembered_ports(file, None)["portal"] == 8001


def test_ports_that_another_home_remembers_are_left_to_it(tmp_path, monkeypatch):
    monkeypatch.setattr(ports, "_CHOICE", range(20000, 20000 + 2 * len(ports.PORT_NAMES)))
    monkeypatch.setattr(ports, "_is_free", lambda _port: True)
    others = [tmp_path / "other.json", tmp_path / "damaged.json"]
    first = remembered_ports(others[0], 8000)
    others[1].write_text('{"portal": 80')

    second = remembered_ports(tmp_path / "ports.json", 8001, others)

    assert set(first.values()).isdisjoint(second.values())


def test_damaged_ports_are_not_guessed_at(tmp_path):
    file = tmp_path / "ports.json"
    file.write_text('{"portal": 80')

    with pytest.raises(StartRefused, match=r"ports\.json is damaged"):
        remembered_ports(file, None)


def test_a_port_in_use_is_named(tmp_path):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]

        with pytest.raises(StartRefused, match=rf"port {port} \(portal\) is in use .* --port N"):
            refuse_occupied_ports({"portal": port}, tmp_path)


def test_a_home_too_long_for_a_socket_is_refused(tmp_path):
    with pytest.raises(StartRefused, match="characters too long for PostgreSQL's socket"):
        prepare_home(tmp_path / ("x" * 100))


def test_a_home_that_cannot_be_written_is_refused():
    with pytest.raises(StartRefused, match="cannot write in /proc/nowhere"):
        prepare_home(Path("/proc/nowhere"))


def test_a_disk_without_room_is_refused(tmp_path):
    with pytest.raises(StartRefused, match="MiB free; a start needs"):
        refuse_full_disk(tmp_path, needed_bytes=2**70)


@pytest.fixture
def index(monkeypatch, tmp_path):
    """A package index that wants an account; the attribute ``wheel`` is what it serves as pip."""

    class Index(http.server.BaseHTTPRequestHandler):
        wheel = b"not pip at all"

        def do_GET(self):
            account = base64.b64encode(b"me:p@ss").decode()
            if self.headers["Authorization"] != f"Basic {account}":
                self.send_error(401)
                return
            page = f'<a href="../../files/{pip_wheel.NAME}#sha256=0">pip</a>'.encode()
            content = page if self.path == "/simple/pip/" else self.wheel
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
        monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
        address = f"127.0.0.1:{server.server_port}"
        monkeypatch.setenv("PIP_INDEX_URL", f"http://me:p%40ss@{address}/simple")
        yield Index
        server.shutdown()
        thread.join()


def test_a_pip_with_the_wrong_checksum_is_not_used(index, tmp_path):
    with pytest.raises(StartRefused, match="has the wrong checksum"):
        pip_wheel.fetch_pip(tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_pip_comes_from_the_users_own_index(index, tmp_path, monkeypatch):
    monkeypatch.setattr(pip_wheel, "SHA256", hashlib.sha256(index.wheel).hexdigest())

    assert pip_wheel.fetch_pip(tmp_path).read_bytes() == index.wheel


def test_pip_comes_from_a_folder_that_the_user_names(tmp_path, monkeypatch):
    content = b"a wheel"
    (tmp_path / pip_wheel.NAME).write_bytes(content)
    monkeypatch.setenv("PIP_FIND_LINKS", f"file://{tmp_path}")
    monkeypatch.setattr(pip_wheel, "SHA256", hashlib.sha256(content).hexdigest())

    assert pip_wheel.fetch_pip(tmp_path / "new").read_bytes() == content
