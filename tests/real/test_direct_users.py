"""Who asks the real OpenStack past the portal finds no more room than the tree of quotas gave."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from django.utils.timezone import now
from openstack.config import OpenStackConfig
from openstack.connection import Connection
from openstack.exceptions import HttpException, raise_from_response

from catalog.models import CloudLook, Difference, Metric, Offering, Quota, Resource
from catalog.reconciliation.rooms import look_at_rooms
from catalog.services.approvals import approve_order
from catalog.services.cloud_rooms import push_quota_again
from catalog.services.resources import act_on_resource, retire_resource
from catalog.services.secrets import read_secret
from portal.cloud import get_cloud
from portal.cloud.models import Cloud, CloudProject
from portal.cloud.ports import BACKUP_GIB
from portal.identity.models import Project
from tests.factories import OfferingVersionFactory, PersonFactory, place, priced
from tests.real.conftest import (
    KEY,
    delivery_of,
    differences_after_two_looks,
    finished,
    order_spec,
    remove_project,
    smallest_version,
    until,
)

pytestmark = [pytest.mark.real, pytest.mark.django_db(transaction=True)]

Acts = dict[str, Callable[[], Any]]
COUNTED = [metric.value for metric in Metric if metric != Metric.MONTHLY_COST_EUR]
# With some of the rest left whenever one of them is used up: that alone is why it is refused.
QUOTA = {
    "servers": 2,
    "vcpus": 6,
    "memory_gib": 35,
    "volumes": 2,
    "volume_gib": 5,
    "snapshots": 1,
    "networks": 1,
    "routers": 1,
    "floating_ips": 1,
    "load_balancers": 1,
    "dns_zones": 1,
    "object_gib": 1,
}
USED = {**QUOTA, "vcpus": 4, "memory_gib": 8, "volume_gib": 3, BACKUP_GIB: 0}
del USED["object_gib"]
GIB = 1024**3
FORBIDDEN = 403
ANSWER_SECONDS = 20


@pytest.fixture
def deliver(
    worker: Any, project: Project, requester: Any, approver: Any, operator: Connection
) -> Iterator[Callable[..., Resource]]:
    """Orders something, approves it and waits; afterwards nothing of it is left."""
    server = smallest_version()
    bounds = {"minimum": 0, "maximum": 100, "default": 0}
    choices = {"server": server.choices, "environment": dict.fromkeys(COUNTED, bounds)}
    priced(**{f"environment.{name}": "1.00" for name in COUNTED})
    worker.start()

    def order(kind: str, spec: Mapping[str, Any]) -> Resource:
        offering = Offering.objects.create(code=f"own-{kind}", kind=kind)
        version = OfferingVersionFactory(
            offering=offering, cloud=server.cloud, choices=choices[kind]
        )
        answers = {**order_spec(version), **spec} if kind == "server" else spec
        asked = place(requester, project, version, name=f"{kind}-1", spec=answers)
        return finished(delivery_of(approve_order(asked.public_id, approver=approver)))

    yield order
    for user in Resource.objects.values_list("cloud_ids__user", flat=True):
        if user:
            operator.identity.delete_user(user)
    for place_ in CloudProject.objects.exclude(openstack_project_id=""):
        remove_project(operator, place_.openstack_project_id)


@pytest.fixture
def log_in(requester: Any, tmp_path: Path) -> Callable[[Resource], Connection]:
    """As who ordered the environment does, with the file that they downloaded."""

    def connect(environment: Resource) -> Connection:
        shown = read_secret(environment, "environment", reader=requester)
        path = tmp_path / "clouds.yaml"
        path.write_text(shown.file("clouds.yaml") or "", encoding="utf-8")
        config = OpenStackConfig(config_files=[str(path)], load_envvars=False)
        return Connection(config=config.get_one(cloud=environment.name))

    return connect


@pytest.fixture
def let_in(operator: Connection) -> Iterator[Callable[[str], Connection]]:
    """Gives somebody a role in a project past the portal; so they talk to the cloud."""
    made = []

    def enter(project: str) -> Connection:
        name, password = f"achterdeur-{uuid4()}", uuid4().hex
        domain = operator.identity.get_project(project).domain_id
        user = operator.identity.create_user(name=name, password=password, domain_id=domain)
        made.append(user)
        member = operator.identity.find_role("member", ignore_missing=False)
        operator.identity.assign_project_role_to_user(project, user, member)
        return operator.connect_as(
            username=name,
            password=password,
            user_domain_id=domain,
            project_id=project,
            project_name=None,
            project_domain_id=None,
            project_domain_name=None,
        )

    yield enter
    for user in made:
        operator.identity.delete_user(user)


def test_environment_gives_what_was_claimed_for_it_and_no_more(
    deliver: Any, log_in: Any, project: Any, requester: Any, operator: Any, looking_at_once: None
) -> None:
    environment = deliver("environment", QUOTA)
    inside = log_in(environment)
    place_id = environment.cloud_project.openstack_project_id

    take_it_all(inside)

    used = get_cloud(KEY).fetch_usage(place_id)
    assert used.pop("object_gib") <= QUOTA["object_gib"]  # counted after a while
    assert used == USED
    counters = Quota.objects.filter(node_id__in=project.lineage_ids, metric__in=COUNTED)
    assert counters.count() == len(project.lineage_ids) * len(COUNTED)
    for counter in counters:
        assert used.get(counter.metric, 0) <= counter.claimed == QUOTA[counter.metric]
        assert counter.claimed <= counter.limit_now

    refusals = {name: refusal_of(act) for name, act in ways_to_more(inside, operator).items()}
    answers = {name: refusal and refusal.status_code for name, refusal in refusals.items()}
    assert answers == dict.fromkeys(answers, FORBIDDEN)
    assert get_cloud(KEY).fetch_quota(place_id) == {**QUOTA, BACKUP_GIB: 0}

    operator.compute.update_quota_set(place_id, user=None, cores=60)
    operator.network.update_quota(place_id, networks=9)
    found = differences_after_two_looks()
    assert {(row.field, row.ours, row.theirs) for row in found.values()} == {
        ("vcpus", "6", "60"),
        ("networks", "1", "9"),
    }
    finished(act_on_resource(environment.public_id, action="quota", actor=requester))
    assert get_cloud(KEY).fetch_quota(place_id) == {**QUOTA, BACKUP_GIB: 0}


def test_project_of_the_portal_has_room_for_what_was_delivered_alone(
    deliver: Any, let_in: Any, requester: Any, looking_at_once: None
) -> None:
    running = deliver("server", {})
    place_id = running.cloud_project.openstack_project_id
    inside = let_in(place_id)
    delivered = get_cloud(KEY).fetch_usage(place_id)

    assert delivered == get_cloud(KEY).fetch_quota(place_id)
    assert_no_room(more_of_everything(inside))
    assert_no_room(more_of_what_is_there(inside))

    other = {name: limit + 3 for name, limit in delivered.items()}
    get_cloud(KEY).set_quota(place_id, other)
    look_at_the_rooms()
    found = Difference.objects.filter(kind="quota", state="open")
    assert {row.field: int(row.theirs) for row in found} == other
    push_quota_again(found[0].public_id, actor=PersonFactory())
    until(lambda: get_cloud(KEY).fetch_quota(place_id) == delivered, "the quota is put back")

    finished(retire_resource(running.public_id, actor=requester, confirmation=running.name))

    shared = {"networks": 1, "routers": 1}
    left = get_cloud(KEY).fetch_quota(place_id)
    assert left == {**dict.fromkeys(delivered, 0), **shared} == get_cloud(KEY).fetch_usage(place_id)
    assert_no_room(more_of_everything(inside))
    assert get_cloud(KEY).fetch_usage(place_id) == left


def look_at_the_rooms() -> None:
    """As the platform does every day, and an hour later again where something differed."""
    differences_after_two_looks()
    for _ in range(2):
        CloudLook.objects.update(rooms_due_at=now())
        look_at_rooms(Cloud.objects.get(key=KEY))


def take_it_all(inside: Connection) -> None:
    """Take what ``QUOTA`` gives, and meet its end in each service."""
    network = inside.network.create_network(name="binnen")
    subnet = inside.network.create_subnet(network_id=network.id, ip_version=4, cidr="10.9.0.0/24")
    inside.network.create_router(name="uit")
    inside.network.create_ip(floating_network_id=outside_of(inside))
    inside.load_balancer.create_load_balancer(name="verdeler", vip_subnet_id=subnet.id)
    inside.dns.create_zone(name=f"{uuid4()}.example.", email="dns@example.nl")
    inside.object_store.create_container("archief")
    put_object(inside, "archief", data=b"tekst")

    inside.compute.wait_for_server(server_of(inside)())
    assert_no_room({"cores": server_of_flavor(inside, "gp.large")})
    assert_no_room({"ram": server_of_flavor(inside, "mem.large")})
    inside.compute.wait_for_server(server_of(inside)())

    disk = inside.block_storage.create_volume(name="een", size=1)
    assert_no_room({"gigabytes": disk_of(inside, QUOTA["volume_gib"])})
    inside.block_storage.wait_for_status(disk, "available")
    assert_no_room({"gigabytes": lambda: inside.block_storage.extend_volume(disk, 6)})
    copy = inside.block_storage.create_snapshot(name="een", volume_id=disk.id)
    inside.block_storage.wait_for_status(copy, "available")
    other = inside.block_storage.create_volume(name="twee", size=1)
    inside.block_storage.wait_for_status(other, "available")

    assert_no_room(more_of_everything(inside))


def more_of_everything(inside: Connection) -> Acts:
    """One more of each thing that a cloud can make, by what its refusal is about."""
    disk = next(inside.block_storage.volumes(), None)
    of_disk = {"volume_id": disk.id, "force": True} if disk else {}
    subnet = next(inside.network.subnets(project_id=inside.current_project_id))
    acts: Acts = {
        "instances": server_of(inside),
        "volumes": disk_of(inside, 1),
        "network": lambda: inside.network.create_network(name="zelf"),
        "router": lambda: inside.network.create_router(name="zelf"),
        "floatingip": lambda: inside.network.create_ip(floating_network_id=outside_of(inside)),
        "load": lambda: inside.load_balancer.create_load_balancer(vip_subnet_id=subnet.id),
        "zones": lambda: inside.dns.create_zone(name=f"{uuid4()}.example.", email="a@example.nl"),
        "upload": lambda: put_object(inside, "zelf", size=GIB + 1),
    }
    if disk:
        acts["snapshots"] = lambda: inside.block_storage.create_snapshot(**of_disk)
        acts["backup"] = lambda: inside.block_storage.create_backup(**of_disk)
    return acts


def more_of_what_is_there(inside: Connection) -> Acts:
    """The server and the disk of the portal, but larger."""
    (disk,) = inside.block_storage.volumes()
    (server,) = inside.compute.servers()
    larger = inside.compute.find_flavor("gp.medium", ignore_missing=False)
    return {
        "cores": lambda: inside.compute.resize_server(server, larger.id),
        "gigabytes": lambda: inside.block_storage.extend_volume(disk, disk.size + 1),
        "upload": lambda: put_object(inside, "zelf", data=iter([b"of unknown length"])),
    }


def server_of(inside: Connection) -> Callable[[], Any]:
    return server_of_flavor(inside, min(inside.compute.flavors(), key=lambda item: item.ram).name)


def server_of_flavor(inside: Connection, flavor: str) -> Callable[[], Any]:
    image = min(inside.image.images(visibility="public"), key=lambda item: item.min_disk)
    (network,) = inside.network.networks(project_id=inside.current_project_id)
    return lambda: inside.compute.create_server(
        name="zelf",
        flavor_id=inside.compute.find_flavor(flavor, ignore_missing=False).id,
        image_id=image.id,
        networks=[{"uuid": network.id}],
    )


def disk_of(inside: Connection, size: int) -> Callable[[], Any]:
    return lambda: inside.block_storage.create_volume(name="zelf", size=size)


def outside_of(inside: Connection) -> str:
    return str(inside.network.find_network("internet", ignore_missing=False).id)


def put_object(inside: Connection, container: str, *, data: Any = None, size: int = 0) -> None:
    """Store an object, or ask whether one of that size may come before any of it is sent."""
    inside.object_store.create_container(container)
    headers = {"X-Auth-Token": inside.session.get_token(), "Connection": "close"}
    if size:
        headers |= {"Content-Length": str(size), "Expect": "100-continue"}
    url = f"{inside.object_store.get_endpoint()}/{container}/stuk"
    raise_from_response(requests.put(url, data=data, headers=headers, timeout=ANSWER_SECONDS))


def ways_to_more(inside: Connection, operator: Connection) -> Acts:
    """How a user might widen what they have."""
    project, user = inside.current_project_id, inside.current_user_id
    admin = operator.identity.find_role("admin", ignore_missing=False).id
    role = f"/projects/{project}/users/{user}/roles/{admin}"
    account = inside.object_store.get_endpoint()

    def post(headers: Mapping[str, str]) -> Callable[[], None]:
        return lambda: raise_from_response(
            inside.session.post(account, headers=headers, raise_exc=False)
        )

    return {
        "compute": lambda: inside.compute.update_quota_set(project, user=None, cores=60),
        "compute, back to default": lambda: inside.compute.revert_quota_set(project),
        "storage": lambda: inside.block_storage.update_quota_set(project, gigabytes=60),
        "storage, back to default": lambda: inside.block_storage.revert_quota_set(project),
        "network": lambda: inside.network.update_quota(project, networks=60),
        "network, back to default": lambda: inside.network.delete_quota(project),
        "balancers": lambda: inside.load_balancer.update_quota(project, load_balancers=60),
        "balancers, back to default": lambda: inside.load_balancer.delete_quota(project),
        "zones": lambda: raise_from_response(
            inside.dns.patch(f"/quotas/{project}", json={"zones": 60})
        ),
        "objects": post({"X-Account-Meta-Quota-Bytes": str(60 * GIB)}),
        "objects, by the newer name": post({"X-Account-Quota-Bytes": str(60 * GIB)}),
        "objects, no limit": post({"X-Remove-Account-Meta-Quota-Bytes": "x"}),
        "role": lambda: raise_from_response(inside.identity.put(role)),
        "project": lambda: inside.identity.create_project(name="van-mij"),
        "user": lambda: inside.identity.create_user(name="van-mij", password="x"),
    }


def assert_no_room(acts: Acts) -> None:
    """Each is refused for lack of quota, of just that."""
    refusals = {name: refusal_of(act) for name, act in acts.items()}
    others = {
        name: f"{refusal.status_code}: {refusal} {refusal.details}" if refusal else "done"
        for name, refusal in refusals.items()
        if refusal is None or not is_about_quota(refusal, name)
    }
    assert others == {}


def refusal_of(act: Callable[[], Any]) -> HttpException | None:
    try:
        act()
    except HttpException as refusal:
        return refusal
    return None


def is_about_quota(refusal: HttpException, name: str) -> bool:
    """Whether it tells so: Cinder in other words of snapshots than of disks."""
    words = f"{refusal} {refusal.details}".lower()
    return name in words and ("quota" in words or "limitexceeded" in words)
