"""Where everything of one local stack lives: folders, ports, secrets, addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

from local.secret_files import read_or_create

LOOPBACK: Final = "127.0.0.1"

PORT_NAMES: Final = (
    "portal",
    "postgres",
    "valkey",
    "identity_provider",
    "keystone",
    "placement",
    "glance",
    "nova",
    "neutron",
    "cinder",
    "swift",
    "swift_account",
    "swift_container",
    "swift_object",
    "designate",
    "octavia",
    "rabbitmq",
    "rabbitmq_distribution",
    "epmd",
)

OPENSTACK_DATABASES: Final = (
    "keystone",
    "placement",
    "glance",
    "nova_api",
    "nova_cell0",
    "nova",
    "neutron",
    "cinder",
    "octavia",
    "octavia_persistence",
)

DATABASES_PREPARED: Final = "openstack-databases"
"""Name of the job after which OpenStack's role and databases exist: ``after`` of what uses one."""


@dataclass(frozen=True, kw_only=True)
class PostgresAccess:
    """How to reach the stack's PostgreSQL: by TCP on the loopback or by its unix socket."""

    host: str
    port: int
    socket_directory: Path
    secrets: Path

    def password(self, role: str) -> str:
        """Return the role's password."""
        return read_or_create(self.secrets / f"postgres-{role}")

    def url(self, role: str, database: str) -> str:
        """Return a libpq URL over TCP: ``postgresql://role:password@host:port/database``."""
        return (
            f"postgresql://{quote(role)}:{quote(self.password(role), safe='')}"
            f"@{self.host}:{self.port}/{quote(database)}"
        )

    def sqlalchemy_url(self, role: str, database: str, driver: str = "psycopg2") -> str:
        """Return SQLAlchemy's URL for the same, over the unix socket: half the time per query."""
        where = urlencode({"host": str(self.socket_directory), "port": self.port}, safe="/")
        password = quote(self.password(role), safe="")
        return f"postgresql+{driver}://{quote(role)}:{password}@/{quote(database)}?{where}"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """One local stack.

    Args:
        checkout: root of the repository.
        home: folder that holds all state of this stack; deleting it forgets everything.
        ports: port on the loopback of every name in ``PORT_NAMES``.
        python: interpreter of the portal's environment (``.venv``).
        openstack_python: interpreter of OpenStack's environment (``.venv-openstack``).
    """

    checkout: Path
    home: Path
    ports: Mapping[str, int]
    python: Path
    openstack_python: Path

    @property
    def run(self) -> Path:
        """Pid files, sockets, ``status.json``."""
        return self.home / "run"

    @property
    def log(self) -> Path:
        """``NAME.log`` of every unit."""
        return self.home / "log"

    @property
    def done(self) -> Path:
        """Markers of the jobs that need not run again."""
        return self.home / "done"

    @property
    def secrets(self) -> Path:
        """One file a secret, mode 0600."""
        return self.home / "secrets"

    @property
    def clouds_file(self) -> Path:
        """``clouds.yaml`` for the portal and for an operator's ``openstack`` client."""
        return self.home / "clouds.yaml"

    @property
    def postgres(self) -> PostgresAccess:
        return PostgresAccess(
            host=LOOPBACK,
            port=self.ports["postgres"],
            socket_directory=self.run,
            secrets=self.secrets,
        )

    def secret(self, name: str) -> str:
        """Return the secret called ``name`` (letters, digits, dashes); made at first use."""
        return read_or_create(self.secrets / name)

    def url(self, name: str) -> str:
        """Return ``http://127.0.0.1:PORT`` of the service called ``name``."""
        return f"http://{LOOPBACK}:{self.ports[name]}"
