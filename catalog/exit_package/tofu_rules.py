"""Whether a description can be what it says: checked as ``tofu validate`` does, without a provider.

It judges names, arguments, shapes of values and references; what a cloud would say it does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from catalog.exit_package.tofu_schema import DATA, RESOURCES, BlockSchema, Shape

_SECTIONS: Final = frozenset({"terraform", "provider", "variable", "data", "resource"})
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
# "$${" and "%%{" are text, whatever stands before them.
_OPENING: Final = re.compile(r"(?<!\$)\$\{|(?<!%)%\{")
_VARIABLE: Final = re.compile(r"\$\{var\.([A-Za-z_][A-Za-z0-9_-]*)\}")
_REFERENCE: Final = re.compile(
    r"\$\{((?:data\.)?[a-z0-9_]+\.[A-Za-z_][A-Za-z0-9_-]*)\.([a-z0-9_]+)\}"
)


def find_problems(document: Mapping[str, Any]) -> list[str]:
    """What is wrong with ``main.tf.json``, each in a line of English; [] is nothing."""
    unknown = [f"{name}: no such section" for name in document if name not in _SECTIONS]
    return [*unknown, *_Checker(document).problems()]


class _Checker:
    """One document, with the addresses of all its blocks."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._variables = frozenset(document.get("variable", {}))
        self._blocks: dict[str, tuple[str, BlockSchema | None, Mapping[str, Any]]] = {}
        for section, prefix, schemas in (("data", "data.", DATA), ("resource", "", RESOURCES)):
            for type_, by_name in document.get(section, {}).items():
                for name, body in by_name.items():
                    address = f"{prefix}{type_}.{name}"
                    self._blocks[address] = (name, schemas.get(type_), body)

    def problems(self) -> Iterator[str]:
        for address, (name, schema, body) in self._blocks.items():
            if not _NAME.fullmatch(name):
                yield f"{address}: {name!r} is no name"
            if schema is None:
                yield f"{address}: no such type"
                continue
            arguments = {key: value for key, value in body.items() if key != "depends_on"}
            yield from self._of_body(address, schema, arguments)
            for needed in body.get("depends_on", []):
                if needed not in self._blocks:
                    yield f"{address}: depends on {needed}, which is not there"
        yield from self._circles()

    def _of_body(self, at: str, schema: BlockSchema, body: Mapping[str, Any]) -> Iterator[str]:
        shapes = {**schema.required, **schema.optional}
        yield from (f"{at}: {name} is missing" for name in schema.required if name not in body)
        yield from _of_groups(at, schema, body)
        for name, value in body.items():
            here = f"{at}.{name}"
            if name in schema.nested:
                yield from self._of_nested(here, schema.nested[name], value)
            elif name not in shapes:
                yield f"{here}: no such argument"
            else:
                yield from self._of_value(here, shapes[name], value, schema.words.get(name))

    def _of_nested(self, at: str, schema: BlockSchema, value: Any) -> Iterator[str]:
        if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
            yield f"{at}: must be a list of blocks"
            return
        for number, item in enumerate(value):
            yield from self._of_body(f"{at}[{number}]", schema, item)

    def _of_value(
        self, at: str, shape: Shape, value: Any, words: frozenset[str] | None
    ) -> Iterator[str]:
        if not _HAS_SHAPE[shape](value):
            yield f"{at}: must be {shape.value}"
            return
        texts = [text for text in _texts_in(value) if _OPENING.search(text)]
        for text in texts:
            yield from self._of_expression(at, text)
        if words is not None and value not in words and not texts:
            yield f"{at}: {value!r} is none of {', '.join(sorted(words))}"

    def _of_expression(self, at: str, text: str) -> Iterator[str]:
        if variable := _VARIABLE.fullmatch(text):
            if variable[1] not in self._variables:
                yield f"{at}: variable {variable[1]} is not declared"
            return
        reference = _REFERENCE.fullmatch(text)
        if reference is None:
            yield f"{at}: {text!r} is no reference"
            return
        address, attribute = reference.groups()
        _name, schema, _body = self._blocks.get(address, ("", None, {}))
        if schema is None:
            yield f"{at}: refers to {address}, which is not there"
        elif attribute not in schema.exports | schema.required.keys() | schema.optional.keys():
            yield f"{at}: {address} has no {attribute}"

    def _circles(self) -> Iterator[str]:
        """Blocks that wait for each other: a block is ready once all that it needs is."""
        waiting = {
            address: _needs(body) & self._blocks.keys()
            for address, (_name, _schema, body) in self._blocks.items()
        }
        while ready := [address for address, needs in waiting.items() if not needs]:
            for address in ready:
                del waiting[address]
            waiting = {address: needs - set(ready) for address, needs in waiting.items()}
        if waiting:
            yield f"these need each other: {', '.join(sorted(waiting))}"


def _of_groups(at: str, schema: BlockSchema, body: Mapping[str, Any]) -> Iterator[str]:
    for group in schema.exactly_one:
        if len(group & body.keys()) != 1:
            yield f"{at}: exactly one of {', '.join(sorted(group))}"
    for group in schema.at_least_one:
        if not group & body.keys():
            yield f"{at}: one of {', '.join(sorted(group))} is missing"
    for group in schema.together:
        if group & body.keys() and not group <= body.keys():
            yield f"{at}: {', '.join(sorted(group))} go together"


def _needs(body: Mapping[str, Any]) -> set[str]:
    """Addresses of the blocks that come before this one."""
    found = {reference[1] for text in _texts_in(body) for reference in _REFERENCE.finditer(text)}
    return found | set(body.get("depends_on", []))


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts_in(item)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return type(value) is int


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_text, value))


def _are_texts_by_key(value: Any) -> bool:
    return isinstance(value, Mapping) and all(map(_is_text, value.values()))


_HAS_SHAPE: Final[Mapping[Shape, Callable[[Any], bool]]] = {
    Shape.TEXT: _is_text,
    Shape.NUMBER: _is_number,
    Shape.BOOLEAN: _is_boolean,
    Shape.TEXTS: _are_texts,
    Shape.TEXT_BY_KEY: _are_texts_by_key,
}
