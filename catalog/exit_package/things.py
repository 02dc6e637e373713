"""What stands in one cloud of a project, as far as its description elsewhere needs to know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Thing:
    """One resource that runs.

    Attributes:
        public_id: our own id, by which the specs of others name it.
        settings: what its offering decided; empty where nobody ordered it.
        is_found: it was found in the cloud, so its spec holds only what a list of the cloud tells.
    """

    public_id: str
    kind: str
    name: str
    spec: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)
    cloud_ids: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    is_found: bool = False


@dataclass(frozen=True)
class Surroundings:
    """All that runs in one cloud project, so that descriptions refer to each other."""

    things: Sequence[Thing]

    def __iter__(self) -> Iterator[Thing]:
        return iter(self.things)

    def with_id(self, public_id: object) -> Thing | None:
        """The thing with this public id; None where it is not among them."""
        return self._by_id.get(public_id)

    def called(self, kind: str, name: str) -> Thing | None:
        """The thing of this kind and name: the living of one kind have different names."""
        return self._by_name.get((kind, name))

    def made_as(self, part: str, cloud_id: str) -> Thing | None:
        """The thing of which that part has this id in the cloud."""
        return self._by_part.get((part, cloud_id))

    @cached_property
    def _by_id(self) -> Mapping[object, Thing]:
        return {thing.public_id: thing for thing in self.things}

    @cached_property
    def _by_name(self) -> Mapping[tuple[str, str], Thing]:
        return {(thing.kind, thing.name): thing for thing in reversed(self.things)}

    @cached_property
    def _by_part(self) -> Mapping[tuple[str, str], Thing]:
        return {
            (part, cloud_id): thing
            for thing in reversed(self.things)
            for part, cloud_id in thing.cloud_ids.items()
        }
