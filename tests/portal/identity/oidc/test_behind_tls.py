"""The portal as it stands on a server: gunicorn behind something that ends TLS."""

from __future__ import annotations

import os
import re
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, urljoin

import pytest
import requests
from django.conf import settings
from django.db import connection

from portal.identity.models import Organization
from tests.portal.identity.oidc.certificates import HOST, make_certificate
from tests.portal.identity.oidc.journey import SECRET, free_port, running

pytestmark = pytest.mark.django_db(transaction=True)

SECONDS = 30
AGREEMENT = """
[providers.local]
name_nl = "Lokale inlogdienst"
name_en = "Local identity provider"
issuer = "{issuer}"
client_id = "cloudloket"
client_authentication = "client_secret_post"
client_secret_file = "client-secret"
signing_algorithm = "RS256"
minimum_assurance = "low"
[providers.local.assurance]
"http://eidas.europa.eu/LoA/substantial" = "substantial"
[providers.local.claims]
name = "name"
email = "email"
organization = "organization_oin"
roles = "cloudloket_roles"
"""


class _TlsEnd(ThreadingHTTPServer):
    """Takes TLS off and says so, as the nginx of deploy/ does."""

    daemon_threads = True

    def __init__(self, certificate: Path, gunicorn_port: int) -> None:
        super().__init__((HOST, 0), _PassOn)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.gunicorn_port = gunicorn_port


class _PassOn(BaseHTTPRequestHandler):
    server: _TlsEnd

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        gunicorn = HTTPConnection("127.0.0.1", self.server.gunicorn_port, timeout=SECONDS)
        headers = {**self.headers, "X-Forwarded-Proto": "https", "Connection": "close"}
        gunicorn.request(self.command, self.path, body, headers)
        answer = gunicorn.getresponse()
        content = answer.read()
        gunicorn.close()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _pass_on  # noqa: N815  (http.server's names)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a key and what it signed for itself."""
    folder = tmp_path_factory.mktemp("tls")
    file, key = folder / "certificate.pem", folder / "key.pem"
    make_certificate(file, key, HOST)
    file.write_bytes(key.read_bytes() + file.read_bytes())
    return file


class Server:
    """A portal on a server: where people reach it, and where only its proxy should."""

    def __init__(self, public: str, inside: str, certificate: Path) -> None:
        self.public = public
        self.inside = inside
        self.browser = requests.Session()
        self.browser.trust_env = False  # nor its proxies, nor its certificate authorities
        self.browser.verify = str(certificate)

    def get(self, path: str) -> requests.Response:
        return self.browser.get(urljoin(self.public, path), allow_redirects=False, timeout=SECONDS)

    def get_inside(self, path: str) -> requests.Response:
        """Go around the proxy, in plain http."""
        headers = {"Host": self.public.removeprefix("https://")}
        address = urljoin(self.inside, path)
        return requests.get(address, headers=headers, allow_redirects=False, timeout=SECONDS)

    def send_form(self, page: requests.Response, path: str, **data: str) -> requests.Response:
        """Send a form of the page, with its hidden fields, as a browser would."""
        hidden = dict(re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', page.text))
        origin = re.match(r"https?://[^/]+", page.url)
        assert origin
        return self.browser.post(
            urljoin(page.url, path),
            data={**hidden, **data},
            headers={"Origin": origin[0], "Referer": page.url},
            allow_redirects=False,
            timeout=SECONDS,
        )

    def log_in(self) -> requests.Response:
        """Walk to the identity provider and back; returns the answer to the callback."""
        page = self.browser.get(urljoin(self.public, "/login/local"), timeout=SECONDS)
        action = re.search(r'<form[^>]*action="([^"]*)"', page.text)
        answer = self.send_form(page, action[1] if action else page.url, account="requester")
        while not (address := urljoin(answer.url, answer.headers["Location"])).startswith(
            self.public
        ):
            answer = self.browser.get(address, allow_redirects=False, timeout=SECONDS)
        return self.get(address)


@pytest.fixture
def server(ministry: Organization, certificate: Path, tmp_path: Path) -> Iterator[Server]:
    """Gunicorn with the portal's own settings, a proxy before it, and an identity provider."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        proxy = _TlsEnd(certificate, port)
        public = f"https://{HOST}:{proxy.server_port}"
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            with identity_provider(tmp_path, public) as issuer:
                environment = variables(tmp_path, public, issuer)
                with gunicorn(listener, environment, tmp_path / "gunicorn.log"):
                    yield Server(public, f"http://127.0.0.1:{port}", certificate)
        finally:
            proxy.shutdown()
            thread.join()
            proxy.server_close()


@contextmanager
def identity_provider(folder: Path, public: str) -> Iterator[str]:
    """The local one, which knows this portal; yields its issuer."""
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    (folder / "provider.toml").write_text(
        f"""
        port = {port}
        issuer = "{issuer}"
        [[clients]]
        id = "cloudloket"
        secret = "{SECRET}"
        redirect_uris = ["{public}/login/local/callback"]
        post_logout_redirect_uris = ["{public}/login"]
        """
    )
    command = [sys.executable, "-m", "local.identity_provider", "--config"]
    with running([*command, str(folder / "provider.toml")], ready="ready"):
        yield issuer


def variables(folder: Path, public: str, issuer: str) -> dict[str, str]:
    """The portal's environment; as a demonstration, for its provider is on this machine."""
    (folder / "client-secret").write_text(SECRET)
    (folder / "oidc.toml").write_text(AGREEMENT.format(issuer=issuer))
    facts = connection.settings_dict
    login = f"{quote(facts['USER'])}:{quote(facts['PASSWORD'])}"
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "CLOUDLOKET_PUBLIC_URL": public,
        "CLOUDLOKET_DATABASE_URL": (
            f"postgresql://{login}@{facts['HOST']}:{facts['PORT']}/{facts['NAME']}"
        ),
        "CLOUDLOKET_OIDC_FILE": str(folder / "oidc.toml"),
        "CLOUDLOKET_DEMO": "1",
    }


