"""How sure an identity provider is of who somebody is (eIDAS regulation, article 8)."""

from __future__ import annotations

from enum import IntEnum


class Assurance(IntEnum):
    """Levels that can be compared; the names are those of the settings, in lower case."""

    LOW = 1
    SUBSTANTIAL = 2
    HIGH = 3

    @classmethod
    def named(cls, name: str) -> Assurance:
        """Return the level called ``low``, ``substantial`` or ``high``.

        Raises:
            ValueError: there is no such level.
        """
        for level in cls:
            if level.name.lower() == name:
                return level
        raise ValueError(f"{name!r} is not one of low, substantial, high")
