"""A web application on offer: the demonstration's own design, with its parts."""

from __future__ import annotations

from typing import Any

import pytest

from catalog.models import (
    Assembly,
    Offering,
    OfferingVersion,
    Operation,
    OperationKind,
    Order,
    Resource,
    Step,
    StepState,
)
from catalog.services.approvals import approve_order
from portal.web.demo.catalogue import WEB_APPLICATION
from tests.catalog.provisioning.conftest import Engine, cloud, engine
from tests.factories import OfferingVersionFactory, place, priced

__all__ = ["cloud", "engine"]

ANSWERS = {
    "flavor": "gp.small",
    "image": "Debian 12",
    "ssh_public_key": None,
    "database_gib": 20,
    "zone": "loket.example.nl",
    "email": "beheer@example.nl",
}
PARTS = {
    "private-network": ("network", {"ways_out": ["outside", "none"]}),
    "volume": (
        "volume",
        {
            "volume_types": ["standard"],
            "volume_gib": {"minimum": 1, "maximum": 100, "default": 5},
        },
    ),
    "security-group": ("security_group", {}),
    "load-balancer": ("load_balancer", None),
    "dns-zone": ("dns_zone", {}),
}


@pytest.fixture
def version(db: None) -> OfferingVersion:
    """The virtual server, with prices, that may be in security groups of the project."""
    priced()
    choices = OfferingVersionFactory.choices
    return OfferingVersionFactory(choices={**choices, "extras": ["security_groups"]})


@pytest.fixture
def parts(version: OfferingVersion) -> list[OfferingVersion]:
    """Everything that a web application is made of, beside the virtual server."""
    priced(
        network="1.00", router="4.00", security_group="0.00", load_balancer="18.00", dns_zone="0.50"
    )
    return [
        OfferingVersionFactory(
            offering=Offering.objects.create(code=code, kind=kind, position=2),
            cloud=version.cloud,
            name_en=code,
            name_nl=code,
            choices=version.choices if choices is None else choices,
        )
        for code, (kind, choices) in PARTS.items()
    ]


@pytest.fixture
def blueprint(version: OfferingVersion, parts: list[OfferingVersion]) -> OfferingVersion:
    return OfferingVersionFactory(
        offering=Offering.objects.create(code="web-application", kind="blueprint", position=9),
        cloud=version.cloud,
        name_en="Web application",
        name_nl="Webapplicatie",
        choices={"design": WEB_APPLICATION},
    )


@pytest.fixture
def order(requester: Any, project: Any, blueprint: OfferingVersion) -> Order:
    return place(requester, project, blueprint, name="zaak", spec=ANSWERS)


class Whole:
    """What was ordered, and how each of its parts is by now."""

    def __init__(self, order: Order, engine: Engine) -> None:
        self.order, self.engine = order, engine

    @property
    def assembly(self) -> Assembly:
        return Assembly.objects.get(order=self.order)

    def part(self, key: str) -> Resource:
        return Resource.objects.get(order_line__order=self.order, order_line__part=key)

    def delivery(self, key: str) -> Operation:
        return self.part(key).operations.get(kind=OperationKind.PROVISION)

    def states(self) -> dict[str, str]:
        resources = Resource.objects.filter(order_line__order=self.order)
        return dict(resources.values_list("order_line__part", "state"))

    def steps_left(self) -> dict[str, list[str]]:
        """By part, what is still to be done for its delivery."""
        left: dict[str, list[str]] = {key: [] for key in self.states()}
        steps = Step.objects.exclude(state=StepState.DONE).order_by("operation", "position")
        for key, name in steps.values_list("operation__resource__order_line__part", "name"):
            left[key].append(name)
        return left

    def order_state(self) -> str:
        return Order.objects.get(pk=self.order.pk).state


@pytest.fixture
def approved(order: Order, engine: Engine, approver: Any) -> Whole:
    """Approved; the first messages lie ready."""
    engine.call(approve_order, order.public_id, approver=approver)
    return Whole(order, engine)


@pytest.fixture
def delivered(approved: Whole) -> Whole:
    approved.engine.run()
    return approved
