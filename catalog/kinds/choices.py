"""What an offering of a kind decides beforehand: its form, its words and its validation.

A kind declares these; a version of an offering keeps the answers in ``OfferingVersion.choices``.
The options come from our inventory of the cloud, never from a live call.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalog.kinds.parameters import Option, Text
from portal.core.errors import InvalidInput
from portal.core.formats import quantity

BOUNDS: Final = ("minimum", "maximum", "default")
MOST_LINES: Final = 20
_MOST_DIGITS: Final = 18
_NO_LONGER: Final = gettext_lazy("No longer in the cloud: {names}.")


@dataclass(frozen=True, kw_only=True)
class ChoiceField(ABC):
    """One thing that an offering decides. ``name`` is its key in ``OfferingVersion.choices``."""

    name: str
    label: Text
    hint: Text = ""

    @abstractmethod
    def begin(self) -> Any:
        """What the first draft of an offering begins with."""

    @abstractmethod
    def clean(self, value: object) -> Any:
        """Return the value as a version keeps it.

        Raises:
            ValueError: with a message for the person who chose it.
        """

    @abstractmethod
    def in_words(self, value: Any) -> str:
        """What was chosen, in one line; also of what can no longer be chosen."""

    def is_left_out(self, value: Any) -> bool:
        """Whether a version keeps nothing of this answer."""
        return False


@dataclass(frozen=True, kw_only=True)
class Ticks(ChoiceField):
    """A list to tick: which of the options may be ordered, from ``least`` to ``most`` of them.

    With a ``least`` of 0 a version leaves it out when nothing is ticked, as those did that were
    made before it was asked.
    """

    options: Sequence[Option]
    least: int = 1
    most: int = 100
    begins_ticked: bool = True
    unknown: Text = _NO_LONGER

    def begin(self) -> list[str]:
        if not self.begins_ticked:
            return []
        return [option.value for option in self.options][: self.most]

    def clean(self, value: object) -> list[str]:
        chosen = value if isinstance(value, list) else []
        known = [option.value for option in self.options]
        if gone := [str(item) for item in chosen if item not in known]:
            raise ValueError(str(self.unknown).format(names=", ".join(gone)))
        if len(chosen) < self.least:
            raise ValueError(_("Tick at least one."))
        if len(set(chosen)) > self.most:
            raise ValueError(_("Tick at most {most}.").format(most=self.most))
        return [name for name in known if name in chosen]

    def is_left_out(self, value: Any) -> bool:
        return self.least == 0 and not value

    def in_words(self, value: Any) -> str:
        labels = {option.value: str(option.label) for option in self.options}
        return ", ".join(labels.get(name, str(name)) for name in value)


@dataclass(frozen=True, kw_only=True)
class Bounds(ChoiceField):
    """Between which whole numbers somebody chooses, and what the form begins with.

    ``lowest`` and ``highest`` are what the kind itself can do, inclusive.
    """

    lowest: int
    highest: int
    unit: str = ""

    def begin(self) -> dict[str, int]:
        return dict.fromkeys(BOUNDS, max(1, self.lowest))

    def clean(self, value: object) -> dict[str, int]:
        given = value if isinstance(value, Mapping) else {}
        numbers = [given.get(name) for name in BOUNDS]
        whole = [number for number in numbers if type(number) is int]
        if len(whole) < len(BOUNDS) or given.keys() - set(BOUNDS):
            raise ValueError(_("Fill in three whole numbers."))
        minimum, maximum, default = whole
        if not self.lowest <= minimum <= default <= maximum <= self.highest:
            message = _("From {lowest} to {highest}, with the usual number between the bounds.")
            raise ValueError(
                message.format(
                    lowest=quantity(self.lowest), highest=quantity(self.highest, self.unit)
                )
            )
        return dict(zip(BOUNDS, whole, strict=True))

    def in_words(self, value: Any) -> str:
        return _("{minimum} to {maximum}, usually {default}").format(
            minimum=quantity(value["minimum"]),
            maximum=quantity(value["maximum"], self.unit),
            default=quantity(value["default"], self.unit),
        )


@dataclass(frozen=True, kw_only=True)
class Written(ChoiceField):
    """Something that somebody writes in a text of several lines; ``rows`` are seen at once."""

    rows: int = 4

    @abstractmethod
    def read(self, text: str) -> Any:
        """What was typed, as ``clean`` judges it."""

    @abstractmethod
    def write(self, value: Any) -> str:
        """The value as somebody types it."""


@dataclass(frozen=True, kw_only=True)
class Whole(Written):
    """A whole number from 1 to ``highest``, or nothing: then a version leaves it out."""

    rows: int = 1
    highest: int
    unit: str = ""

    def begin(self) -> None:
        return None

    def clean(self, value: object) -> int | None:
        if value is None:
            return None
        if type(value) is not int or not 1 <= value <= self.highest:
            message = _("Fill in a whole number from 1 to {highest}, or nothing.")
            raise ValueError(message.format(highest=quantity(self.highest, self.unit)))
        return value

    def is_left_out(self, value: Any) -> bool:
        return not value

    def in_words(self, value: Any) -> str:
        return quantity(value, self.unit)

    def read(self, text: str) -> int | str | None:
        """The number that somebody typed; anything else stays text, which is refused."""
        typed = text.strip()
        # Longer than any number that is allowed, and Python refuses to read thousands of digits.
        is_number = typed.isdecimal() and len(typed) <= _MOST_DIGITS
        return int(typed) if is_number else typed or None

    def write(self, value: Any) -> str:
        return str(value)


@dataclass(frozen=True, kw_only=True)
class Lines(Written):
    """A list that somebody writes: one on a line, with a semicolon between its parts.

    Args:
        columns: names of the parts, in order; the first one is unique.
        check: returns the parts of one line as they are kept, or raises ValueError.
    """

    columns: Sequence[str]
    check: Callable[[Mapping[str, str]], dict[str, str]] = field(repr=False)

    def begin(self) -> list[dict[str, str]]:
        return []

    def clean(self, value: object) -> list[dict[str, str]]:
        rows = value if isinstance(value, list) else []
        if not 1 <= len(rows) <= MOST_LINES:
            raise ValueError(_("Write 1 to {most} lines.").format(most=MOST_LINES))
        cleaned = [self._clean_row(number, row) for number, row in enumerate(rows, start=1)]
        keys = [row[self.columns[0]] for row in cleaned]
        if len(set(keys)) < len(keys):
            raise ValueError(_("Every line needs a name of its own."))
        return cleaned

    def _clean_row(self, number: int, row: object) -> dict[str, str]:
        has_parts = isinstance(row, Mapping) and row.keys() == set(self.columns)
        if not isinstance(row, Mapping) or not has_parts:
            message = _("Line {number}: write {count} parts, with a semicolon between them.")
            raise ValueError(message.format(number=number, count=len(self.columns)))
        if not all(isinstance(part, str) for part in row.values()):
            raise ValueError(_("Line {number}: write text.").format(number=number))
        try:
            return self.check(row)
        except ValueError as error:
            message = _("Line {number}: {problem}")
            raise ValueError(message.format(number=number, problem=error)) from error

    def read(self, text: str) -> list[dict[str, str]]:
        """The rows that somebody typed; a line with too few or many parts stays incomplete."""
        parts = [[part.strip() for part in line.split(";")] for line in text.splitlines()]
        return [
            dict(zip(self.columns, row, strict=False)) if len(row) == len(self.columns) else {}
            for row in parts
            if any(row)
        ]

    def write(self, value: Any) -> str:
        """The rows as somebody types them."""
        return "\n".join("; ".join(row[name] for name in self.columns) for row in value)

    def in_words(self, value: Any) -> str:
        return ", ".join(" ".join((row[self.columns[0]], row[self.columns[-1]])) for row in value)


def clean_choices(fields: Sequence[ChoiceField], raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the choices that ``raw`` describes, with every field that may not be left out.

    Raises:
        InvalidInput: with a message by name, for all that is wrong, and for names that no field
            has.
    """
    choices: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    for item in fields:
        try:
            value = item.clean(raw.get(item.name))
        except ValueError as error:
            errors[item.name] = [str(error)]
        else:
            if not item.is_left_out(value):
                choices[item.name] = value
    for unknown in raw.keys() - {item.name for item in fields}:
        errors[unknown] = [_("This is not decided for this kind.")]
    if errors:
        raise InvalidInput(errors)
    return choices
