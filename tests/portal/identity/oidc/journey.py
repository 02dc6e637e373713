"""Real providers as processes, and a browser's walk through their pages without a browser."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, urljoin, urlsplit

import requests
from django.http import HttpResponse
from django.test import Client

from tests.portal.identity.oidc.fake_provider import public_jwk

ROOT = Path(__file__).parents[4]
ACCOUNTS = ROOT / "local" / "identity_provider" / "accounts.toml"
PEER = ROOT / "tests" / "identity_provider_peer"
PORTAL = "http://127.0.0.1:8000"
CALLBACK = f"{PORTAL}/login/local/callback"
SECRET = "0123456789abcdef0123456789abcdef"
KEY_CLIENT = "cloudloket-nl-gov"
CLIENTS: dict[str, dict[str, Any]] = {
    "RS256": {"id": "cloudloket-rs256", "userinfo_signed": False},
    "PS256": {"id": "cloudloket-ps256", "userinfo_signed": True},
    "ES256": {"id": "cloudloket-es256", "userinfo_signed": False},
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: list[str], *, ready: str) -> Iterator[subprocess.Popen[str]]:
    """Run until the block ends; begins when the process has printed ``ready``."""
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if ready in line:
                break
        else:
            raise AssertionError(f"{command[0]} ended before it was ready")
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=10)


@contextmanager
def local_provider(folder: Path, backchannel: str) -> Iterator[str]:
    """Our own provider; yields its issuer."""
    port = free_port()
    lines = [f"port = {port}", f'issuer = "http://127.0.0.1:{port}"']
    for algorithm, client in CLIENTS.items():
        lines += [
            "[[clients]]",
            f'id = "{client["id"]}"',
            f'secret = "{SECRET}"',
            f'redirect_uris = ["{CALLBACK}"]',
            f'post_logout_redirect_uris = ["{PORTAL}/login"]',
            f'backchannel_logout_uri = "{backchannel}"',
            f'signing_algorithm = "{algorithm}"',
            f"userinfo_signed = {str(client['userinfo_signed']).lower()}",
        ]
    (folder / "local.toml").write_text("\n".join(lines))
    command = [sys.executable, "-m", "local.identity_provider", "--config"]
    with running([*command, str(folder / "local.toml")], ready="ready"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def peer_provider(folder: Path, backchannel: str) -> Iterator[str]:
    """npm's oidc-provider; yields its issuer."""
    node = shutil.which("node")
    assert node, "Node is needed for the independent provider; ./test brings one"
    assert (PEER / "node_modules").is_dir(), "run npm ci in tests/identity_provider_peer"
    port = free_port()
    config = {
        "port": port,
        "issuer": f"http://127.0.0.1:{port}",
        "accounts": peer_accounts(),
        "clients": [
            *(_peer_client(name, client, backchannel) for name, client in CLIENTS.items()),
            _peer_key_client(backchannel),
        ],
    }
    (folder / "peer.json").write_text(json.dumps(config))
    with running([node, str(PEER / "server.mjs"), str(folder / "peer.json")], ready="ready"):
        yield f"http://127.0.0.1:{port}"


def peer_accounts() -> dict[str, Any]:
    """The people of the local provider, whom the peer shows as well."""
    return tomllib.loads(ACCOUNTS.read_text())


def _peer_key_client(backchannel: str) -> dict[str, Any]:
    """The client of the NL GOV profile: it has no secret, but a key of its own."""
    client = _peer_client("PS256", {"id": KEY_CLIENT, "userinfo_signed": True}, backchannel)
    del client["client_secret"]
    return {
        **client,
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "PS256",
        "jwks": {"keys": [public_jwk("client-key")]},
    }


def _peer_client(algorithm: str, client: dict[str, Any], backchannel: str) -> dict[str, Any]:
    signed = {"userinfo_signed_response_alg": algorithm} if client["userinfo_signed"] else {}
    return {
        "client_id": client["id"],
        "client_secret": SECRET,
        "redirect_uris": [CALLBACK],
        "post_logout_redirect_uris": [f"{PORTAL}/login"],
        "token_endpoint_auth_method": "client_secret_post",
        "id_token_signed_response_alg": algorithm,
        "backchannel_logout_uri": backchannel,
        "backchannel_logout_session_required": True,
        **signed,
    }


@dataclass
class LogoutReceiver:
    """Collects the logout tokens that a provider sends, for the test to hand to the portal."""

    tokens: list[str] = field(default_factory=list)
    address: str = ""


@contextmanager
def logout_receiver() -> Iterator[LogoutReceiver]:
    receiver = LogoutReceiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            receiver.tokens += parse_qs(body)["logout_token"]
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.address = f"http://127.0.0.1:{server.server_address[1]}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Walk:
    """One browser: the portal in ``client``, the provider over real HTTP.

    Args:
        provider: its key in the portal's settings.
        authority: file with who signs the provider's certificate.
    """

    def __init__(self, *, provider: str = "local", authority: str = "") -> None:
        self.provider = provider
        self.client = Client()
        self._browser = requests.Session()
        self._browser.trust_env = False  # nor its proxies, nor its certificate authorities
        self._browser.verify = authority or True

    def log_in(self, button: str, value: str, query: str = "", **fields: str) -> HttpResponse:
        """Leave the portal, press a button on the provider's page, come back.

        ``fields`` are filled in on that page first.
        """
        response = self._follow(self.client.get(f"/login/{self.provider}{query}")["Location"])
        if isinstance(response, requests.Response):
            response = self._press(response, button, value, fields)
        assert not isinstance(response, requests.Response), response.text
        return response

    def log_out(self) -> str:
        """Log out at the portal and follow to the provider; returns where that leads."""
        response = self._browser.get(self.client.post("/logout")["Location"], allow_redirects=False)
        while response.status_code == 200:  # a provider may ask whether one is sure
            response = self._send_form(response, "logout", "yes")
        while not response.headers["Location"].startswith(PORTAL):
            address = urljoin(response.url, response.headers["Location"])
            response = self._browser.get(address, allow_redirects=False)
        return str(response.headers["Location"])

    def _press(
        self, page: requests.Response, button: str, value: str, fields: dict[str, str]
    ) -> HttpResponse | requests.Response:
        answer = self._send_form(page, button, value, fields)
        return self._follow(urljoin(answer.url, answer.headers["Location"]))

    def _send_form(
        self, page: requests.Response, button: str, value: str, fields: dict[str, str] | None = None
    ) -> requests.Response:
        form = re.search(r"<form[^>]*>", page.text)
        assert form, page.text
        action = re.search(r'action="([^"]*)"', form[0])
        hidden = dict(re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', page.text))
        address = urljoin(page.url, action[1]) if action else page.url
        data = {**hidden, **(fields or {}), button: value}
        return self._browser.post(address, data=data, allow_redirects=False)

    def _follow(self, address: str) -> HttpResponse | requests.Response:
        """Redirects of the provider until a page of its own, or the way back to the portal."""
        while not address.startswith(PORTAL):
            response = self._browser.get(address, allow_redirects=False)
            if response.status_code == 200:
                return response
            address = urljoin(address, response.headers["Location"])
        return self.come_back(urlsplit(address))

    def come_back(self, address: SplitResult) -> HttpResponse:
        """Ask the portal for where the provider sent us."""
        return self.client.get(f"{address.path}?{address.query}")  # type: ignore[return-value]
