"""Something that runs, and asking for it to be otherwise."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils.timezone import localdate

from catalog.models import Offering, OfferingVersion, Operation, Order, Resource
from catalog.services.approvals import approve_order
from catalog.services.changes import place_change
from portal.cloud.models import Flavor
from tests.catalog.provisioning.conftest import Engine, cloud, engine, retire
from tests.factories import OfferingVersionFactory, place, priced
from tests.factories.catalog import SPEC

__all__ = ["cloud", "engine", "retire"]

SERVER_CHOICES = {
    "flavors": ["gp.small", "gp.medium"],
    "images": ["Debian 12"],
    "networks": [
        {"name": "intern", "label_nl": "Intern", "label_en": "Internal", "cidr": "10.20.4.0/24"}
    ],
    "volume_types": ["standard"],
    "volume_gib": {"minimum": 10, "maximum": 500, "default": 40},
}


@pytest.fixture
def version(db: None) -> OfferingVersion:
    """The virtual server, in two sizes."""
    priced(**{"server.gp.small": "38.40", "server.gp.medium": "76.80", "volume.standard": "0.085"})
    version = OfferingVersionFactory(choices=SERVER_CHOICES)
    Flavor.objects.create(
        cloud=version.cloud,
        name="gp.medium",
        vcpus=4,
        memory_mib=8192,
        disk_gib=20,
        openstack_id="flavor-2",
    )
    return version


@pytest.fixture
def volumes(version: OfferingVersion) -> OfferingVersion:
    """The disk of its own."""
    return OfferingVersionFactory(
        offering=Offering.objects.create(code="disk", kind="volume"),
        choices={
            "volume_types": ["standard"],
            "volume_gib": {"minimum": 1, "maximum": 500, "default": 10},
        },
    )


@pytest.fixture
def run(engine: Engine, requester: Any, approver: Any, project: Any) -> Callable[..., Resource]:
    """Orders something and lets the engine come to rest."""

    def deliver(version: OfferingVersion, **changes: Any) -> Resource:
        order = place(requester, project, version, **changes)
        engine.call(approve_order, order.public_id, approver=approver)
        engine.run()
        return Resource.objects.get(order_line__order=order)

    return deliver


@pytest.fixture
def server(run: Callable[..., Resource], version: OfferingVersion) -> Resource:
    """A small server with a disk of 40 GiB, needed for a year."""
    return run(version, name="zaken", spec=SPEC, end_date=localdate() + timedelta(days=365))


@pytest.fixture
def volume(run: Callable[..., Resource], volumes: OfferingVersion) -> Resource:
    """A disk of 10 GiB, needed for a year."""
    end_date = localdate() + timedelta(days=365)
    return run(volumes, name="archief", spec={"volume_gib": 10}, end_date=end_date)


@pytest.fixture
def ask(requester: Any) -> Callable[..., Order]:
    """Orders a change; what is not named stays as it is."""

    def place_one(resource: Resource, **answers: Any) -> Order:
        resource.refresh_from_db()
        order, _is_new = place_change(
            requested_by=requester,
            resource=resource,
            purpose=answers.pop("purpose", "Meer zaken"),
            end_date=answers.pop("end_date", resource.end_date),
            idempotency_key=answers.pop("key", str(uuid4())),
            answers=answers,
        )
        return order

    return place_one


@pytest.fixture
def begin(engine: Engine, approver: Any, ask: Callable[..., Order]) -> Callable[..., Operation]:
    """Orders a change and has it approved; the first message lies ready."""

    def approve(resource: Resource, **answers: Any) -> Operation:
        order = ask(resource, **answers)
        engine.call(approve_order, order.public_id, approver=approver)
        return Operation.objects.get(order_line__order=order)

    return approve


@pytest.fixture
def change(engine: Engine, begin: Callable[..., Operation]) -> Callable[..., Operation]:
    """Orders a change, has it approved, and lets the engine come to rest."""

    def carry_out(resource: Resource, **answers: Any) -> Operation:
        operation = begin(resource, **answers)
        engine.run()
        operation.refresh_from_db()
        resource.refresh_from_db()
        return operation

    return carry_out
