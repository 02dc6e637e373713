"""Steps that several kinds share: what a cloud project has once, for everything in it."""

from __future__ import annotations

from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from catalog.kinds.base import Done, StepContext, StepDefinition
from catalog.kinds.networks import QUESTION
from catalog.kinds.steps.chosen_network import private_network
from portal.cloud.ports import Listing, NetworkSpec, SecurityRule

SSH_PORT: Final = 22


# What a project has once, and its resources share: how the part in its mark begins.
SHARED_MARKS: Final = {
    Listing.NETWORKS: "network",
    Listing.ROUTERS: "router",
    Listing.SECURITY_GROUPS: "security-group",
}


def _run_project(context: StepContext) -> Done:
    """Make or find the Keystone project and make room in it, for all of an order at once.

    Its name is unique in the domain, so two of them cannot come into being.
    """
    project = context.project
    if not project:
        made = context.cloud.create_project(
            domain_name=context.domain,
            name=context.marker("project", shared=True),
            description=str(context.cloud_project_id),
        )
        project = made.id
    context.push_quota(project)
    return Done(external_id=project, project=project)


def _run_network(context: StepContext) -> Done:
    own = private_network(context)
    if own:
        return Done(external_id=own.openstack_id)
    spec = network_spec(context)
    project, cloud = context.project, context.cloud
    network_marker = context.marker(f"network-{spec.name}", shared=True)
    router_marker = context.marker("router", shared=True)
    network = context.ensure(
        find=lambda: cloud.find_networks(project, network_marker),
        create=lambda: cloud.create_network(project, spec, network_marker),
        remove=lambda double: cloud.delete_network(project, double.id),
        shared=True,
    )
    subnet = context.ensure(
        find=lambda: cloud.find_subnets(project, network_marker),
        create=lambda: cloud.create_subnet(project, network.id, spec, network_marker),
        remove=lambda double: cloud.delete_subnet(project, double.id),
        shared=True,
    )
    router = context.ensure(
        find=lambda: cloud.find_routers(project, router_marker),
        create=lambda: cloud.create_router(project, "router", router_marker),
        remove=lambda double: cloud.delete_router(project, double.id),
        shared=True,
    )
    cloud.ensure_router_interface(project, router.id, subnet.id)
    return Done(external_id=network.id)


def _run_security_group(context: StepContext) -> Done:
    """One group for all servers of the project: its own network may log in, all may go out.

    Neutron lets everything out of a new group by itself.
    """
    project, cloud = context.project, context.cloud
    marker = context.marker("security_group", shared=True)
    group = context.ensure(
        find=lambda: cloud.find_security_groups(project, marker),
        create=lambda: cloud.create_security_group(project, "servers", marker),
        remove=lambda double: cloud.delete_security_group(project, double.id),
        shared=True,
    )
    login = SecurityRule(
        direction="ingress",
        protocol="tcp",
        port_min=SSH_PORT,
        port_max=SSH_PORT,
        remote_cidr=network_spec(context).cidr,
    )
    cloud.ensure_security_rules(project, group.id, [login])
    return Done(external_id=group.id)


def _run_quota(context: StepContext) -> Done:
    if context.project:
        context.push_quota(context.project)
    return Done()


def network_spec(context: StepContext) -> NetworkSpec:
    """The network that the spec names, as the offering describes it or as it was made."""
    own = private_network(context)
    if own:
        return NetworkSpec(name=own.openstack_id, cidr=own.cidr)
    networks: list[dict[str, Any]] = context.settings["networks"]
    cidrs = {network["name"]: network["cidr"] for network in networks}
    name = context.spec[QUESTION]
    return NetworkSpec(name=name, cidr=cidrs[name])


PROJECT: Final = StepDefinition(
    name="project",
    label=_("Room in the cloud"),
    run=_run_project,
    exclusive=True,
    alike=frozenset(),
    uses=frozenset(),
)
NETWORK: Final = StepDefinition(
    name="network",
    label=_("Network"),
    run=_run_network,
    exclusive=True,
    alike=frozenset({QUESTION}),
)
SECURITY_GROUP: Final = StepDefinition(
    name="security_group",
    label=_("Security group"),
    run=_run_security_group,
    exclusive=True,
    alike=frozenset({QUESTION}),
)
ROOM: Final = StepDefinition(
    name="room", label=_("Room in the cloud"), run=_run_quota, exclusive=True
)
QUOTA: Final = StepDefinition(
    name="quota", label=_("Room given back"), run=_run_quota, exclusive=True
)
