"""The steps that make a server, and those that remove whatever there is of one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Final, cast

from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from catalog.kinds.base import (
    Broken,
    Done,
    Outcome,
    Snapshot,
    StepContext,
    StepDefinition,
    Wait,
)
from portal.cloud.models import Flavor, Image, VolumeType
from portal.cloud.models.inventory import InventoryItem
from portal.cloud.ports import (
    CloudMissing,
    CloudObject,
    CloudRefused,
    CloudUnavailable,
    PortSpec,
    ServerSpec,
    VolumeSpec,
)

# A cloud that is still being built, or upgraded, lists its offer only in part for a while.
GONE_FOR_GOOD: Final = timedelta(minutes=10)

# --- making one --------------------------------------------------------------------------------


def _run_volume(context: StepContext) -> Outcome:
    if not context.spec["volume_gib"]:
        return Done()
    project, cloud, marker = context.project, context.cloud, context.marker("volume")
    volume = context.ensure(
        find=lambda: cloud.find_volumes(project, marker),
        create=lambda: cloud.create_volume(project, _volume_spec(context), marker),
        remove=lambda double: cloud.delete_volume(project, double.id),
    )
    return _judge_volume(volume)


def _volume_spec(context: StepContext) -> VolumeSpec:
    volume_type = context.spec.get("volume_type") or context.settings["volume_types"][0]
    _openstack_id(VolumeType, context, volume_type)
    return VolumeSpec(
        name=context.name, size_gib=context.spec["volume_gib"], volume_type=volume_type
    )


def _settle_volume(context: StepContext, volume_id: str, snapshot: Snapshot) -> Outcome:
    volume = snapshot.volumes.get(volume_id)
    return _judge_volume(volume) if volume else Broken("The volume is gone.")


def _judge_volume(volume: CloudObject) -> Outcome:
    if volume.status.startswith("ERROR"):
        return Broken(volume.fault or f"The volume is in {volume.status}.")
    if volume.status in {"AVAILABLE", "IN-USE"}:
        return Done(external_id=volume.id)
    return Wait(external_id=volume.id)


def _clear_volume(context: StepContext, volume_id: str) -> None:
    """Cinder refuses to delete what it is deleting, so look first."""
    there = {volume.id: volume for volume in context.cloud.list_volumes(context.project)}
    if volume_id not in there:
        raise CloudMissing("the volume is gone")
    if there[volume_id].status != "DELETING":
        context.cloud.delete_volume(context.project, volume_id)


def _run_port(context: StepContext) -> Outcome:
    project, cloud, marker = context.project, context.cloud, context.marker("port")

    def create() -> CloudObject:
        spec = PortSpec(
            name=context.name,
            network_id=context.cloud_ids["network"],
            security_group_ids=[context.cloud_ids["security_group"]],
        )
        return cloud.create_port(project, spec, marker)

    port = context.ensure(
        find=lambda: cloud.find_ports(project, marker),
        create=create,
        remove=lambda double: cloud.delete_port(project, double.id),
    )
    return Done(external_id=port.id)


def _run_server(context: StepContext) -> Outcome:
    project, cloud, marker = context.project, context.cloud, context.marker("server")
    server = context.ensure(
        find=lambda: cloud.find_servers(project, marker),
        create=lambda: cloud.create_server(project, _server_spec(context), marker),
        remove=lambda double: cloud.delete_server(project, double.id),
    )
    return _judge_server(server)


def _server_spec(context: StepContext) -> ServerSpec:
    return ServerSpec(
        name=context.name,
        flavor_id=_openstack_id(Flavor, context, context.spec["flavor"]),
        image_id=_openstack_id(Image, context, context.spec["image"]),
        port_id=context.cloud_ids["port"],
        user_data=_user_data(context.spec.get("ssh_public_key")),
    )


def _openstack_id(model: type[InventoryItem], context: StepContext, name: str) -> str:
    """The cloud's id of the flavor, image or volume type with this name.

    Raises:
        CloudUnavailable: we have not seen it yet, or missed it only a moment ago.
        CloudRefused: the cloud does not have it (any more).
    """
    item = model._default_manager.filter(
        cloud__projects__public_id=context.cloud_project_id, name=name
    ).first()
    if item is None or (item.gone_at and item.gone_at < now() - GONE_FOR_GOOD):
        raise CloudRefused(f"the cloud has no {model._meta.verbose_name} {name!r}")
    if item.gone_at or not item.openstack_id:
        raise CloudUnavailable(
            f"the cloud does not list {model._meta.verbose_name} {name!r} at this moment"
        )
    return item.openstack_id


def _user_data(ssh_public_key: str | None) -> str:
    """What cloud-init reads at the first boot. A JSON string is a YAML string too."""
    if not ssh_public_key:
        return ""
    return f"#cloud-config\nssh_authorized_keys:\n  - {json.dumps(ssh_public_key)}\n"


def _settle_server(context: StepContext, server_id: str, snapshot: Snapshot) -> Outcome:
    server = snapshot.servers.get(server_id)
    return _judge_server(server) if server else Broken("The server is gone.")


def _judge_server(server: CloudObject) -> Outcome:
    if server.status == "ERROR":
        return Broken(server.fault or "The server is in ERROR.")
    if server.status != "ACTIVE":
        return Wait(external_id=server.id)
    facts = {
        "status": server.status,
        "addresses": server.details.get("addresses", []),
        "launched_at": server.details.get("launched_at"),
    }
    return Done(external_id=server.id, facts=facts)


def _clear_server(context: StepContext, server_id: str) -> None:
    context.cloud.delete_server(context.project, server_id)


def _run_attachment(context: StepContext) -> Outcome:
    if not context.spec["volume_gib"]:
        return Done()
    volume_id = context.cloud_ids["volume"]
    context.cloud.attach_volume(context.project, context.cloud_ids["server"], volume_id)
    return Wait(external_id=volume_id)


def _settle_attachment(context: StepContext, volume_id: str, snapshot: Snapshot) -> Outcome:
    """Nova reserves the volume before it answers, so "available" means that attaching failed."""
    volume = snapshot.volumes.get(volume_id)
    if volume is None:
        return Broken("The volume is gone.")
    if volume.status == "IN-USE":
        return Done(external_id=volume_id)
    if volume.status == "AVAILABLE" or volume.status.startswith("ERROR"):
        return Broken(volume.fault or f"The volume is {volume.status} and not attached.")
    return Wait(external_id=volume_id)


# --- removing whatever there is ----------------------------------------------------------------

Find = Callable[[str, str], list[CloudObject]]
Delete = Callable[[str, str], None]


def _delete_all(context: StepContext, part: str, find: Find, delete: Delete) -> bool:
    """Delete what carries the marker, and what we know by id; True when there was anything."""
    if not context.project:
        return False
    ids = {found.id for found in find(context.project, context.marker(part))}
    if part in context.cloud_ids:
        ids.add(context.cloud_ids[part])
    was_there = False
    for openstack_id in sorted(ids):
        with suppress(CloudMissing):
            delete(context.project, openstack_id)
            was_there = True
    return was_there


def _remaining(
    context: StepContext, part: str, there: Mapping[str, CloudObject]
) -> Iterable[CloudObject]:
    marker, known_id = context.marker(part), context.cloud_ids.get(part)
    return [thing for thing in there.values() if thing.marker == marker or thing.id == known_id]


def _run_server_gone(context: StepContext) -> Outcome:
    cloud = context.cloud
    was_there = _delete_all(context, "server", cloud.find_servers, cloud.delete_server)
    return Wait() if was_there else Done()


def _settle_server_gone(context: StepContext, _id: str, snapshot: Snapshot) -> Outcome:
    """Nova marks a server as being deleted before it answers, and unmarks it when that failed.

    It then keeps the status that it had, also DELETED; UNKNOWN is all it can tell of a cell
    that is down.
    """
    remaining = _remaining(context, "server", snapshot.servers)
    for server in remaining:
        if server.status != "UNKNOWN" and server.details.get("task_state") != "deleting":
            return Broken(server.fault or f"The server is {server.status} and was not removed.")
    return Wait() if remaining else Done()


def _run_volume_gone(context: StepContext) -> Outcome:
    cloud = context.cloud

    def delete(project: str, volume_id: str) -> None:
        """Cinder keeps what it thinks is attached, also to a server that is gone by now."""
        there = {volume.id: volume for volume in cloud.list_volumes(project)}
        if volume_id in there:
            for server_id in cast("list[str]", there[volume_id].details["server_ids"]):
                cloud.detach_volume(project, server_id, volume_id)
        cloud.delete_volume(project, volume_id)

    was_there = _delete_all(context, "volume", cloud.find_volumes, delete)
    return Wait() if was_there else Done()


def _settle_volume_gone(context: StepContext, _id: str, snapshot: Snapshot) -> Outcome:
    remaining = _remaining(context, "volume", snapshot.volumes)
    for volume in remaining:
        if volume.status == "ERROR_DELETING":
            return Broken(volume.fault or "The volume was not removed.")
    return Wait() if remaining else Done()


def _run_port_gone(context: StepContext) -> Outcome:
    _delete_all(context, "port", context.cloud.find_ports, context.cloud.delete_port)
    return Done()


VOLUME: Final = StepDefinition(
    name="volume",
    label=_("Disk"),
    run=_run_volume,
    settle=_settle_volume,
    clear=_clear_volume,
    reads=frozenset({"volumes"}),
)
PORT: Final = StepDefinition(name="port", label=_("Network port"), run=_run_port)
SERVER: Final = StepDefinition(
    name="server",
    label=_("Server"),
    run=_run_server,
    settle=_settle_server,
    clear=_clear_server,
    reads=frozenset({"servers"}),
)
ATTACHMENT: Final = StepDefinition(
    name="attachment",
    label=_("Disk attached"),
    run=_run_attachment,
    settle=_settle_attachment,
    reads=frozenset({"volumes"}),
)
SERVER_GONE: Final = StepDefinition(
    name="server",
    label=_("Server removed"),
    run=_run_server_gone,
    settle=_settle_server_gone,
    reads=frozenset({"servers"}),
)
VOLUME_GONE: Final = StepDefinition(
    name="volume",
    label=_("Disk removed"),
    run=_run_volume_gone,
    settle=_settle_volume_gone,
    reads=frozenset({"volumes"}),
)
PORT_GONE: Final = StepDefinition(name="port", label=_("Network port removed"), run=_run_port_gone)
