"""The steps that make a server, and those that remove whatever there is of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from django.utils.translation import gettext_lazy as _

from catalog.kinds.base import (
    RESERVED_ADDRESS,
    Broken,
    Done,
    Look,
    Outcome,
    StepContext,
    StepDefinition,
    Wait,
)
from catalog.kinds.parts import Compared, Part, Record, called, status
from catalog.kinds.steps import server_group, system_volume
from catalog.kinds.steps.attachment import take_off_gone
from catalog.kinds.steps.chosen_groups import chosen_groups
from catalog.kinds.steps.chosen_image import image_id
from catalog.kinds.steps.first_start import user_data
from catalog.kinds.steps.inventory import openstack_id
from catalog.kinds.steps.power import BOOTS_FROM, IMAGE, SETTLED, VOLUME
from catalog.kinds.steps.removal import delete_all, remaining
from catalog.kinds.steps.volume import find_volume
from portal.cloud.models import Flavor
from portal.cloud.ports import CloudObject, CloudUnavailable, Listing, PortSpec, ServerSpec

NO_HOST: Final = "No valid host"

# --- making one --------------------------------------------------------------------------------


def _run_port(context: StepContext) -> Outcome:
    project, cloud, marker = context.project, context.cloud, context.marker("port")

    def create() -> CloudObject:
        spec = PortSpec(
            name=context.name,
            network_id=context.cloud_ids["network"],
            security_group_ids=[context.cloud_ids["security_group"], *chosen_groups(context)],
            address=fixed_address(context.facts),
        )
        return cloud.create_port(project, spec, marker)

    port = context.ensure(
        find=lambda: cloud.find_ports(project, marker),
        create=create,
        remove=lambda double: cloud.delete_port(project, double.id),
    )
    addresses = cast("list[str]", port.details["addresses"])
    address = next(iter(addresses), "")
    return Done(external_id=port.id, facts={RESERVED_ADDRESS: address})


def fixed_address(facts: Mapping[str, Any]) -> str:
    """Its address in its network, by which others may know it; "" of a new one."""
    listed = [
        found["address"] for found in facts.get("addresses", []) if found.get("type") == "fixed"
    ]
    return next(iter(listed), str(facts.get(RESERVED_ADDRESS, "")))


def _run_server(context: StepContext) -> Outcome:
    project, cloud, marker = context.project, context.cloud, context.marker("server")
    try:
        server = context.ensure(
            find=lambda: cloud.find_servers(project, marker),
            create=lambda: cloud.create_server(project, _server_spec(context), marker),
            remove=lambda double: cloud.delete_server(project, double.id),
        )
    except CloudUnavailable as error:
        if system_volume.PART in context.cloud_ids and not error.outcome_unknown:
            take_off_gone(context, find_volume(context, system_volume.PART))
        raise
    return _judge_server(context, server)


def _server_spec(context: StepContext) -> ServerSpec:
    volume_id = context.cloud_ids.get(system_volume.PART, "")
    return ServerSpec(
        name=context.name,
        flavor_id=openstack_id(Flavor, context, context.spec["flavor"]),
        image_id="" if volume_id else image_id(context),
        boot_volume_id=volume_id,
        port_id=context.cloud_ids["port"],
        server_group_id=context.cloud_ids.get(server_group.PART, ""),
        user_data=user_data(context.spec.get("ssh_public_key"), context.spec.get("user_data")),
    )


def _settle_server(context: StepContext, server_id: str, look: Look) -> Outcome:
    server = look[Listing.SERVERS].get(server_id)
    return _judge_server(context, server) if server else Broken("The server is gone.")


def _judge_server(context: StepContext, server: CloudObject) -> Outcome:
    if server.status == "ERROR":
        return Broken(_why(context, server))
    if server.status != "ACTIVE":
        return Wait(external_id=server.id)
    boots_from = VOLUME if context.cloud_ids.get(system_volume.PART) else IMAGE
    facts = {**server_facts(server), BOOTS_FROM: boots_from}
    return Done(external_id=server.id, facts=facts)


def server_facts(server: CloudObject) -> dict[str, Any]:
    """What people want to know of it."""
    return {
        "status": server.status,
        "addresses": server.details.get("addresses", []),
        "launched_at": server.details.get("launched_at"),
    }


def _why(context: StepContext, server: CloudObject) -> str:
    """The cloud's explanation; it does not say that the rule of a group may be why."""
    fault = server.fault or "The server is in ERROR."
    group = context.spec.get(server_group.NAME)
    if not group or NO_HOST not in fault:
        return fault
    rule = server_group.rule_of(context.spec)
    return f"{fault} Perhaps none is left that suits group {group!r}, whose rule is {rule}."


