"""A blueprint: several things that are ordered, priced, approved and cleaned up as one.

It is never made itself: an order of it becomes a line for each of its parts, of their own kinds.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from billing.meters import Meter
from catalog.blueprints.design import Asked, Design, Part, Question, Wired, read_design
from catalog.errors import OfferingUnavailable
from catalog.kinds.base import Kind, PartRequest, Spec, get_kind, register
from catalog.kinds.choices import ChoiceField
from catalog.kinds.designs import DesignField
from catalog.kinds.fees import paid_for
from catalog.kinds.parameters import Option, Parameter, Widget, clean_spec
from catalog.models import Metric, OfferingVersion
from portal.cloud.models import Cloud
from portal.core.errors import InvalidInput

SECTION = _("Parts")


@dataclass(frozen=True, kw_only=True)
class _Piece:
    """A part with what delivers it now, and the questions of its kind."""

    part: Part
    version: OfferingVersion
    kind: Kind
    parameters: list[Parameter]

    def given(self, answers: Mapping[str, Any]) -> dict[str, Any]:
        """What its kind's questions get: literals and answers, None where something is wired."""
        values = {item.name: self.part.spec.get(item.name) for item in self.parameters}
        return {
            name: answers.get(value.question) if isinstance(value, Asked) else value
            for name, value in values.items()
            if not isinstance(value, Wired)
        }

    def unwired(self) -> list[Parameter]:
        wired = dict(self.part.wires())
        return [item for item in self.parameters if item.name not in wired]


@register
class Blueprint(Kind):
    """Spec: the answers to the questions of the design.

    The offering's choices: ``design``, see ``catalog.blueprints.design``.
    """

    key = "blueprint"
    icon = "layout-grid"
    label = _("Blueprint")
    is_whole = True
    plans = {}

    def choice_fields(self, cloud: Cloud) -> list[ChoiceField]:
        return [
            DesignField(
                name="design",
                label=_("Design"),
                hint=_("JSON with “parameters” and “parts”; the documentation has an example."),
                rows=24,
                cloud=cloud,
            )
        ]

    def parameters(self, version: OfferingVersion) -> list[Parameter]:
        design = read_design(version.choices["design"])
        pieces = _pieces(version, design)
        if not _can_be_made(design, pieces):
            return [_unanswerable(question) for question in design.questions]
        return [_parameter(question, pieces) for question in design.questions]

    def made_of(self, version: OfferingVersion) -> list[OfferingVersion]:
        return [piece.version for piece in _pieces(version, read_design(version.choices["design"]))]

    def expand(self, version: OfferingVersion, name: str, spec: Spec) -> list[PartRequest]:
        design = read_design(version.choices["design"])
        pieces = _pieces(version, design)
        if not _can_be_made(design, pieces):
            raise OfferingUnavailable()
        errors: defaultdict[str, list[str]] = defaultdict(list)
        requests = []
        kinds = {piece.part.key: piece.kind for piece in pieces}
        for piece in pieces:
            part, called = piece.part, piece.part.named(name)
            if not re.fullmatch(piece.kind.name_pattern, called):
                errors["name"].append(f"“{called}”: {piece.kind.name_hint}")
            try:
                cleaned = clean_spec(piece.unwired(), piece.given(spec))
            except InvalidInput as error:
                _put_at_the_questions(errors, part, error)
                continue
            wiring = {parameter: wired.template for parameter, wired in part.wires()}
            requests.append(
                PartRequest(
                    key=part.key,
                    version=piece.version,
                    name=called,
                    spec={**cleaned, **dict.fromkeys(wiring)},
                    wiring=wiring,
                    needs=_needs(part, kinds),
                )
            )
        if errors:
            raise InvalidInput(errors)
        return requests

    def quota_demand(self, version: OfferingVersion, spec: Spec) -> dict[Metric, Decimal]:
        total: defaultdict[Metric, Decimal] = defaultdict(Decimal)
        for piece, given in _given(version, spec):
            for metric, amount in piece.kind.quota_demand(piece.version, given).items():
                total[metric] += amount
        return dict(total)

    def meters(self, version: OfferingVersion, spec: Spec) -> list[Meter]:
        return [
            meter
            for piece, given in _given(version, spec)
            for meter in paid_for(piece.version, given)
        ]

    def summary(self, spec: Spec) -> str:
        return ", ".join(str(value) for value in spec.values() if value is not None)

    def usage_started_at(self, facts: Mapping[str, Any]) -> datetime | None:
        return None


