"""What runs becomes larger on the real OpenStack, and is found as large by who compares."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openstack.connection import Connection

from billing.models import UsageSpan
from catalog.kinds.server_extras import Extra
from catalog.models import Operation, OperationKind, Order, OrderState, Resource
from catalog.services.approvals import approve_order
from catalog.services.trials import end_trial, trial_of
from catalog.services.undoing import cancel_operation
from portal.cloud.models import CloudProject, Flavor
from tests.factories import OfferingVersionFactory, place, priced, withdrawn
from tests.real.conftest import (
    delivery_of,
    finished,
    order_spec,
    remove_project,
    smallest_version,
    until,
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
    choices = {
        **version.choices,
        "flavors": [small.name, large.name],
        "extras": [Extra.RESIZE_TRIAL.value],
    }
    version = OfferingVersionFactory(
        offering=withdrawn(version).offering, cloud=version.cloud, choices=choices
    )
    worker.start()
    order = place(requester, project, version, name="groeit", spec=order_spec(version))
    yield finished(delivery_of(approve_order(order.public_id, approver=approver)))
    for cloud_project in CloudProject.objects.exclude(openstack_project_id=""):
        remove_project(operator, cloud_project.openstack_project_id)


@pytest.fixture
def begin(become: Callable[..., Operation]) -> Callable[..., Operation]:
    """Orders a change, approves it and waits until somebody may judge another size."""

    def ask(resource: Resource, **answers: Any) -> Operation:
        operation = become(resource, **answers)
        if "flavor" in answers:
            until(lambda: trial_of(Operation.objects.get(pk=operation.pk)), "it may be judged")
        return operation

    return ask


def test_server_and_its_disk_grow_while_it_is_used(
    server: Resource, begin: Callable[..., Operation], requester: Any, operator: Connection
) -> None:
    small, large = server.order_line.offering_version.choices["flavors"]  # type: ignore[union-attr]  # it was ordered

    grown = finished(begin(server, volume_gib=2))
    assert grown.spec["volume_gib"] == 2
    trial = begin(grown, flavor=large, volume_gib=3)
    kept = finished(end_trial(trial.public_id, actor=requester))
    assert (kept.spec["flavor"], kept.spec["volume_gib"]) == (large, 3)
    trial = begin(kept, flavor=small)
    cancel_operation(trial.public_id, actor=requester)
    again = finished(Operation.objects.get(kind=OperationKind.REVERT))

    assert (again.spec["flavor"], again.spec["volume_gib"]) == (large, 3)
    project = again.cloud_project.openstack_project_id
    with operator.connect_as_project({"id": project}) as cloud:
        (there,) = cloud.compute.servers(details=True)
        (volume,) = cloud.block_storage.volumes(details=True)
    assert (there.status, there.flavor["original_name"], volume.size) == ("ACTIVE", large, 3)
    assert there.id == again.cloud_ids["server"]
    spans = UsageSpan.objects.filter(ended_at=None).values_list("sku__code", "quantity")
    assert dict(spans)[f"server.{large}"] == 1
    ended = Order.objects.order_by("pk").values_list("state", flat=True)
    assert list(ended) == [*[OrderState.COMPLETED] * 3, OrderState.CANCELED]
