"""The order in which the local OpenStack starts, and what it is told on the way."""

from __future__ import annotations

import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from local.layout import DATABASES_PREPARED, PORT_NAMES, Layout
from local.openstack.arguments import site_from_arguments, to_arguments
from local.openstack.stack import RESOURCES, units
from local.service import ALWAYS, Job, Service

SERVICES_OF_A_CLOUD = {"keystone", "placement", "glance", "neutron", "cinder", "nova"}
SERVICES_OF_THE_EXTRAS = {"swift", "designate", "octavia"}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(
        checkout=Path(__file__).parents[2],
        home=tmp_path,
        ports={name: 20000 + number for number, name in enumerate(PORT_NAMES)},
        python=Path(sys.executable),
        openstack_python=tmp_path / "venv" / "bin" / "python",
    )


def test_every_unit_can_start_in_some_order(layout):
    waits_for = {unit.name: set(unit.after) for unit in units(layout)}

    order = list(TopologicalSorter(waits_for).static_order())

    assert set(order) - waits_for.keys() == {DATABASES_PREPARED}


def test_cloud_is_ready_when_something_can_be_chosen(layout):
    cloud = [unit for unit in units(layout) if unit.group == "cloud"]

    last = next(unit for unit in cloud if unit.name == RESOURCES)

    assert {unit.name for unit in cloud if isinstance(unit, Service)} == SERVICES_OF_A_CLOUD
    assert set(last.after) >= SERVICES_OF_A_CLOUD


def test_extras_leave_the_processor_to_the_cloud_at_every_start(layout):
    by_name = {unit.name: unit for unit in units(layout)}
    extras = [unit for unit in by_name.values() if unit.group == "extras"]

    assert {unit.name for unit in extras if isinstance(unit, Service)} == SERVICES_OF_THE_EXTRAS
    assert all(RESOURCES in unit.after for unit in extras)
    assert {unit.niceness for unit in extras} == {10}


def test_tables_are_made_once_and_all_else_is_checked_at_every_start(layout):
    jobs = [unit for unit in units(layout) if isinstance(unit, Job)]

    assert {job.name for job in jobs if job.done_marker != ALWAYS} == {
        f"{name}-tables" for name in SERVICES_OF_A_CLOUD | SERVICES_OF_THE_EXTRAS - {"swift"}
    }


def test_no_password_is_on_a_command_line_or_in_the_environment(layout):
    configure = [sys.executable, "-P", "-m", "local.openstack.configuration"]
    environment = {"PYTHONPATH": str(layout.checkout)}
    for name in ("nova", "designate"):
        shipped = layout.openstack_python.parent.parent / "etc" / name
        shipped.mkdir(parents=True)
        (shipped / "api-paste.ini").touch()
    command = [*configure, *to_arguments(layout)]
    subprocess.run(command, check=True, env=environment)
    secrets = [file.read_text().strip() for file in layout.secrets.iterdir()]

    seen = " ".join(" ".join([*unit.command, *unit.environment.values()]) for unit in units(layout))

    assert len(secrets) > len(SERVICES_OF_A_CLOUD)
    assert [secret for secret in secrets if secret in seen] == []


def test_layout_survives_the_command_line(layout):
    assert site_from_arguments(to_arguments(layout)).layout == layout
