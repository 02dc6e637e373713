"""The design of a blueprint as somebody writes it, and whether its parts can be made so."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from catalog.blueprints.design import Asked, Design, Part, Wired, read_design, write_design
from catalog.kinds.base import Kind, get_kind
from catalog.kinds.choices import Written
from catalog.kinds.parameters import Parameter, Widget
from catalog.models import OfferingVersion, neighbours_in
from portal.cloud.models import Cloud

_PRICED = frozenset({Widget.CARDS, Widget.NUMBER})


@dataclass(frozen=True, kw_only=True)
class DesignField(Written):
    """What a blueprint asks and is made of, as JSON."""

    cloud: Cloud = field(repr=False)

    def begin(self) -> dict[str, Any]:
        return {}

    def clean(self, value: object) -> dict[str, Any]:
        if isinstance(value, str):  # typed, and no JSON
            raise ValueError(_("Write JSON: a comma, a quote or a bracket is not where it should."))
        design = read_design(value)
        problems = list(_problems(design, neighbours_in(self.cloud)))
        if problems:
            raise ValueError(" ".join(problems))
        return write_design(design)

    def read(self, text: str) -> Any:
        try:
            value = json.loads(text)
            json.dumps(value, ensure_ascii=False).encode()  # half a character cannot be shown
            return value
        except (ValueError, RecursionError):
            return text

    def write(self, value: Any) -> str:
        return json.dumps(value, indent=2, ensure_ascii=False) if value else ""

    def in_words(self, value: Any) -> str:
        design = read_design(value)
        asked = [f"{item.name}: {item.label_nl} / {item.label_en}" for item in design.questions]
        return "\n".join([*asked, *(_part_in_words(part) for part in design.parts)])


def _part_in_words(part: Part) -> str:
    values = [f"{name}: {_value_in_words(value)}" for name, value in part.spec.items()]
    after = [_("after {parts}").format(parts=", ".join(part.after))] if part.after else []
    return f"{part.key} = {part.offering} “{part.name}” ({', '.join([*values, *after])})"


def _value_in_words(value: object) -> str:
    if isinstance(value, Asked):
        return f"?{value.question}"
    return value.template if isinstance(value, Wired) else str(value)


def _problems(design: Design, offered: Mapping[str, OfferingVersion]) -> Iterator[str]:
    """What the parts' kinds cannot do, or do not offer now."""
    kinds = {
        part.key: get_kind(offered[part.offering].offering.kind)
        for part in design.parts
        if part.offering in offered
    }
    called = Counter((part.name, kinds[part.key].key) for part in design.parts if part.key in kinds)
    for part in design.parts:
        kind = kinds.get(part.key)
        if kind is None or not kind.plans:
            message = _("{part}: “{offering}” is not offered in this cloud.")
            yield message.format(part=part.key, offering=part.offering)
            continue
        if called[part.name, kind.key] > 1:
            message = _("{part}: another {kind} has the name “{name}” too.")
            kind_label = str(kind.label).lower()
            yield message.format(part=part.key, kind=kind_label, name=part.name)
        parameters = {item.name: item for item in kind.parameters(offered[part.offering])}
        for name in part.spec.keys() - parameters.keys():
            message = _("{part}: “{name}” is not asked of a {kind}.")
            yield message.format(part=part.key, name=name, kind=str(kind.label).lower())
        for name, parameter in parameters.items():
            yield from _problems_of_value(part, name, parameter, kinds)
            if isinstance(part.spec.get(name), Wired) and name in _decides_on_steps(kind):
                yield _cannot_be_wired(part, name)


def _decides_on_steps(kind: Kind) -> set[str]:
    """The parameters without which a step is left out, and a wire is empty when that is judged."""
    return {step.only_with for plan in kind.plans.values() for step in plan.steps}


def _cannot_be_wired(part: Part, name: str) -> str:
    message = _("{part}, {name}: this cannot come from another part.")
    return message.format(part=part.key, name=name)


def _problems_of_value(
    part: Part, name: str, parameter: Parameter, kinds: Mapping[str, Kind]
) -> Iterator[str]:
    value = part.spec.get(name)
    if isinstance(value, Asked):
        return
    if isinstance(value, Wired):
        yield from _problems_of_wire(part, name, parameter, value, kinds)
        return
    try:
        parameter.clean(value)
    except ValueError as error:
        yield f"{part.key}, {name}: {error}"


def _problems_of_wire(
    part: Part, name: str, parameter: Parameter, wired: Wired, kinds: Mapping[str, Kind]
) -> Iterator[str]:
    """A wire may not decide what something costs, or what it holds of a quota."""
    for key, result in wired.results:
        kind = kinds.get(key)
        if kind is not None and result not in kind.results:
            message = _("{part}, {name}: a {kind} has no “{result}”.")
            kind_label = str(kind.label).lower()
            yield message.format(part=part.key, name=name, kind=kind_label, result=result)
    is_choice = parameter.widget in _PRICED or bool(parameter.options)
    is_taken = [f"{{{key}.{parameter.takes}}}" for key, _result in wired.results]
    if is_choice and is_taken != [wired.template]:
        yield _cannot_be_wired(part, name)
