"""How long from an approval to a running server, beside a script that sends the same requests.

    python -m benchmarks.approval_to_active [--pairs N] [--servers N]

Interleaved pairs, each in a fresh Keystone project: the portal (approval, Celery worker, engine,
audit, metering), then a straight openstacksdk script that is logged in already and polls every
0.2 s. Both end when the disk is attached. Of several servers, the portal gets an order each, all
approved before the first can be done; the script makes one after another. Needs what tests/real
needs: OS_CLIENT_CONFIG_FILE, CLOUDLOKET_CLOUDS, CLOUDLOKET_DATABASE_URL (a database is made beside
it) and CLOUDLOKET_BROKER_URL. Target: a median ratio of at most 1.15 for one server, 0.6 for 20.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import django
import openstack

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from django.db import connection
from openstack.connection import Connection

from catalog.models import OfferingVersion, Resource, ResourceState
from catalog.services.approvals import approve_order
from portal.celery import app
from portal.cloud.models import CloudProject, Flavor, Image
from portal.identity.models import Person, Role
from tests.factories import (
    generous_limits,
    grant,
    make_project,
    place,
)
from tests.real.conftest import (
    DOMAIN,
    KEY,
    Worker,
    order_spec,
    remove_project,
    smallest_version,
    worker_variables,
)

PAIRS: Final = 7
SCRIPT_POLL: Final = 0.2  # seconds
PORTAL_LOOK: Final = 0.02
CIDR: Final = "10.20.4.0/24"


def main() -> None:
    """Print each pair, the medians with their spread, and the ratio."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--servers", type=int, default=1, help="at once")
    options = parser.parse_args()
    portal_times, script_times, ratios = [], [], []
    with openstack.connect(cloud=KEY) as operator, a_database(), a_worker():
        version = smallest_version()
        people = [Person.objects.create(name=name) for name in ("requester", "approver")]
        time_portal(operator, version, *people, count=1)  # warm: all have logged in
        time_script(operator, version, count=1)
        for pair in range(1, options.pairs + 1):
            portal_times.append(time_portal(operator, version, *people, count=options.servers))
            script_times.append(time_script(operator, version, count=options.servers))
            ratios.append(portal_times[-1] / script_times[-1])
            print(
                f"pair {pair}: portal {portal_times[-1]:6.2f} s   "
                f"script {script_times[-1]:6.2f} s   ratio {ratios[-1]:.2f}",
                flush=True,
            )
    for name, values in [("portal", portal_times), ("script", script_times), ("ratio", ratios)]:
        print(
            f"{name}: median {statistics.median(values):.2f}, "
            f"from {min(values):.2f} to {max(values):.2f}"
        )


def time_portal(
    operator: Connection,
    version: OfferingVersion,
    requester: Person,
    approver: Person,
    *,
    count: int,
) -> float:
    """Seconds from the first approval until the portal says that every server runs."""
    project = make_project()
    generous_limits(project)
    grant(requester, Role.REQUESTER, project)
    grant(approver, Role.APPROVER, project)
    orders = [
        place(requester, project, version, name=f"server-{number}", spec=order_spec(version))
        for number in range(count)
    ]
    begin = time.perf_counter()
    for order in orders:
        approve_order(order.public_id, approver=approver)
    resources = Resource.objects.filter(order_line__order__in=orders)
    while resources.filter(state=ResourceState.ACTIVE).count() < count:
        if resources.filter(state=ResourceState.FAILED).exists():
            raise SystemExit("an order failed; see the worker's log")
        time.sleep(PORTAL_LOOK)
    seconds = time.perf_counter() - begin
    made = CloudProject.objects.get(project=project)
    remove_project(operator, made.openstack_project_id)
    return seconds


def time_script(operator: Any, version: OfferingVersion, *, count: int) -> float:
    """Seconds that the same requests take in a straight script (untyped, as scripts are)."""
    flavor = Flavor.objects.get(name=version.choices["flavors"][0])
    (domain,) = operator.identity.domains(name=DOMAIN)
    (member,) = operator.identity.roles(name="member")
    begin = time.perf_counter()
    project = operator.identity.create_project(name=f"script-{uuid4()}", domain_id=domain.id)
    operator.identity.assign_project_role_to_user(project, operator.current_user_id, member)
    operator.compute.update_quota_set(
        project.id,
        user=None,
        instances=count,
        cores=count * flavor.vcpus,
        ram=count * flavor.memory_mib,
    )
    operator.block_storage.update_quota_set(project.id, volumes=count, gigabytes=count, snapshots=0)
    with operator.connect_as_project({"id": project.id}) as cloud:
        network, group = make_network(cloud)
        for _ in range(count):
            make_server(cloud, version, network, group)
    seconds = time.perf_counter() - begin
    remove_project(operator, project.id)
    return seconds


def make_server(cloud: Any, version: OfferingVersion, network: Any, group: Any) -> None:
    """A server with a volume, one request after the other."""
    volume_type = version.choices["volume_types"][0]
    volume = cloud.block_storage.create_volume(name="script", size=1, volume_type=volume_type)
    poll(lambda: cloud.block_storage.get_volume(volume.id), "available")
    port = cloud.network.create_port(
        name="script", network_id=network.id, security_group_ids=[group.id]
    )
    server = cloud.compute.create_server(
        name="script",
        flavor_id=Flavor.objects.get(name=version.choices["flavors"][0]).openstack_id,
        image_id=Image.objects.get(name=version.choices["images"][0]).openstack_id,
        networks=[{"port": port.id}],
    )
    poll(lambda: cloud.compute.get_server(server.id), "ACTIVE")
    cloud.compute.create_volume_attachment(server.id, volume.id)
    poll(lambda: cloud.block_storage.get_volume(volume.id), "in-use")


def make_network(cloud: Any) -> tuple[Any, Any]:
    """The project's network with its router, and a group that lets log in from it."""
    network = cloud.network.create_network(name="script")
    subnet = cloud.network.create_subnet(network_id=network.id, ip_version=4, cidr=CIDR)
    outside = list(cloud.network.networks(is_router_external=True))
    gateway = {"external_gateway_info": {"network_id": outside[0].id}} if outside else {}
    router = cloud.network.create_router(name="script", **gateway)
    cloud.network.add_interface_to_router(router, subnet=subnet.id)
    group = cloud.network.create_security_group(name="script")
    cloud.network.create_security_group_rule(
        security_group_id=group.id,
        direction="ingress",
        ether_type="IPv4",
        protocol="tcp",
        port_range_min=22,
        port_range_max=22,
        remote_ip_prefix=CIDR,
    )
    return network, group


def poll(look: Callable[[], Any], status: str) -> None:
    """Look every 0.2 s until the thing has this status."""
    while look().status != status:
        time.sleep(SCRIPT_POLL)


@contextmanager
def a_database() -> Iterator[None]:
    """A database of our own, gone afterwards."""
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


@contextmanager
def a_worker() -> Iterator[None]:
    """One Celery worker with two processes, as the local stack starts it."""
    app.control.purge()
    with tempfile.TemporaryDirectory() as folder:
        worker = Worker(Path(folder), worker_variables())
        worker.start()
        try:
            yield
        finally:
            worker.kill()


if __name__ == "__main__":
    main()
