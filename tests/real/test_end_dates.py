"""A server past its end date on the real OpenStack: off, and after the grace gone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now
from openstack.connection import Connection

from catalog.models import Ending, OperationKind, Resource, ResourceState
from catalog.services.end_dates import retire_ended
from catalog.tasks import mind_end_dates
from portal.core.calendar import day_of
from tests.real.conftest import differences_after_two_looks, finished, listing

pytestmark = [pytest.mark.real, pytest.mark.django_db(transaction=True)]


def test_server_is_stopped_after_its_term_and_gone_after_the_grace(
    worker: Any, approve: Any, operator: Connection, looking_at_once: None
) -> None:
    worker.start()
    server = finished(approve())
    project = server.cloud_project.openstack_project_id
    Resource.objects.filter(pk=server.pk).update(end_date=day_of(now()) - timedelta(days=1))

    mind_end_dates()

    ending = Ending.objects.get(resource=server)
    stopped = finished(ending.stop)
    assert (stopped.state, stopped.facts["status"]) == (ResourceState.ACTIVE, "SHUTOFF")
    assert operator.compute.get_server(server.cloud_ids["server"]).status == "SHUTOFF"
    assert differences_after_two_looks() == {}

    assert retire_ended(at=now() + timedelta(days=13)) == 0
    assert retire_ended(at=now() + timedelta(days=14)) == 1

    gone = finished(server.operations.get(kind=OperationKind.RETIRE))
    assert gone.state == ResourceState.RETIRED
    left = listing(operator, project)
    assert (left["servers"], left["volumes"]) == (set(), set())
    assert differences_after_two_looks() == {}
