"""The portal's own units: its files and tables, web server, workers and clock."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from local.layout import LOOPBACK, Layout
from local.readiness import answers
from local.secret_files import read_or_create
from local.service import ALWAYS, Job, Service, Unit

_PASSED_ON: Final = (
    *("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
)
_NOT_BY_PROXY: Final = f"{LOOPBACK},localhost"


@dataclass(frozen=True)
class Portal:
    """The portal, told by environment variables what it works with.

    Args:
        settings: the variables of the configuration table, complete.
        leans_on: names of the stand-ins' units that must be ready before the tables are made.
    """

    layout: Layout
    settings: Mapping[str, str]
    leans_on: Sequence[str] = ()

    def units(self) -> list[Unit]:
        """Return them in the order in which they start."""
        made: list[Unit] = [
            self._manage("translations", "compile_translations"),
            self._manage("static-files", "collectstatic", "--no-input", "--verbosity=0"),
            self._manage(
                "portal-tables",
                "prepare_database",
                after=self.leans_on,
                more={"CLOUDLOKET_AS_DATABASE_OWNER": "1"},
            ),
        ]
        if self.settings["CLOUDLOKET_DEMO"] == "1":
            after = ("portal-tables",)
            made.append(self._manage("demo-data", "load_demo", after=after, done="demo-data"))
        made.append(self._web(after=("portal-tables", "translations", "static-files")))
        people_are_served = [unit.name for unit in made]  # the rest must not hold that up
        return [
            *made,
            self._worker("interactive", 2, ("interactive",), people_are_served),
            self._worker("bulk", 1, ("bulk", "billing"), people_are_served),
            self._beat(people_are_served),
        ]

    @property
    def _environment(self) -> dict[str, str]:
        passed_on = {
            name: value
            for name, value in os.environ.items()
            if name.startswith(("CLOUDLOKET_", "OS_")) or name in _PASSED_ON
        }
        direct = {"no_proxy": _NOT_BY_PROXY, "NO_PROXY": _NOT_BY_PROXY}
        return passed_on | direct | dict(self.settings)

    def _manage(
        self,
        name: str,
        *arguments: str,
        after: Sequence[str] = (),
        more: Mapping[str, str] | None = None,
        done: str = ALWAYS,
    ) -> Job:
        return Job(
            name=name,
            title=name.replace("-", " "),
            command=(str(self.layout.python), "manage.py", *arguments),
            environment=self._environment | dict(more or {}),
            after=after,
            done_marker=done,
        )

    def _web(self, after: Sequence[str]) -> Service:
        public = urlsplit(self.settings["CLOUDLOKET_PUBLIC_URL"])
        port = self.layout.ports["portal"]
        return Service(
            name="web",
            title="web server",
            command=(
                *(str(self.layout.python), "-m", "gunicorn", "portal.wsgi:application"),
                *("--bind", f"{LOOPBACK}:{port}"),
                *("--workers", "2", "--worker-class", "gthread", "--threads", "4"),
                "--preload",  # the workers share the memory of what they loaded
                "--no-control-socket",
            ),
            environment=self._environment,
            after=after,
            is_ready=answers(
                port,
                "/health/live",
                {"Host": public.netloc, "X-Forwarded-Proto": public.scheme},
            ),
            stop_within_seconds=35,  # gunicorn gives requests 30 s to end
        )

    def _worker(
        self, name: str, processes: int, queues: Sequence[str], after: Sequence[str]
    ) -> Service:
        return self._celery(
            f"worker-{name}",
            "worker",
            f"--hostname={name}@%h",
            f"--queues={','.join(queues)}",
            f"--concurrency={processes}",
            "--without-gossip",
            "--without-mingle",
            after=after,
            stop_within_seconds=20,  # then killed: what it did is found again by its row
        )

    def _beat(self, after: Sequence[str]) -> Service:
        schedule = str(self.layout.run / "beat-schedule")
        return self._celery("beat", "beat", f"--schedule={schedule}", "--pidfile=", after=after)

    def _celery(
        self, name: str, *arguments: str, after: Sequence[str], stop_within_seconds: float = 10
    ) -> Service:
        program = (str(self.layout.python), "-m", "celery", "--app=portal.celery:app")
        return Service(
            name=name,
            command=(*program, *arguments, "--loglevel=INFO"),
            environment=self._environment,
            after=after,
            is_ready=lambda: True,  # pages answer without it, and work waits for it in its row
            stop_within_seconds=stop_within_seconds,
        )


def make_keys(layout: Layout) -> dict[str, str]:
    """Make the portal's keys at first use; return the variables that name their files."""
    makers = {
        "CLOUDLOKET_SECRET_KEY_FILE": ("django-secret-key", lambda: secrets.token_urlsafe(64)),
        "CLOUDLOKET_AUDIT_KEY_FILE": ("audit-key", lambda: secrets.token_hex(32)),
        "CLOUDLOKET_ENCRYPTION_KEY_FILE": ("encryption-keys", _first_encryption_key),
    }
    variables = {}
    for variable, (name, make) in makers.items():
        read_or_create(layout.secrets / name, make)
        variables[variable] = str(layout.secrets / name)
    return variables


def _first_encryption_key() -> str:
    return "1:" + base64.b64encode(secrets.token_bytes(32)).decode()
