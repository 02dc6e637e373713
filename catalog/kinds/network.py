"""A private network: with a subnet of its own, and a router when it leads outside."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.meters import Meter
from catalog.kinds.base import Kind, Plan, Spec, register
from catalog.kinds.parameters import Option, Parameter, Widget
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

LARGEST: Final = 16  # prefix lengths: 65,536 addresses …
SMALLEST: Final = 29  # … to 8, of which OpenStack itself takes a few
# RFC 1918 and RFC 6598; what lies outside would hide a part of the internet from the project.
PRIVATE: Final = tuple(
    ipaddress.IPv4Network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
)


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

    def parameters(self, version: OfferingVersion) -> list[Parameter]:
        ways: list[str] = version.choices["ways_out"]
        return [
            Parameter(
                name="cidr",
                label=_("Range of addresses"),
                widget=Widget.TEXT,
                section=_("Network"),
                hint=_("For example 192.168.10.0/24. Not that of another network of yours."),
                check=_checked_range,
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

    def summary(self, spec: Spec) -> str:
        return f"{spec['cidr']}, {_way_in_words(spec['way_out'])}"

    def usage_started_at(self, facts: Mapping[str, Any]) -> datetime | None:
        return None


def _way_in_words(way: str) -> str:
    if way == OUTSIDE:
        return gettext("To the outside, by a router")
    return gettext("None, within the project only")


def _checked_range(text: str) -> str:
    """The range as OpenStack writes it.

    Raises:
        ValueError: with a message for the person who typed it.
    """
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError as error:
        raise ValueError(gettext("Write a range such as 192.168.10.0/24.")) from error
    if not LARGEST <= network.prefixlen <= SMALLEST:
        raise ValueError(
            gettext("Choose a size from /{largest} to /{smallest}.").format(
                largest=LARGEST, smallest=SMALLEST
            )
        )
    if not any(network.subnet_of(private) for private in PRIVATE):
        raise ValueError(
            gettext("Choose within 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10.")
        )
    return str(network)
