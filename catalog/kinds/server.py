"""A virtual server on the project's network: from an image or a volume, with a disk for data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.meters import Meter
from catalog.exit_package.fetching import Fetch
from catalog.exit_package.things import Surroundings, Thing
from catalog.exit_package.tofu import Block
from catalog.kinds.base import Kind, Plan, Spec, first_address, register
from catalog.kinds.choices import ChoiceField, Ticks
from catalog.kinds.idle import Idle
from catalog.kinds.networks import CIDR, KIND, NETWORKS, in_own_network, network_parameter
from catalog.kinds.own_images import from_own_image, image_name
from catalog.kinds.parameters import MOST_CARDS, Option, Parameter, Text, Widget
from catalog.kinds.parts import Finding
from catalog.kinds.server_code import server_code, server_to_fetch
from catalog.kinds.server_disks import (
    disk_demand,
    disk_effects,
    disk_meters,
    larger_system_parameters,
    system_parameters,
)
from catalog.kinds.server_extras import (
    extras,
    first_start_parameters,
    group_parameters,
    other_security_parameters,
    security_effects,
    security_parameters,
)
from catalog.kinds.server_options import (
    MIB_PER_GIB,
    flavor_of,
    flavor_option,
    offered_flavors,
    offered_images,
    other_flavors,
    ssh_key_parameter,
)
from catalog.kinds.steps.chosen_image import OWN, PART
from catalog.kinds.steps.cloud_project import NETWORK, PROJECT, QUOTA, ROOM, SECURITY_GROUP
from catalog.kinds.steps.console import CONSOLE
from catalog.kinds.steps.port_groups import GROUPS, GROUPS_BACK
from catalog.kinds.steps.power import (
    BOOTS_FROM,
    OFF,
    REBOOT,
    RESCUED,
    RESET,
    START,
    STOP,
    UNTOLD,
)
from catalog.kinds.steps.repair import REBUILD, RESCUE, UNRESCUE
from catalog.kinds.steps.resize import CONFIRMATION, QUIET, RESIZE, REVERSAL, ROOM_BACK, TRIAL
from catalog.kinds.steps.server import (
    ATTACHMENT,
    PORT,
    PORT_GONE,
    SERVER,
    SERVER_GONE,
    SERVER_PART,
    server_facts,
)
from catalog.kinds.steps.server_group import SERVER_GROUP, SERVER_GROUP_GONE
from catalog.kinds.steps.system_volume import (
    SYSTEM_EXTENSION,
    SYSTEM_MEASURING,
    SYSTEM_VOLUME,
    SYSTEM_VOLUME_GONE,
    SYSTEM_VOLUME_PART,
)
from catalog.kinds.steps.volume import EXTENSION, MEASURING, VOLUME, VOLUME_GONE, VOLUME_PART
from catalog.kinds.volume import (
    larger_parameters,
    offered_types,
    size_bounds,
    size_parameter,
    type_parameters,
)
from catalog.loads import Evidence, Size, is_enough
from catalog.models import Metric, OfferingVersion, Resource
from portal.cloud.models import Cloud
from portal.cloud.ports import CloudObject

DATA_DISK = _("Disk for your data")


@register
class Server(Kind):
    """Spec: ``flavor``, ``image``, ``network``, ``volume_gib``, ``ssh_public_key``, and
    ``volume_type`` where the offering leaves a choice; ``system_gib``, ``group``, ``group_rule``,
    ``security_groups`` and ``user_data`` where it allows them; ``own_image`` (see ``own_images``)
    where the image is one of the project, ``network_cidr`` (see ``networks``) where the network is.
    The offering's choices:

    ``flavors``, ``images``, ``volume_types``: names, in the order in which they are shown;
    ``networks``: [{"name", "label_nl", "label_en", "cidr"}];
    ``volume_gib``: {"minimum", "maximum", "default"}, where a minimum of 0 allows no volume;
    ``extras``: what of ``server_extras`` it allows; a version may lack it, and allows none then.
    """

    key = "server"
    icon = "server"
    label = _("Virtual server")
    plans = {
        "provision": Plan(
            version=3,
            steps=[
                PROJECT,
                SYSTEM_VOLUME,
                VOLUME,
                NETWORK,
                SECURITY_GROUP,
                SERVER_GROUP,
                PORT,
                SERVER,
                ATTACHMENT,
            ],
        ),
        "retire": Plan(
            version=2,
            steps=[
                SERVER_GONE,
                SYSTEM_VOLUME_GONE,
                VOLUME_GONE,
                PORT_GONE,
                SERVER_GROUP_GONE,
                QUOTA,
            ],
        ),
        "change": Plan(
            version=3,
            steps=[
                GROUPS,
                ROOM,
                RESIZE,
                TRIAL,
                CONFIRMATION,
                ROOM_BACK,
                SYSTEM_EXTENSION,
                EXTENSION,
            ],
        ),
        "revert": Plan(
            version=3,
            steps=[GROUPS_BACK, QUIET, REVERSAL, SYSTEM_MEASURING, MEASURING, QUOTA],
        ),
    }
    parts = [SERVER_PART, SYSTEM_VOLUME_PART, VOLUME_PART]
    actions = {
        "start": START,
        "stop": STOP,
        "reboot": REBOOT,
        "reset": RESET,
        "rescue": RESCUE,
        "unrescue": UNRESCUE,
        "rebuild": REBUILD,
        "console": CONSOLE,
    }
    made_from = frozenset({PART, KIND})
    follows = frozenset({OWN, CIDR})
    ends_with = "stop"
    idle_when = Idle(
        label=_("Stopped"),
        holds=Q(facts__status=OFF),
        after=timedelta(days=7),
        begun_by="stop",
        seen_in="status",
        seen_as=OFF,
    )
    load_part = SERVER_PART.key
    results = {"address": first_address}
    known_after = {"address": PORT.name}

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
                options=[flavor_option(flavor) for flavor in flavors],
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
            extras(),
        ]

    def parameters(self, version: OfferingVersion) -> list[Parameter]:
        flavors = offered_flavors(version)
        images = offered_images(version, flavors)
        return [
            Parameter(
                name="flavor",
                label=_("Size"),
                widget=Widget.CARDS,
                section=_("Server"),
                options=[flavor_option(flavor) for flavor in flavors],
                default=flavors[0].name if flavors else None,
            ),
            Parameter(
                name="image",
                label=_("Operating system"),
                widget=Widget.SELECT,
                section=_("Server"),
                hint=_(
                    "You can also choose an image of this project. It cannot be cleaned up before "
                    "the servers that are made from it."
                ),
                options=[Option(value=image.name, label=image.name) for image in images],
                of_kinds=[PART],
                is_own_only=False,
                is_needed=True,
            ),
            network_parameter(version, section=_("Server")),
            *group_parameters(version),
            size_parameter(
                version,
                label=DATA_DISK,
                hint=_("Beside the disk of the operating system."),
            ),
            *system_parameters(version, images),
            *type_parameters(version),
            ssh_key_parameter(),
            *security_parameters(version),
            *first_start_parameters(version),
        ]

    def settle(
        self, version: OfferingVersion, spec: Spec, sources: Mapping[str, Resource]
    ) -> dict[str, Any]:
        settled = in_own_network(spec, sources)
        image = sources.get("image")
        return from_own_image(version, settled, image) if image else settled

    def changeable(self, version: OfferingVersion, spec: Spec) -> list[Parameter]:
        size = Parameter(
            name="flavor",
            label=_("Size"),
            widget=Widget.CARDS,
            section=_("Server"),
            options=[flavor_option(flavor) for flavor in other_flavors(version, spec)],
            default=spec["flavor"],
        )
        return [
            size,
            *larger_parameters(version, spec, label=DATA_DISK),
            *larger_system_parameters(version, spec),
            *other_security_parameters(version, spec),
        ]

    def change_effects(self, before: Spec, after: Spec) -> list[Text]:
        effects = [*disk_effects(before, after), *security_effects(before, after)]
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
        flavor = flavor_of(version, spec)
        return {
            Metric.SERVERS: Decimal(1),
            Metric.VCPUS: Decimal(flavor.vcpus),
            Metric.MEMORY_GIB: flavor.memory_mib / MIB_PER_GIB,
            **disk_demand(spec),
        }

    def meters(self, version: OfferingVersion, spec: Spec) -> list[Meter]:
        return [Meter(f"server.{spec['flavor']}", Decimal(1)), *disk_meters(version, spec)]

    def as_code(self, made: Thing, around: Surroundings) -> Sequence[Block]:
        code = server_code(made, around)
        return code.blocks if code else []

    def to_fetch(self, made: Thing) -> Sequence[Fetch]:
        return server_to_fetch(made)

    def summary(self, spec: Spec) -> str:
        parts = [spec["flavor"], image_name(spec)]
        if spec.get("system_gib"):
            parts.append(gettext("system on {size} GiB").format(size=spec["system_gib"]))
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
        return Finding(spec=spec, facts={**server_facts(thing), BOOTS_FROM: UNTOLD})

    def size_of(self, spec: Spec) -> dict[str, Any]:
        return {"flavor": spec["flavor"]}

    def smaller(
        self, version: OfferingVersion, spec: Spec, evidence: Evidence
    ) -> list[dict[str, Any]]:
        present = flavor_of(version, spec)
        size = Size(present.vcpus, present.memory_mib)
        return [
            {"flavor": flavor.name}
            for flavor in other_flavors(version, spec)
            if is_enough(Size(flavor.vcpus, flavor.memory_mib), instead_of=size, evidence=evidence)
        ]

    def condition(self, facts: Mapping[str, Any]) -> Text:
        conditions = {OFF: _("Stopped"), RESCUED: _("In rescue mode")}
        return conditions.get(facts.get("status", ""), "")

    def usage_started_at(self, facts: Mapping[str, Any]) -> datetime | None:
        launched_at = facts.get("launched_at")
        return datetime.fromisoformat(launched_at) if launched_at else None
