"""The steps that make a network of one resource's own, and those that remove it.

The network that all servers of a project share is made in ``cloud_project``.
"""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

from catalog.kinds.base import Done, Outcome, StepContext, StepDefinition
from catalog.kinds.parts import Part, Record, called
from catalog.kinds.steps.removal import delete_all
from portal.cloud.ports import CloudObject, Listing, NetworkSpec

OUTSIDE: Final = "outside"


def _spec(context: StepContext) -> NetworkSpec:
    return NetworkSpec(name=context.name, cidr=context.spec["cidr"])


def _run_network(context: StepContext) -> Outcome:
    project, cloud, marker = context.project, context.cloud, context.marker("network")
    network = context.ensure(
        find=lambda: cloud.find_networks(project, marker),
        create=lambda: cloud.create_network(project, _spec(context), marker),
        remove=lambda double: cloud.delete_network(project, double.id),
    )
    return Done(external_id=network.id)


def _run_subnet(context: StepContext) -> Outcome:
    project, cloud, marker = context.project, context.cloud, context.marker("subnet")
    network_id = context.cloud_ids["network"]
    subnet = context.ensure(
        find=lambda: cloud.find_subnets(project, marker),
        create=lambda: cloud.create_subnet(project, network_id, _spec(context), marker),
        remove=lambda double: cloud.delete_subnet(project, double.id),
    )
    return Done(external_id=subnet.id, facts={"cidr": context.spec["cidr"]})


def _run_router(context: StepContext) -> Outcome:
    if context.spec["way_out"] != OUTSIDE:
        return Done()
    project, cloud, marker = context.project, context.cloud, context.marker("router")
    subnet_id = context.cloud_ids["subnet"]

    def remove(double: CloudObject) -> None:
        cloud.remove_router_interface(project, double.id, subnet_id)
        cloud.delete_router(project, double.id)

    router = context.ensure(
        find=lambda: cloud.find_routers(project, marker),
        create=lambda: cloud.create_router(project, context.name, marker),
        remove=remove,
    )
    cloud.ensure_router_interface(project, router.id, subnet_id)
    return Done(external_id=router.id)


def _run_router_gone(context: StepContext) -> Outcome:
    cloud, marker = context.cloud, context.marker("subnet")

    def delete(project: str, router_id: str) -> None:
        for subnet in cloud.find_subnets(project, marker):
            cloud.remove_router_interface(project, router_id, subnet.id)
        cloud.delete_router(project, router_id)

    delete_all(context, "router", cloud.find_routers, delete)
    return Done()


def _run_network_gone(context: StepContext) -> Outcome:
    """Neutron deletes a network's subnets with it; what is still plugged in makes it busy."""
    delete_all(context, "network", context.cloud.find_networks, context.cloud.delete_network)
    return Done()


def _has_way_out(record: Record) -> bool:
    return bool(record.spec["way_out"] == OUTSIDE)


NETWORK_PART: Final = Part(
    key="network", label=_("Network"), listing=Listing.NETWORKS, compared=[called("network")]
)
ROUTER_PART: Final = Part(
    key="router",
    label=_("Way out"),
    listing=Listing.ROUTERS,
    is_expected=_has_way_out,
    compared=[called("router")],
)
NETWORK: Final = StepDefinition(name="network", label=_("Network"), run=_run_network)
SUBNET: Final = StepDefinition(name="subnet", label=_("Addresses"), run=_run_subnet)
ROUTER: Final = StepDefinition(name="router", label=_("Way out"), run=_run_router)
ROUTER_GONE: Final = StepDefinition(name="router", label=_("Way out removed"), run=_run_router_gone)
NETWORK_GONE: Final = StepDefinition(
    name="network", label=_("Network removed"), run=_run_network_gone
)
