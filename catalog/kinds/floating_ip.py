"""A floating IP: an address of the outside world that the project keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from billing.meters import Meter
from catalog.exit_package.things import Surroundings, Thing
from catalog.exit_package.tofu import Block, block_name
from catalog.kinds.base import (
    ATTACHED_TO,
    Action,
    Done,
    Kind,
    Outcome,
    Plan,
    Spec,
    StepContext,
    StepDefinition,
    attachment_facts,
    first_address,
    register,
)
from catalog.kinds.idle import UNATTACHED
from catalog.kinds.network_code import EXTERNAL
from catalog.kinds.parameters import Parameter
from catalog.kinds.parts import Compared, Finding, Part, Record
from catalog.kinds.server_code import server_code
from catalog.kinds.steps.attachment import can_be_taken_off, is_free, server_parameter
from catalog.kinds.steps.cloud_project import PROJECT, QUOTA
from catalog.kinds.steps.removal import delete_all
from catalog.models import Metric, OfferingVersion
from portal.cloud.ports import CloudMissing, CloudObject, Listing

PART: Final = "floating_ip"


def _run(context: StepContext) -> Outcome:
    project, cloud, marker = context.project, context.cloud, context.marker(PART)
    address = context.ensure(
        find=lambda: cloud.find_floating_ips(project, marker),
        create=lambda: cloud.create_floating_ip(project, marker),
        remove=lambda double: cloud.delete_floating_ip(project, double.id),
    )
    facts = {"addresses": [{"address": address.details["address"], "type": "floating"}]}
    return Done(external_id=address.id, facts=facts)


def _run_gone(context: StepContext) -> Outcome:
    cloud = context.cloud
    delete_all(context, PART, cloud.find_floating_ips, cloud.delete_floating_ip)
    return Done()


def _find(context: StepContext) -> CloudObject:
    """The address of this resource.

    Raises:
        CloudMissing: it is gone.
    """
    found = context.cloud.find_floating_ips(context.project, context.marker(PART))
    if not found:
        raise CloudMissing("the address is gone")
    return found[0]


def _run_attach(context: StepContext) -> Outcome:
    """Neutron does it at once, and once more without harm."""
    port_id = context.cloud_ids_of(context.answers["server"]).get("port")
    if port_id is None:
        raise CloudMissing("the server has no port")
    address = _find(context)
    context.cloud.point_floating_ip(context.project, address.id, port_id)
    return Done(external_id=address.id, facts=attachment_facts(context.answers["server"]))


def _run_detach(context: StepContext) -> Outcome:
    address = _find(context)
    context.cloud.point_floating_ip(context.project, address.id, "")
    return Done(external_id=address.id, facts=attachment_facts(None))


ATTACH: Final = Action(
    label=_("Attach"),
    icon="server",
    consequence=_(
        "The outside world reaches a server of this project at this address, as far as its "
        "security group lets it in."
    ),
    plan=Plan(
        version=1,
        steps=[StepDefinition(name="attach", label=_("Address attached"), run=_run_attach)],
    ),
    is_offered=is_free,
    parameters=[server_parameter()],
)
DETACH: Final = Action(
    label=_("Detach"),
    icon="x",
    consequence=_("From outside nobody reaches the server at this address any more."),
    plan=Plan(
        version=1,
        steps=[StepDefinition(name="detach", label=_("Address detached"), run=_run_detach)],
    ),
    is_offered=can_be_taken_off,
)


def _address(record: Record) -> str | None:
    return next((str(found["address"]) for found in record.facts.get("addresses", [])), None)


def _address_in_cloud(thing: CloudObject) -> str | None:
    return str(thing.details["address"])


def _taken_over(address: str) -> Mapping[str, Any]:
    return {"addresses": [{"address": address, "type": "floating"}]}


@register
class FloatingIp(Kind):
    """Nothing to choose: the address comes from the cloud's external network."""

    key = "floating_ip"
    icon = "world"
    label = _("Public address")
    plans = {
        "provision": Plan(
            version=1,
            steps=[PROJECT, StepDefinition(name=PART, label=_("Public address"), run=_run)],
        ),
        "retire": Plan(
            version=1,
            steps=[
                StepDefinition(name=PART, label=_("Public address given back"), run=_run_gone),
                QUOTA,
            ],
        ),
    }

    actions = {"attach": ATTACH, "detach": DETACH}
    attaches_with = "attach"
    idle_when = UNATTACHED
    parts = [
        Part(
            key=PART,
            label=_("Public address"),
            listing=Listing.FLOATING_IPS,
            compared=[
                Compared(
                    key="address",
                    label=_("Address"),
                    ours=_address,
                    cloud=_address_in_cloud,
                    taken_over=_taken_over,
                )
            ],
        )
    ]
    results = {"address": first_address}

    def parameters(self, version: OfferingVersion) -> list[Parameter]:
        return []

    def quota_demand(self, version: OfferingVersion, spec: Spec) -> dict[Metric, Decimal]:
        return {Metric.FLOATING_IPS: Decimal(1)}

    def meters(self, version: OfferingVersion, spec: Spec) -> list[Meter]:
        return [Meter("floating_ip", Decimal(1))]

    def as_code(self, made: Thing, around: Surroundings) -> Sequence[Block]:
        """Another cloud gives another address; the description says which one this was."""
        name, address = block_name(made), first_address(made)
        attributes = {"pool": EXTERNAL, "description": f"{made.name} {address}".strip()}
        public = Block("openstack_networking_floatingip_v2", name, attributes)
        server = server_code(around.with_id(made.facts.get(ATTACHED_TO)), around)
        if server is None:
            return [public]
        pointed = Block(
            "openstack_networking_floatingip_associate_v2",
            name,
            {"floating_ip": public.ref("address"), "port_id": server.port},
            after=[server.way_out] if server.way_out else [],
        )
        return [public, pointed]

    def summary(self, spec: Spec) -> str:
        return "IPv4"

    def found(self, thing: CloudObject) -> Finding | None:
        port = str(thing.details.get("port_id", ""))
        address = _taken_over(str(thing.details["address"]))
        return Finding(spec={}, facts=address, used_by=[port] if port else [])

    def usage_started_at(self, facts: Mapping[str, Any]) -> datetime | None:
        return None
