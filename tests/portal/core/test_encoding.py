"""A request in another encoding than UTF-8 is told so, whatever address it is for."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from portal.wsgi import application
from tests.factories import PersonFactory
from tests.logins import log_in

pytestmark = pytest.mark.django_db

# Half a character; codecs that refuse it or are not of text; one that nobody knows.
OTHERS = ["utf-7", "utf-16", "idna", "punycode", "rot13", "base64", "undefined", "latin-1", "x-no"]
OPEN_TO_ALL = ["/login/local/backchannel-logout", "/login/break-glass", "/language", "/logout"]


@pytest.fixture(autouse=True)
def _emergencies(settings: Settings) -> None:
    settings.BREAK_GLASS = True


def send(client: Client, path: str, charset: str) -> HttpResponse:
    """A form whose fields hold, in UTF-7, half a character."""
    names = ("logout_token", "password", "language", "name")
    parts = [f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n+2AA-' for name in names]
    body = "\r\n".join([*parts, "--b--\r\n"]).encode()
    kind = f"multipart/form-data; boundary=b; charset={charset}"
    return client.generic("POST", path, body, content_type=kind)  # type: ignore[return-value]  # the stubs name a private class


@pytest.mark.parametrize("charset", OTHERS)
@pytest.mark.parametrize("path", OPEN_TO_ALL)
def test_stranger_is_told_that_the_form_cannot_be_read(path: str, charset: str) -> None:
    response = send(Client(headers={"accept-language": "nl"}), path, charset)

    assert response.status_code == 400
    assert "We konden dit verzoek niet lezen" in response.content.decode()
    assert not Session.objects.exists()


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", "utf8", '"utf-8"'])
def test_form_in_utf8_is_read(charset: str) -> None:
    assert send(Client(), "/language", charset).status_code == 302


@pytest.mark.parametrize("charset", OTHERS)
def test_form_of_somebody_who_is_logged_in_is_not_kept_either(charset: str) -> None:
    client = log_in(Client(), PersonFactory())

    assert send(client, "/account/sessions/end-others", charset).status_code == 400


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=b"])
def test_api_says_it_as_a_problem(kind: str) -> None:
    client = log_in(Client(), PersonFactory())

    response = client.generic(
        "POST", "/api/v1/orders", b"{}", content_type=f"{kind}; charset=utf-7"
    )

    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    assert json.loads(response.content)["code"] == "bad_request"


# Of a header with parameters Django reads these before any middleware can answer: encodings that
# the parameters have of their own (RFC 2231), and the query in the encoding that they name.
UNREADABLE = [
    ("charset*=nope''x", ""),
    ("charset*=idna''x", ""),
    ("charset*=undefined''x", ""),
    ("b*=nope''x", ""),
    ("charset=idna", "next=%2F"),
    ("charset=base64", "next=%2F"),
    ("charset=utf-8", "&".join(["a=1"] * 2000)),
]


def ask(door: Any, parameter: str, query: str) -> str:
    """The status that a web server gets."""
    statuses: list[str] = []
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/login",
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "CONTENT_TYPE": f"text/plain; {parameter}",
        "wsgi.input": BytesIO(),
        "wsgi.url_scheme": "http",
    }
    door(environ, lambda status, headers: statuses.append(status))
    return statuses[0]


@pytest.mark.parametrize(("parameter", "query"), UNREADABLE)
def test_header_that_cannot_be_read_is_told_so_too(parameter: str, query: str) -> None:
    assert ask(application, parameter, query) == "400 Bad Request"


@pytest.mark.parametrize("parameter", ["charset*=utf-8''utf-8", "charset=utf-8", "q=1"])
def test_readable_header_passes(parameter: str) -> None:
    assert ask(application, parameter, "next=%2F") == "302 Found"


@pytest.mark.parametrize(("parameter", "query"), UNREADABLE)
def test_django_alone_does_not_survive_such_a_header(parameter: str, query: str) -> None:
    # Proves that the tests above can fail.
    bare: Any = WSGIHandler()

    with pytest.raises((ValueError, LookupError, SuspiciousOperation)):
        ask(bare, parameter, query)
