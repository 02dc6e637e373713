"""Which SKUs must exist for what is offered. Apps above billing register what asks for them.

Billing knows SKUs and what they cost; what would be measured by them is known by the catalogue.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from billing.models import Sku
from portal.identity.models import Person


@dataclass(frozen=True, kw_only=True)
class Asker:
    """What is offered, or would be; ``url``: its page, empty where the person sees none."""

    name: str
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class MissingSku:
    """What is asked for and does not exist."""

    code: str
    askers: Sequence[Asker]


Find = Callable[[Person], Mapping[str, Sequence[Asker]]]
_FINDERS: Final[list[Find]] = []


def register_asked_skus(find: Find) -> None:
    """Have pages about SKUs ask this as well; by code. For an app that is ready."""
    _FINDERS.append(find)


def missing_skus(person: Person) -> list[MissingSku]:
    """What is asked for and does not exist, by code. One query, and those of who registered."""
    asked: dict[str, list[Asker]] = {}
    for find in _FINDERS:
        for code, askers in find(person).items():
            asked.setdefault(code, []).extend(askers)
    known = set(Sku.objects.filter(code__in=asked).values_list("code", flat=True))
    return [
        MissingSku(code=code, askers=asked[code]) for code in sorted(asked) if code not in known
    ]
