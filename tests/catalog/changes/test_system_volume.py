"""The disk of the system grows as the disk for data does."""

from __future__ import annotations

import pytest

from billing.models import UsageSpan
from catalog.models import OperationState, OrderState
from catalog.services.changes import changeable_parameters
from catalog.services.operations import abandon_operation
from portal.cloud.ports import CloudRefused
from portal.core.errors import InvalidInput
from tests.factories import reoffered
from tests.factories.catalog import SPEC

pytestmark = pytest.mark.django_db


@pytest.fixture
def version(version):
    return reoffered(version, extras=["system_volume"])


@pytest.fixture
def server(run, version):
    return run(version, name="zaken", spec={**SPEC, "system_gib": 20})


def size(cloud, server):
    return cloud.things[server.cloud_ids["system_volume"]].details["size_gib"]


def test_disk_of_the_system_grows_while_it_is_used(change, cloud, server):
    operation = change(server, system_gib=30)

    assert operation.state == OperationState.SUCCEEDED
    assert [step.name for step in operation.steps.all()] == ["room", "system_extension"]
    assert size(cloud, server) == server.spec["system_gib"] == 30
    spans = UsageSpan.objects.filter(resource__public_id=server.public_id, ended_at=None)
    assert dict(spans.values_list("sku__code", "quantity"))["volume.standard"] == 70


def test_both_disks_grow_in_one_change(change, cloud, server):
    change(server, system_gib=30, volume_gib=50)

    assert (size(cloud, server), server.spec["volume_gib"]) == (30, 50)
    assert cloud.calls["extend_volume"] == 2


def test_lost_answer_is_looked_after(change, cloud, server):
    cloud.lose_next_reply("extend_volume")

    assert change(server, system_gib=30).state == OperationState.SUCCEEDED
    assert (size(cloud, server), cloud.calls["extend_volume"]) == (30, 1)


def test_change_that_is_given_up_leaves_what_the_cloud_has(
    change, cloud, server, engine, requester
):
    cloud.fail_next("extend_volume", CloudRefused("the storage is full"))
    failed = change(server, system_gib=30)
    assert failed.state == OperationState.FAILED

    engine.call(abandon_operation, failed.public_id, actor=requester)
    engine.run()

    server.refresh_from_db()
    failed.order_line.order.refresh_from_db()
    assert server.spec["system_gib"] == size(cloud, server) == 20
    assert failed.order_line.order.state == OrderState.CANCELED


def test_it_does_not_shrink(ask, server):
    with pytest.raises(InvalidInput):
        ask(server, system_gib=10)


def test_server_with_a_disk_of_its_own_is_not_asked(run, version):
    plain = run(version, name="plat", spec=SPEC)

    assert "system_gib" not in {item.name for item in changeable_parameters(plain)}
