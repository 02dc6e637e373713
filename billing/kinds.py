"""The kinds of things that are metered, in words. Apps above billing register what they make."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

Find = Callable[[], Iterable[tuple[str, str]]]
_FINDERS: Final[list[Find]] = []


def register_kinds(find: Find) -> None:
    """Have pages offer these too, by key with a label. For an app that is ready."""
    _FINDERS.append(find)


def kind_choices() -> list[tuple[str, str]]:
    """Every kind by key with its label in the language of the moment, by label."""
    found = [choice for find in _FINDERS for choice in find()]
    return sorted(found, key=lambda choice: choice[1])
