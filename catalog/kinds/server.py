"""A virtual server: boots from an image, with a data volume and a port on the project's network."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.meters import Meter
from catalog.kinds.base import Kind, Plan, Spec, register
from catalog.kinds.choices import ChoiceField, Ticks
from catalog.kinds.networks import NETWORKS, network_parameter
from catalog.kinds.parameters import MOST_CARDS, Option, Parameter, Text, Widget
from catalog.kinds.parts import Finding
from catalog.kinds.steps.cloud_project import NETWORK, PROJECT, QUOTA, ROOM, SECURITY_GROUP
from catalog.kinds.steps.power import OFF, REBOOT, RESET, START, STOP
from catalog.kinds.steps.resize import CONFIRMATION, QUIET, RESIZE, REVERSAL, ROOM_BACK
from catalog.kinds.steps.server import (
    ATTACHMENT,
    PORT,
    PORT_GONE,
    SERVER,
    SERVER_GONE,
    SERVER_PART,
    server_facts,
)
from catalog.kinds.steps.volume import EXTENSION, MEASURING, VOLUME, VOLUME_GONE, VOLUME_PART
from catalog.kinds.volume import (
    growth_effects,
    larger_parameters,
    offered_types,
    size_bounds,
    size_parameter,
    type_parameters,
    volume_demand,
    volume_meters,
)
from catalog.models import Metric, OfferingVersion
from portal.cloud.models import Cloud, Flavor, Image
from portal.cloud.ports import CloudObject

MIB_PER_GIB = Decimal(1024)
DATA_DISK = _("Disk for your data")
# The second word repeats the type (RFC 4253, section 6.6), so the two must agree.
SSH_PUBLIC_KEY = (
    r"(ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA"
    r"|ssh-rsa AAAAB3NzaC1yc2EAAAA"
    r"|ecdsa-sha2-nistp(256|384|521) AAAAE2VjZHNhLXNoYTItbmlzdHA"
    r"|sk-ssh-ed25519@openssh\.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAA)"
    r"[A-Za-z0-9+/]{20,}={0,2}( [^\r\n]*)?"
)


@register
class Server(Kind):
    """Spec: ``flavor``, ``image``, ``network``, ``volume_gib``, ``ssh_public_key``, and
    ``volume_type`` where the offering leaves a choice. The offering's choices:

    ``flavors``, ``images``, ``volume_types``: names, in the order in which they are shown;
    ``networks``: [{"name", "label_nl", "label_en", "cidr"}];
    ``volume_gib``: {"minimum", "maximum", "default"}, where a minimum of 0 allows no volume.
    """

    key = "server"
    icon = "server"
    label = _("Virtual server")
    plans = {
        "provision": Plan(
            version=1,
            steps=[PROJECT, NETWORK, SECURITY_GROUP, VOLUME, PORT, SERVER, ATTACHMENT],
        ),
        "retire": Plan(version=1, steps=[SERVER_GONE, VOLUME_GONE, PORT_GONE, QUOTA]),
        "change": Plan(version=1, steps=[ROOM, RESIZE, CONFIRMATION, ROOM_BACK, EXTENSION]),
        "revert": Plan(version=1, steps=[QUIET, REVERSAL, MEASURING, QUOTA]),
    }
    parts = [SERVER_PART, VOLUME_PART]
    actions = {"start": START, "stop": STOP, "reboot": REBOOT, "reset": RESET}
    ends_with = "stop"

    def choice_fields(self, cloud: Cloud) -> list[ChoiceField]:
        flavors = sorted(
            (item for item in cloud.flavors.all() if item.gone_at is None),
            key=lambda item: (item.vcpus, item.memory_mib, item.disk_gib, item.name),
        )
        images = sorted(item.name for item in cloud.images.all() if item.gone_at is None)
        return [
            Ticks(
                name="flavors",
                label=_("Sizes"),
                options=[_flavor_option(flavor) for flavor in flavors],
                most=MOST_CARDS,
            ),
            Ticks(
                name="images",
                label=_("Operating systems"),
                hint=_("One that needs more than the smallest size has is not shown."),
                options=[Option(value=name, label=name) for name in images],
            ),
            NETWORKS,
            size_bounds(lowest=0),
            offered_types(cloud),
        ]

    def parameters(self, version: OfferingVersion) -> list[Parameter]:
        flavors = _offered_flavors(version)
        parameters = [
            Parameter(
                name="flavor",
                label=_("Size"),
                widget=Widget.CARDS,
                section=_("Server"),
                options=[_flavor_option(flavor) for flavor in flavors],
                default=flavors[0].name if flavors else None,
            ),
            Parameter(
                name="image",
                label=_("Operating system"),
                widget=Widget.SELECT,
                section=_("Server"),
                options=[
                    Option(value=image.name, label=image.name)
                    for image in _offered_images(version, flavors)
                ],
            ),
            network_parameter(version, section=_("Server")),
            size_parameter(
                version,
                label=DATA_DISK,
                hint=_("Beside the disk of the operating system."),
            ),
            *type_parameters(version),
        ]
        return [*parameters, _ssh_key_parameter()]

    def changeable(self, version: OfferingVersion, spec: Spec) -> list[Parameter]:
        size = Parameter(
            name="flavor",
            label=_("Size"),
            widget=Widget.CARDS,
            section=_("Server"),
            options=[_flavor_option(flavor) for flavor in _other_flavors(version, spec)],
            default=spec["flavor"],
        )
        return [size, *larger_parameters(version, spec, label=DATA_DISK)]

    def change_effects(self, before: Spec, after: Spec) -> list[Text]:
        effects = growth_effects(before, after)
        if before["flavor"] != after["flavor"]:
            stops = _("The server restarts for this. Nobody reaches it for some minutes.")
            return [stops, *effects]
        return effects

    def demand_while_changing(
        self, version: OfferingVersion, before: Spec, after: Spec
    ) -> dict[Metric, Decimal]:
        """Room for both sizes: until the change is confirmed Nova keeps the old one as well."""
        demand = super().demand_while_changing(version, before, after)
        if before["flavor"] != after["flavor"]:
            old, new = self.quota_demand(version, before), self.quota_demand(version, after)
            for metric in (Metric.VCPUS, Metric.MEMORY_GIB):
                demand[metric] = old[metric] + new[metric]
        return demand

    def quota_demand(self, version: OfferingVersion, spec: Spec) -> dict[Metric, Decimal]:
        flavor = Flavor.objects.get(cloud=version.cloud_id, name=spec["flavor"])
        return {
            Metric.SERVERS: Decimal(1),
            Metric.VCPUS: Decimal(flavor.vcpus),
            Metric.MEMORY_GIB: flavor.memory_mib / MIB_PER_GIB,
            **volume_demand(spec),
        }

    def meters(self, version: OfferingVersion, spec: Spec) -> list[Meter]:
        return [Meter(f"server.{spec['flavor']}", Decimal(1)), *volume_meters(version, spec)]

    def summary(self, spec: Spec) -> str:
        parts = [spec["flavor"], spec["image"]]
        if spec["volume_gib"]:
            parts.append(f"{spec['volume_gib']} GiB")
        return ", ".join(filter(None, parts))

    def found(self, thing: CloudObject) -> Finding | None:
        """Disks that are attached to it are found by themselves."""
        flavor = thing.details.get("flavor")
        if not flavor:
            return None
        spec = {
            "flavor": flavor,
            "image": "",
            "network": "",
            "volume_gib": 0,
            "ssh_public_key": None,
        }
        return Finding(spec=spec, facts=server_facts(thing))

    def condition(self, facts: Mapping[str, Any]) -> Text:
        return _("Stopped") if facts.get("status") == OFF else ""

    def usage_started_at(self, facts: Mapping[str, Any]) -> datetime | None:
        launched_at = facts.get("launched_at")
        return datetime.fromisoformat(launched_at) if launched_at else None


def _offered_flavors(version: OfferingVersion) -> list[Flavor]:
    names: list[str] = version.choices["flavors"]
    offered = [item for item in version.cloud.flavors.all() if _is_offered(item, names)]
    return sorted(offered, key=lambda flavor: names.index(flavor.name))


def _other_flavors(version: OfferingVersion, spec: Spec) -> list[Flavor]:
    """What a server may become: what it is, and what its disk and image fit on. Disks grow only."""
    present = version.cloud.flavors.get(name=spec["flavor"])
    image = version.cloud.images.filter(name=spec["image"]).first()
    others = [
        flavor
        for flavor in _offered_flavors(version)
        if flavor.disk_gib >= present.disk_gib and (image is None or _fits(image, flavor))
    ]
    return others if present in others else [present, *others]


def _offered_images(version: OfferingVersion, flavors: list[Flavor]) -> list[Image]:
    """The images that fit on every size offered, so that each combination can be made."""
    names: list[str] = version.choices["images"]
    offered = [item for item in version.cloud.images.all() if _is_offered(item, names)]
    fitting = [image for image in offered if all(_fits(image, flavor) for flavor in flavors)]
    return sorted(fitting, key=lambda image: names.index(image.name))


def _is_offered(item: Flavor | Image, names: list[str]) -> bool:
    """Judged here and not by the database, so that a list of offerings can prefetch."""
    return item.gone_at is None and item.name in names


def _fits(image: Image, flavor: Flavor) -> bool:
    return image.min_disk_gib <= flavor.disk_gib and image.min_memory_mib <= flavor.memory_mib


def _flavor_option(flavor: Flavor) -> Option:
    hint = gettext("{vcpus} processors, {memory} GiB memory, {disk} GiB disk").format(
        vcpus=flavor.vcpus, memory=f"{flavor.memory_mib / MIB_PER_GIB:g}", disk=flavor.disk_gib
    )
    return Option(
        value=flavor.name,
        label=flavor.name,
        hint=hint,
        meters=[Meter(f"server.{flavor.name}", Decimal(1))],
    )


def _ssh_key_parameter() -> Parameter:
    return Parameter(
        name="ssh_public_key",
        label=_("SSH public key"),
        widget=Widget.TEXTAREA,
        section=_("Access"),
        hint=_(
            "With this key you log in. It is not secret. Leave it empty if you use another way."
        ),
        required=False,
        pattern=SSH_PUBLIC_KEY,
        pattern_hint=_(
            "Paste one public key on one line. It begins with ssh-ed25519, ssh-rsa or ecdsa-sha2."
        ),
        max_length=3000,
    )
