"""Ordering by the interface for programs, from a web server that may be killed at any moment."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

import requests
from django.conf import settings
from django.test import Client

from catalog.models import OfferingVersion
from portal.identity.models import Person, Project
from tests.logins import log_in

SECONDS: Final = 10
CSRF_TOKEN: Final = "a" * 32


class WebDesk:
    """What ``requester`` does with a browser session at the web server on ``port``."""

    def __init__(self, port: int, requester: Person) -> None:
        self._origin = f"http://127.0.0.1:{port}"
        session = log_in(Client(), requester).cookies[settings.SESSION_COOKIE_NAME].value
        self._cookies = {
            settings.SESSION_COOKIE_NAME: session,
            settings.CSRF_COOKIE_NAME: CSRF_TOKEN,
        }

    def place(
        self, project: Project, version: OfferingVersion, name: str, spec: dict[str, Any]
    ) -> str:
        """Order it; the key makes one order of it, however often it is asked.

        Returns:
            The order's public id.

        Raises:
            requests.ConnectionError: no answer, or one that says: later.
        """
        answer = requests.post(
            f"{self._origin}/api/v1/orders",
            json={
                "project": str(project.public_id),
                "offering": str(version.offering.public_id),
                "name": name,
                "purpose": "Zaken behandelen",
                "spec": spec,
            },
            headers={"Idempotency-Key": f"key-{name}", "X-CSRFToken": CSRF_TOKEN},
            cookies=self._cookies,
            timeout=SECONDS,
        )
        if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise requests.ConnectionError(answer.text)
        assert answer.ok, answer.text
        return str(answer.json()["id"])
