"""Somebody changes things behind our back on the real OpenStack, and we find it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import quote

import pytest
from openstack.connection import Connection

from billing.models import UsageSpan
from catalog.models import (
    Difference,
    Offering,
    Operation,
    OperationKind,
    RepairAction,
    Resource,
    UsageMeasure,
)
from catalog.reconciliation.usage import check_usage
from catalog.services.approvals import approve_order
from catalog.services.drift_repairs import confirm_repair
from catalog.services.resources import retire_resource
from portal.cloud import get_cloud
from portal.cloud.ports import LISTED_PER_PROJECT, CloudRefused, Listing
from portal.identity.models import Role
from tests.factories import OfferingVersionFactory, PersonFactory, grant, place, priced
from tests.factories.drift import proposed
from tests.real.conftest import (
    KEY,
    assert_one_of_everything,
    delivery_of,
    differences_after_two_looks,
    finished,
    listing,
    until,
)

STORED = "Oud archief?x=1 #2 100%25"  # what a container is called, and an object in it

pytestmark = [pytest.mark.real, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def running(worker: Any, approve: Any, looking_at_once: None) -> Resource:
    """A server with a disk, delivered an hour ago."""
    worker.start()
    resource = finished(approve())
    worker.kill()
    return resource


def test_what_was_delivered_differs_in_nothing_until_somebody_changes_it(
    running, operator: Connection
):
    assert differences_after_two_looks() == {}
    check_usage(running.cloud_project.cloud)
    compared = {row.measure: row for row in running.cloud_project.usage_checks.all()}
    assert compared.keys() == {UsageMeasure.SERVER_HOURS, UsageMeasure.VOLUME_GIB}
    assert all(row.told and not row.causes for row in compared.values())

    project = running.cloud_project.openstack_project_id
    with operator.connect_as_project({"id": project}) as cloud:
        operator.block_storage.update_quota_set(project, volumes=5, gigabytes=50)
        strange = cloud.block_storage.create_volume(name="tmp-export", size=1)
        cloud.block_storage.wait_for_status(strange, "available")
        cloud.compute.update_server(running.cloud_ids["server"], name="anders")

    found = differences_after_two_looks()

    assert found.keys() == {("unknown", "", ""), ("differs", "server", "name")}
    assert found["unknown", "", ""].openstack_id == strange.id
    assert found["differs", "server", "name"].theirs == "anders"
    for which in sorted(set(Listing) - LISTED_PER_PROJECT):
        # Others work in the same cloud: there is a moment in which they begin and end nothing.
        until(partial(pages_of_one_bring_what_one_large_page_brings, which), f"a still {which}")


def pages_of_one_bring_what_one_large_page_brings(which: Listing) -> bool:
    cloud = get_cloud(KEY)
    whole = {thing.id: thing.project for thing in cloud.list_page(which).things}
    assert all(whole.values()), which

    paged, after = {}, ""
    for _ in range(len(whole) + 2):
        try:
            page = cloud.list_page(which, after=after, limit=1)
        except CloudRefused:  # what it should go on after is gone
            return False
        paged.update({thing.id: thing.project for thing in page.things})
        after = page.after
        if not after:
            break
    return paged == whole


@pytest.fixture
def decide(project: Any) -> Callable[[Difference, RepairAction], None]:
    """One operator proposes, another agrees."""
    pair = [PersonFactory(), PersonFactory()]
    for person in pair:
        grant(person, Role.OPERATOR, project.parent)

    def agree(difference: Difference, action: RepairAction) -> None:
        repair = proposed(difference, pair[0], action)
        confirm_repair(repair.public_id, actor=pair[1])

    return agree


@pytest.fixture
def container(
    running: Resource, worker: Any, requester: Any, approver: Any, project: Any
) -> Resource:
    """One of ours in the project of the server; only where there is one are they listed."""
    priced(object="0.02")
    version = OfferingVersionFactory(
        cloud=running.cloud_project.cloud,
        offering=Offering.objects.create(code="object-storage", kind="container"),
        choices={"object_gib": {"minimum": 1, "maximum": 10, "default": 1}},
    )
    order = place(requester, project, version, name="archief", spec={"object_gib": 1})
    approve_order(order.public_id, approver=approver)
    worker.start()
    made = finished(delivery_of(order))
    worker.kill()
    return made


@pytest.fixture
def behind_our_back(running: Resource, container: Resource, operator: Connection) -> dict[str, str]:
    """What somebody makes past the portal in a project with a container; the ids by kind."""
    priced(network="1.00", router="4.00")
    project, spec = running.cloud_project.openstack_project_id, running.spec
    operator.compute.update_quota_set(project, user=None, force=True, instances=5, cores=9)
    operator.compute.update_quota_set(project, user=None, force=True, ram=32768)
    operator.block_storage.update_quota_set(project, volumes=5, gigabytes=50)
    operator.network.update_quota(project, networks=5, routers=5)
    with operator.connect_as_project({"id": project}) as cloud:
        disk = cloud.block_storage.create_volume(name="tmp-export", size=1)
        network = cloud.network.create_network(name="zijpad")
        router = cloud.network.create_router(name="omweg")
        cloud.object_store.create_container(quote(STORED))
        cloud.object_store.create_object(quote(STORED), quote(STORED), data=b"tekst")
        server = cloud.compute.create_server(
            name="schaduw",
            flavor_id=cloud.compute.find_flavor(spec["flavor"]).id,
            image_id=cloud.image.find_image(spec["image"]).id,
            networks=[{"uuid": running.cloud_ids["network"]}],
        )
        cloud.compute.wait_for_server(server)
        cloud.block_storage.wait_for_status(disk, "available")
    return {
        "server": server.id,
        "volume": disk.id,
        "network": network.id,
        "router": router.id,
        "container": STORED,
    }


def test_what_was_made_behind_our_back_is_adopted_charged_and_cleaned_up(
    running, container, behind_our_back, decide, worker, requester, operator
):
    differences_after_two_looks()
    strange = Difference.objects.filter(kind="unknown", state="open")
    assert {row.openstack_id for row in strange} == set(behind_our_back.values())

    for difference in strange:
        decide(difference, RepairAction.ADOPT)

    adopted = list(Resource.objects.filter(order_line=None))
    ids = {one.kind: one.cloud_ids[one.kind] for one in adopted}
    assert ids == behind_our_back
    for one in adopted:
        spans = UsageSpan.objects.filter(resource__public_id=one.public_id, ended_at=None)
        assert spans.count() == 1
    assert differences_after_two_looks() == {}

    operations = [
        retire_resource(one.public_id, actor=requester, confirmation=one.name) for one in adopted
    ]
    worker.start()
    for operation in operations:
        finished(operation)

    there = listing(operator, running.cloud_project.openstack_project_id)
    assert not set(behind_our_back.values()) & set.union(*there.values())
    project = {"id": running.cloud_project.openstack_project_id}
    with operator.connect_as_project(project) as cloud:
        assert [found.name for found in cloud.object_store.containers()] == [container.name]
        cloud.object_store.delete_container(container.name)
    open_spans = UsageSpan.objects.filter(ended_at=None)
    kept = {running.public_id, container.public_id}
    assert {span.resource.public_id for span in open_spans} == kept
    assert_one_of_everything(operator, running)


def test_server_that_was_deleted_behind_our_back_is_found_and_made_again(
    running, operator, decide, worker
):
    lost, disk = running.cloud_ids["server"], running.cloud_ids["volume"]
    operator.compute.delete_server(lost)
    operator.compute.wait_for_delete(operator.compute.get_server(lost))
    found = differences_after_two_looks()
    assert found.keys() == {("charged_but_absent", "server", "")}

    decide(found["charged_but_absent", "server", ""], RepairAction.RECREATE)
    assert not UsageSpan.objects.filter(ended_at=None).exists()
    worker.start()
    again = finished(Operation.objects.get(kind=OperationKind.RECREATE))
    worker.kill()

    assert again.cloud_ids["server"] != lost
    assert again.cloud_ids["volume"] == disk
    assert_one_of_everything(operator, again)
    assert UsageSpan.objects.filter(ended_at=None).count() == 2
    assert differences_after_two_looks() == {}