def _pieces(version: OfferingVersion, design: Design) -> list[_Piece]:
    """The parts that can be delivered now, in the order of the design."""
    pieces = []
    for part in design.parts:
        found = version.neighbours.get(part.offering)
        if found is not None:
            kind = get_kind(found.offering.kind)
            piece = _Piece(part=part, version=found, kind=kind, parameters=kind.parameters(found))
            pieces.append(piece)
    return pieces


def _given(version: OfferingVersion, spec: Spec) -> Iterator[tuple[_Piece, dict[str, Any]]]:
    """Every part with its parameters; of a price or a quota no wire ever makes a difference."""
    for piece in _pieces(version, read_design(version.choices["design"])):
        yield piece, {**dict.fromkeys(dict(piece.part.wires())), **piece.given(spec)}


def _needs(part: Part, kinds: Mapping[str, Kind]) -> dict[str, str]:
    """The parts that come first, each with the step of it that this one waits for."""
    return {key: _awaited_step(part, key, kinds[key]) for key in sorted(part.needs)}


def _awaited_step(part: Part, key: str, kind: Kind) -> str:
    """The step after which all is known that is taken of it; "" where it must run."""
    taken = {name for _name, wired in part.wires() for of, name in wired.results if of == key}
    if key in part.after or not taken <= kind.known_after.keys():
        return ""
    awaited = {kind.known_after[name] for name in taken}
    steps = [step.name for step in kind.plans["provision"].steps]
    return max(awaited, key=steps.index)


def _can_be_made(design: Design, pieces: list[_Piece]) -> bool:
    """Whether every part is still offered, and may still be as the design fixed it."""
    for piece in pieces:
        fixed = [
            item
            for item in piece.unwired()
            if not isinstance(piece.part.spec.get(item.name), Asked)
        ]
        given = piece.given({})
        try:
            clean_spec(fixed, {item.name: given[item.name] for item in fixed})
        except InvalidInput:
            return False
    return len(pieces) == len(design.parts)


def _parameter(question: Question, pieces: list[_Piece]) -> Parameter:
    """The question of the kinds, with what suits every part that takes the answer."""
    takers = [
        item
        for piece in pieces
        for item in piece.parameters
        if piece.part.spec.get(item.name) == Asked(question.name)
    ]
    first = takers[0]
    options = [option for option in first.options if all(_offers(item, option) for item in takers)]
    return replace(
        first,
        name=question.name,
        label=_label(question),
        options=[
            replace(
                option,
                meters=[
                    meter
                    for item in takers
                    for same in item.options
                    if same.value == option.value
                    for meter in same.meters
                ],
            )
            for option in options
        ],
        minimum=max(item.minimum for item in takers),
        maximum=min(item.maximum for item in takers),
        required=any(item.required for item in takers),
        hint="" if first.of_kinds else first.hint,
        of_kinds=(),  # a design is not about what runs already in somebody's project
    )


def _offers(parameter: Parameter, option: Option) -> bool:
    return any(other.value == option.value for other in parameter.options)


def _unanswerable(question: Question) -> Parameter:
    """Nothing to choose from: so nobody orders what cannot be made now."""
    return Parameter(
        name=question.name, label=_label(question), widget=Widget.SELECT, section=SECTION
    )


def _label(question: Question) -> str:
    return question.label_en if get_language() == "en" else question.label_nl


def _put_at_the_questions(
    errors: defaultdict[str, list[str]], part: Part, refusal: InvalidInput
) -> None:
    """What a part refuses stands at the question that it was asked by."""
    for name, texts in refusal.errors.items():
        value = part.spec.get(name)
        at = value.question if isinstance(value, Asked) else part.key
        errors[at] += [f"{part.key}: {text}" for text in texts]
