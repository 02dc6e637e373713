"""OpenStack's REST calls with nothing but the standard library: it loads in no time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Any, Final
from urllib.parse import urlsplit

from local.openstack.site import OPERATOR, Site

TIMEOUT_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.2
OCTETS: Final = "application/octet-stream"


class Refused(Exception):
    """An answer of 400 or more, or none at all (``status`` 0)."""

    def __init__(self, request: str, status: int, text: str) -> None:
        super().__init__(f"{request}: {status} {text}".rstrip())
        self.status = status


class Operator:
    """The operator of this cloud, logged in at Keystone.

    Attributes:
        project_id: of the project the token is for.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._token, self.project_id = self._log_in()

    def get(self, service: str, path: str) -> Any:
        """Return the decoded answer of a GET; ``path`` follows the service's address."""
        return self.call("GET", service, path)

    def call(self, method: str, service: str, path: str, body: object = None) -> Any:
        """Send ``body`` (bytes as they are, anything else as JSON); return the decoded answer.

        Raises:
            Refused: the answer was no, or did not come.
        """
        answer, _ = self._send(method, f"{self._site.layout.url(service)}{path}", body)
        return answer

    def _log_in(self) -> tuple[str, str]:
        user = {
            "name": OPERATOR,
            "domain": {"id": "default"},
            "password": self._site.password(OPERATOR),
        }
        project = {"name": "admin", "domain": {"id": "default"}}
        body = {
            "auth": {
                "identity": {"methods": ["password"], "password": {"user": user}},
                "scope": {"project": project},
            }
        }
        self._token = ""
        answer, token = self._send("POST", f"{self._site.keystone_url}/auth/tokens", body)
        return token, str(answer["token"]["project"]["id"])

    def _send(self, method: str, url: str, body: object) -> tuple[Any, str]:
        """Return the decoded answer, and the token in its header."""
        where = urlsplit(url)
        is_raw = isinstance(body, bytes)
        data = body if isinstance(body, bytes) else None if body is None else _json(body)
        headers = {"Content-Type": OCTETS if is_raw else "application/json"}
        if self._token:
            headers["X-Auth-Token"] = self._token
        connection = HTTPConnection(where.netloc, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(method, where.path + "?" + where.query, data, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        except (OSError, HTTPException) as error:
            raise Refused(f"{method} {url}", 0, str(error)) from error
        finally:
            connection.close()
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise Refused(f"{method} {url}", answer.status, text)
        return json.loads(text or "null"), answer.getheader("X-Subject-Token", "")


def _json(body: object) -> bytes:
    return json.dumps(body).encode()


def wait_for(condition: Callable[[], bool], what: str, *, within_seconds: float) -> None:
    """Ask again and again until ``condition`` holds; a service that does not answer yet is no.

    Raises:
        SystemExit: it did not within the time; ``what`` says what was waited for.
    """
    end = time.monotonic() + within_seconds
    reason = ""
    while time.monotonic() < end:
        try:
            if condition():
                return
        except Refused as refusal:
            reason = f": {refusal}"
        time.sleep(POLL_SECONDS)
    raise SystemExit(f"no {what} within {within_seconds:.0f} s{reason}")
