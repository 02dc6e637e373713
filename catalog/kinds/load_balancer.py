"""A load balancer: one address before several servers, which are asked whether they live."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.meters import Measure, Meter
from catalog.exit_package.things import Surroundings, Thing
from catalog.exit_package.tofu import Block, block_name
from catalog.kinds.base import (
    Broken,
    Done,
    Kind,
    Look,
    Outcome,
    Plan,
    Spec,
    StepContext,
    StepDefinition,
    Wait,
    first_address,
    register,
)
from catalog.kinds.choices import ChoiceField
from catalog.kinds.measured import EXPECTED_TRAFFIC, TRAFFIC_PASSED, is_measured, measured_choice
from catalog.kinds.network_code import Standing, standing
from catalog.kinds.networks import CIDR, KIND, NETWORKS, in_own_network, network_parameter
from catalog.kinds.parameters import Option, Parameter, Text, Widget
from catalog.kinds.parts import Finding, Part, called, status
from catalog.kinds.steps.cloud_project import NETWORK, PROJECT, QUOTA
from catalog.kinds.steps.knowing import find_part
from catalog.kinds.steps.removal import delete_all, remaining
from catalog.models import Metric, OfferingVersion, Resource
from portal.cloud.models import Cloud
from portal.cloud.ports import CloudObject, Listing, LoadBalancerSpec

PART: Final = "load_balancer"
PROTOCOLS: Final = {"HTTP": _("HTTP (web pages)"), "TCP": _("TCP (anything else)")}
MOST_MEMBERS: Final = 20
HIGHEST_PORT: Final = 65535


def read_member(line: str) -> tuple[str, int]:
    """Address and port of a member: ``10.20.4.12:8080``.

    Raises:
        ValueError: with a message for the person who typed it.
    """
    host, _colon, port = line.strip().rpartition(":")
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError as error:
        message = gettext("Write “{line}” as 10.20.4.12:8080.")
        raise ValueError(message.format(line=line.strip())) from error
    if not (port.isascii() and port.isdecimal() and 1 <= int(port) <= HIGHEST_PORT):
        message = gettext("A port is a number from 1 to {highest}.")
        raise ValueError(message.format(highest=HIGHEST_PORT))
    return str(address), int(port)


def _checked_members(text: str) -> str:
    """The members, one on each line, each once."""
    members = [read_member(line) for line in text.splitlines() if line.strip()]
    if len(members) > MOST_MEMBERS:
        raise ValueError(gettext("Use at most {most} servers.").format(most=MOST_MEMBERS))
    return "\n".join(dict.fromkeys(f"{host}:{port}" for host, port in members))


def _members(spec: Spec) -> list[tuple[str, int]]:
    return [read_member(line) for line in spec["members"].splitlines()]


def _run(context: StepContext) -> Outcome:
    project, cloud, marker = context.project, context.cloud, context.marker(PART)
    spec = LoadBalancerSpec(
        name=context.name,
        network_id=context.cloud_ids["network"],
        protocol=context.spec["protocol"],
        port=context.spec["port"],
        members=_members(context.spec),
    )
    balancer = context.ensure(
        find=lambda: cloud.find_load_balancers(project, marker),
        create=lambda: cloud.create_load_balancer(project, spec, marker),
        remove=lambda double: cloud.delete_load_balancer(project, double.id),
    )
    return _judge(balancer)


def _judge(balancer: CloudObject) -> Outcome:
    if balancer.status == "ERROR":
        return Broken("The load balancer is in ERROR.")
    if balancer.status != "ACTIVE":
        return Wait(external_id=balancer.id)
    return Done(external_id=balancer.id, facts=_facts(balancer))


def _facts(balancer: CloudObject) -> dict[str, Any]:
    return {"addresses": [{"address": balancer.details["address"], "type": "fixed"}]}


def _settle(context: StepContext, balancer_id: str, look: Look) -> Outcome:
    balancer = look[Listing.LOAD_BALANCERS].get(balancer_id)
    return _judge(balancer) if balancer else Broken("The load balancer is gone.")


def _clear(context: StepContext, balancer_id: str) -> None:
    context.cloud.delete_load_balancer(context.project, balancer_id)


def _run_members(context: StepContext) -> Outcome:
    """Ask for them unless they are so, or on their way, already."""
    project, cloud, wanted = context.project, context.cloud, _members(context.spec)
    balancer = find_part(context, PART, cloud.find_load_balancers, cloud.list_load_balancers)
    is_so = set(cloud.list_members(project, balancer.id)) == set(wanted)
    if is_so or balancer.status == "ERROR":
        return _judge_members(context, balancer)
    context.hold()
    cloud.set_members(project, balancer.id, wanted)
    return Wait(external_id=balancer.id)


def _settle_members(context: StepContext, balancer_id: str, look: Look) -> Outcome:
    balancer = look[Listing.LOAD_BALANCERS].get(balancer_id)
    return _judge_members(context, balancer) if balancer else Broken("The load balancer is gone.")


def _judge_members(context: StepContext, balancer: CloudObject) -> Outcome:
    """Octavia marks a load balancer before it answers, so one that is idle has them."""
    outcome = _judge(balancer)
    if isinstance(outcome, Done):
        return replace(outcome, spec={"members": context.spec["members"]})
    return outcome


MEMBERS: Final = StepDefinition(
    name="members",
    label=_("Servers behind it"),
    run=_run_members,
    settle=_settle_members,
    reads=frozenset({Listing.LOAD_BALANCERS}),
    parameter="members",
)


def _run_gone(context: StepContext) -> Outcome:
    cloud = context.cloud
    was_there = delete_all(context, PART, cloud.find_load_balancers, cloud.delete_load_balancer)
    return Wait() if was_there else Done()


def _settle_gone(context: StepContext, _id: str, look: Look) -> Outcome:
    left = remaining(context, PART, look[Listing.LOAD_BALANCERS])
    if any(balancer.status == "ERROR" for balancer in left):
        return Broken("The load balancer was not removed.")
    return Wait() if left else Done()


def _members_parameter() -> Parameter:
    return Parameter(
        name="members",
        label=_("Servers behind it"),
        widget=Widget.TEXTAREA,
        section=_("Servers"),
        hint=_("Address and port of each, on a line of its own: 10.20.4.12:8080"),
        check=_checked_members,
        max_length=600,
    )


def _blocks(made: Thing, place: Standing) -> list[Block]:
    """With the address that it has: others know it by that."""
    name, spec = block_name(made), made.spec
    balancer = Block(
        "openstack_lb_loadbalancer_v2",
        name,
        {
            "name": made.name,
            "vip_subnet_id": place.subnet,
            "vip_address": first_address(made) or None,
        },
    )
    listener = Block(
        "openstack_lb_listener_v2",
        name,
        {
            "name": made.name,
            "loadbalancer_id": balancer.ref(),
            "protocol": spec["protocol"],
            "protocol_port": spec["port"],
        },
    )
    pool = Block(
        "openstack_lb_pool_v2",
        name,
        {
            "name": made.name,
            "listener_id": listener.ref(),
            "protocol": spec["protocol"],
            "lb_method": "ROUND_ROBIN",
        },
    )
    members = [{"address": host, "protocol_port": port} for host, port in _members(spec)]
    spread = Block("openstack_lb_members_v2", name, {"pool_id": pool.ref(), "member": members})
    watch = {"type": spec["protocol"], "delay": 10, "timeout": 5, "max_retries": 3}
    monitor = Block("openstack_lb_monitor_v2", name, {"pool_id": pool.ref(), **watch})
    return [balancer, listener, pool, spread, monitor]


@register
class LoadBalancer(Kind):
    """Spec: ``network``, ``protocol``, ``port`` and ``members``, a line for each; ``network_cidr``
    (see ``networks``) where the network is one of the project.

    The offering's choices: ``networks``, as for a server; ``measured``: ["traffic"] where somebody
    also pays for what passes through it.
    """

    key = "load_balancer"
    icon = "sitemap"
    label = _("Load balancer")
    plans = {
        "provision": Plan(
            version=1,
            steps=[
                PROJECT,
                NETWORK,
                StepDefinition(
                    name=PART,
                    label=_("Load balancer"),
                    run=_run,
                    settle=_settle,
                    clear=_clear,
                    reads=frozenset({Listing.LOAD_BALANCERS}),
                ),
            ],
        ),
        "retire": Plan(
            version=1,
            steps=[
                StepDefinition(
                    name=PART,
                    label=_("Load balancer removed"),
                    run=_run_gone,
                    settle=_settle_gone,
                    reads=frozenset({Listing.LOAD_BALANCERS}),
                ),
                QUOTA,
            ],
        ),
        "change": Plan(version=1, steps=[MEMBERS]),
        "revert": Plan(version=1, steps=[replace(MEMBERS, label=_("Servers as they were"))]),
    }

    parts = [
        Part(
            key=PART,
            label=_("Load balancer"),
            listing=Listing.LOAD_BALANCERS,
            compared=[
                called(PART),
                status(ours=lambda record: "ACTIVE", settled=("ACTIVE", "ERROR")),
            ],
        )
    ]
    made_from = frozenset({KIND})
    follows = frozenset({CIDR})
    results = {"address": first_address}

    def choice_fields(self, cloud: Cloud) -> list[ChoiceField]:
        measured = measured_choice(Measure.TRAFFIC, _("Traffic, per GiB"))
        return [NETWORKS, measured, EXPECTED_TRAFFIC]

    def parameters(self, version: OfferingVersion) -> list[Parameter]:
        return [
            network_parameter(version, section=_("Entrance")),
            Parameter(
                name="protocol",
                label=_("Kind of traffic"),
                widget=Widget.SELECT,
                section=_("Entrance"),
                options=[Option(value=key, label=label) for key, label in PROTOCOLS.items()],
                default="HTTP",
            ),
            Parameter(
                name="port",
                label=_("Port"),
                widget=Widget.NUMBER,
                section=_("Entrance"),
                minimum=1,
                maximum=HIGHEST_PORT,
                default=80,
            ),
            _members_parameter(),
        ]

    def changeable(self, version: OfferingVersion, spec: Spec) -> list[Parameter]:
        """Octavia keeps the port and the kind of traffic for as long as it listens."""
        if "members" not in spec:
            return []
        return [replace(_members_parameter(), default=spec["members"])]

    def change_effects(self, before: Spec, after: Spec) -> list[Text]:
        old, new = set(_members(before)), set(_members(after))
        effects: list[Text] = []
        if new - old:
            effects.append(_("A new server gets traffic from the moment that it answers."))
        if old - new:
            effects.append(_("When you take a server away, what it is busy with may break off."))
        return effects

    def settle(
        self, version: OfferingVersion, spec: Spec, sources: Mapping[str, Resource]
    ) -> dict[str, Any]:
        return in_own_network(spec, sources)

    def quota_demand(self, version: OfferingVersion, spec: Spec) -> dict[Metric, Decimal]:
        return {Metric.LOAD_BALANCERS: Decimal(1)}

    def meters(self, version: OfferingVersion, spec: Spec) -> list[Meter]:
        meters = [Meter("load_balancer", Decimal(1))]
        if is_measured(version, Measure.TRAFFIC):
            expected = version.choices.get(EXPECTED_TRAFFIC.name, 0)
            traffic = Meter.measured(TRAFFIC_PASSED, Measure.TRAFFIC, expected=expected)
            meters.append(traffic)
        return meters

    def as_code(self, made: Thing, around: Surroundings) -> Sequence[Block]:
        place = standing(made, around)
        return [*place.blocks, *_blocks(made, place)] if place else []

    def summary(self, spec: Spec) -> str:
        if "members" not in spec:
            return gettext("Not made by Cloudloket")
        count = len((spec["members"] or "").splitlines())
        return gettext("{protocol} port {port}, {count} servers").format(
            protocol=spec["protocol"], port=spec["port"], count=count
        )

    def found(self, thing: CloudObject) -> Finding | None:
        """What it listens to and spreads over stands in no list of this cloud's balancers."""
        return Finding(spec={}, facts=_facts(thing))

    def usage_started_at(self, facts: Mapping[str, Any]) -> datetime | None:
        return None
