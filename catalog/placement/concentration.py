"""How much hangs on few: shares, their concentration, and what stops when a supplier stops.

Pure: amounts, of euros or of workloads, and what depends on what, in; figures out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Final, Protocol

WHOLE: Final = Decimal(100)  # per cent
# House of Representatives, Parliamentary Paper 36574, nr. 5: by 2029, of the cloud services of the
# central government, from Dutch or European soil.
SOIL_AIM_PERCENT: Final = Decimal(30)
_PLACES: Final = Decimal("0.1")
_DUTCH: Final = frozenset({"NL"})  # the Caribbean Netherlands is BQ


@dataclass(frozen=True)
class Share:
    """``percent``: of the whole, with one decimal."""

    name: str
    amount: Decimal
    percent: Decimal


@dataclass(frozen=True)
class SoilShare:
    """Per cent from soil of the Netherlands, of Europe (the Netherlands too), and of nobody knows.

    Not rounded: 29.96 has not reached the aim. None where there is nothing to divide.
    """

    dutch: Decimal | None
    european: Decimal | None
    unknown: Decimal | None


class Depends(Protocol):
    """Something that a place uses. ``needs``: keys, in the same place, of what it uses in turn."""

    @property
    def key(self) -> str: ...
    @property
    def supplier(self) -> str: ...
    @property
    def is_critical(self) -> bool: ...
    @property
    def needs(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Graph:
    """What depends on what: workloads on places, those on their operator and on dependencies."""

    places: Mapping[str, tuple[Depends, ...]]
    used_by: Mapping[str, frozenset[str]]
    operators: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Touched:
    """``dependencies``: as place and key. A workload is touched where one of its places is."""

    dependencies: frozenset[tuple[str, str]]
    places: frozenset[str]
    workloads: frozenset[str]


@dataclass(frozen=True)
class Outage:
    """What stops, and what goes on without something that it uses; nothing is in both."""

    stops: Touched
    weakens: Touched


def shares(amounts: Mapping[str, Decimal]) -> list[Share]:
    """Return the share of each in the whole, largest first, then by name.

    Percentages have one decimal and add to exactly 100 (largest remainder), or are all 0 where
    there is nothing to divide. An amount below zero, as of a month with more credit than use, has
    no share.
    """
    tenths = _divide(_positive(amounts), int(WHOLE / _PLACES))
    found = [Share(name, amount, tenths.get(name, 0) * _PLACES) for name, amount in amounts.items()]
    return sorted(found, key=lambda share: (-share.amount, share.name))


def touched_shares(
    amounts: Mapping[str, Decimal], groups: Mapping[str, Collection[str]]
) -> list[Share]:
    """Return which part of the whole each group touches, largest first, then by name.

    Groups overlap: two suppliers may both be behind all there is. So these do not add to 100, and
    have no concentration.

    Args:
        amounts: by place.
        groups: by supplier, jurisdiction or dependency, the places that use it.
    """
    total = _total(_positive(amounts))
    found = []
    for name, members in groups.items():
        own = {place: amount for place, amount in amounts.items() if place in members}
        percent = _percent(_total(_positive(own)), total) or Decimal(0)
        found.append(Share(name, _total(own), percent.quantize(_PLACES, ROUND_HALF_UP)))
    return sorted(found, key=lambda share: (-share.amount, share.name))


def hhi(amounts: Mapping[str, Decimal]) -> Decimal | None:
    """Return the Herfindahl-Hirschman index: the sum of squares of the shares in per cent.

    From 10,000 divided by how many there are, when all are alike, to 10,000, when one has all.
    Each euro or workload must be counted once. None where there is nothing to divide.
    """
    counted = [Fraction(amount) for amount in _positive(amounts).values()]
    if not counted:
        return None
    squares = sum((amount**2 for amount in counted), Fraction(0))
    index = squares * int(WHOLE) ** 2 / sum(counted, Fraction(0)) ** 2
    return Decimal(index.numerator) / Decimal(index.denominator)


def soil_share(
    amounts: Mapping[str, Decimal],
    locations: Mapping[str, Collection[str]],
    *,
    europe: Collection[str],
) -> SoilShare:
    """Return which part of the whole stands on Dutch, and on European soil.

    A place counts where all its locations do. Where nobody knows them it counts as neither.

    Args:
        amounts: by place.
        locations: by place, country codes (ISO 3166-1 alpha-2).
        europe: the codes of the countries in the European Economic Area.
    """
    positive = _positive(amounts)
    total = _total(positive)
    dutch = european = unknown = Decimal(0)
    for place, amount in positive.items():
        countries = set(locations.get(place, ()))
        unknown += amount if not countries else 0
        dutch += amount if countries and countries <= _DUTCH else 0
        european += amount if countries and countries <= set(europe) else 0
    return SoilShare(_percent(dutch, total), _percent(european, total), _percent(unknown, total))


def what_stops(graph: Graph, supplier: str) -> Outage:
    """Return what stops, and what weakens, when a supplier stops delivering.

    What the supplier delivers or operates stops. What needs something critical that stops, stops
    too, however far off; what needs something else that stops, or something that is weakened, is
    weakened. Rings of things that need each other are fine. A key that nobody described stops
    nothing. Of a workload with more places, one that stops is enough: nobody said it can do
    without.
    """
    stopped: set[tuple[str, str]] = set()
    weakened: set[tuple[str, str]] = set()
    down, weak = set(), set()
    for place, dependencies in graph.places.items():
        stops, weakens = _spread(dependencies, supplier)
        stopped |= {(place, key) for key in stops}
        weakened |= {(place, key) for key in weakens}
        critical = {each.key for each in dependencies if each.is_critical}
        if graph.operators.get(place) == supplier or stops & critical:
            down.add(place)
        elif stops | weakens:
            weak.add(place)
    silent = frozenset(_users(graph, down))
    return Outage(
        Touched(frozenset(stopped), frozenset(down), silent),
        Touched(frozenset(weakened), frozenset(weak), frozenset(_users(graph, weak)) - silent),
    )


def _spread(dependencies: Collection[Depends], supplier: str) -> tuple[set[str], set[str]]:
    """Which of the things that one place uses stop, and which are weakened."""
    critical = {each.key for each in dependencies if each.is_critical}
    stops = {each.key for each in dependencies if each.supplier == supplier}
    while more := {e.key for e in dependencies if stops & critical & set(e.needs)} - stops:
        stops |= more
    touched = set(stops)
    while more := {e.key for e in dependencies if touched & set(e.needs)} - touched:
        touched |= more
    return stops, touched - stops


def _users(graph: Graph, places: Collection[str]) -> Iterator[str]:
    for place in places:
        yield from graph.used_by.get(place, frozenset())


def _positive(amounts: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {name: amount for name, amount in amounts.items() if amount > 0}


def _total(amounts: Mapping[str, Decimal]) -> Decimal:
    return sum(amounts.values(), Decimal(0))


def _percent(part: Decimal, total: Decimal) -> Decimal | None:
    return part * WHOLE / total if total else None


def _divide(amounts: Mapping[str, Decimal], pieces: int) -> dict[str, int]:
    """Divide so many pieces by these amounts: whole ones first, the rest by what was cut off."""
    parts = {name: Fraction(amount) for name, amount in amounts.items()}
    total = sum(parts.values(), Fraction(0))
    exact = {name: pieces * part / total for name, part in parts.items()}
    given = {name: int(part) for name, part in exact.items()}
    left = pieces - sum(given.values())
    for name in sorted(exact, key=lambda name: (given[name] - exact[name], name))[:left]:
        given[name] += 1
    return given
