"""Truth with a third value: nobody knows. Kleene's logic, with what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Known:
    """Whether something is so; ``truth`` None: nobody knows, for want of the facts ``missing``."""

    truth: bool | None
    missing: frozenset[str] = frozenset()

    def __and__(self, other: Known) -> Known:
        """Both. One that is false settles it, whatever is missing of the other."""
        if self.truth is False or other.truth is True:
            return self
        if other.truth is False or self.truth is True:
            return other
        return Known(None, self.missing | other.missing)

    def __or__(self, other: Known) -> Known:
        """One of both. One that is true settles it, whatever is missing of the other."""
        if self.truth is True or other.truth is False:
            return self
        if other.truth is True or self.truth is False:
            return other
        return Known(None, self.missing | other.missing)

    def __invert__(self) -> Known:
        return self if self.truth is None else (NO if self.truth else YES)


YES: Final = Known(True)
NO: Final = Known(False)


def known(truth: bool | None, name: str) -> Known:
    """What is known of the fact ``name``."""
    if truth is None:
        return Known(None, frozenset({name}))
    return YES if truth else NO


def any_of(*facts: Known) -> Known:
    """Whether at least one is so; of none nothing is."""
    found = NO
    for fact in facts:
        found |= fact
    return found
