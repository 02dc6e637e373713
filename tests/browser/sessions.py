"""The sessions of the running portal, so that a test need not wait for a login to grow old."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
from django.contrib.sessions.serializers import JSONSerializer
from django.core import signing

SALT: Final = "django.contrib.sessions.SessionStore"


@dataclass(frozen=True)
class Sessions:
    """Opens and closes sessions as the portal itself does, with its key."""

    connection: psycopg.Connection[Any]
    secret_key: str

    @classmethod
    def of_stack(cls) -> Sessions:
        """Those of the stack that ./test brought up."""
        key = Path(os.environ["CLOUDLOKET_TEST_HOME"]) / "secrets" / "django-secret-key"
        url = os.environ["CLOUDLOKET_TEST_PORTAL_DATABASE_URL"]
        return cls(psycopg.connect(url, autocommit=True), key.read_text().strip())

    def age_login(self, session_key: str, seconds: int) -> None:
        """The person proved who they are so much longer ago."""

        def age(values: dict[str, Any]) -> None:
            values["login"]["auth_time"] -= seconds

        self._change(session_key, age)

    def age_activity(self, session_key: str, seconds: int) -> int:
        """The person last did something so much longer ago; returns when that was."""

        def age(values: dict[str, Any]) -> None:
            values["last_seen"] -= seconds

        return int(self._change(session_key, age)["last_seen"])

    def last_seen(self, session_key: str) -> int:
        """When the person last did something, in seconds since 1970."""
        return int(self._read(session_key)["last_seen"])

    def _change(self, session_key: str, change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        values = self._read(session_key)
        change(values)
        text = signing.dumps(
            values, key=self.secret_key, salt=SALT, serializer=JSONSerializer, compress=True
        )
        self.connection.execute(
            "UPDATE django_session SET session_data = %s WHERE session_key = %s",
            [text, session_key],
        )
        return values

    def _read(self, session_key: str) -> dict[str, Any]:
        query = "SELECT session_data FROM django_session WHERE session_key = %s"
        row = self.connection.execute(query, [session_key]).fetchone()
        assert row, "the session has ended"
        values: dict[str, Any] = signing.loads(
            row[0], key=self.secret_key, salt=SALT, serializer=JSONSerializer
        )
        return values
