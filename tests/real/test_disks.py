"""Everything that people do with a disk on the real OpenStack, in one project; nothing is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openstack.connection import Connection

from catalog.models import Offering, Resource, ResourceState
from catalog.services.approvals import approve_order
from catalog.services.resources import act_on_resource, retire_resource
from portal.cloud.models import CloudProject
from tests.factories import OfferingVersionFactory, place, priced
from tests.real.conftest import (
    delivery_of,
    finished,
    listing,
    order_spec,
    remove_project,
    smallest_version,
)

pytestmark = [pytest.mark.real, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def deliver(
    worker: Any, project: Any, requester: Any, approver: Any, operator: Connection
) -> Iterator[Callable[..., Resource]]:
    """Orders something, approves it and waits."""
    server = smallest_version()
    priced(snapshot="0.05", backup="0.03", image="0.04")
    worker.start()

    def order(kind: str, name: str, **spec: Any) -> Resource:
        offering, _new = Offering.objects.get_or_create(code=kind.replace("_", "-"), kind=kind)
        version = offering.versions.first() or OfferingVersionFactory(
            offering=offering, cloud=server.cloud, choices=server.choices
        )
        spec = spec or order_spec(server)
        asked = place(requester, project, version, name=name, spec=spec)
        return finished(delivery_of(approve_order(asked.public_id, approver=approver)))

    yield order
    for cloud_project in CloudProject.objects.exclude(openstack_project_id=""):
        remove_project(operator, cloud_project.openstack_project_id)


def test_disk_is_used_kept_and_put_back(deliver, operator, requester):
    def act(resource: Resource, action: str, **answers: Any) -> Resource:
        return finished(
            act_on_resource(resource.public_id, action=action, actor=requester, answers=answers)
        )

    def retire(resource: Resource) -> Resource:
        operation = retire_resource(resource.public_id, actor=requester, confirmation=resource.name)
        return finished(operation)

    server = deliver("server", "web-1")
    disk = deliver("volume", "archief", volume_gib=1)
    disk = act(disk, "attach", server=str(server.public_id))
    assert disk.facts["attached_to"] == str(server.public_id)
    snapshot = deliver("volume_snapshot", "kiek", volume=str(disk.public_id))
    backup = deliver("volume_backup", "maandag", volume=str(disk.public_id))
    restored = deliver("volume", "terug", volume_gib=1, source=str(snapshot.public_id))
    again = deliver("volume", "weer", volume_gib=2, source=str(backup.public_id))

    project = disk.cloud_project.openstack_project_id
    with operator.connect_as_project({"id": project}) as cloud:
        sizes = {found.id: (found.size, found.status) for found in cloud.block_storage.volumes()}
        (kept,) = cloud.block_storage.snapshots()
        (copy,) = cloud.block_storage.backups()
    assert sizes[disk.cloud_ids["volume"]] == (1, "in-use")
    assert sizes[restored.cloud_ids["volume"]] == (1, "available")
    assert sizes[again.cloud_ids["volume"]] == (2, "available")
    assert kept.id == snapshot.cloud_ids["volume_snapshot"]
    assert copy.id == backup.cloud_ids["volume_backup"]

    disk = act(disk, "detach")
    assert disk.facts["attached_to"] is None
    disk = act(disk, "attach", server=str(server.public_id))
    retire(server)
    disk.refresh_from_db()
    assert (disk.state, disk.facts["attached_to"]) == (ResourceState.ACTIVE, None)
    for resource in (restored, snapshot, disk, backup, again):
        assert retire(resource).state == ResourceState.RETIRED
    left = {what: len(ids) for what, ids in listing(operator, project).items() if ids}
    assert "volumes" not in left
    with operator.connect_as_project({"id": project}) as cloud:
        assert list(cloud.block_storage.snapshots()) == []
        assert list(cloud.block_storage.backups()) == []
