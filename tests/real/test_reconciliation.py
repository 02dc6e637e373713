"""Somebody changes things behind our back on the real OpenStack, and we find it."""

from __future__ import annotations

from typing import Any

import pytest
from openstack.connection import Connection

from catalog.models import Resource
from portal.cloud import get_cloud
from portal.cloud.ports import LISTED_PER_PROJECT, Listing
from tests.real.conftest import KEY, differences_after_two_looks, finished

pytestmark = [pytest.mark.real, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def running(worker: Any, approve: Any, looking_at_once: None) -> Resource:
    """A server with a disk, delivered an hour ago."""
    worker.start()
    resource = finished(approve())
    worker.kill()
    return resource


def test_what_was_delivered_differs_in_nothing(running):
    assert differences_after_two_looks() == {}


def test_server_that_is_deleted_behind_our_back_is_found(running, operator: Connection):
    operator.compute.delete_server(running.cloud_ids["server"])
    operator.compute.wait_for_delete(operator.compute.get_server(running.cloud_ids["server"]))

    found = differences_after_two_looks()

    assert found.keys() == {("charged_but_absent", "server", "")}


def test_disk_that_nobody_ordered_and_server_that_was_renamed_are_found(
    running, operator: Connection
):
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


@pytest.mark.parametrize("listing", [item for item in Listing if item not in LISTED_PER_PROJECT])
def test_pages_of_one_bring_what_one_large_page_brings(running, listing):
    cloud = get_cloud(KEY)
    whole = {thing.id: thing.project for thing in cloud.list_page(listing).things}

    paged, after = {}, ""
    for _ in range(len(whole) + 2):
        page = cloud.list_page(listing, after=after, limit=1)
        paged.update({thing.id: thing.project for thing in page.things})
        after = page.after
        if not after:
            break

    assert paged == whole
    assert all(whole.values())
