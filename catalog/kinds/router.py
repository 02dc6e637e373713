"""A router by itself, as somebody made it in the cloud. A network's own is a part of that."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.meters import Meter
from catalog.kinds.base import (
    Done,
    Kind,
    Outcome,
    Plan,
    Spec,
    StepContext,
    StepDefinition,
    register,
)
from catalog.kinds.parameters import Parameter
from catalog.kinds.parts import Finding, Part, called
from catalog.kinds.steps.cloud_project import QUOTA
from catalog.kinds.steps.removal import delete_all
from catalog.models import Metric, OfferingVersion
from portal.cloud.ports import CloudObject, CloudRefused, CloudUnavailable, Listing

PART: Final = "router"
IN_USE: Final = 409


def _run_gone(context: StepContext) -> Outcome:
    """Neutron deletes no router with a network on it; which those are, no list of routers tells.

    Raises:
        CloudRefused: it has one. A person takes that off: it may be a network that is in use.
    """
    cloud = context.cloud
    try:
        delete_all(context, PART, cloud.find_routers, cloud.delete_router)
    except CloudUnavailable as error:
        if error.status != IN_USE:
            raise
        raise CloudRefused(str(error), request_id=error.request_id, status=error.status) from error
    return Done()


@register
class Router(Kind):
    """Nobody orders one: it is only ever found in the cloud, and adopted or removed."""

    key = "router"
    icon = "network"
    label = _("Router")
    can_be_ordered = False
    not_described = _("It was found in the cloud. No list tells which networks it connects.")
    plans = {
        "retire": Plan(
            version=1,
            steps=[StepDefinition(name=PART, label=_("Router removed"), run=_run_gone), QUOTA],
        ),
    }
    parts = [
        Part(key=PART, label=_("Router"), listing=Listing.ROUTERS, compared=[called(PART)]),
    ]

    def parameters(self, version: OfferingVersion) -> list[Parameter]:
        return []

    def quota_demand(self, version: OfferingVersion, spec: Spec) -> dict[Metric, Decimal]:
        return {Metric.ROUTERS: Decimal(1)}

    def meters(self, version: OfferingVersion, spec: Spec) -> list[Meter]:
        return [Meter("router", Decimal(1))]

    def summary(self, spec: Spec) -> str:
        return gettext("Router")

    def found(self, thing: CloudObject) -> Finding | None:
        return Finding(spec={}, facts={})

    def usage_started_at(self, facts: Mapping[str, Any]) -> datetime | None:
        return None
