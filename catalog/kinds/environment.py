"""An environment: a Keystone project of its own, in which people work with their own tools."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.meters import Meter
from catalog.kinds.base import Kind, Plan, Spec, register
from catalog.kinds.choices import Bounds, ChoiceField
from catalog.kinds.parameters import Parameter, Text, Widget
from catalog.kinds.parts import Compared, Part
from catalog.kinds.steps.environment import (
    ACTIONS,
    CREDENTIAL,
    EMPTY,
    GONE,
    LAPSED,
    LOCKED,
    PART,
    PROJECT,
    QUOTA,
    QUOTA_AGAIN,
    QUOTA_BACK,
    USER,
)
from catalog.models import Metric, OfferingVersion
from portal.cloud.models import Cloud, CloudProjectPurpose
from portal.cloud.ports import BACKUP_GIB, CloudObject, Listing
from portal.core.formats import moment

COMPUTE: Final = _("Computing")
STORAGE: Final = _("Storage")
NETWORK: Final = _("Network")
# What the quota of an environment is made of: the form's sections, and the most of each.
QUOTA_OF: Final[Mapping[Metric, tuple[Text, int]]] = {
    Metric.SERVERS: (COMPUTE, 1000),
    Metric.VCPUS: (COMPUTE, 10_000),
    Metric.MEMORY_GIB: (COMPUTE, 100_000),
    Metric.VOLUME_GIB: (STORAGE, 1_000_000),
    Metric.VOLUMES: (STORAGE, 10_000),
    Metric.SNAPSHOTS: (STORAGE, 10_000),
    Metric.OBJECT_GIB: (STORAGE, 1_000_000),
    Metric.NETWORKS: (NETWORK, 1000),
    Metric.ROUTERS: (NETWORK, 1000),
    Metric.FLOATING_IPS: (NETWORK, 1000),
    Metric.LOAD_BALANCERS: (NETWORK, 1000),
    Metric.DNS_ZONES: (NETWORK, 1000),
}
UNITS: Final = {Metric.MEMORY_GIB: "GiB", Metric.VOLUME_GIB: "GiB", Metric.OBJECT_GIB: "GiB"}
# What somebody pays for: the whole quota, used or not. The rest goes with it.
CHARGED: Final = (
    Metric.VCPUS,
    Metric.MEMORY_GIB,
    Metric.VOLUME_GIB,
    Metric.OBJECT_GIB,
    Metric.FLOATING_IPS,
    Metric.LOAD_BALANCERS,
)


def _limit(metric: Metric) -> Compared:
    """The cloud's limit beside ours, which is paid for: our record takes nothing over."""

    def in_cloud(thing: CloudObject) -> str | None:
        return str(thing.details[metric]) if metric in thing.details else None

    return Compared(
        key=metric.value,
        label=metric.label,
        ours=lambda record: str(record.spec[metric]),
        cloud=in_cloud,
        put_back_by=QUOTA_AGAIN,
    )


# Nobody pays for backups here; snapshots are within the quota of disks.
_NO_BACKUPS: Final = Compared(
    key=BACKUP_GIB,
    label=_("Backups"),
    ours=lambda record: "0",
    cloud=lambda thing: str(thing.details[BACKUP_GIB]) if BACKUP_GIB in thing.details else None,
    put_back_by=QUOTA_AGAIN,
)


