"""Lists that people type as lines with semicolons: what a place depends on."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import date
from typing import Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext

from catalog.models import SupplyDependency
from catalog.placement_words import DependencyKind, choices_of, label_of
from catalog.services.placement import KnownDependency
from portal.core.formats import DATE_FORMATS

DEPENDENCY_PARTS: Final = range(6, 10)  # the last three may be left out
_YES: Final = ("ja", "yes")
_NO: Final = ("nee", "no")
_PART: Final = re.compile(r'\s*(?:"(?P<quoted>(?:[^"]|"")*)"\s*|(?P<plain>[^;]*));')


def dependency_line(each: SupplyDependency) -> str:
    """What is known of a dependency as a line, which ``read_dependency`` reads again."""
    is_critical = gettext("yes") if each.is_critical else gettext("no")
    kind = str(label_of(DependencyKind(each.kind))).lower()
    parts = [each.key, each.name, kind, each.supplier, each.jurisdiction, is_critical]
    if each.needs or each.evidence:
        parts.append(", ".join(each.needs))
    if each.evidenced_on:
        parts += [each.evidence, each.evidenced_on.strftime(DATE_FORMATS[0])]
    return line_of(parts)


def line_of(parts: Iterable[str]) -> str:
    """The parts as a line that ``read_lines`` cuts into the same parts.

    One that holds a semicolon, or begins with a quote, stands between quotes, as in a file of a
    spreadsheet: its own quotes are there twice.
    """
    return "; ".join(
        _quoted(part) if ";" in part or part.startswith('"') else part for part in parts
    )


def read_dependency(*parts: str) -> KnownDependency:
    """The dependency of a line; as many parts as one of ``DEPENDENCY_PARTS``.

    Raises:
        ValidationError: something in it cannot be read.
    """
    key, name, kind, supplier, country, critical, needs, evidence, day = [*parts, "", "", ""][:9]
    return KnownDependency(
        key=key,
        name=name,
        kind=_read_kind(kind),
        supplier=supplier,
        jurisdiction=country,
        is_critical=_read_yes_or_no(critical),
        needs=tuple(need for need in needs.replace(",", " ").split() if need),
        evidence=evidence,
        evidenced_on=read_day(day) if day else None,
    )


def read_lines(text: str, counts: Collection[int]) -> list[list[str]]:
    """The lines that say something, cut at their semicolons.

    Raises:
        ValidationError: a line has another number of parts than one of ``counts``.
    """
    found = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        parts = _cut(line)
        if len(parts) not in counts:
            words = gettext(
                "Line {number} has another number of parts. Put a ; between them, and a name that "
                "holds a ; itself between quotes."
            )
            raise ValidationError(words.format(number=number))
        found.append(parts)
    return found


def _cut(line: str) -> list[str]:
    found = _PART.finditer(f"{line};")
    return [
        part["plain"].strip()
        if part["quoted"] is None
        else part["quoted"].replace('""', '"').strip()
        for part in found
    ]


def _quoted(part: str) -> str:
    return '"' + part.replace('"', '""') + '"'


def _read_kind(word: str) -> DependencyKind:
    """As it is stored, or as this language calls it."""
    known = {str(label).lower(): key for key, label in choices_of(DependencyKind)}
    try:
        return DependencyKind(known.get(word.lower(), word.lower()))
    except ValueError as error:
        raise ValidationError(
            gettext("Choose hardware, software or service for a dependency.")
        ) from error


def _read_yes_or_no(word: str) -> bool:
    if word.lower() not in {*_YES, *_NO}:
        raise ValidationError(gettext("Write yes or no for critical."))
    return word.lower() in _YES


def read_day(text: str) -> date:
    """The day, as people write it.

    Raises:
        ValidationError: it is none.
    """
    try:
        day: date | None = forms.DateField(input_formats=DATE_FORMATS).clean(text)
    except ValidationError as error:
        raise ValidationError(gettext("Fill in a date as 31-12-2026.")) from error
    assert day is not None  # noqa: S101  (an empty one was refused)
    return day
