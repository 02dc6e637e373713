"""What passed by a load balancer until it goes is counted, for no cloud tells it afterwards."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils.timezone import now

from billing.meters import Measure
from billing.models import MeasuredUse, MeteredResource, Sku, UsageSample, UsageSpan
from catalog.models import Resource, ResourceState
from portal.cloud.ports import CloudUnavailable
from tests.catalog.volumes.test_networks import BALANCER, CIDR
from tests.factories import priced

pytestmark = pytest.mark.django_db

GIB = 1024**3


@pytest.fixture
def balancer(deliver) -> Resource:
    network = deliver("network", "achter", cidr=CIDR, way_out="outside")
    return deliver("load_balancer", "ingang", network=str(network.public_id), **BALANCER)


@pytest.fixture
def measured(balancer) -> MeasuredUse:
    """Asked for half an hour ago, so that nobody asks again by the clock."""
    priced(**{"load_balancer.traffic": "0.01"})
    asked_at = now().replace(microsecond=0) - timedelta(minutes=30)
    use = MeasuredUse.objects.create(
        resource=MeteredResource.objects.get(public_id=balancer.public_id),
        sku=Sku.objects.get(code="load_balancer.traffic"),
        measure=Measure.TRAFFIC,
        started_at=asked_at,
        tried_at=asked_at,
    )
    UsageSample.objects.create(use=use, measured_at=asked_at, value=0)
    return use


def passed(use):
    return [*UsageSpan.objects.filter(sku=use.sku).values_list("quantity", flat=True)]


def test_traffic_of_the_last_hour_is_charged(balancer, measured, cloud, engine, retire):
    cloud.let_traffic_pass(balancer.cloud_ids["load_balancer"], bytes_in=GIB, bytes_out=4 * GIB)

    retire(balancer)
    engine.run()

    balancer.refresh_from_db()
    measured.refresh_from_db()
    assert balancer.state == ResourceState.RETIRED
    assert passed(measured) == [Decimal(5)]
    assert measured.ended_at is not None


@pytest.mark.parametrize("fault", [CloudUnavailable("down"), ZeroDivisionError("a bug")])
def test_what_goes_wrong_in_counting_keeps_nobody_from_removing(
    balancer, measured, cloud, engine, retire, fault
):
    cloud.fail_next("load_balancer_traffic", fault)

    retire(balancer)
    engine.run()

    balancer.refresh_from_db()
    assert balancer.state == ResourceState.RETIRED
    assert passed(measured) == []