def _clear_server(context: StepContext, server_id: str) -> None:
    context.cloud.delete_server(context.project, server_id)


def _run_attachment(context: StepContext) -> Outcome:
    if not context.spec["volume_gib"]:
        return Done()
    volume_id = context.cloud_ids["volume"]
    try:
        context.cloud.attach_volume(context.project, context.cloud_ids["server"], volume_id)
    except CloudUnavailable as error:
        if not error.outcome_unknown:
            take_off_gone(context, find_volume(context))
        raise
    return Wait(external_id=volume_id)


def _settle_attachment(context: StepContext, volume_id: str, look: Look) -> Outcome:
    """Nova reserves the volume before it answers, so "available" means that attaching failed."""
    volume = look[Listing.VOLUMES].get(volume_id)
    if volume is None:
        return Broken("The volume is gone.")
    if volume.status == "IN-USE":
        return Done(external_id=volume_id)
    if volume.status == "AVAILABLE" or volume.status.startswith("ERROR"):
        return Broken(volume.fault or f"The volume is {volume.status} and not attached.")
    return Wait(external_id=volume_id)


# --- removing whatever there is ----------------------------------------------------------------


def _run_server_gone(context: StepContext) -> Outcome:
    cloud = context.cloud
    was_there = delete_all(context, "server", cloud.find_servers, cloud.delete_server)
    return Wait() if was_there else Done()


def _settle_server_gone(context: StepContext, _id: str, look: Look) -> Outcome:
    """Nova marks a server as being deleted before it answers, and unmarks it when that failed.

    It then keeps the status that it had, also DELETED; UNKNOWN is all it can tell of a cell
    that is down.
    """
    left = remaining(context, "server", look[Listing.SERVERS])
    for server in left:
        if server.status != "UNKNOWN" and server.details.get("task_state") != "deleting":
            return Broken(server.fault or f"The server is {server.status} and was not removed.")
    return Wait() if left else Done()


def _run_port_gone(context: StepContext) -> Outcome:
    delete_all(context, "port", context.cloud.find_ports, context.cloud.delete_port)
    return Done()


# --- knowing one again -------------------------------------------------------------------------


def _flavor(record: Record) -> str | None:
    return str(record.spec["flavor"])


def _flavor_in_cloud(thing: CloudObject) -> str | None:
    return str(thing.details["flavor"]) or None


def _status(record: Record) -> str | None:
    return record.facts.get("status")


SERVER_PART: Final = Part(
    key="server",
    label=_("Server"),
    listing=Listing.SERVERS,
    compared=[
        called("server"),
        status(ours=_status, settled=SETTLED, kept_as="status"),
        Compared(
            key="flavor",
            label=_("Size"),
            ours=_flavor,
            cloud=_flavor_in_cloud,
            changed_spec=lambda flavor: {"flavor": flavor},
        ),
    ],
)
PORT: Final = StepDefinition(name="port", label=_("Network port"), run=_run_port)
SERVER: Final = StepDefinition(
    name="server",
    label=_("Server"),
    run=_run_server,
    settle=_settle_server,
    clear=_clear_server,
    reads=frozenset({Listing.SERVERS}),
)
ATTACHMENT: Final = StepDefinition(
    name="attachment",
    label=_("Disk attached"),
    run=_run_attachment,
    settle=_settle_attachment,
    reads=frozenset({Listing.VOLUMES}),
)
SERVER_GONE: Final = StepDefinition(
    name="server",
    label=_("Server removed"),
    run=_run_server_gone,
    settle=_settle_server_gone,
    reads=frozenset({Listing.SERVERS}),
)
PORT_GONE: Final = StepDefinition(name="port", label=_("Network port removed"), run=_run_port_gone)
