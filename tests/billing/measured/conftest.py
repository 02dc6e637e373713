"""A container and a load balancer of one project, of which the cloud counts the bytes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from uuid import uuid4

import pytest

from billing.meters import Measure, Meter
from billing.models import MeasuredUse, PriceUnit, UsageSpan
from billing.services import sampling
from billing.services.measuring import take_sample
from billing.services.metering import UsageTime, start_metering
from portal.cloud.fake import FakeCloud
from portal.cloud.models import Cloud, CloudProject
from portal.cloud.ports import ContainerSpec, LoadBalancerSpec, NetworkSpec
from portal.core.calendar import start_of_day
from portal.identity.models import Project
from tests.factories import CloudFactory, make_project
from tests.factories.billing import set_price

NOON = start_of_day(date(2026, 11, 23)) + timedelta(hours=12)
HOUR = timedelta(hours=1)
GIB = 1024**3
STORED = Meter.measured("object.used", Measure.STORED)
TRAFFIC = Meter.measured("load_balancer.traffic", Measure.TRAFFIC)

Start = Callable[[Meter], MeasuredUse]


def at(moment: datetime) -> UsageTime:
    return UsageTime(cloud=None, intended=moment, observed=moment)


def hours(number: float) -> datetime:
    """So many hours after noon."""
    return NOON + timedelta(hours=number)


def tell(use: MeasuredUse, moment: datetime, value: int) -> bool:
    """The cloud was asked at that moment, and told this."""
    MeasuredUse.objects.filter(pk=use.pk).update(tried_at=moment)
    return take_sample(use.pk, measured_at=moment, value=value)


def spans(use: MeasuredUse) -> list[tuple[object, ...]]:
    rows = UsageSpan.objects.filter(resource=use.resource, sku=use.sku).order_by("started_at")
    return list(rows.values_list("quantity", "started_at", "ended_at"))


@pytest.fixture
def project(db: None) -> Project:
    set_price("0.021", sku="object.used", unit=PriceUnit.GIB_MONTH)
    set_price("0.01", sku="load_balancer.traffic", unit=PriceUnit.GIB)
    return make_project()


@pytest.fixture
def model(db: None) -> Cloud:
    return CloudFactory()


@pytest.fixture
def start(project: Project, model: Cloud) -> Start:
    """Begin to meter a resource at noon."""

    def call(meter: Meter, openstack_id: str = "archief") -> MeasuredUse:
        resource = start_metering(
            public_id=uuid4(),
            project=project,
            cloud=model,
            kind="container",
            name=openstack_id,
            openstack_id=openstack_id,
            meters=[meter],
            time=at(NOON),
        )
        return resource.measured_uses.get()

    return call


@pytest.fixture
def stored(start: Start) -> MeasuredUse:
    return start(STORED)


@pytest.fixture
def traffic(start: Start) -> MeasuredUse:
    return start(TRAFFIC)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> FakeCloud:
    fake = FakeCloud()
    monkeypatch.setattr(sampling, "get_cloud", lambda key: fake)
    return fake


@pytest.fixture
def place(cloud: FakeCloud, project: Project, model: Cloud) -> str:
    """The project in the cloud, with a container and a load balancer."""
    made = cloud.create_project(domain_name="cloudloket", name="p", description="")
    CloudProject.objects.create(project=project, cloud=model, openstack_project_id=made.id)
    cloud.create_container(made.id, ContainerSpec(name="archief", quota_gib=5), "")
    return made.id


@pytest.fixture
def balancer(cloud: FakeCloud, place: str) -> str:
    network = cloud.create_network(place, NetworkSpec(name="n", cidr="10.0.0.0/24"), "")
    spec = LoadBalancerSpec(
        name="front", network_id=network.id, protocol="TCP", port=80, members=[]
    )
    return cloud.create_load_balancer(place, spec, "").id
