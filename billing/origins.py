"""Where what is metered came from, for who may see that. Apps above billing register it.

Billing knows resources by name and number only: what was ordered, and who reaches it, is known by
the catalogue.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from portal.identity.models import Person


@dataclass(frozen=True, kw_only=True)
class Origin:
    """A resource that the person reaches.

    Attributes:
        url: its page.
        order, order_url: number and page of the order by which it came; empty: it was not ordered,
            or the person does not see that.
    """

    url: str
    order: str = ""
    order_url: str = ""


Find = Callable[[Person, Collection[UUID]], Mapping[UUID, Origin]]
_FINDERS: Final[list[Find]] = []


def register_origins(find: Find) -> None:
    """Have pages about use ask this as well. For an app that is ready."""
    _FINDERS.append(find)


def find_origins(person: Person, public_ids: Collection[UUID]) -> dict[UUID, Origin]:
    """The origins of those of these resources that the person reaches, by public id."""
    found: dict[UUID, Origin] = {}
    for find in _FINDERS:
        found |= find(person, public_ids)
    return found
