"""How much of it: a little in ``./test``, a lot by the command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PREFIX: Final = "CLOUDLOKET_TEST_FAULTS_"
OPERATIONS_OF_ELEVEN: Final = 60  # one of each kind, and two wholes; all that is done to them


@dataclass(frozen=True)
class Scale:
    """
    Args:
        orders: how many things are ordered, of all kinds by turns.
        projects: over how many projects.
        share: of the requests to the cloud that go wrong.
        patience_seconds: that each stage may take: delivery, stop, start, cleaning up.
        home: of a stack whose database and broker may be killed; without one they are not, and
            orders come without a web server.
        broker: the name of its broker there: valkey or rabbitmq.
        with_all: environments and wholes too, and everything that people may do with what runs.
    """

    orders: int = 8
    projects: int = 1
    seed: int = 1
    share: float = 0.2
    patience_seconds: float = 300
    home: Path | None = None
    broker: str = "valkey"
    with_all: bool = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Scale:
        """The short one, but for what is set."""
        asked = {
            name: environment[f"{PREFIX}{name.upper()}"]
            for name in cls.__dataclass_fields__
            if f"{PREFIX}{name.upper()}" in environment
        }
        types = {
            "share": float,
            "patience_seconds": float,
            "home": Path,
            "broker": str,
            "with_all": lambda text: text == "True",
        }
        return cls(**{name: types.get(name, int)(text) for name, text in asked.items()})


def orders_for(operations: int) -> int:
    """How many orders lead to at least so many operations."""
    return -(-operations * 11 // OPERATIONS_OF_ELEVEN)
