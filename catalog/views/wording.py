"""Tones of states, and places, specs and amounts in words."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from catalog.kinds import get_kind
from catalog.kinds.parameters import Parameter
from catalog.models import Metric, OfferingVersion, OperationState, OrderState, ResourceState
from catalog.placement import CloudFacts
from portal.cloud.models import Cloud
from portal.core.formats import money, quantity

ORDER_TONES: Final[Mapping[str, str]] = {
    OrderState.PENDING_APPROVAL: "neutral",
    OrderState.PROVISIONING: "active",
    OrderState.COMPLETED: "success",
    OrderState.FAILED: "error",
    OrderState.REJECTED: "warning",
    OrderState.WITHDRAWN: "neutral",
    OrderState.EXPIRED: "neutral",
    OrderState.CANCELED: "neutral",
}
RESOURCE_TONES: Final[Mapping[str, str]] = {
    ResourceState.PROVISIONING: "active",
    ResourceState.ACTIVE: "success",
    ResourceState.FAILED: "error",
    ResourceState.RETIRING: "active",
    ResourceState.RETIRED: "neutral",
}
OPERATION_TONES: Final[Mapping[str, str]] = {
    OperationState.RUNNING: "active",
    OperationState.FAILED: "error",
    OperationState.SUCCEEDED: "success",
    OperationState.ABANDONED: "neutral",
    OperationState.CANCELED: "neutral",
    OperationState.SOLVED: "success",
}


def place_in_words(cloud: Cloud) -> str:
    """The place and how sovereign it is, e.g. “Overheidsdatacenter Noord, SEAL-3”."""
    seal = CloudFacts.from_profile(cloud.operator_profile).seal
    return cloud.name if seal is None else f"{cloud.name}, SEAL-{seal}"


def amount_in_words(metric: Metric, amount: Decimal, *, with_unit: bool = True) -> str:
    """An amount of what is scarce: “2”, “40 GiB” or “€ 41,80”."""
    if metric is Metric.MONTHLY_COST_EUR:
        return money(amount)
    return quantity(amount, "GiB" if with_unit and metric.value.endswith("_gib") else "")


def spec_in_words(version: OfferingVersion, spec: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was chosen: question and answer, in the order of the form; without what was left out."""
    parameters = get_kind(version.offering.kind).parameters(version)
    return [
        (str(parameter.label), _answer(parameter, spec[parameter.name]))
        for parameter in parameters
        if spec.get(parameter.name) is not None
    ]


def _answer(parameter: Parameter, value: object) -> str:
    for option in parameter.options:
        if option.value == value:
            hint = f" ({option.hint})" if option.hint else ""
            return f"{option.label}{hint}"
    return f"{value} {parameter.unit}".strip()
