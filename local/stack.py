"""The whole local stack in one list of units: the portal, and a stand-in for whatever is not given.

Somebody who names a database, broker, login or cloud of their own in the environment gets no
stand-in for it.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from local.errors import StartRefused
from local.layout import Layout
from local.login_files import write_login_files
from local.openstack.stack import units as openstack_units
from local.portal import Portal, make_keys
from local.postgres import PORTAL_DATABASE_PREPARED, PostgresServer
from local.rabbitmq import RabbitMqServer
from local.readiness import answers
from local.service import Job, Service, Unit
from local.valkey import ValkeyServer

LOCAL_CLOUD: Final = "sovereign"  # its name in clouds.yaml
_ENVIRONMENT_JOB: Final = "openstack-environment"
_ENVIRONMENT_SECONDS: Final = 1800  # a slow line, once


@dataclass(frozen=True)
class Parts:
    """What is asked for."""

    portal: bool = True
    cloud: bool = True
    rabbitmq: bool = False
    is_for_tests: bool = False  # nothing in it has to outlive the machine
    waits_for_disk: bool = False  # all the same, as what is measured does in production


@dataclass(frozen=True)
class Stack:
    """The units of one home, and the ports that they listen on.

    Args:
        layout: where it lives.
        parts: what is asked for.
        given: the environment, in which the user may name servers of their own.
    """

    layout: Layout
    parts: Parts = Parts()
    given: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @property
    def public_url(self) -> str:
        """Where people reach the portal; without a slash at the end."""
        return self.given.get("CLOUDLOKET_PUBLIC_URL", self.layout.url("portal")).rstrip("/")

    @property
    def has_local_cloud(self) -> bool:
        return self.parts.cloud and "OS_CLIENT_CONFIG_FILE" not in self.given

    @property
    def has_local_database(self) -> bool:
        return "CLOUDLOKET_DATABASE_URL" not in self.given

    @property
    def has_local_broker(self) -> bool:
        return "CLOUDLOKET_BROKER_URL" not in self.given

    @property
    def has_local_login(self) -> bool:
        return "CLOUDLOKET_OIDC_FILE" not in self.given

    def ports(self) -> dict[str, int]:
        """Return the ports on which something of this stack will listen."""
        has_postgres = self.has_local_database or self.has_local_cloud
        is_used = dict.fromkeys(self.layout.ports, self.has_local_cloud) | {
            "portal": self.parts.portal,
            "postgres": has_postgres,
            "valkey": self.has_local_broker,
            "identity_provider": self.has_local_login,
            **dict.fromkeys(("rabbitmq", "rabbitmq_distribution", "epmd"), self.parts.rabbitmq),
        }
        return {name: port for name, port in self.layout.ports.items() if is_used[name]}

    def units(self) -> list[Unit]:
        """Write the stand-ins' configuration and return everything there is to run.

        Raises:
            StartRefused: what is given does not fit together, or a wheel lacks this machine.
            OSError: the home cannot be written.
        """
        demo = self.given.get("CLOUDLOKET_DEMO", "1")
        settings = {
            "CLOUDLOKET_PUBLIC_URL": self.public_url,
            "CLOUDLOKET_DEMO": demo,
            # Where the operator of the demonstration has that role.
            "CLOUDLOKET_CATALOGUE_ORGANIZATION": "mwb" if demo == "1" else "",
            **make_keys(self.layout),
        }
        stand_ins: list[Unit] = []
        lasts = self.parts.waits_for_disk or not self.parts.is_for_tests
        postgres = PostgresServer.from_environment(self.layout, survives_power_cut=lasts)
        if self.has_local_database or self.has_local_cloud:
            stand_ins += postgres.units()
        if self.has_local_database:
            stand_ins.append(postgres.portal_database())
        if self.has_local_broker:
            valkey = ValkeyServer(self.layout)
            stand_ins.append(valkey.service())
            settings["CLOUDLOKET_BROKER_URL"] = valkey.url
        settings |= self._database_settings() | self._cloud_settings()
        if self.has_local_login:
            settings["CLOUDLOKET_OIDC_FILE"] = self._add_login(stand_ins)
        settings = settings | {n: v for n, v in self.given.items() if n in settings}
        if self.parts.rabbitmq:
            stand_ins += RabbitMqServer(self.layout).units()
        leans_on = [PORTAL_DATABASE_PREPARED] if self.has_local_database else []
        portal = Portal(self.layout, settings, leans_on).units() if self.parts.portal else []
        cloud = self._cloud(postgres) if self.has_local_cloud else []
        return [*stand_ins, *portal, *cloud]

    def _database_settings(self) -> dict[str, str]:
        if not self.has_local_database:
            if "CLOUDLOKET_DATABASE_OWNER_URL" not in self.given:
                raise StartRefused(
                    "CLOUDLOKET_DATABASE_OWNER_URL is not set, and CLOUDLOKET_DATABASE_URL is; "
                    "see docs/configuration.md"
                )
            return {}
        postgres = self.layout.postgres
        return {
            "CLOUDLOKET_DATABASE_URL": postgres.url("cloudloket", "cloudloket"),
            "CLOUDLOKET_DATABASE_OWNER_URL": postgres.url("cloudloket_owner", "cloudloket"),
        }

    def _cloud_settings(self) -> dict[str, str]:
        if "OS_CLIENT_CONFIG_FILE" in self.given:
            file = Path(self.given["OS_CLIENT_CONFIG_FILE"])
            if not file.is_file():
                raise StartRefused(f"OS_CLIENT_CONFIG_FILE: there is no file {file}")
            if "CLOUDLOKET_CLOUDS" not in self.given:
                raise StartRefused(
                    "CLOUDLOKET_CLOUDS is not set, and OS_CLIENT_CONFIG_FILE is: "
                    "name the clouds in it that the portal may use, the default first"
                )
            return {}
        settings = {
            "OS_CLIENT_CONFIG_FILE": str(self.layout.clouds_file),
            "CLOUDLOKET_CLOUDS": LOCAL_CLOUD,
        }
        if self.has_local_cloud:
            settings["CLOUDLOKET_STACK_STATUS_FILE"] = str(self.layout.run / "status.json")
        return settings

    def _add_login(self, stand_ins: list[Unit]) -> str:
        configurations, providers = write_login_files(self.layout, self.public_url)
        port = self.layout.ports["identity_provider"]
        stand_ins.append(
            Service(
                name="identity-provider",
                title="identity provider",
                command=(
                    *(str(self.layout.python), "-m", "local.identity_provider"),
                    *(word for file in configurations for word in ("--config", str(file))),
                ),
                is_ready=answers(port, "/health"),
            )
        )
        return str(providers)

    def _cloud(self, postgres: PostgresServer) -> list[Unit]:
        """OpenStack's units, after a job that waits until its environment is installed."""
        environment = Job(
            name=_ENVIRONMENT_JOB,
            title="installing OpenStack",
            command=(sys.executable, "-m", "local.environments", "openstack"),
            environment={n: v for n, v in self.given.items() if n.startswith("PIP_")},
            group="cloud",
            within_seconds=_ENVIRONMENT_SECONDS,
        )
        units = openstack_units(self.layout)
        return [
            environment,
            postgres.openstack_databases(),
            *(dataclasses.replace(u, after=(_ENVIRONMENT_JOB, *u.after)) for u in units),
        ]
