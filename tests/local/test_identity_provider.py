"""The local identity provider: what it gives, and what it does with hostile requests.

The login itself is walked in ``tests/portal/identity/oidc/test_real_providers.py``.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import requests

ROOT = Path(__file__).parents[2]
CALLBACK = "http://127.0.0.1:1/callback"
SECRET = "0123456789abcdef0123456789abcdef"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=")
GOOD_REQUEST = {
    "client_id": "portal",
    "redirect_uri": CALLBACK,
    "response_type": "code",
    "scope": "openid profile email",
    "state": "state-1",
    "nonce": "nonce-1",
    "code_challenge": CHALLENGE.decode(),
    "code_challenge_method": "S256",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_config(folder: Path, port: int, extra: str = "") -> Path:
    path = folder / "config.toml"
    path.write_text(
        f"""
port = {port}
issuer = "http://127.0.0.1:{port}"
home = "state"
[[clients]]
id = "portal"
secret = "{SECRET}"
redirect_uris = ["{CALLBACK}"]
post_logout_redirect_uris = ["http://127.0.0.1:1/"]
{extra}
"""
    )
    return path


def start(config: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "local.identity_provider", "--config", str(config)]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def stop(process: subprocess.Popen[str]) -> str:
    """Ask it to stop; returns what it wrote in its log."""
    process.terminate()
    return process.communicate(timeout=10)[1]


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    process = start(write_config(tmp_path_factory.mktemp("provider"), port))
    assert process.stdout is not None
    assert "ready" in process.stdout.readline()
    yield f"http://127.0.0.1:{port}"
    log = stop(process)
    assert "Traceback" not in log
    assert SECRET not in log
    assert process.returncode == 0


def authorize(issuer: str, session: Any = requests, **changes: str | None) -> requests.Response:
    parameters = {**GOOD_REQUEST, **changes}
    return session.get(f"{issuer}/authorize", params=parameters, allow_redirects=False)


def answer_of(response: requests.Response) -> dict[str, str]:
    """What the client is told in the redirect."""
    assert response.status_code == 303, response.text
    assert response.headers["Location"].startswith(CALLBACK)
    query = parse_qs(urlsplit(response.headers["Location"]).query)
    return {name: values[0] for name, values in query.items()}


def claims_of(token: str) -> dict[str, Any]:
    """What stands in a token, unchecked."""
    return dict(jwt.decode(token, options={"verify_signature": False}))


def press(
    issuer: str, page: requests.Response, session: Any = requests, **button: str
) -> requests.Response:
    found = re.search(r'name="interaction" value="([^"]+)"', page.text)
    assert found, page.text
    data = {"interaction": found[1], **button}
    return session.post(f"{issuer}/login", data=data, allow_redirects=False)


def code_for(issuer: str, session: Any = requests, **changes: str | None) -> str:
    page = authorize(issuer, session, **changes)
    return answer_of(press(issuer, page, session, account="requester"))["code"]


def exchange(issuer: str, code: str, **changes: str | None) -> requests.Response:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
        "client_id": "portal",
        "client_secret": SECRET,
        **changes,
    }
    return requests.post(f"{issuer}/token", data=form, timeout=5)


def test_login_page_has_a_button_for_each_account_and_no_script(issuer: str) -> None:
    page = authorize(issuer)

    buttons = re.findall(r'<button name="account" value="([a-z]+)"', page.text)
    wanted = ["requester", "approver", "finance", "quota", "operator", "auditor", "outsider"]
    assert buttons == wanted
    assert page.headers["Content-Security-Policy"].startswith(
        "default-src 'none'; style-src 'self'; "
    )
    assert "<script" not in page.text
    assert requests.get(f"{issuer}/style.css", timeout=5).status_code == 200


def test_level_can_be_picked_beside_the_account(issuer: str) -> None:
    page = authorize(issuer)
    levels = re.findall(r'<option value="([^"]*)"', page.text)
    assert [level.rpartition("/")[2] for level in levels] == ["", "low", "substantial", "high"]

    code = answer_of(press(issuer, page, account="requester", level=levels[1]))["code"]

    token = exchange(issuer, code).json()["id_token"]
    assert claims_of(token)["acr"] == levels[1]


def test_level_that_does_not_exist(issuer: str) -> None:
    response = press(issuer, authorize(issuer), account="requester", level="urn:higher")

    assert response.status_code == 400


def test_id_token_says_who_when_how_and_for_whom(issuer: str) -> None:
    tokens = exchange(issuer, code_for(issuer)).json()

    keys = jwt.PyJWKClient(f"{issuer}/jwks")
    key = keys.get_signing_key_from_jwt(tokens["id_token"])
    claims = jwt.decode(tokens["id_token"], key, algorithms=["RS256"], audience="portal")
    half = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
    assert claims["iss"] == issuer
    assert claims["nonce"] == "nonce-1"
    assert claims["acr"] == "http://eidas.europa.eu/LoA/substantial"
    assert claims["at_hash"] == base64.urlsafe_b64encode(half).rstrip(b"=").decode()
    assert {"sub", "sid", "auth_time", "jti", "iat", "exp"} <= set(claims)


def test_userinfo_follows_the_scope(issuer: str) -> None:
    access = exchange(issuer, code_for(issuer, scope="openid")).json()["access_token"]

    response = requests.get(
        f"{issuer}/userinfo", headers={"Authorization": f"Bearer {access}"}, timeout=5
    )

    assert set(response.json()) == {"sub", "organization_oin", "cloudloket_roles"}


def test_userinfo_without_a_good_token(issuer: str) -> None:
    response = requests.get(f"{issuer}/userinfo", headers={"Authorization": "Bearer x"}, timeout=5)

    assert response.status_code == 401
    assert "invalid_token" in response.headers["WWW-Authenticate"]


def test_code_works_once(issuer: str) -> None:
    code = code_for(issuer)
    exchange(issuer, code)

    response = exchange(issuer, code)

    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"code": "made-up"}, 400, "invalid_grant"),
        ({"code_verifier": "w" * 43}, 400, "invalid_grant"),
        ({"code_verifier": None}, 400, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:1/other"}, 400, "invalid_grant"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_secret": "é"}, 401, "invalid_client"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
    ],
    ids=str,
)
def test_token_request_that_is_wrong(
    issuer: str, changes: dict[str, str | None], status: int, error: str
) -> None:
    response = exchange(issuer, **{"code": code_for(issuer), **changes})  # type: ignore[arg-type]

    assert (response.status_code, response.json()["error"]) == (status, error)


def test_client_may_authenticate_with_basic_but_not_twice(issuer: str) -> None:
    form = {
        "grant_type": "authorization_code",
        "code": code_for(issuer),
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }
    twice = {**form, "client_secret": SECRET}
    auth = ("portal", SECRET)

    assert requests.post(f"{issuer}/token", data=twice, auth=auth, timeout=5).status_code == 400
    assert requests.post(f"{issuer}/token", data=form, auth=auth, timeout=5).status_code == 200


@pytest.mark.parametrize(
    "changes", [{"client_id": "nobody"}, {"redirect_uri": f"{CALLBACK}/x"}, {"client_id": None}]
)
def test_unknown_client_or_address_is_never_redirected_to(
    issuer: str, changes: dict[str, str | None]
) -> None:
    response = authorize(issuer, **changes)

    assert response.status_code == 400
    assert "Location" not in response.headers


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"request": "x"}, "request_not_supported"),
        ({"nonce": "n" * 2001}, "invalid_request"),
    ],
    ids=str,
)
def test_request_that_is_wrong_is_told_to_the_client(
    issuer: str, changes: dict[str, str | None], error: str
) -> None:
    answer = answer_of(authorize(issuer, **changes))

    assert (answer["error"], answer["state"], answer["iss"]) == (error, "state-1", issuer)


def test_running_session_serves_until_something_stronger_is_asked(issuer: str) -> None:
    with requests.Session() as browser:
        code_for(issuer, browser)

        assert "code" in answer_of(authorize(issuer, browser))
        assert "code" in answer_of(authorize(issuer, browser, prompt="none", max_age="60"))
        for more in ({"prompt": "login"}, {"max_age": "0"}, {"acr_values": "urn:higher"}):
            assert "Kies een account" in authorize(issuer, browser, **more).text
        answer = answer_of(authorize(issuer, browser, prompt="none", max_age="0"))
        assert answer["error"] == "login_required"


@pytest.mark.parametrize("button", [{"account": "nobody"}, {"account": ""}, {}])
def test_button_that_does_not_exist(issuer: str, button: dict[str, str]) -> None:
    assert press(issuer, authorize(issuer), **button).status_code == 400


def test_logout_without_proof_asks_first(issuer: str) -> None:
    with requests.Session() as browser:
        code_for(issuer, browser)
        page = browser.get(f"{issuer}/logout", timeout=5)
        assert "Wilt u uitloggen?" in page.text
        assert "code" in answer_of(authorize(issuer, browser))

        found = re.search(r'name="interaction" value="([^"]+)"', page.text)
        assert found
        form = {"interaction": found[1]}
        page = browser.post(f"{issuer}/logout/confirm", data=form, timeout=5)

        assert "U bent uitgelogd" in page.text
        assert "Kies een account" in authorize(issuer, browser).text


@pytest.mark.parametrize(
    "query",
    [
        {"id_token_hint": "garbage"},
        {"client_id": "portal", "post_logout_redirect_uri": "http://evil.example/"},
        {"post_logout_redirect_uri": "http://127.0.0.1:1/"},
    ],
    ids=str,
)
def test_logout_that_is_wrong(issuer: str, query: dict[str, str]) -> None:
    assert requests.get(f"{issuer}/logout", params=query, timeout=5).status_code == 400


def send(issuer: str, raw: bytes) -> tuple[int, str]:
    """Send bytes as they are; returns status and body of the answer."""
    with socket.create_connection(("127.0.0.1", int(issuer.rpartition(":")[2])), 5) as connection:
        connection.sendall(raw)
        response = http.client.HTTPResponse(connection)
        response.begin()
        return response.status, response.read().decode()


HOSTILE = {
    "another method": (b"PUT /authorize HTTP/1.1\r\n\r\n", 405),
    "made-up method": (b"HACK /authorize HTTP/1.1\r\n\r\n", 501),
    "another path": (b"GET /admin HTTP/1.1\r\n\r\n", 404),
    "no request": (b"garbage\r\n\r\n", 400),
    "length is no number": (b"POST /token HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
    "length is negative": (b"POST /token HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
    "no length": (b"POST /token HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
    "large body": (
        b"POST /token HTTP/1.1\r\nContent-Length: 20000\r\n\r\n" + b"x" * 20_000,
        413,
    ),
    "not a form": (
        b"POST /token HTTP/1.1\r\nContent-Type: text/xml\r\nContent-Length: 1\r\n\r\nx",
        415,
    ),
    "not UTF-8": (b"GET /authorize?client_id=%ff HTTP/1.1\r\n\r\n", 400),
    "said twice": (b"GET /authorize?client_id=a&client_id=b HTTP/1.1\r\n\r\n", 400),
    "too many fields": (b"GET /authorize?" + b"a=1&" * 100 + b" HTTP/1.1\r\n\r\n", 400),
    "long address": (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
    "odd cookie": (b'GET /health HTTP/1.1\r\nCookie: a="\\;;=\x01\r\n\r\n', 200),
    "script": (b"GET /authorize?client_id=%3Cscript%3E HTTP/1.1\r\n\r\n", 400),
}


@pytest.mark.parametrize(("raw", "status"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_request_gets_a_clear_answer(issuer: str, raw: bytes, status: int) -> None:
    answered, body = send(issuer, raw.replace(b"HTTP/1.1\r\n", b"HTTP/1.1\r\nHost: a\r\n"))

    assert answered == status
    assert "Traceback" not in body
    assert "<script>" not in body


def test_keys_survive_a_restart(tmp_path: Path) -> None:
    seen = []
    for _ in range(2):
        port = free_port()
        process = start(write_config(tmp_path, port))
        assert process.stdout is not None
        process.stdout.readline()
        seen.append(requests.get(f"http://127.0.0.1:{port}/jwks", timeout=5).json())
        stop(process)

    assert seen[0] == seen[1]
    assert [key["alg"] for key in seen[0]["keys"]] == ["RS256", "PS256", "ES256"]
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "state" / "keys").iterdir()}
    assert modes == {0o600}


@pytest.mark.parametrize(
    ("extra", "names"),
    [
        ("clint = 1", "clint"),
        ('signing_algorithm = "HS256"', "signing_algorithm"),
        ('backchannel_logout_uri = "nowhere"', "backchannel_logout_uri"),
        ('[[clients]]\nid = "b"\nsecret = "short"', "secret"),
        ("not toml", "config.toml"),
    ],
)
def test_wrong_configuration_is_one_line(tmp_path: Path, extra: str, names: str) -> None:
    process = start(write_config(tmp_path, free_port(), extra))

    _, errors = process.communicate(timeout=10)

    assert process.returncode == 1
    assert names in errors
    assert len(errors.splitlines()) == 1


def test_occupied_port_is_one_line(tmp_path: Path, issuer: str) -> None:
    process = start(write_config(tmp_path, int(issuer.rpartition(":")[2])))

    _, errors = process.communicate(timeout=10)

    assert process.returncode == 1
    assert len(errors.splitlines()) == 1
