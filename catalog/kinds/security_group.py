"""A security group: which traffic from outside reaches the servers that are in it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, cast

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from billing.meters import Meter
from catalog.exit_package.things import Surroundings, Thing
from catalog.exit_package.tofu import Block, Ref, block_name
from catalog.kinds.base import (
    Action,
    Done,
    Kind,
    Made,
    Outcome,
    Plan,
    Spec,
    StepContext,
    StepDefinition,
    register,
)
from catalog.kinds.parameters import Parameter, Text, Widget
from catalog.kinds.parts import Compared, Finding, Part, Record, called
from catalog.kinds.steps.cloud_project import PROJECT, QUOTA
from catalog.kinds.steps.removal import delete_all
from catalog.models import Metric, OfferingVersion
from portal.cloud.ports import CloudObject, Listing, SecurityRule

PART: Final = "security_group"
MOST_RULES: Final = 30
HIGHEST_PORT: Final = 65535
_PORTS: Final = r"(?P<low>[0-9]{1,5})(?:-(?P<high>[0-9]{1,5}))?"
_RULE: Final = re.compile(rf"(?:(?P<with>tcp|udp) {_PORTS}|(?P<without>icmp)) (?P<range>\S+)")


def read_rule(line: str) -> SecurityRule:
    """The opening that a line describes: ``tcp 443 0.0.0.0/0``, ``udp 5000-5010 10.0.0.0/8`` …

    Raises:
        ValueError: with a message for the person who typed it.
    """
    words = _RULE.fullmatch(" ".join(line.lower().split()))
    if words is None:
        raise ValueError(gettext("“{line}” is not a rule.").format(line=line))
    try:
        source = ipaddress.ip_network(words["range"])
    except ValueError as error:
        message = gettext("“{range}” is not a range of addresses.")
        raise ValueError(message.format(range=words["range"])) from error
    if words["without"]:
        return SecurityRule(direction="ingress", protocol="icmp", remote_cidr=str(source))
    low = int(words["low"])
    high = int(words["high"] or low)
    if not 1 <= low <= high <= HIGHEST_PORT:
        message = gettext("Ports go from 1 to {highest}, the lowest first.")
        raise ValueError(message.format(highest=HIGHEST_PORT))
    return SecurityRule(
        direction="ingress",
        protocol=words["with"],
        port_min=low,
        port_max=high,
        remote_cidr=str(source),
    )


def _write_rule(rule: SecurityRule) -> str:
    protocol, remote = rule.protocol or "*", rule.remote_cidr or "*"  # "*": any, of Neutron's own
    if rule.port_min is None:
        return f"{protocol} {remote}"
    ports = (
        str(rule.port_min)
        if rule.port_min == rule.port_max
        else (f"{rule.port_min}-{rule.port_max}")
    )
    return f"{protocol} {ports} {remote}"


def _checked_rules(text: str) -> str:
    """The rules, one on each line, each once, as we write them ourselves."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > MOST_RULES:
        raise ValueError(gettext("Use at most {most} rules.").format(most=MOST_RULES))
    return "\n".join(dict.fromkeys(_write_rule(read_rule(line)) for line in lines))


def _run(context: StepContext) -> Outcome:
    project, cloud, marker = context.project, context.cloud, context.marker(PART)
    group = context.ensure(
        find=lambda: cloud.find_security_groups(project, marker),
        create=lambda: cloud.create_security_group(project, context.name, marker),
        remove=lambda double: cloud.delete_security_group(project, double.id),
    )
    cloud.ensure_security_rules(project, group.id, _wanted(context))
    return Done(external_id=group.id)


def _wanted(context: StepContext) -> list[SecurityRule]:
    return [read_rule(line) for line in context.spec["rules"].splitlines()]


def _run_rules(context: StepContext) -> Outcome:
    """Let in what is new before anything is kept out: what stays allowed is never cut off."""
    project, cloud, group_id = context.project, context.cloud, context.cloud_ids[PART]
    wanted = _wanted(context)
    context.hold()
    cloud.ensure_security_rules(project, group_id, wanted)
    context.hold()
    cloud.remove_other_security_rules(project, group_id, wanted)
    return Done(spec={"rules": context.spec["rules"]})


def _run_gone(context: StepContext) -> Outcome:
    """A group that servers are in is busy, and is removed once they left it."""
    cloud = context.cloud
    delete_all(context, PART, cloud.find_security_groups, cloud.delete_security_group)
    return Done()


def _rules(record: Record) -> str | None:
    return _in_one_line(read_rule(line) for line in record.spec["rules"].splitlines())


def _rules_in_cloud(thing: CloudObject) -> str:
    found = cast("list[dict[str, Any]]", thing.details["rules"])
    return _in_one_line(SecurityRule(**rule) for rule in found)


def _name(made: Made) -> str:
    return made.name


