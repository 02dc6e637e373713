"""The parameters of a kind: the form, the API's schema and the validation all come from these."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from billing.meters import Meter
from portal.core.errors import InvalidInput
from portal.core.text import clean_text

Text = str | Promise
MOST_CARDS: Final = 6


class Widget(StrEnum):
    """How a page asks for it."""

    CARDS = "cards"  # radio buttons with a price each; at most MOST_CARDS options
    SELECT = "select"
    NUMBER = "number"
    TEXT = "text"
    TEXTAREA = "textarea"


@dataclass(frozen=True, kw_only=True)
class Option:
    """One possible choice. ``meters`` is what it adds, so that a page can show its price."""

    value: str
    label: Text
    hint: Text = ""
    meters: Sequence[Meter] = ()


def _always(facts: Mapping[str, Any]) -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One question.

    Args:
        name: key in the spec, in the form and in the API.
        section: heading under which a form shows it.
        options: the allowed values, for CARDS and SELECT.
        of_kinds: keys of kinds, for a SELECT: the options are what runs of those in the project,
            by public id (``catalog.services.sources`` fills them in). It is made from the answer.
        suits: with ``of_kinds``: judges ``Resource.facts`` of one, whether it can be chosen.
        is_own_only: with ``of_kinds``: there are no other options than those.
        is_needed: what is made needs the one that it was made from for as long as it lives.
        minimum, maximum: inclusive bounds, for NUMBER (whole numbers).
        unit: shown behind a NUMBER.
        pattern, pattern_hint: what a TEXT must match in full, and the same in words.
        check: for what no pattern can tell of a TEXT: returns it as it is kept, or raises
            ValueError with a message for the person who typed it.
        takes: name of what another part may have that is taken instead of one of the options.
        taken_in_words: what was taken so, for people.
    """

    name: str
    label: Text
    widget: Widget
    section: Text
    hint: Text = ""
    required: bool = True
    default: str | int | None = None
    options: Sequence[Option] = ()
    of_kinds: Sequence[str] = ()
    suits: Callable[[Mapping[str, Any]], bool] = _always
    is_own_only: bool = True
    is_needed: bool = False
    minimum: int = 0
    maximum: int = 0
    unit: str = ""
    pattern: str = ""
    pattern_hint: Text = ""
    check: Callable[[str], str] | None = None
    max_length: int = 200
    takes: str = ""
    taken_in_words: Callable[[str], str] = str

    @property
    def asks_for_own(self) -> bool:
        """Whether nothing can be chosen but what runs in the project."""
        return bool(self.of_kinds) and self.is_own_only

    def own(self, value: object) -> UUID | None:
        """The public id of what runs in the project, where that is what the answer names."""
        if not self.of_kinds or not value:
            return None
        try:
            return UUID(str(value))
        except ValueError:
            return None

    def clean_wired(self, text: str) -> str | int | None:
        """Return what came from other parts as the spec keeps it.

        Raises:
            ValueError: with a message for who made the blueprint.
        """
        return text if self.takes else self.clean(text)

    def clean(self, value: object) -> str | int | None:
        """Return the value as the spec keeps it.

        Raises:
            ValueError: with a message for the person who typed it.
        """
        if value is None or value == "":
            if self.required:
                raise ValueError(_("Fill this in."))
            return None
        if self.widget is Widget.NUMBER:
            return self._clean_number(value)
        if self.widget in {Widget.CARDS, Widget.SELECT}:
            return self._clean_option(value)
        return self._clean_text(value)

    def _clean_number(self, value: object) -> int:
        text = str(value).strip()
        is_number = not isinstance(value, bool | float) and re.fullmatch(r"-?[0-9]{1,9}", text)
        if not is_number or not self.minimum <= int(text) <= self.maximum:
            raise ValueError(
                _("Fill in a whole number from {minimum} to {maximum}.").format(
                    minimum=self.minimum, maximum=self.maximum
                )
            )
        return int(text)

    def _clean_option(self, value: object) -> str:
        for option in self.options:
            if option.value == value:
                return option.value
        raise ValueError(_("Choose one of the options."))

    def _clean_text(self, value: object) -> str:
        if not isinstance(value, str):
            raise ValueError(_("Fill in text."))
        text = clean_text(
            value, max_length=self.max_length, multiline=self.widget is Widget.TEXTAREA
        )
        if self.pattern and not re.fullmatch(self.pattern, text):
            raise ValueError(str(self.pattern_hint))
        return self.check(text) if self.check else text


def clean_spec(parameters: Sequence[Parameter], raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the spec that ``raw`` describes, with every parameter in it.

    Raises:
        InvalidInput: with a message by name, for all parameters that are wrong, and for names
            that no parameter has.
    """
    spec: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    for parameter in parameters:
        try:
            spec[parameter.name] = parameter.clean(raw.get(parameter.name))
        except ValueError as error:
            errors[parameter.name] = [str(error)]
    for unknown in raw.keys() - {parameter.name for parameter in parameters}:
        errors[unknown] = [_("This is not a question of this offering.")]
    if errors:
        raise InvalidInput(errors)
    return spec
