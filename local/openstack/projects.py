"""The nine OpenStack projects: how each makes its tables, how it runs, how it says it is well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from local.openstack.arguments import to_arguments
from local.openstack.site import Site


@dataclass(frozen=True, kw_only=True)
class Project:
    """One OpenStack project, run as one process.

    Args:
        name: as people call it, in lower case; names its port too.
        tables: command that makes its tables; empty for a project without any.
        service: command that runs it.
        environment: what the service reads from there.
        healthy_path: what answers 200 to anybody once the service works.
    """

    name: str
    tables: Sequence[str]
    service: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    healthy_path: str = "/"

    @property
    def title(self) -> str:
        return self.name.capitalize()


def core(site: Site) -> list[Project]:
    """Return what it takes to order a server."""
    return [
        _keystone(site),
        _placement(site),
        _glance(site),
        _neutron(site),
        _cinder(site),
        _nova(site),
    ]


def extras(site: Site) -> list[Project]:
    """Return what a server does not need: objects, DNS, load balancers."""
    return [_swift(site), _designate(site), _octavia(site)]


def program(site: Site, module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of this package in OpenStack's environment."""
    return [str(site.layout.openstack_python), "-P", "-m", f"local.openstack.{module}", *arguments]


def _tables(site: Site, name: str) -> list[str]:
    return program(site, f"tables.{name}", *to_arguments(site.layout))


def _manage(site: Site, name: str, file: str, *command: str) -> list[str]:
    """Return a call of the project's own ``…-manage`` command."""
    executable = site.layout.openstack_python.with_name(f"{name}-manage")
    return [str(executable), f"--config-file={site.configuration(name) / file}", *command]


def _api(site: Site, name: str, *, threads: int = 8) -> list[str]:
    return program(site, "processes.api", f"{name}.wsgi.api", _port(site, name), str(threads))


def _port(site: Site, name: str) -> str:
    return str(site.layout.ports[name])


def _keystone(site: Site) -> Project:
    return Project(
        name="keystone",
        tables=_tables(site, "keystone"),
        service=_api(site, "keystone"),
        environment={"OS_KEYSTONE_CONFIG_DIR": str(site.configuration("keystone"))},
        healthy_path="/v3",
    )


def _placement(site: Site) -> Project:
    return Project(
        name="placement",
        tables=_manage(site, "placement", "placement.conf", "db", "sync"),
        service=_api(site, "placement"),
        environment={"OS_PLACEMENT_CONFIG_DIR": str(site.configuration("placement"))},
    )


def _glance(site: Site) -> Project:
    return Project(
        name="glance",
        tables=_manage(site, "glance", "glance-api.conf", "db_sync"),
        service=_api(site, "glance"),
        environment={"OS_GLANCE_CONFIG_DIR": str(site.configuration("glance"))},
        healthy_path="/healthcheck",
    )


def _neutron(site: Site) -> Project:
    return Project(
        name="neutron",
        tables=_tables(site, "neutron"),
        service=_api(site, "neutron", threads=12),
        environment={
            "OS_NEUTRON_CONFIG_DIR": str(site.configuration("neutron")),
            "OS_NEUTRON_CONFIG_FILES": "neutron.conf",
        },
    )


def _cinder(site: Site) -> Project:
    file = site.configuration("cinder") / "cinder.conf"
    return Project(
        name="cinder",
        tables=_manage(site, "cinder", file.name, "db", "sync"),
        service=program(site, "processes.cinder", "--config-file", str(file)),
        healthy_path="/healthcheck",
    )


def _nova(site: Site) -> Project:
    return Project(
        name="nova",
        tables=_tables(site, "nova"),
        service=program(site, "processes.nova", _port(site, "nova")),
        environment={
            "OS_NOVA_CONFIG_DIR": str(site.configuration("nova")),
            "OS_NOVA_CONFIG_FILES": "api-paste.ini;nova.conf",  # the pipeline must come first
            "OS_NOVA_DISABLE_EVENTLET_PATCHING": "1",
        },
    )


def _swift(site: Site) -> Project:
    return Project(
        name="swift",
        tables=[],
        service=program(site, "processes.swift", str(site.configuration("swift"))),
        healthy_path="/healthcheck",
    )


def _designate(site: Site) -> Project:
    folder = site.configuration("designate")
    return Project(
        name="designate",
        tables=_tables(site, "designate"),
        service=program(
            site, "processes.designate", str(folder / "pools.yaml"), _port(site, "designate")
        ),
        environment={"OS_DESIGNATE_CONFIG_DIR": str(folder)},
    )


def _octavia(site: Site) -> Project:
    return Project(
        name="octavia",
        tables=_tables(site, "octavia"),
        service=program(
            site,
            "processes.octavia",
            str(site.configuration("octavia") / "octavia.conf"),
            str(site.state("octavia")),
            _port(site, "octavia"),
        ),
    )
