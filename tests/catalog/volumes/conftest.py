"""A project with a server and a disk that run, and everything that can be made of what runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from catalog.models import Offering, OfferingVersion, Operation, Order, Resource
from catalog.services.approvals import approve_order
from catalog.services.resources import act_on_resource
from tests.catalog.provisioning.conftest import Engine, cloud, engine, retire
from tests.factories import OfferingVersionFactory, place, priced
from tests.factories.catalog import SPEC

__all__ = ["cloud", "engine", "retire"]

PRICES = {
    "server.gp.small": "38.40",
    "volume.standard": "0.085",
    "volume.fast": "0.200",
    "snapshot": "0.050",
    "backup": "0.030",
    "image": "0.040",
    "floating_ip": "2.90",
    "network": "1.00",
    "router": "4.00",
    "load_balancer": "18.00",
}


@pytest.fixture
def offerings(db: None) -> Mapping[str, OfferingVersion]:
    """One of each kind that has to do with others of the project."""
    priced(**PRICES)
    server = OfferingVersionFactory()
    cloud = server.cloud
    cloud.volumetypes.create(name="fast", openstack_id="type-2")
    disks = {
        "volume_types": ["standard", "fast"],
        "volume_gib": {"minimum": 1, "maximum": 500, "default": 10},
    }
    choices: dict[str, Any] = {
        "volume": disks,
        "volume_snapshot": {},
        "volume_backup": {},
        "server_image": {},
        "floating_ip": {},
        "network": {"ways_out": ["outside", "none"]},
        "load_balancer": server.choices,
    }
    made = {
        kind: OfferingVersionFactory(
            offering=Offering.objects.create(code=kind.replace("_", "-"), kind=kind, position=2),
            cloud=cloud,
            name_nl=kind,
            name_en=kind,
            choices=choice,
        )
        for kind, choice in choices.items()
    }
    return {"server": server, **made}


@pytest.fixture
def ask(requester: Any, project: Any, offerings: Any) -> Callable[..., Order]:
    """Orders something of a kind."""

    def order(kind: str, name: str, **spec: Any) -> Order:
        return place(requester, project, offerings[kind], name=name, spec=spec)

    return order


@pytest.fixture
def deliver(engine: Engine, approver: Any, ask: Callable[..., Order]) -> Callable[..., Resource]:
    """Orders something, approves it and lets the engine come to rest."""

    def run(kind: str, name: str, **spec: Any) -> Resource:
        order = ask(kind, name, **spec)
        engine.call(approve_order, order.public_id, approver=approver)
        engine.run()
        return Resource.objects.get(order_line__order=order)

    return run


@pytest.fixture
def server(deliver: Callable[..., Resource]) -> Resource:
    return deliver("server", "web-1", **{**SPEC, "volume_gib": 10})


@pytest.fixture
def disk(deliver: Callable[..., Resource]) -> Resource:
    return deliver("volume", "archief", volume_gib=20, volume_type="standard")


@pytest.fixture
def snapshot(deliver: Callable[..., Resource], disk: Resource) -> Resource:
    return deliver("volume_snapshot", "voor-de-wijziging", volume=str(disk.public_id))


@pytest.fixture
def act(engine: Engine, requester: Any) -> Callable[..., Operation]:
    """Asks for an action on something, and lets the engine come to rest."""

    def carry_out(resource: Resource, action: str, **answers: Any) -> Operation:
        operation = engine.call(
            act_on_resource,
            resource.public_id,
            action=action,
            actor=requester,
            answers=answers,
        )
        engine.run()
        operation.refresh_from_db()
        resource.refresh_from_db()
        return operation

    return carry_out


@pytest.fixture
def attached(act: Callable[..., Operation], disk: Resource, server: Resource) -> Resource:
    """The disk, with the server that uses it."""
    act(disk, "attach", server=str(server.public_id))
    return disk
