"""From an approved order to a running server, and back to nothing."""

from __future__ import annotations

import pytest

from billing.models import UsageSpan
from catalog.models import OperationState, OrderState, ResourceState

pytestmark = pytest.mark.django_db


def test_an_approved_order_becomes_a_running_server(engine, cloud, approved, resource):
    engine.run()

    approved.refresh_from_db()
    resource.refresh_from_db()
    assert approved.state == OrderState.COMPLETED
    assert resource.state == ResourceState.ACTIVE
    (server,) = cloud.of("server", resource.cloud_project.openstack_project_id)
    assert (server.name, server.status) == (resource.name, "ACTIVE")
    assert resource.cloud_ids["server"] == server.id
    assert server.details["volume_ids"] == [resource.cloud_ids["volume"]]
