"""The units of the local OpenStack, for the supervisor."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Final

from local.layout import DATABASES_PREPARED, Layout
from local.openstack.arguments import to_arguments
from local.openstack.site import CORE, EXTRAS, Site
from local.readiness import answers
from local.service import ALWAYS, Job, Service, Unit

CONFIGURATION: Final = "openstack-configuration"
IDENTITY: Final = "openstack-identity"
RESOURCES: Final = "openstack-resources"
"""After this job a server can be ordered; it is the last unit of the group ``cloud``."""

CLOUD_NICENESS: Final = 5
EXTRAS_NICENESS: Final = 10
HEALTHY_PATH: Final = {
    "keystone": "/v3",
    "glance": "/healthcheck",
    "cinder": "/healthcheck",
    "swift": "/healthcheck",
}
"""What answers 200 without a token; the others do so at their root."""

START_SECONDS: Final = 300.0
"""A service waits for its neighbours by itself; on a busy machine that takes minutes."""


def units(layout: Layout) -> list[Unit]:
    """Return what makes a cloud: after the group ``cloud``, servers can be ordered.

    Every service starts as soon as its own tables are there, and waits for its neighbours itself:
    most of a start is loading code, which nothing needs to wait for.
    """
    builder = _Builder(layout)
    core = [unit for name in CORE for unit in builder.project(name)]
    extras = [unit for name in EXTRAS for unit in builder.project(name)]
    return [builder.configuration(), *core, builder.identity(), builder.resources(), *extras]


class _Builder:
    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._site = Site(layout)
        self._arguments = to_arguments(layout)
        self._environment = {
            "PYTHONPATH": os.pathsep.join(
                (
                    str(layout.checkout),
                    str(layout.checkout / "local" / "openstack" / "drivers" / "plugins"),
                )
            ),
            "PYTHONWARNINGS": "ignore",
            "XDG_CACHE_HOME": str(self._site.cache),
            # Arenas of malloc and threads of BLAS cost memory, and nothing here gains by them.
            "MALLOC_ARENA_MAX": "2",
            "OMP_NUM_THREADS": "1",
        }

    def configuration(self) -> Job:
        program = self._program("configuration", *self._arguments)
        return self._job(CONFIGURATION, "OpenStack configuration", program)

    def identity(self) -> Job:
        """Accounts and catalogue; at every start, for a port may have changed."""
        program = self._program("seeds.identity", *self._arguments)
        return self._job(IDENTITY, "accounts and catalogue", program, after=["keystone"])

    def resources(self) -> Job:
        program = self._program("seeds.resources", *self._arguments)
        return self._job(
            RESOURCES, "flavors, images, outside network", program, after=[IDENTITY, *CORE]
        )

    def project(self, name: str) -> list[Unit]:
        """Return the service ``name``, preceded by the job that makes its tables, if it has any."""
        is_extra = name in EXTRAS
        first = [CONFIGURATION, RESOURCES] if is_extra else [CONFIGURATION, DATABASES_PREPARED]
        niceness = EXTRAS_NICENESS if is_extra else CLOUD_NICENESS
        group = "extras" if is_extra else "cloud"
        schema = self._schema_command(name)
        made: list[Unit] = []
        if schema:
            job = f"{name}-schema"
            made.append(
                Job(
                    name=job,
                    title=f"{_title(name)} tables",
                    command=schema,
                    environment=self._environment,
                    after=first,
                    group=group,
                    niceness=niceness,
                    done_marker=job,
                )
            )
            first = [*first, job]
        made.append(
            Service(
                name=name,
                title=_title(name),
                command=self._service_command(name),
                environment=self._environment | self._service_environment(name),
                after=first,
                group=group,
                niceness=niceness,
                is_ready=answers(self._layout.ports[name], HEALTHY_PATH.get(name, "/")),
                ready_within_seconds=START_SECONDS,
            )
        )
        return made

    def _job(self, name: str, title: str, command: Sequence[str], after: Sequence[str] = ()) -> Job:
        return Job(
            name=name,
            title=title,
            command=command,
            environment=self._environment,
            after=after,
            group="cloud",
            niceness=CLOUD_NICENESS,
            done_marker=ALWAYS,
        )

    def _program(self, module: str, *arguments: str) -> list[str]:
        python = str(self._layout.openstack_python)
        return [python, "-P", "-m", f"local.openstack.{module}", *arguments]

    def _schema_command(self, name: str) -> list[str]:
        """Return the command that makes the tables of ``name``; empty if it has none."""
        commands = self._layout.openstack_python.parent
        file = self._site.configuration(name)
        match name:
            case "swift":
                return []
            case "placement":
                option = f"--config-file={file / 'placement.conf'}"
                return [str(commands / "placement-manage"), option, "db", "sync"]
            case "glance":
                option = f"--config-file={file / 'glance-api.conf'}"
                return [str(commands / "glance-manage"), option, "db_sync"]
            case "cinder":
                option = f"--config-file={file / 'cinder.conf'}"
                return [str(commands / "cinder-manage"), option, "db", "sync"]
            case _:
                return self._program(f"schemas.{name}", *self._arguments)

    def _service_command(self, name: str) -> list[str]:
        port = str(self._layout.ports[name])
        folder = self._site.configuration(name)
        match name:
            case "keystone" | "placement" | "glance":
                return self._program("processes.api", f"{name}.wsgi.api", port, "8")
            case "neutron":
                return self._program("processes.api", "neutron.wsgi.api", port, "12")
            case "cinder":
                return self._program("processes.cinder", "--config-file", f"{folder}/cinder.conf")
            case "swift":
                return self._program("processes.swift", str(folder))
            case "designate":
                return self._program("processes.designate", f"{folder}/pools.yaml", port)
            case "octavia":
                state = str(self._site.state(name))
                return self._program("processes.octavia", f"{folder}/octavia.conf", state, port)
            case _:
                return self._program(f"processes.{name}", port)

    def _service_environment(self, name: str) -> Mapping[str, str]:
        folder = str(self._site.configuration(name))
        match name:
            case "keystone":
                return {"OS_KEYSTONE_CONFIG_DIR": folder}
            case "placement":
                return {"OS_PLACEMENT_CONFIG_DIR": folder}
            case "glance":
                return {"OS_GLANCE_CONFIG_DIR": folder}
            case "neutron":
                return {"OS_NEUTRON_CONFIG_DIR": folder, "OS_NEUTRON_CONFIG_FILES": "neutron.conf"}
            case "nova":
                return {
                    "OS_NOVA_CONFIG_DIR": folder,
                    # Nova takes the first as the pipeline of its API.
                    "OS_NOVA_CONFIG_FILES": "api-paste.ini;nova.conf",
                    "OS_NOVA_DISABLE_EVENTLET_PATCHING": "1",
                }
            case "designate":
                return {"OS_DESIGNATE_CONFIG_DIR": folder}
            case _:
                return {}


def _title(name: str) -> str:
    return name.capitalize()
