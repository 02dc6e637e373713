"""What is known of a place where data can stand, and under whose law that is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Final

from catalog.placement.known import NO, Known, any_of, known
from catalog.placement_words import (
    LOWEST_INTEREST,
    DependencyKind,
    Hosting,
    Keys,
    Objective,
    Rubricering,
)

EUROPEAN_UNION: Final = frozenset(
    {
        *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU"),
        *("IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"),
    }
)
# BQ, AW, CW and SX are outside: § 4.6 speaks of the European Netherlands
EEA: Final = EUROPEAN_UNION | {"IS", "LI", "NO"}
ALLOWED_LOCATIONS: Final = EEA | {"CH"}  # § 4.6
ADEQUATE: Final = frozenset({"CH"})  # decided on by the European Commission, GDPR article 45

# (TBB, objective) → lowest SEAL that is enough
Minimums = Mapping[tuple[int, Objective], int]

_BY_INTEREST: Final = {4: 2, 3: 3, 2: 4, 1: 4}
_ENVIRONMENT: Final = 2
DEFAULT_MINIMUMS: Final[Minimums] = {
    (tbb, objective): _ENVIRONMENT if objective == Objective.SOV_8 else seal
    for tbb, seal in _BY_INTEREST.items()
    for objective in Objective
}


@dataclass(frozen=True, kw_only=True)
class Link:
    """One legal entity in the chain of owners. ``jurisdiction``: ISO 3166; empty: unknown."""

    name: str
    jurisdiction: str
    is_operator: bool = False


@dataclass(frozen=True, kw_only=True)
class Dependency:
    """Something that a place uses. ``needs``: keys of what this one uses in turn."""

    key: str
    name: str
    kind: DependencyKind
    supplier: str
    jurisdiction: str
    is_critical: bool
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Supply:
    """What was assessed of one place. None, or empty where not said otherwise: nobody knows.

    ``chain``: from operator to ultimate owner. ``seals``: proven by objective, None or absent: not.
    ``dependencies``: empty when there are none. ``valid_until``: last day of the assessment.
    """

    hosting: Hosting | None = None
    chain: tuple[Link, ...] = ()
    locations: tuple[str, ...] = ()
    keys: Keys | None = None
    is_encrypted_at_rest: bool | None = None
    is_encrypted_in_transit: bool | None = None
    highest_protection_level: int | None = None
    highest_rubricering: Rubricering | None = None
    admits_personal_data: bool | None = None
    admits_special_data: bool | None = None
    seals: tuple[tuple[Objective, int | None], ...] = ()
    valid_until: date | None = None
    dependencies: tuple[Dependency, ...] | None = None


def is_outside(countries: Iterable[str], inside: Collection[str], name: str) -> Known:
    """Whether one of the countries is not ``inside``. Of none at all nobody knows."""
    found = [known(country not in inside if country else None, name) for country in countries]
    return any_of(*found) if found else known(None, name)


def third_country(supply: Supply) -> Known:
    """Whether data can come under the law of a country without adequate protection."""
    protected = EEA | ADEQUATE
    by_owner = is_outside((link.jurisdiction for link in supply.chain), protected, "supply.chain")
    return by_owner | is_outside(supply.locations, protected, "supply.locations")


def foreign_control(supply: Supply) -> Known:
    """Whether the supplier is, in part too, under the law of a country outside the EEA.

    By its owners, or by a service it cannot do without. Makers of hardware and software do not
    count: then nothing would pass.
    """
    by_owner = is_outside((link.jurisdiction for link in supply.chain), EEA, "supply.chain")
    if supply.dependencies is None:
        return by_owner | known(None, "supply.dependencies")
    services = [
        dependency.jurisdiction
        for dependency in supply.dependencies
        if dependency.is_critical and dependency.kind == DependencyKind.SERVICE
    ]
    return by_owner | (is_outside(services, EEA, "supply.dependencies") if services else NO)


class SupplyTerms:
    """What the clauses ask of a place at one day, each found out once."""

    def __init__(self, supply: Supply, *, at: date, minimums: Minimums) -> None:
        self.supply = supply
        self.at = at
        self.minimums = minimums

    @cached_property
    def public(self) -> Known:
        hosting = self.supply.hosting
        return known(None if hosting is None else hosting == Hosting.PUBLIC, "supply.hosting")

    @cached_property
    def third_country(self) -> Known:
        return third_country(self.supply)

    @cached_property
    def foreign_control(self) -> Known:
        return foreign_control(self.supply)

    @cached_property
    def far_away(self) -> Known:
        return is_outside(self.supply.locations, ALLOWED_LOCATIONS, "supply.locations")

    @cached_property
    def unencrypted(self) -> Known:
        stored = known(self.supply.is_encrypted_at_rest, "supply.is_encrypted_at_rest")
        moving = known(self.supply.is_encrypted_in_transit, "supply.is_encrypted_in_transit")
        return ~stored | ~moving

    @cached_property
    def keys_elsewhere(self) -> Known:
        keys = self.supply.keys
        return known(None if keys is None else keys != Keys.CUSTOMER, "supply.keys")

    @cached_property
    def not_assessed(self) -> Known:
        end = self.supply.valid_until
        return known(None if end is None else end < self.at, "supply.valid_until")

    @cached_property
    def bars_interest(self) -> tuple[Known, ...]:
        """By TBB: whether that interest is too high here. The lowest is admitted by all."""
        highest, name = self.supply.highest_protection_level, "supply.highest_protection_level"
        found = [known(None if highest is None else highest > tbb, name) for tbb in range(1, 4)]
        return (NO, *found, NO)

    @cached_property
    def bars_marking(self) -> tuple[Known, ...]:
        """By rank of a marking: whether it is too high here."""
        highest, name = self.supply.highest_rubricering, "supply.highest_rubricering"
        return (
            NO,
            *(
                known(None if highest is None else highest.rank < marking.rank, name)
                for marking in Rubricering
                if marking.rank
            ),
        )

    @cached_property
    def bars_personal(self) -> Known:
        return ~known(self.supply.admits_personal_data, "supply.admits_personal_data")

    @cached_property
    def bars_special(self) -> Known:
        return ~known(self.supply.admits_special_data, "supply.admits_special_data")

    @cached_property
    def too_low(self) -> tuple[Mapping[Objective, Known], ...]:
        """By TBB: of each objective, whether what is proven is less than that asks."""
        seals = dict(self.supply.seals)
        return (
            {},
            *(
                {
                    objective: _is_below(
                        objective, seals.get(objective), self.minimums[tbb, objective]
                    )
                    for objective in Objective
                }
                for tbb in range(1, LOWEST_INTEREST + 1)
            ),
        )

    @cached_property
    def any_too_low(self) -> tuple[Known, ...]:
        """By TBB: whether an objective is too low for it."""
        return tuple(any_of(*(by.values())) for by in self.too_low)


def _is_below(objective: Objective, seal: int | None, minimum: int) -> Known:
    if minimum == 0:
        return NO
    return known(None if seal is None else seal < minimum, f"supply.{objective}")
