"""The units of the local OpenStack, for the supervisor."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from local.layout import DATABASES_PREPARED, Layout
from local.openstack import projects
from local.openstack.arguments import to_arguments
from local.openstack.projects import Project
from local.openstack.site import Site
from local.readiness import answers
from local.service import Job, Service, Unit

CONFIGURATION: Final = "openstack-configuration"
IDENTITY: Final = "openstack-identity"
RESOURCES: Final = "openstack-resources"
"""After this job a server can be ordered; it is the last unit of the group ``cloud``."""

NICENESS: Final = {"cloud": 5, "extras": 10}
START_SECONDS: Final = 300.0
"""A service waits for its neighbours by itself; on a busy machine that takes minutes."""


def units(layout: Layout) -> list[Unit]:
    """Return what makes a cloud: when the group ``cloud`` is ready, servers can be ordered.

    Every service starts as soon as its own tables are there, and waits for its neighbours itself:
    most of a start is loading code, which nothing needs to wait for. The group ``extras`` follows.
    """
    builder = _Builder(Site(layout))
    core, extras = projects.core(builder.site), projects.extras(builder.site)
    return [
        builder.job(CONFIGURATION, "OpenStack configuration", "configuration"),
        *builder.project_units(core, "cloud", after=(CONFIGURATION, DATABASES_PREPARED)),
        # At every start, for a port may have changed and with it the catalogue.
        builder.job(IDENTITY, "accounts and catalogue", "seeds.identity", after=("keystone",)),
        builder.job(
            RESOURCES,
            "flavors, images, outside network",
            "seeds.resources",
            after=(IDENTITY, *(project.name for project in core)),
        ),
        *builder.project_units(extras, "extras", after=(RESOURCES,)),
    ]


class _Builder:
    def __init__(self, site: Site) -> None:
        self.site = site
        checkout = site.layout.checkout
        plugins = checkout / "local" / "openstack" / "drivers" / "plugins"
        self._environment = {
            "PYTHONPATH": f"{checkout}{os.pathsep}{plugins}",
            "PYTHONWARNINGS": "ignore",
            "XDG_CACHE_HOME": str(site.cache),
            # Arenas of malloc and threads of BLAS cost memory, and nothing here gains by them.
            "MALLOC_ARENA_MAX": "2",
            "OMP_NUM_THREADS": "1",
        }

    def job(self, name: str, title: str, module: str, after: Sequence[str] = ()) -> Job:
        """Return a job of the group ``cloud`` that runs at every start."""
        return Job(
            name=name,
            title=title,
            command=projects.program(self.site, module, *to_arguments(self.site.layout)),
            environment=self._environment,
            after=after,
            group="cloud",
            niceness=NICENESS["cloud"],
        )

    def project_units(
        self, wanted: Sequence[Project], group: str, after: Sequence[str]
    ) -> list[Unit]:
        """Return each project's service, preceded by the job that makes its tables."""
        return [
            unit
            for project in wanted
            for unit in (*self._tables(project, group, after), self._service(project, group, after))
        ]

    def _tables(self, project: Project, group: str, after: Sequence[str]) -> list[Job]:
        if not project.tables:
            return []
        job = Job(
            name=_tables_job(project),
            title=f"{project.title} tables",
            command=project.tables,
            environment=self._environment,
            after=after,
            group=group,
            niceness=NICENESS[group],
            done_marker=_tables_job(project),
        )
        return [job]

    def _service(self, project: Project, group: str, after: Sequence[str]) -> Service:
        return Service(
            name=project.name,
            title=project.title,
            command=project.service,
            environment={**self._environment, **project.environment},
            after=(*after, _tables_job(project)) if project.tables else after,
            group=group,
            niceness=NICENESS[group],
            is_ready=answers(self.site.layout.ports[project.name], project.healthy_path),
            ready_within_seconds=START_SECONDS,
        )


def _tables_job(project: Project) -> str:
    return f"{project.name}-tables"
