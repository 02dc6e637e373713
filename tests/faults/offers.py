"""What is ordered under faults: of every kind an offering, and what somebody answers for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy
from typing import Any, Final

from catalog.kinds.environment import CHARGED, QUOTA_OF
from catalog.kinds.server_extras import Extra
from catalog.models import Metric, Offering, OfferingVersion
from local.openstack.drivers.trouble import FAILING_NAME
from portal.cloud.models import Flavor
from portal.web.demo.catalogue import WEB_APPLICATION
from tests.factories import OfferingVersionFactory, priced
from tests.real.conftest import order_spec

ENVIRONMENT: Final = "environment"
WEB: Final = "blueprint"
_ROOM: Final = {Metric.SERVERS: 1, Metric.VCPUS: 2, Metric.MEMORY_GIB: 4, Metric.NETWORKS: 2}
_DISKS: Final = {Metric.VOLUMES: 2, Metric.VOLUME_GIB: 4}
_LIMITS: Final = {metric.value: {"minimum": 0, "maximum": 10, "default": 0} for metric in QUOTA_OF}
# Kinds that are made from something that runs: of each, the question what from.
MADE_FROM: Final = {
    "volume_snapshot": "volume",
    "volume_backup": "volume",
    "server_image": "server",
}
_OFFERING_IN_DESIGN: Final = {
    "private-network": "network",
    "volume": "volume",
    "security-group": "security_group",
    "virtual-server": "server",
    "load-balancer": "load_balancer",
    "dns-zone": "dns_zone",
}


def _zone(number: int) -> str:
    return f"zone-{number}-{time.time_ns()}.example.nl"


SPECS: Final[dict[str, Callable[[int], dict[str, Any]]]] = {
    "volume": lambda number: {"volume_gib": 1 + number % 2},
    "network": lambda number: {
        "cidr": f"192.168.{number % 250}.0/24",
        "way_out": ("outside", "none")[number % 2],
    },
    "floating_ip": lambda number: {},
    "security_group": lambda number: {"rules": "tcp 443 0.0.0.0/0\nicmp 10.0.0.0/8"},
    "load_balancer": lambda number: {
        "network": "intern",
        "protocol": "HTTP",
        "port": 80,
        "members": "10.20.4.12:8080\n10.20.4.13:8080",
    },
    "dns_zone": lambda number: {
        "zone": _zone(number),
        "email": "beheer@example.nl",
        "records": "@ A 192.0.2.10\n@ MX 10 mail.example.nl",
    },
    "container": lambda number: {"object_gib": 1},
    ENVIRONMENT: lambda number: {metric.value: 0 for metric in QUOTA_OF} | _ROOM | _DISKS,
}
KINDS: Final = ("server", *(kind for kind in SPECS if kind != ENVIRONMENT))
ALL_KINDS: Final = (*KINDS, ENVIRONMENT, WEB, WEB)  # the second of two wholes is to fail


def spec_for(kind: str, number: int, server: OfferingVersion) -> dict[str, Any]:
    """What is answered for the ``number``-th order, which is of this kind."""
    if kind in SPECS:
        return SPECS[kind](number)
    spec = order_spec(server)
    if kind != WEB:
        return spec
    return {
        "flavor": spec["flavor"],
        "image": spec["image"],
        "ssh_public_key": None,
        "database_gib": 1,
        "zone": _zone(number),
        "email": "beheer@example.nl",
    }


def name_for(kind: str, number: int) -> str:
    """Of every other whole the disks never come: the cloud makes none of that name."""
    if kind == WEB and number % len(ALL_KINDS) == len(ALL_KINDS) - 1:
        return f"{FAILING_NAME}-{number}"
    return f"{kind.replace('_', '-')}-{number}"


def offer_all(server: OfferingVersion) -> dict[str, OfferingVersion]:
    """An offering of every kind; what fails is undone at the next sweep."""
    priced(
        network="1.00",
        router="4.00",
        security_group="0.00",
        floating_ip="2.50",
        load_balancer="18.00",
        dns_zone="0.50",
        object="0.02",
        snapshot="0.05",
        backup="0.03",
        image="0.04",
        **{f"{ENVIRONMENT}.{metric}": "1.00" for metric in CHARGED},
    )
    small, large = _flavors(server)
    choices = {
        **server.choices,
        "flavors": [small, large],
        "extras": [Extra.RESIZE_TRIAL.value, Extra.SECURITY_GROUPS.value],
        "ways_out": ["outside", "none"],
        "object_gib": {"minimum": 1, "maximum": 10, "default": 1},
        "design": _design(),
    }
    return {
        kind: OfferingVersionFactory(
            offering=Offering.objects.create(code=_code(kind), kind=kind),
            cloud=server.cloud,
            choices=_LIMITS if kind == ENVIRONMENT else choices,
            compensate_after_hours=0,
        )
        for kind in dict.fromkeys([*ALL_KINDS, *MADE_FROM])
    }


def _flavors(server: OfferingVersion) -> tuple[str, str]:
    """The size that is ordered, and a larger one to change to."""
    small = server.cloud.flavors.get(name=server.choices["flavors"][0])
    larger = Flavor.objects.filter(
        cloud=server.cloud,
        gone_at=None,
        memory_mib__gt=small.memory_mib,
        disk_gib__gte=small.disk_gib,
    )
    large = larger.order_by("memory_mib", "pk")[0].name
    priced(**{f"server.{large}": "76.80"})
    return small.name, large


def _design() -> dict[str, Any]:
    """The demonstration's web application, of what is offered here and with the least of it."""
    design: dict[str, Any] = deepcopy(WEB_APPLICATION)
    for part in design["parts"]:
        kind = _OFFERING_IN_DESIGN[part["offering"]]
        part["offering"] = _code(kind)
        if kind == "server":
            part["spec"]["volume_gib"] = 1
    return design


def _code(kind: str) -> str:
    return f"faulty-{kind.replace('_', '-')}"
