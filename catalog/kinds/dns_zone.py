"""A DNS zone with its records."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from billing.meters import Meter
from catalog.exit_package.things import Surroundings, Thing
from catalog.exit_package.tofu import Block, Ref, block_name
from catalog.exit_package.zone import zone_text
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
    register,
)
from catalog.kinds.parameters import Parameter, Text, Widget
from catalog.kinds.parts import Compared, Finding, Part, status
from catalog.kinds.steps.cloud_project import PROJECT, QUOTA
from catalog.kinds.steps.knowing import find_part
from catalog.kinds.steps.removal import delete_all, remaining
from catalog.models import Metric, OfferingVersion
from portal.cloud.ports import DNS_TYPES, CloudObject, DnsRecord, Listing, ZoneSpec

PART: Final = "dns_zone"
MOST_RECORDS: Final = 50
LONGEST_NAME: Final = 253  # characters (RFC 1035)
_ANY_ZONE: Final = "example.nl."  # to read records by before it is known where they will be
_LABEL: Final = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"{_LABEL}(\.{_LABEL})+")
_PART_OF_NAME: Final = re.compile(rf"(@|\*|(\*\.)?{_LABEL}(\.{_LABEL})*)")


def read_records(text: str, zone: str) -> list[DnsRecord]:
    """The records of a zone from lines such as ``www A 192.0.2.10``; ``@`` is the zone itself.

    Args:
        zone: its name, ending with a dot.

    Raises:
        ValueError: with a message for the person who typed it.
    """
    values: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for line in text.splitlines():
        if not line.strip():
            continue
        name, kind, value = _read_line(line)
        full = zone if name == "@" else f"{name}.{zone}"
        if value not in values[full, kind]:
            values[full, kind].append(value)
    return [DnsRecord(name=name, type=kind, values=found) for (name, kind), found in values.items()]


def _read_line(line: str) -> tuple[str, str, str]:
    name, kind, value = ([*line.split(None, 2), "", "", ""])[:3]
    name, kind, value = name.lower(), kind.upper(), value.strip()
    if not _PART_OF_NAME.fullmatch(name) or kind not in DNS_TYPES or not value:
        message = gettext("Write “{line}” as: name, type and value. Types are {types}.")
        raise ValueError(message.format(line=line.strip(), types=", ".join(DNS_TYPES)))
    return name, kind, _checked_value(kind, value)


def _checked_value(kind: str, value: str) -> str:
    """The value as Designate keeps it."""
    message = gettext("“{value}” is no value of a record of type {kind}.")
    refusal = ValueError(message.format(value=value, kind=kind))
    if kind in {"A", "AAAA"}:
        try:
            address = ipaddress.ip_address(value)
        except ValueError as error:
            raise refusal from error
        if address.version != (4 if kind == "A" else 6):
            raise refusal
        return str(address)
    if kind == "TXT":
        inside = value.strip('"')
        if '"' in inside or not inside.isascii() or len(inside) > 255:  # RFC 1035: one string
            raise refusal
        return f'"{inside}"'
    priority, _space, host = value.rpartition(" ")
    is_priority = priority.isascii() and priority.isdecimal() and int(priority) < 65536
    if not _NAME.fullmatch(host.lower().rstrip(".")) or is_priority != (kind == "MX"):
        raise refusal
    absolute = f"{host.lower().rstrip('.')}."
    return f"{int(priority)} {absolute}" if kind == "MX" else absolute


def _checked_zone(text: str) -> str:
    name = text.lower().rstrip(".")
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise ValueError(gettext("Write a domain name such as loket.example.nl."))
    return name


def _checked_records(text: str) -> str:
    """The records as typed, without empty lines; that they can be read is checked here."""
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    if len(lines) > MOST_RECORDS:
        raise ValueError(gettext("Use at most {most} records.").format(most=MOST_RECORDS))
    _check_aliases(read_records("\n".join(lines), _ANY_ZONE))
    return "\n".join(lines)


def _check_aliases(records: Sequence[DnsRecord]) -> None:
    """A name with a CNAME has one value and nothing else (RFC 1034, 3.6.2), so no zone has one.

    Raises:
        ValueError: with a message for the person who typed it.
    """
    types = Counter(record.name for record in records)
    for record in records:
        is_alone = types[record.name] == len(record.values) == 1 and record.name != _ANY_ZONE
        if record.type == "CNAME" and not is_alone:
            name = record.name.removesuffix(_ANY_ZONE).rstrip(".") or "@"
            message = gettext("“{name}” cannot have a CNAME: that stands alone, and never at @.")
            raise ValueError(message.format(name=name))


def _run(context: StepContext) -> Outcome:
    project, cloud, marker = context.project, context.cloud, context.marker(PART)
    spec = ZoneSpec(name=_absolute(context.spec), email=context.spec["email"])
    zone = context.ensure(
        find=lambda: cloud.find_zones(project, marker),
        create=lambda: cloud.create_zone(project, spec, marker),
        remove=lambda double: cloud.delete_zone(project, double.id),
    )
    return _judge(zone)


def _absolute(spec: Spec) -> str:
    return f"{spec['zone']}."


def _judge(zone: CloudObject) -> Outcome:
    if zone.status == "ERROR":
        return Broken("The zone is in ERROR.")
    return Done(external_id=zone.id) if zone.status == "ACTIVE" else Wait(external_id=zone.id)


def _settle(context: StepContext, zone_id: str, look: Look) -> Outcome:
    zone = look[Listing.ZONES].get(zone_id)
    return _judge(zone) if zone else Broken("The zone is gone.")


def _clear(context: StepContext, zone_id: str) -> None:
    context.cloud.delete_zone(context.project, zone_id)


def _run_records(context: StepContext) -> Outcome:
    records = _records(context.spec)
    if records:
        context.cloud.set_records(context.project, context.cloud_ids[PART], records)
    return Done()


def _records(spec: Spec) -> list[DnsRecord]:
    return read_records(spec["records"] or "", _absolute(spec))


def _record_block(name: str, zone: Ref, record: DnsRecord) -> Block:
    attributes = {
        "zone_id": zone,
        "name": record.name,
        "type": record.type,
        "records": list(record.values),
    }
    return Block("openstack_dns_recordset_v2", name, attributes)


def _run_changed(context: StepContext) -> Outcome:
    """Write what differs; as at delivery, Designate tells its name servers in its own time."""
    project, cloud, wanted = context.project, context.cloud, _records(context.spec)
    zone = find_part(context, PART, cloud.find_zones, cloud.list_zones)
    if _values(cloud.list_records(project, zone.id)) != _values(wanted):
        context.hold()
        cloud.set_records(project, zone.id, wanted)
    return Done(external_id=zone.id, spec={"records": context.spec["records"]})


def _values(records: Iterable[DnsRecord]) -> dict[tuple[str, str], set[str]]:
    return {(record.name, record.type): set(record.values) for record in records}


CHANGED: Final = StepDefinition(
    name="records",
    label=_("Records"),
    run=_run_changed,
    parameter="records",
)


def _run_gone(context: StepContext) -> Outcome:
    cloud = context.cloud
    was_there = delete_all(context, PART, cloud.find_zones, cloud.delete_zone)
    return Wait() if was_there else Done()


def _settle_gone(context: StepContext, _id: str, look: Look) -> Outcome:
    left = remaining(context, PART, look[Listing.ZONES])
    if any(zone.status == "ERROR" for zone in left):
        return Broken("The zone was not removed.")
    return Wait() if left else Done()


def _records_parameter() -> Parameter:
    return Parameter(
        name="records",
        label=_("Records"),
        widget=Widget.TEXTAREA,
        section=_("Records"),
        hint=_("Name, type and value on a line of its own: www A 192.0.2.10"),
        required=False,
        check=_checked_records,
        max_length=5000,
    )


@register
class DnsZone(Kind):
    """Spec: ``zone``, ``email`` of who answers for it, and ``records``, a line for each."""

    key = "dns_zone"
    icon = "world-www"
    label = _("DNS zone")
    plans = {
        "provision": Plan(
            version=1,
            steps=[
                PROJECT,
                StepDefinition(
                    name=PART,
                    label=_("DNS zone"),
                    run=_run,
                    settle=_settle,
                    clear=_clear,
                    reads=frozenset({Listing.ZONES}),
                    timeout=timedelta(minutes=15),
                    uses=frozenset({"zone", "email"}),
                ),
                StepDefinition(name="records", label=_("Records"), run=_run_records),
            ],
        ),
        "retire": Plan(
            version=1,
            steps=[
                StepDefinition(
                    name=PART,
                    label=_("DNS zone removed"),
                    run=_run_gone,
                    settle=_settle_gone,
                    reads=frozenset({Listing.ZONES}),
                ),
                QUOTA,
            ],
        ),
        "change": Plan(version=1, steps=[CHANGED]),
        "revert": Plan(version=1, steps=[replace(CHANGED, label=_("Records as they were"))]),
    }

    parts = [
        Part(
            key=PART,
            label=_("DNS zone"),
            listing=Listing.ZONES,
            compared=[
                Compared(
                    key="name",
                    label=_("Domain name"),
                    ours=lambda record: _absolute(record.spec),
                    cloud=lambda thing: thing.name,
                ),
                status(ours=lambda record: "ACTIVE", settled=("ACTIVE", "ERROR")),
            ],
        )
    ]

    def parameters(self, version: OfferingVersion) -> list[Parameter]:
        return [
            Parameter(
                name="zone",
                label=_("Domain name"),
                widget=Widget.TEXT,
                section=_("Zone"),
                hint=_("For example loket.example.nl."),
                check=_checked_zone,
                max_length=LONGEST_NAME + 1,
            ),
            Parameter(
                name="email",
                label=_("E-mail address of who answers for it"),
                widget=Widget.TEXT,
                section=_("Zone"),
                hint=_("Everybody on the internet can read this."),
                pattern=r"[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+",
                pattern_hint=_("Write an address such as beheer@example.nl."),
                max_length=200,
            ),
            _records_parameter(),
        ]

    def changeable(self, version: OfferingVersion, spec: Spec) -> list[Parameter]:
        if "records" not in spec:
            return []
        return [replace(_records_parameter(), default=spec["records"])]

    def change_effects(self, before: Spec, after: Spec) -> list[Text]:
        if _values(_records(before)) == _values(_records(after)):
            return []
        return [_("For an hour after the change some people may still get the old answer.")]

    def quota_demand(self, version: OfferingVersion, spec: Spec) -> dict[Metric, Decimal]:
        return {Metric.DNS_ZONES: Decimal(1)}

    def meters(self, version: OfferingVersion, spec: Spec) -> list[Meter]:
        return [Meter("dns_zone", Decimal(1))]

    def as_code(self, made: Thing, around: Surroundings) -> Sequence[Block]:
        if "records" not in made.spec:
            return []
        name = block_name(made)
        attributes = {"name": _absolute(made.spec), "email": made.spec["email"]}
        zone = Block("openstack_dns_zone_v2", name, attributes)
        numbered = enumerate(_records(made.spec), start=1)
        return [
            zone,
            *(_record_block(f"{name}_{number}", zone.ref(), record) for number, record in numbered),
        ]

    def exit_files(self, made: Thing) -> Mapping[str, str]:
        if "records" not in made.spec:
            return {}
        text = zone_text(_absolute(made.spec), made.spec["email"], _records(made.spec))
        return {f"dns/{made.spec['zone']}.zone": text}

    def summary(self, spec: Spec) -> str:
        if "records" not in spec:
            return str(spec["zone"])
        count = len((spec["records"] or "").splitlines())
        records = ngettext("{count} record", "{count} records", count).format(count=count)
        return f"{spec['zone']}, {records}"

    def found(self, thing: CloudObject) -> Finding | None:
        """Its records stand in no list of the cloud."""
        return Finding(spec={"zone": thing.name.rstrip(".")}, facts={})

    def usage_started_at(self, facts: Mapping[str, Any]) -> datetime | None:
        return None