def _always(facts: Mapping[str, Any]) -> bool:
    return True


def _rule_block(name: str, group: Ref, rule: SecurityRule) -> Block:
    source = str(rule.remote_cidr)  # a line always says from where
    version = ipaddress.ip_network(source).version
    protocol = "ipv6-icmp" if version == 6 and rule.protocol == "icmp" else rule.protocol
    attributes = {
        "security_group_id": group,
        "direction": rule.direction,
        "ethertype": f"IPv{version}",
        "protocol": protocol,
        "port_range_min": rule.port_min,
        "port_range_max": rule.port_max,
        "remote_ip_prefix": source,
    }
    return Block("openstack_networking_secgroup_rule_v2", name, attributes)


def _in_one_line(rules: Iterable[SecurityRule]) -> str:
    return ", ".join(sorted(_write_rule(rule) for rule in rules))


RULES: Final = StepDefinition(name="rules", label=_("Rules"), run=_run_rules)
RULES_BACK: Final = replace(RULES, label=_("Rules as they were"))
AGAIN: Final = "rules"
ACTIONS: Final = {
    AGAIN: Action(
        label=_("Set the rules again"),
        icon="adjustments",
        consequence=_(
            "For when somebody changed them in the cloud. What no rule here lets in is stopped; "
            "open connections may break off."
        ),
        plan=Plan(version=1, steps=[RULES]),
        is_offered=_always,
    )
}


@register
class SecurityGroup(Kind):
    """Spec: ``rules``, one on each line. It counts for no quota; most ask no money for it."""

    key = "security_group"
    icon = "shield"
    label = _("Security group")
    plans = {
        "provision": Plan(
            version=1,
            steps=[PROJECT, StepDefinition(name=PART, label=_("Security group"), run=_run)],
        ),
        "retire": Plan(
            version=1,
            steps=[
                StepDefinition(name=PART, label=_("Security group removed"), run=_run_gone),
                QUOTA,
            ],
        ),
        "change": Plan(version=1, steps=[RULES]),
        "revert": Plan(version=1, steps=[RULES_BACK]),
    }
    actions = ACTIONS

    parts = [
        Part(
            key=PART,
            label=_("Security group"),
            listing=Listing.SECURITY_GROUPS,
            compared=[
                called(PART),
                Compared(
                    key="rules",
                    label=_("What may come in"),
                    ours=_rules,
                    cloud=_rules_in_cloud,
                    put_back_by=AGAIN,
                    is_access=True,
                ),
            ],
        )
    ]
    results = {"name": _name}

    def parameters(self, version: OfferingVersion) -> list[Parameter]:
        return [
            Parameter(
                name="rules",
                label=_("What may come in"),
                widget=Widget.TEXTAREA,
                section=_("Rules"),
                hint=_(
                    "One rule on each line: protocol, ports and from where. "
                    "For example: tcp 443 0.0.0.0/0"
                ),
                check=_checked_rules,
                max_length=3000,
            )
        ]

    def changeable(self, version: OfferingVersion, spec: Spec) -> list[Parameter]:
        return [replace(asked, default=spec[asked.name]) for asked in self.parameters(version)]

    def change_effects(self, before: Spec, after: Spec) -> list[Text]:
        old, new = set(before["rules"].splitlines()), set(after["rules"].splitlines())
        if old == new:
            return []
        effects: list[Text] = [_("It holds for every server in the group. None of them restarts.")]
        if old - new:
            effects.append(
                _("What no rule lets in any more is stopped. Open connections may break off.")
            )
        return effects

    def quota_demand(self, version: OfferingVersion, spec: Spec) -> dict[Metric, Decimal]:
        return {}

    def meters(self, version: OfferingVersion, spec: Spec) -> list[Meter]:
        return [Meter(PART, Decimal(1))]

    def as_code(self, made: Thing, around: Surroundings) -> Sequence[Block]:
        name = block_name(made)
        group = Block("openstack_networking_secgroup_v2", name, {"name": made.name})
        rules = [read_rule(line) for line in made.spec["rules"].splitlines()]
        numbered = enumerate(rules, start=1)
        return [
            group,
            *(_rule_block(f"{name}_{number}", group.ref(), rule) for number, rule in numbered),
        ]

    def summary(self, spec: Spec) -> str:
        count = len(spec["rules"].splitlines())
        return ngettext("{count} rule", "{count} rules", count).format(count=count)

    def found(self, thing: CloudObject) -> Finding | None:
        """One with a rule that cannot be written down here is none of ours to keep."""
        rules = _rules_in_cloud(thing).split(", ")
        try:
            text = "\n".join(_write_rule(read_rule(rule)) for rule in rules if rule)
        except ValueError:
            return None
        return Finding(spec={"rules": text}, facts={})

    def usage_started_at(self, facts: Mapping[str, Any]) -> datetime | None:
        return None
