"""What runs becomes larger on the real OpenStack, and is found as large by who compares."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from openstack.connection import Connection

from billing.models import UsageSpan
from catalog.models import Operation, OperationState, Order, OrderState, Resource
from catalog.services.approvals import approve_order
from catalog.services.changes import place_change
from portal.cloud.models import CloudProject, Flavor
from tests.factories import OfferingVersionFactory, place, priced, withdrawn
from tests.real.conftest import (
    delivery_of,
    finished,
    order_spec,
    remove_project,
    smallest_version,
)

pytestmark = [pytest.mark.real, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def server(
    worker: Any, project: Any, requester: Any, approver: Any, operator: Connection
) -> Iterator[Resource]:
    """The smallest server with a disk of 1 GiB, of an offering that has a larger size too."""
    version = smallest_version()
    small = version.cloud.flavors.get(name=version.choices["flavors"][0])
    larger = Flavor.objects.filter(
        cloud=version.cloud,
        gone_at=None,
        memory_mib__gt=small.memory_mib,
        disk_gib__gte=small.disk_gib,
    )
    large = larger.order_by("memory_mib", "pk")[0]
    priced(**{f"server.{large.name}": "76.80"})
    choices = {**version.choices, "flavors": [small.name, large.name]}
    version = OfferingVersionFactory(
        offering=withdrawn(version).offering, cloud=version.cloud, choices=choices
    )
    worker.start()
    order = place(requester, project, version, name="groeit", spec=order_spec(version))
    yield finished(delivery_of(approve_order(order.public_id, approver=approver)))
    for cloud_project in CloudProject.objects.exclude(openstack_project_id=""):
        remove_project(operator, cloud_project.openstack_project_id)


@pytest.fixture
def change(requester: Any, approver: Any) -> Callable[..., tuple[Resource, Order]]:
    """Orders a change, approves it and waits for its end."""

    def carry_out(resource: Resource, **answers: Any) -> tuple[Resource, Order]:
        order, _is_new = place_change(
            requested_by=requester,
            resource=resource,
            purpose="Meer zaken",
            answers=answers,
            end_date=None,
            idempotency_key=str(uuid4()),
        )
        approve_order(order.public_id, approver=approver)
        changed = finished(Operation.objects.get(order_line__order=order))
        order.refresh_from_db()
        return changed, order

    return carry_out


def test_server_and_its_disk_grow_while_it_is_used(
    server: Resource, change: Callable[..., tuple[Resource, Order]], operator: Connection
) -> None:
    small, large = server.order_line.offering_version.choices["flavors"]  # type: ignore[union-attr]  # it was ordered

    grown, order = change(server, volume_gib=2)
    assert (order.state, grown.spec["volume_gib"]) == (OrderState.COMPLETED, 2)
    resized, order = change(grown, flavor=large, volume_gib=3)
    assert order.state == OrderState.COMPLETED
    again, order = change(resized, flavor=small)

    assert (again.spec["flavor"], again.spec["volume_gib"]) == (small, 3)
    project = again.cloud_project.openstack_project_id
    with operator.connect_as_project({"id": project}) as cloud:
        (there,) = cloud.compute.servers(details=True)
        (volume,) = cloud.block_storage.volumes(details=True)
    assert (there.status, there.flavor["original_name"], volume.size) == ("ACTIVE", small, 3)
    assert there.id == again.cloud_ids["server"]
    spans = UsageSpan.objects.filter(ended_at=None).values_list("sku__code", "quantity")
    assert dict(spans)[f"server.{small}"] == 1
    assert not Operation.objects.exclude(state=OperationState.SUCCEEDED).exists()
