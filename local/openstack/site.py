"""Names, folders and addresses of the local OpenStack."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local.layout import Layout

REGION: Final = "nl-west-1"
HOST: Final = "compute-1"
ROLE: Final = "openstack"
SERVICE_PROJECT: Final = "service"
OPERATOR: Final = "admin"
PORTAL: Final = "cloudloket"
"""Name of the portal's Keystone domain, of its project there, and of its service user."""


@dataclass(frozen=True)
class Site:
    """Where one service finds its files, its neighbours and its password."""

    layout: Layout

    @property
    def keystone_url(self) -> str:
        return f"{self.layout.url('keystone')}/v3"

    @property
    def cache(self) -> Path:
        """XDG cache folder of the services (stevedore keeps its list of plug-ins there)."""
        return self.layout.home / "openstack" / "cache"

    def configuration(self, service: str) -> Path:
        """Folder of the configuration files of ``service``; they hold passwords."""
        return self.layout.home / "openstack" / "etc" / service

    def state(self, service: str) -> Path:
        """Folder in which ``service`` keeps what is not in a database."""
        return self.layout.home / "openstack" / "state" / service

    def shipped(self, service: str) -> Path:
        """Folder of the files that the package of ``service`` ships beside its code."""
        return self.layout.openstack_python.parent.parent / "etc" / service

    def password(self, user: str) -> str:
        """Password of a Keystone user; made at first use."""
        return self.layout.secret(f"openstack-{user}")

    def database_url(self, database: str) -> str:
        """SQLAlchemy URL of a database.

        By TCP when the socket's folder would need percent signs, as ``%C3%A9`` for an accent:
        Keystone and Neutron hand their URL to Alembic's ini file, which reads those as its own.
        """
        by_socket = self.layout.postgres.sqlalchemy_url(ROLE, database)
        if "%" not in by_socket:
            return by_socket
        by_tcp = self.layout.postgres.url(ROLE, database)
        return by_tcp.replace("postgresql:", "postgresql+psycopg2:", 1)
