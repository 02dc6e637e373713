"""A private network: with a subnet of its own, and a router when it leads outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.meters import Meter
from catalog.exit_package.things import Surroundings, Thing
from catalog.exit_package.tofu import Block
from catalog.kinds.base import Kind, Made, Plan, Spec, register
from catalog.kinds.choices import ChoiceField, Ticks
from catalog.kinds.network_code import of_own
from catalog.kinds.networks import RESULT, OwnNetwork, checked_range
from catalog.kinds.parameters import Option, Parameter, Widget
from catalog.kinds.parts import Finding
from catalog.kinds.steps.cloud_project import PROJECT, QUOTA
from catalog.kinds.steps.network import (
    NETWORK,
    NETWORK_GONE,
    NETWORK_PART,
    OUTSIDE,
    ROUTER,
    ROUTER_GONE,
    ROUTER_PART,
    SUBNET,
)
from catalog.models import Metric, OfferingVersion
from portal.cloud.models import Cloud
from portal.cloud.ports import CloudObject

WAYS_OUT = (OUTSIDE, "none")


def _own_network(made: Made) -> str:
    return str(OwnNetwork(made.cloud_ids["network"], made.spec["cidr"]))


@register
class Network(Kind):
    """Spec: ``cidr``, the range of the subnet, and ``way_out``: "outside" or "none".

    The offering's choices: ``ways_out``, in the order in which they are shown.
    """

    key = "network"
    icon = "network"
    label = _("Private network")
    plans = {
        "provision": Plan(version=1, steps=[PROJECT, NETWORK, SUBNET, ROUTER]),
        "retire": Plan(version=1, steps=[ROUTER_GONE, NETWORK_GONE, QUOTA]),
    }
    parts = [NETWORK_PART, ROUTER_PART]
    made_label = _("Stands in this")
    results = {RESULT: _own_network}
    known_after = {RESULT: SUBNET.name}

    def choice_fields(self, cloud: Cloud) -> list[ChoiceField]:
        options = [Option(value=way, label=_way_in_words(way)) for way in WAYS_OUT]
        return [Ticks(name="ways_out", label=_("Ways out"), options=options)]

    def parameters(self, version: OfferingVersion) -> list[Parameter]:
        ways: list[str] = version.choices["ways_out"]
        return [
            Parameter(
                name="cidr",
                label=_("Range of addresses"),
                widget=Widget.TEXT,
                section=_("Network"),
                hint=_("For example 192.168.10.0/24. Not that of another network of yours."),
                check=checked_range,
                max_length=18,
            ),
            Parameter(
                name="way_out",
                label=_("Way out"),
                widget=Widget.SELECT,
                section=_("Network"),
                options=[Option(value=way, label=_way_in_words(way)) for way in ways],
                default=ways[0],
            ),
        ]

    def quota_demand(self, version: OfferingVersion, spec: Spec) -> dict[Metric, Decimal]:
        demand = {Metric.NETWORKS: Decimal(1)}
        if spec["way_out"] == OUTSIDE:
            demand[Metric.ROUTERS] = Decimal(1)
        return demand

    def meters(self, version: OfferingVersion, spec: Spec) -> list[Meter]:
        meters = [Meter("network", Decimal(1))]
        if spec["way_out"] == OUTSIDE:
            meters.append(Meter("router", Decimal(1)))
        return meters

    def as_code(self, made: Thing, around: Surroundings) -> Sequence[Block]:
        inside = of_own(made)
        return inside.blocks if inside else []

    def summary(self, spec: Spec) -> str:
        return ", ".join(filter(None, [spec["cidr"], _way_in_words(spec["way_out"])]))

    def found(self, thing: CloudObject) -> Finding | None:
        """A router that leads out of it stands in another list, and is a difference by itself."""
        return Finding(spec={"cidr": "", "way_out": "none"}, facts={})

    def usage_started_at(self, facts: Mapping[str, Any]) -> datetime | None:
        return None


def _way_in_words(way: str) -> str:
    if way == OUTSIDE:
        return gettext("To the outside, by a router")
    return gettext("None, within the project only")