@register
class Environment(Kind):
    """Spec: a number by each metric of ``QUOTA_OF``, all of it claimed and most of it paid for.

    The offering's choices: by the same names {"minimum", "maximum", "default"}. What stands in it
    is its users' own, and unknown to the portal.
    """

    key = "environment"
    icon = "stack-2"
    label = _("Environment")
    stands_in = CloudProjectPurpose.ENVIRONMENT
    goes_with_it = _(
        "Everything in it goes too, whoever made it: servers, disks, snapshots, networks, "
        "addresses, load balancers, DNS zones, images and stored objects. First nobody can log in "
        "to it any more."
    )
    not_described = _(
        "Its users made what stands in it, with their own tools. They describe and fetch that."
    )
    plans = {
        "provision": Plan(version=1, steps=[PROJECT, USER, CREDENTIAL]),
        "retire": Plan(version=1, steps=[LOCKED, EMPTY, GONE]),
        "change": Plan(version=1, steps=[QUOTA]),
        "revert": Plan(version=1, steps=[QUOTA_BACK]),
        "withdraw": Plan(version=1, steps=[LAPSED]),
    }
    actions = ACTIONS
    parts = [
        Part(
            key=PART,
            label=_("Environment"),
            listing=Listing.QUOTAS,
            is_marked=False,
            compared=[*[_limit(metric) for metric in QUOTA_OF], _NO_BACKUPS],
        )
    ]

    def choice_fields(self, cloud: Cloud) -> list[ChoiceField]:
        return [
            Bounds(
                name=metric.value,
                label=metric.label,
                lowest=0,
                highest=highest,
                unit=UNITS.get(metric, ""),
            )
            for metric, (_section, highest) in QUOTA_OF.items()
        ]

    def parameters(self, version: OfferingVersion) -> list[Parameter]:
        return [
            Parameter(
                name=metric.value,
                label=metric.label,
                widget=Widget.NUMBER,
                section=section,
                minimum=version.choices[metric]["minimum"],
                maximum=version.choices[metric]["maximum"],
                default=version.choices[metric]["default"],
                unit=UNITS.get(metric, ""),
            )
            for metric, (section, _highest) in QUOTA_OF.items()
        ]

    def changeable(self, version: OfferingVersion, spec: Spec) -> list[Parameter]:
        """Larger or smaller; what it has now stays possible when the offering changed its mind."""
        return [
            replace(
                asked,
                minimum=min(asked.minimum, spec[asked.name]),
                maximum=max(asked.maximum, spec[asked.name]),
                default=spec[asked.name],
            )
            for asked in self.parameters(version)
        ]

    def change_effects(self, before: Spec, after: Spec) -> list[Text]:
        if all(after[metric] >= before[metric] for metric in QUOTA_OF):
            return []
        return [
            _("A smaller quota is set only when no more than that is in use. Else nothing changes.")
        ]

    def demand_while_changing(
        self, version: OfferingVersion, before: Spec, after: Spec
    ) -> dict[Metric, Decimal]:
        """The new quota at once: nothing needs room for both."""
        return self.quota_demand(version, after)

    def quota_demand(self, version: OfferingVersion, spec: Spec) -> dict[Metric, Decimal]:
        return {metric: Decimal(spec[metric]) for metric in QUOTA_OF if spec[metric]}

    def meters(self, version: OfferingVersion, spec: Spec) -> list[Meter]:
        return [
            Meter(f"{self.key}.{metric}", Decimal(spec[metric]))
            for metric in CHARGED
            if spec[metric]
        ]

    def measures(self, spec: Spec, facts: Mapping[str, Any]) -> list[tuple[Text, str]]:
        used = facts.get("used", {})
        words: list[tuple[Text, str]] = [
            (
                metric.label,
                gettext("{used} of {most} in use").format(used=used[metric], most=spec[metric]),
            )
            for metric in QUOTA_OF
            if metric in used and spec[metric]
        ]
        if words:
            at = datetime.fromisoformat(facts["counted_at"])
            words.append((_("Use looked up"), moment(at)))
        return words

    def summary(self, spec: Spec) -> str:
        return gettext("{vcpus} processors, {memory} GiB memory, {disk} GiB disk").format(
            vcpus=spec[Metric.VCPUS], memory=spec[Metric.MEMORY_GIB], disk=spec[Metric.VOLUME_GIB]
        )

    def usage_started_at(self, facts: Mapping[str, Any]) -> datetime | None:
        return None