@contextmanager
def gunicorn(listener: socket.socket, environment: dict[str, str], log: Path) -> Iterator[None]:
    """Serve from the socket, which keeps requests until gunicorn is there to take them."""
    python, number = sys.executable, listener.fileno()
    collect = [python, "manage.py", "collectstatic", "--no-input", "--verbosity=0"]
    subprocess.run(collect, cwd=settings.BASE_DIR, env=environment, check=True)
    command = [python, "-m", "gunicorn", "portal.wsgi:application", "--bind", f"fd://{number}"]
    options = ["--worker-class=gthread", "--threads=4", "--preload", "--no-control-socket"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, *options],
            cwd=settings.BASE_DIR,
            env=environment,
            stdout=output,
            stderr=output,
            pass_fds=[number],
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(SECONDS)


def test_a_person_logs_in_and_out(server: Server) -> None:
    assert server.log_in().headers["Location"] == "/"

    home = server.get("/")
    assert home.status_code == 200
    assert "Sanne Wiersma" in home.text
    assert server.send_form(home, "/logout").status_code == 302
    assert server.get("/").headers["Location"].startswith("/login")


def test_cookies_are_of_this_host_alone_and_never_in_plain(server: Server) -> None:
    server.log_in()
    page = server.get("/account/sessions")
    server.send_form(page, f"{server.public}/account/sessions/end-others")  # leaves a message
    server.send_form(page, f"{server.public}/language", language="en", next="/")

    ours = [cookie for cookie in server.browser.cookies if cookie.domain == f"{HOST}.local"]
    assert {cookie.name for cookie in ours} == {"__Host-session", "__Host-csrf", "__Host-language"}
    for cookie in ours:
        assert cookie.secure
        assert cookie.path == "/"
        assert not cookie.domain_specified
        assert cookie.has_nonstandard_attr("HttpOnly")
        assert cookie.get_nonstandard_attr("SameSite") == "Lax"


def test_form_from_another_site_is_refused(server: Server) -> None:
    server.log_in()
    page = server.get("/")
    page.url = "https://elsewhere.example/"

    assert server.send_form(page, f"{server.public}/logout").status_code == 403
    assert server.get("/").status_code == 200


def test_every_answer_has_the_headers(server: Server) -> None:
    server.log_in()
    page = server.get("/")
    style = re.search(r'href="(/static/[^"]+[.]css)"', page.text)
    assert style

    for answer in (page, server.get(style[1]), server.get("/nothing")):
        year = "max-age=31536000; includeSubDomains"
        assert answer.headers["Strict-Transport-Security"] == year
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Cache-Control"] == "no-store"
    assert "immutable" in server.get(style[1]).headers["Cache-Control"]


def test_plain_http_leads_to_https_but_for_health(server: Server) -> None:
    answer = server.get_inside("/orders?state=open")

    assert answer.status_code == 301
    assert answer.headers["Location"] == f"{server.public}/orders?state=open"
    assert "Set-Cookie" not in answer.headers
    assert server.get_inside("/health/ready").status_code == 200
