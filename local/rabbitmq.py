"""A RabbitMQ for the tests, from the system's own installation."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local.errors import StartRefused
from local.layout import LOOPBACK, Layout
from local.readiness import replies
from local.service import Service

_DEBIAN: Final = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # the one in PATH changes its user
_GREETING: Final = b"AMQP\x00\x00\x09\x01"  # of AMQP 0-9-1, section 4.2.2; a server starts talking


@dataclass(frozen=True)
class RabbitMqServer:
    """The broker below ``HOME/rabbitmq``."""

    layout: Layout

    @property
    def url(self) -> str:
        """Celery's broker URL; ``guest`` is accepted on the loopback only."""
        return f"amqp://guest:guest@{LOOPBACK}:{self.layout.ports['rabbitmq']}//"

    def units(self) -> list[Service]:
        """Return Erlang's port mapper, a private one that stops with us, and the broker.

        Raises:
            StartRefused: RabbitMQ is not installed.
        """
        program = str(_DEBIAN) if _DEBIAN.exists() else shutil.which("rabbitmq-server")
        mapper = shutil.which("epmd")
        if program is None or mapper is None:
            raise StartRefused("--rabbitmq needs RabbitMQ: apt-get install rabbitmq-server")
        port = self.layout.ports["epmd"]
        (self.layout.home / "rabbitmq").mkdir(mode=0o700, exist_ok=True)
        return [
            Service(
                name="epmd",
                command=(mapper, "-address", LOOPBACK, "-port", str(port)),
                is_ready=replies(port, b"\x00\x01n", port.to_bytes(4)),  # NAMES_REQ
            ),
            Service(
                name="rabbitmq",
                title="RabbitMQ",
                command=(program,),
                environment=self._environment,
                after=("epmd",),
                is_ready=replies(self.layout.ports["rabbitmq"], _GREETING, b"\x01\x00\x00"),
                ready_within_seconds=120,
                stop_within_seconds=30,
            ),
        ]

    @property
    def _environment(self) -> dict[str, str]:
        home = self.layout.home / "rabbitmq"
        distribution = str(self.layout.ports["rabbitmq_distribution"])
        return {
            "HOME": str(home),  # Erlang keeps its cookie there
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "ERL_EPMD_PORT": str(self.layout.ports["epmd"]),
            "RABBITMQ_NODENAME": f"cloudloket-{distribution}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": LOOPBACK,
            "RABBITMQ_NODE_PORT": str(self.layout.ports["rabbitmq"]),
            "RABBITMQ_DIST_PORT": distribution,
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-kernel inet_dist_use_interface {127,0,0,1} +S 1:1"
            ),
            "RABBITMQ_MNESIA_BASE": str(home / "data"),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq"),
        }
