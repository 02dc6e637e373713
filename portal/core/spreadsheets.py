"""Text in files that people open in a spreadsheet."""

from __future__ import annotations

from typing import Final

# What a spreadsheet takes for the beginning of a formula (OWASP, CSV Injection): the last four are
# the wide forms of the first.
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def harmless(text: str) -> str:
    """Text that no spreadsheet calculates: a quote in front, as it would show a formula."""
    return f"'{text}" if _looks_calculated(text) else text


def as_typed(text: str) -> str:
    """The text that ``harmless`` was given."""
    return text[1:] if text.startswith("'") and _looks_calculated(text[1:]) else text


def _looks_calculated(text: str) -> bool:
    return text.startswith(FORMULA) or text.lstrip().startswith(FORMULA)


class Pieces:
    """A file for a csv.writer that gives back at once what is written to it."""

    def write(self, text: str) -> str:
        return text
