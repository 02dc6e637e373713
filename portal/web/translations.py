"""Translations without the gettext programs: find the texts in the code, check them, compile them.

A text is known by its context (or "") and its msgid. Both come from literals, so reading the
source is enough: templates through Django's own lexer, Python through its syntax tree.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polib
from django.utils.translation.template import templatize

# Which arguments of a function hold context, singular and plural; None where it has none.
_ARGUMENTS: Final = {
    "gettext": (None, 0, None),
    "ngettext": (None, 0, 1),
    "pgettext": (0, 1, None),
    "npgettext": (0, 1, 2),
}
_CALL: Final = re.compile(rf"\b(_|{'|'.join(_ARGUMENTS)})\(")
_LITERAL: Final = re.compile(r"""\s*u?('(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")\s*(,?)""", re.S)
_PLACEHOLDER: Final = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}")

Key = tuple[str, str]


@dataclass(frozen=True)
class Message:
    """A text for people, in English, as it stands in the code."""

    context: str
    singular: str
    plural: str | None
    where: str

    @property
    def key(self) -> Key:
        return (self.context, self.singular)


def find_messages(root: Path) -> Iterator[Message]:
    """Yield every text of the portal's templates and code below the checkout's ``root``."""
    for path in sorted((root / "templates").rglob("*.html")):
        yield from _in_template(path.read_text("utf-8"), str(path.relative_to(root)))
    for room in ("portal", "catalog", "billing"):
        for path in sorted((root / room).rglob("*.py")):
            yield from _in_python(path.read_text("utf-8"), str(path.relative_to(root)))


def _in_template(source: str, where: str) -> Iterator[Message]:
    """Django's lexer turns a template into calls among filler; read the literals in those."""
    calls = templatize(source, origin=where)
    for call in _CALL.finditer(calls):
        literals: list[str] = []
        position = call.end()
        while literal := _LITERAL.match(calls, position):
            literals.append(ast.literal_eval(literal.group(1)))
            position = literal.end()
            if not literal.group(2):
                break
        yield _make_message(_function(call.group(1)), literals, where)


def _in_python(source: str, where: str) -> Iterator[Message]:
    for node in ast.walk(ast.parse(source, filename=where)):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
        function = _function(name)
        if function not in _ARGUMENTS:
            continue
        literals = [
            argument.value
            for argument in node.args
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
        ]
        yield _make_message(function, literals, f"{where}:{node.lineno}")


def _function(name: str) -> str:
    """Return the function of gettext behind a name in the code."""
    return "gettext" if name == "_" else name.removesuffix("_lazy")


def _make_message(function: str, literals: list[str], where: str) -> Message:
    """Pick context, singular and plural.

    Raises:
        ValueError: one of them is not a literal, so that no catalogue could hold it.
    """
    context, singular, plural = _ARGUMENTS[function]
    if len(literals) <= (plural or singular):
        raise ValueError(f"{where}: {function} needs its texts as literals")
    return Message(
        context="" if context is None else literals[context],
        singular=literals[singular],
        plural=None if plural is None else literals[plural],
        where=where,
    )


def _key_of(entry: polib.POEntry) -> Key:
    return (entry.msgctxt or "", entry.msgid)


def find_problems(messages: Iterable[Message], catalogue: polib.POFile) -> list[str]:
    """Return a line for every text that a reader of this language would not get right."""
    entries = {_key_of(entry): entry for entry in catalogue if not entry.obsolete}
    used: set[Key] = set()
    problems = []
    for message in messages:
        entry = entries.get(message.key)
        if message.key in used:
            continue
        used.add(message.key)
        if entry is None:
            problems.append(f"{message.where}: {message.singular!r} is not in the catalogue")
        else:
            problems += [f"{message.where}: {problem}" for problem in _faults(entry, message)]
    unused = [entry.msgid for key, entry in entries.items() if key not in used]
    return problems + [f"{msgid!r} is no longer used" for msgid in unused]


def _faults(entry: polib.POEntry, message: Message) -> Iterator[str]:
    texts = list(entry.msgstr_plural.values()) if message.plural else [entry.msgstr]
    if entry.fuzzy:
        yield f"the translation of {message.singular!r} is fuzzy"
    if not texts or not all(texts):
        yield f"{message.singular!r} has no translation"
        return
    wanted = set(_PLACEHOLDER.findall(message.plural or message.singular))
    for text in texts:
        if set(_PLACEHOLDER.findall(text)) - wanted or (
            not message.plural and set(_PLACEHOLDER.findall(text)) != wanted
        ):
            yield f"{text!r} has other placeholders than {message.singular!r}"


def update_catalogue(messages: Iterable[Message], catalogue: polib.POFile) -> None:
    """Add what is new, without a translation, and drop what is no longer used. Sorted by place."""
    old = {_key_of(entry): entry for entry in catalogue}
    wanted: dict[Key, polib.POEntry] = {}
    for message in messages:
        if message.key in wanted:
            continue
        entry = old.get(message.key) or polib.POEntry(msgid=message.singular)
        if message.context:
            entry.msgctxt = message.context
        if message.plural:
            entry.msgid_plural = message.plural
            entry.msgstr_plural = entry.msgstr_plural or {0: "", 1: ""}
        entry.occurrences = [(message.where.partition(":")[0], "")]
        wanted[message.key] = entry
    catalogue[:] = wanted.values()


def compile_catalogue(source: Path) -> Path:
    """Write the .mo beside a .po and return its path. Readers never see half a file."""
    target = source.with_suffix(".mo")
    draft = target.with_suffix(f".{os.getpid()}")
    polib.pofile(str(source)).save_as_mofile(str(draft))
    draft.replace(target)
    return target


def find_catalogues(folders: Iterable[Path]) -> list[Path]:
    """Return the .po files of the locale folders."""
    return sorted(path for folder in folders for path in folder.glob("*/LC_MESSAGES/*.po"))
