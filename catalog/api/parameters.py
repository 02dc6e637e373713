"""The parameters of a kind as JSON Schema, and whether what came in has those types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.utils.translation import gettext as _

from catalog.kinds.parameters import Option, Parameter, Widget

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_OPTIONS: Final = {Widget.CARDS, Widget.SELECT}
_OWN: Final = {
    "title": "The id of something that runs in the project",
    "pattern": "^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
}


def json_schema(parameters: Sequence[Parameter]) -> dict[str, Any]:
    """Return the schema of a whole ``spec``, with the options and bounds of this moment.

    What runs in a project is an option only where the project is known.
    """
    return {"$schema": DIALECT, **_object(parameters, [_bounded(item) for item in parameters])}


def partial_schema(parameters: Sequence[Parameter]) -> dict[str, Any]:
    """Return the schema of a ``spec`` that may leave anything out."""
    return {**json_schema(parameters), "required": []}


def outline(parameters: Sequence[Parameter]) -> dict[str, Any]:
    """Return the schema without what an offering decides: for a description that stays true."""
    return _object(parameters, [_described(item) for item in parameters])


def find_misfits(parameters: Sequence[Parameter], raw: Mapping[str, Any]) -> dict[str, str]:
    """Return a message by name for what the schema does not know, or knows as another JSON type.

    A form sends a number as text, so ``Parameter.clean`` accepts that; a program must not.
    """
    by_name = {parameter.name: parameter for parameter in parameters}
    messages = {}
    for name, value in raw.items():
        parameter = by_name.get(name)
        if parameter is None:
            messages[name] = _("This is not a question of this offering.")
        elif value is not None and not _has_type(parameter, value):
            messages[name] = _("This value has another type than the offering asks for.")
    return messages


def _has_type(parameter: Parameter, value: object) -> bool:
    if parameter.widget is Widget.NUMBER:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, str)


def _object(parameters: Sequence[Parameter], schemas: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [item.name for item in parameters if item.required],
        "properties": {item.name: schema for item, schema in zip(parameters, schemas, strict=True)},
    }


def _described(parameter: Parameter) -> dict[str, Any]:
    kind = "integer" if parameter.widget is Widget.NUMBER else "string"
    schema: dict[str, Any] = {
        "title": str(parameter.label),
        "type": kind if parameter.required else [kind, "null"],
    }
    if parameter.asks_for_own:
        schema["format"] = "uuid"
    if parameter.hint:
        schema["description"] = str(parameter.hint)
    if parameter.widget in {Widget.TEXT, Widget.TEXTAREA}:
        schema["maxLength"] = parameter.max_length
        if parameter.pattern:
            schema["pattern"] = f"^(?:{parameter.pattern})$"
    return schema


def _bounded(parameter: Parameter) -> dict[str, Any]:
    schema = _described(parameter)
    if parameter.widget is Widget.NUMBER:
        schema |= {"minimum": parameter.minimum, "maximum": parameter.maximum}
    if parameter.widget in _OPTIONS and (parameter.options or not parameter.asks_for_own):
        schema["oneOf"] = [_constant(option) for option in parameter.options]
        if parameter.of_kinds and not parameter.asks_for_own:
            schema["oneOf"].append(dict(_OWN))
        if not parameter.required:
            schema["oneOf"].append({"const": None})
    if parameter.default is not None:
        schema["default"] = parameter.default
    return schema


def _constant(option: Option) -> dict[str, str]:
    constant = {"const": option.value, "title": str(option.label)}
    return constant | ({"description": str(option.hint)} if option.hint else {})
