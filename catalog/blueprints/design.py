"""The design of a blueprint: what it asks, its parts, and what goes from one part to another."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _

from portal.core.text import clean_text

MOST_PARTS: Final = 20
LABEL_LENGTH: Final = 80
WIRE_LENGTH: Final = 10_000
_KEY: Final = re.compile(r"[a-z][a-z0-9-]{0,29}")
_QUESTION: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_NAME_TEMPLATE: Final = re.compile(r"[a-z0-9-]*\{name\}[a-z0-9-]*")
# What every order asks: a form has each name once.
_ASKED_ALREADY: Final = frozenset({"idempotency_key", "project", "name", "purpose", "end_date"})
# {part.result}
_RESULT: Final = re.compile(r"\{([a-z][a-z0-9-]*)\.([a-z_]+)\}")
_FIELDS: Final = {
    "question": frozenset({"name", "label_nl", "label_en"}),
    "part": frozenset({"key", "offering", "name", "spec", "after"}),
}

Result = tuple[str, str]  # key of a part, and name of what it has once it runs


@dataclass(frozen=True)
class Asked:
    """The answer to a question of the blueprint."""

    question: str


@dataclass(frozen=True)
class Wired:
    """Text with what other parts have once they run: ``{web-1.address}:8080``."""

    template: str

    @property
    def results(self) -> list[Result]:
        """What it needs, in the order of the text."""
        return results_in(self.template)


Value = str | int | None | Asked | Wired


@dataclass(frozen=True, kw_only=True)
class Question:
    """Something that is asked once, for every part that takes the answer."""

    name: str
    label_nl: str
    label_en: str


@dataclass(frozen=True, kw_only=True)
class Part:
    """One thing that a blueprint is made of.

    Attributes:
        offering: code of what delivers it.
        name: how it is called, with ``{name}`` for the name of the whole.
        spec: parameters of its kind.
        after: keys of parts that must run first, beside those that it takes something of.
    """

    key: str
    offering: str
    name: str
    spec: Mapping[str, Value]
    after: tuple[str, ...]

    @property
    def needs(self) -> frozenset[str]:
        """Keys of the parts that must run before this one is begun."""
        taken_of = {key for _name, wired in self.wires() for key, _result in wired.results}
        return frozenset(taken_of | set(self.after))

    def wires(self) -> Iterator[tuple[str, Wired]]:
        """The parameters that are filled in once other parts run."""
        for name, value in self.spec.items():
            if isinstance(value, Wired):
                yield name, value

    def named(self, name: str) -> str:
        """What it is called when the whole is called ``name``."""
        return self.name.replace("{name}", name)


@dataclass(frozen=True, kw_only=True)
class Design:
    """What a version of a blueprint says; ``parts`` come after all that they need."""

    questions: tuple[Question, ...]
    parts: tuple[Part, ...]


def read_design(raw: object) -> Design:
    """Read a design as a version keeps it.

    Raises:
        ValueError: with everything that is wrong, for the person who wrote it.
    """
    if not isinstance(raw, Mapping) or raw.keys() != {"parameters", "parts"}:
        raise ValueError(_("Write an object with “parameters” and “parts”."))
    if not isinstance(raw["parameters"], list) or not isinstance(raw["parts"], list):
        raise ValueError(_("Write lists of “parameters” and of “parts”."))
    if not 1 <= len(raw["parts"]) <= MOST_PARTS:
        raise ValueError(_("Use 1 to {most} parts.").format(most=MOST_PARTS))
    questions = tuple(_read_question(item) for item in raw["parameters"])
    parts = [_read_part(item) for item in raw["parts"]]
    problems = [*_problems(questions, parts)]
    if problems:
        raise ValueError(" ".join(problems))
    return Design(questions=questions, parts=in_order(parts))


def write_design(design: Design) -> dict[str, Any]:
    """The design as a version keeps it."""
    return {
        "parameters": [
            {"name": item.name, "label_nl": item.label_nl, "label_en": item.label_en}
            for item in design.questions
        ],
        "parts": [
            {
                "key": part.key,
                "offering": part.offering,
                "name": part.name,
                "spec": {name: _written(value) for name, value in part.spec.items()},
                "after": list(part.after),
            }
            for part in design.parts
        ],
    }


def in_order(parts: Sequence[Part]) -> tuple[Part, ...]:
    """The parts, each after all that it needs; else in the order in which they were written.

    Raises:
        ValueError: some wait for each other for ever.
    """
    ordered: list[Part] = []
    left = list(parts)
    while left:
        done = {part.key for part in ordered}
        ready = next((part for part in left if part.needs <= done), None)
        if ready is None:
            names = ", ".join(part.key for part in left)
            raise ValueError(_("These parts wait for each other: {names}.").format(names=names))
        ordered.append(ready)
        left.remove(ready)
    return tuple(ordered)


def results_in(template: str) -> list[Result]:
    """The results that a template names."""
    return [(key, result) for key, result in _RESULT.findall(template)]


def filled_in(template: str, results: Mapping[Result, str]) -> str:
    """The text of a template; KeyError when a result lacks."""
    return _RESULT.sub(lambda found: results[found[1], found[2]], template)


def _read_question(raw: object) -> Question:
    if not isinstance(raw, Mapping) or raw.keys() != _FIELDS["question"]:
        raise ValueError(_("Write “name”, “label_nl” and “label_en” of every parameter."))
    texts = {name: _read_text(raw[name]) for name in _FIELDS["question"]}
    if not all(texts.values()):
        message = _("Write 1 to {most} characters in what a parameter says.")
        raise ValueError(message.format(most=LABEL_LENGTH))
    if not _QUESTION.fullmatch(texts["name"]):
        message = _("“{name}” is no name of a parameter: use a to z, 0 to 9 and _.")
        raise ValueError(message.format(name=texts["name"]))
    if texts["name"] in _ASKED_ALREADY:
        message = _("“{name}” is asked of every order: choose another name.")
        raise ValueError(message.format(name=texts["name"]))
    return Question(**texts)


def _read_text(raw: object) -> str:
    """The text as it is kept; empty where it is none."""
    return clean_text(raw, max_length=LABEL_LENGTH) if isinstance(raw, str) else ""


def _read_part(raw: object) -> Part:
    if not isinstance(raw, Mapping) or not {"key", "offering", "name"} <= raw.keys():
        raise ValueError(_("Write “key”, “offering” and “name” of every part."))
    if unknown := raw.keys() - _FIELDS["part"]:
        message = _("A part has no “{name}”.")
        raise ValueError(message.format(name=min(map(str, unknown))))
    key, offering, name = raw["key"], raw["offering"], raw["name"]
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        message = _("“{name}” is no key of a part: use a to z, 0 to 9 and hyphens.")
        raise ValueError(message.format(name=key))
    if not isinstance(offering, str):
        raise ValueError(_("{part}: write the code of an offering.").format(part=key))
    if not isinstance(name, str) or not _NAME_TEMPLATE.fullmatch(name):
        message = _("{part}: write a name with {name} in it, such as {name}-web.")
        raise ValueError(message.format(part=key, name="{name}"))
    spec, after = raw.get("spec", {}), raw.get("after", [])
    if not isinstance(spec, Mapping) or not isinstance(after, list):
        raise ValueError(_("{part}: “spec” is an object, “after” a list.").format(part=key))
    if not all(isinstance(other, str) for other in after):
        raise ValueError(_("{part}: “after” names parts.").format(part=key))
    values = {str(parameter): _read_value(key, value) for parameter, value in spec.items()}
    return Part(key=key, offering=offering, name=name, spec=values, after=tuple(after))


def _read_value(part: str, raw: object) -> Value:
    if raw is None or (isinstance(raw, str | int) and not isinstance(raw, bool)):
        return raw
    if isinstance(raw, Mapping) and len(raw) == 1:
        [(way, text)] = raw.items()
        if way == "ask" and isinstance(text, str):
            return Asked(text)
        if way == "wire" and isinstance(text, str):
            return _read_wire(part, text)
    message = _("{part}: a value is text, a whole number, {ask} or {wire}.")
    raise ValueError(message.format(part=part, ask='{"ask": …}', wire='{"wire": …}'))


def _read_wire(part: str, template: str) -> Wired:
    rest = _RESULT.sub("", template)
    if not results_in(template) or "{" in rest or "}" in rest:
        message = _("{part}: write what is taken of a part as {example}.")
        raise ValueError(message.format(part=part, example="{part.result}"))
    try:
        return Wired(clean_text(template, max_length=WIRE_LENGTH, multiline=True))
    except ValueError as error:
        raise ValueError(f"{part}: {error}") from error


def _problems(questions: Sequence[Question], parts: Sequence[Part]) -> Iterator[str]:
    """What does not fit together; that parts wait for each other is found in ``in_order``."""
    asked = [item.name for item in questions]
    keys = [part.key for part in parts]
    if len(set(asked)) < len(asked) or len(set(keys)) < len(keys):
        yield _("Every parameter and every part has a name of its own.")
    used = {
        value.question for part in parts for value in part.spec.values() if isinstance(value, Asked)
    }
    for name in sorted(used - set(asked)):
        yield _("“{name}” is no parameter of this blueprint.").format(name=name)
    for name in sorted(set(asked) - used):
        yield _("No part uses the parameter “{name}”.").format(name=name)
    for part in parts:
        for unknown in sorted(part.needs - set(keys)):
            yield _("{part}: there is no part “{unknown}”.").format(part=part.key, unknown=unknown)
    if not asked:
        yield _("Ask at least one thing.")


def _written(value: Value) -> Any:
    if isinstance(value, Asked):
        return {"ask": value.question}
    return {"wire": value.template} if isinstance(value, Wired) else value
