"""Tones of states, and places, specs and amounts in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.utils.translation import gettext as _

from billing.services.quotes import Quote
from catalog.kinds import get_kind
from catalog.kinds.parameters import Parameter
from catalog.models import (
    OfferingVersion,
    OperationState,
    OrderLine,
    OrderState,
    ResourceState,
)
from catalog.services.sources import with_chosen
from portal.cloud.models import Cloud
from portal.core.formats import day, money, quantity

ORDER_TONES: Final[Mapping[str, str]] = {
    OrderState.PENDING_APPROVAL: "neutral",
    OrderState.NEEDS_INFORMATION: "warning",
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
    seal = cloud.operator_profile.get("seal")
    return cloud.name if seal is None else f"{cloud.name}, SEAL-{seal}"


def spec_in_words(version: OfferingVersion, spec: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was chosen: question and answer, in the order of the form; without what was left out."""
    parameters = with_chosen(get_kind(version.offering.kind).parameters(version), spec)
    return [
        (str(parameter.label), _answer(parameter, spec[parameter.name]))
        for parameter in parameters
        if spec.get(parameter.name) is not None
    ]


def tags_in_words(tags: Mapping[str, str]) -> list[tuple[str, str]]:
    """The tags that it gets, beside what it inherits."""
    return [(_("Tag {key}").format(key=key), value) for key, value in sorted(tags.items())]


@dataclass(frozen=True)
class Changed:
    """One answer that becomes another."""

    question: str
    before: str
    after: str


def change_in_words(line: OrderLine) -> list[Changed]:
    """What a line that changes something makes otherwise; the price always, to compare."""
    before = line.before or {}
    then, now = before["spec"], line.spec
    parameters = get_kind(line.offering_version.offering.kind).parameters(line.offering_version)
    rows = [
        Changed(
            str(item.label), _answer(item, then.get(item.name)), _answer(item, now.get(item.name))
        )
        for item in parameters
        if then.get(item.name) != now.get(item.name)
    ]
    old_day = date.fromisoformat(before["end_date"]) if before["end_date"] else None
    if old_day != line.end_date:
        rows.append(Changed(_("End date"), day_in_words(old_day), day_in_words(line.end_date)))
    old_price = Quote.from_json(before["quote"]).monthly
    rows.append(Changed(_("Price per month"), money(old_price), money(line.monthly_price)))
    return rows


def effects_of(line: OrderLine) -> list[str]:
    """What people notice of a change; nothing of what is new."""
    if line.before is None:
        return []
    kind = get_kind(line.offering_version.offering.kind)
    return [str(text) for text in kind.change_effects(line.before["spec"], line.spec)]


def day_in_words(end_date: date | None) -> str:
    """The last day on which something is needed."""
    return day(end_date) if end_date else _("No end date")


def _answer(parameter: Parameter, value: object) -> str:
    if value is None:
        return _("Nothing")
    for option in parameter.options:
        if option.value == value:
            hint = f" ({option.hint})" if option.hint else ""
            return f"{option.label}{hint}"
    if parameter.takes:
        return parameter.taken_in_words(str(value))
    if parameter.unit and isinstance(value, int):
        return quantity(value, parameter.unit)
    return f"{value} {parameter.unit}".strip()
