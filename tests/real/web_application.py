"""The demonstration's web application, with the smallest of everything that the cloud has."""

from __future__ import annotations

from copy import deepcopy
from typing import Any
from uuid import uuid4

from catalog.models import Offering, OfferingVersion
from portal.web.demo.catalogue import WEB_APPLICATION
from tests.factories import OfferingVersionFactory, priced
from tests.real.conftest import order_spec

OFFERED = {
    "private-network": "network",
    "volume": "volume",
    "security-group": "security_group",
    "load-balancer": "load_balancer",
    "dns-zone": "dns_zone",
}


def make_blueprint(server: OfferingVersion) -> OfferingVersion:
    """Offer the blueprint and its parts beside the server that they contain two of."""
    priced(
        network="1.00", router="4.00", security_group="0.00", load_balancer="18.00", dns_zone="0.50"
    )
    for code, kind in OFFERED.items():
        OfferingVersionFactory(
            offering=Offering.objects.create(code=code, kind=kind),
            cloud=server.cloud,
            choices={**server.choices, "ways_out": ["outside", "none"]},
        )
    design = deepcopy(WEB_APPLICATION)
    for part in design["parts"]:
        if "volume_gib" in part["spec"] and part["offering"] == "virtual-server":
            part["spec"]["volume_gib"] = 1
    return OfferingVersionFactory(
        offering=Offering.objects.create(code="web-application", kind="blueprint"),
        cloud=server.cloud,
        choices={"design": design},
    )


def answers(server: OfferingVersion) -> dict[str, Any]:
    """To what the blueprint asks; each time another domain name."""
    chosen = order_spec(server)
    return {
        "flavor": chosen["flavor"],
        "image": chosen["image"],
        "ssh_public_key": None,
        "database_gib": 2,
        "zone": f"{uuid4().hex}.example.nl",
        "email": "beheer@example.nl",
    }
