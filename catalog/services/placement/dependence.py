"""How much hangs on few: who operates what is used, under whose law, and what it depends on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import Final

from django.db.models import Count, Q

from catalog.models import Resource, ResourceState, SupplyProfile
from catalog.placement.concentration import (
    Graph,
    SoilShare,
    Touched,
    hhi,
    shares,
    soil_share,
    touched_shares,
    what_stops,
)
from catalog.placement.supply import EEA, Dependency, Supply
from catalog.placement_policies import register_projects
from catalog.services.placement.reading import Place, read_supplies
from catalog.services.placement.register_files import operator_of
from catalog.services.placement.spending import Spending, spend_by_place
from portal.cloud.models import Cloud
from portal.core.calendar import Period
from portal.identity.models import Node, Person, Project
from portal.identity.models.proposed import DecisionState

UNKNOWN: Final = ""  # the name of what nobody knows
_ELSEWHERE: Final = "?"  # the key of where spending is of which no resource is known here


@dataclass(frozen=True, kw_only=True)
class ShareRow:
    """Of one supplier, country or dependency: its part of what was spent, and of the projects.

    ``amount`` in euros, without VAT; percentages with one decimal.
    """

    name: str
    amount: Decimal
    amount_percent: Decimal
    projects: int
    projects_percent: Decimal


@dataclass(frozen=True, kw_only=True)
class Split:
    """All of it, divided: each euro falls under one name. The largest first.

    A project that uses more of them counts once under each. ``hhi``: 10,000 when one has all; None
    where there is nothing to divide.
    """

    rows: list[ShareRow]
    amount_hhi: Decimal | None
    projects_hhi: Decimal | None


@dataclass(frozen=True, kw_only=True)
class Soil:
    """Per cent of what was spent, and of where projects stand."""

    amount: SoilShare
    projects: SoilShare


@dataclass(frozen=True, kw_only=True)
class Hit:
    """What of all this is hit: each by name, sorted; ``amount`` is what was spent there."""

    dependencies: list[tuple[str, str]]
    places: list[str]
    projects: list[Project]
    resources: int
    amount: Decimal


@dataclass(frozen=True, kw_only=True)
class AssessedPlace:
    """A cloud, or an offering in it that has an assessment of its own. None: nobody assessed it."""

    name: str
    supply: Supply | None

    @property
    def operator(self) -> str:
        return operator_of(self.supply) or UNKNOWN

    @property
    def jurisdiction(self) -> str:
        """Of the ultimate owner, ISO 3166."""
        chain = self.supply.chain if self.supply else ()
        return chain[-1].jurisdiction if chain else UNKNOWN

    @property
    def dependencies(self) -> tuple[Dependency, ...]:
        return (self.supply.dependencies or ()) if self.supply else ()


@dataclass(frozen=True, kw_only=True)
class Dependence:
    """What is used, by place: those are keys of ``places``.

    Attributes:
        amounts: what was spent there in the month, euros.
        projects: primary keys of those that have something there now.
        resources: how much they have there.
        known: the projects by primary key.
    """

    places: Mapping[str, AssessedPlace]
    amounts: Mapping[str, Decimal]
    projects: Mapping[str, frozenset[int]]
    resources: Mapping[str, int]
    known: Mapping[int, Project]
    is_price_missing: bool

    @property
    def total(self) -> Decimal:
        return sum(self.amounts.values(), Decimal(0))

    @cached_property
    def by_operator(self) -> Split:
        return self._split(lambda place: place.operator)

    @cached_property
    def by_jurisdiction(self) -> Split:
        return self._split(lambda place: place.jurisdiction)

    @cached_property
    def by_supplier(self) -> list[ShareRow]:
        """Of what each supplier of a dependency touches; these overlap."""
        return self._touched(lambda each: each.supplier)

    @cached_property
    def by_dependency_jurisdiction(self) -> list[ShareRow]:
        """The same by the country of that supplier."""
        return self._touched(lambda each: each.jurisdiction)

    @cached_property
    def soil(self) -> Soil:
        """A place counts where all its locations do."""
        where = {
            key: place.supply.locations if place.supply else ()
            for key, place in self.places.items()
        }
        counts = {key: Decimal(len(found)) for key, found in self.projects.items()}
        return Soil(
            amount=soil_share(self.amounts, where, europe=EEA),
            projects=soil_share(counts, where, europe=EEA),
        )

    @property
    def unlisted(self) -> list[str]:
        """Places of which nobody said what they depend on, by name."""
        return sorted(
            place.name
            for key, place in self.places.items()
            if key != _ELSEWHERE and (place.supply is None or place.supply.dependencies is None)
        )

    @property
    def suppliers(self) -> list[str]:
        """Everybody who operates or delivers something, by name."""
        operators = {place.operator for place in self.places.values()}
        delivering = {
            each.supplier for place in self.places.values() for each in place.dependencies
        }
        return sorted((operators | delivering) - {UNKNOWN}, key=str.casefold)

    def without(self, supplier: str) -> tuple[Hit, Hit]:
        """What stops when that supplier does, and what is weakened."""
        graph = Graph(
            places={key: place.dependencies for key, place in self.places.items()},
            used_by={key: frozenset(map(str, found)) for key, found in self.projects.items()},
            operators={key: place.operator for key, place in self.places.items()},
        )
        outage = what_stops(graph, supplier)
        return self._hit(outage.stops), self._hit(outage.weakens)

    def _split(self, name_of: Callable[[AssessedPlace], str]) -> Split:
        amounts: defaultdict[str, Decimal] = defaultdict(Decimal)
        projects: defaultdict[str, set[int]] = defaultdict(set)
        for key, place in self.places.items():
            amounts[name_of(place)] += self.amounts.get(key, Decimal(0))
            projects[name_of(place)] |= self.projects.get(key, frozenset())
        counts = {name: Decimal(len(found)) for name, found in projects.items()}
        by_count = {share.name: share for share in shares(counts)}
        rows = [
            ShareRow(
                name=share.name,
                amount=share.amount,
                amount_percent=share.percent,
                projects=int(by_count[share.name].amount),
                projects_percent=by_count[share.name].percent,
            )
            for share in shares(amounts)
        ]
        return Split(rows=_in_order(rows), amount_hhi=hhi(amounts), projects_hhi=hhi(counts))

    def _touched(self, name_of: Callable[[Dependency], str]) -> list[ShareRow]:
        groups: defaultdict[str, set[str]] = defaultdict(set)
        for key, place in self.places.items():
            for each in place.dependencies:
                groups[name_of(each)].add(key)
        rows = []
        for share in touched_shares(self.amounts, groups):
            touched = self._projects_in(groups[share.name])
            rows.append(
                ShareRow(
                    name=share.name,
                    amount=share.amount,
                    amount_percent=share.percent,
                    projects=len(touched),
                    projects_percent=_percent(len(touched), len(self.known)),
                )
            )
        return _in_order(rows)

    def _projects_in(self, keys: Iterable[str]) -> set[int]:
        return {pk for key in keys for pk in self.projects.get(key, frozenset())}

    def _hit(self, touched: Touched) -> Hit:
        named = {
            (key, each.key): each.name
            for key, place in self.places.items()
            for each in place.dependencies
        }
        projects = [self.known[int(pk)] for pk in touched.workloads]
        return Hit(
            dependencies=sorted(
                (self.places[key].name, named[key, of]) for key, of in touched.dependencies
            ),
            places=sorted(self.places[key].name for key in touched.places),
            projects=sorted(projects, key=lambda project: (project.name, project.pk)),
            resources=sum(self.resources.get(key, 0) for key in touched.places),
            amount=sum((self.amounts.get(key, Decimal(0)) for key in touched.places), Decimal(0)),
        )


def dependence_of(person: Person, *, node: Node | None, month: Period, at: datetime) -> Dependence:
    """What stands where now, in all that the person reads of or below one node, and the spending.

    As many queries as the spending needs, and five.
    """
    spending = spend_by_place(person, node=node, month=month, at=at)
    projects = register_projects(person)
    if node:
        projects = projects.filter(Q(pk=node.pk) | Q(ancestor_ids__contains=[node.pk]))
    living = Resource.objects.filter(project__in=projects).exclude(state=ResourceState.RETIRED)
    columns = ("project", "cloud_project__cloud", "order_line__offering_version__offering")
    counted = [
        (project, Place(cloud, offering), count)
        for project, cloud, offering, count in living.order_by()
        .values_list(*columns)
        .annotate(Count("pk"))
    ]
    return _Gathered(spending, counted, at=at).result()


class _Gathered:
    """Places put together as far as one assessment speaks of them."""

    def __init__(
        self, spending: Spending, counted: Collection[tuple[int, Place, int]], *, at: datetime
    ) -> None:
        spent = {place for place in spending.by_place if place}
        self._supplies = read_supplies(spent | {place for _, place, _ in counted}, at=at)
        self._clouds = Cloud.objects.in_bulk({place.cloud_id for place in self._supplies})
        self._offerings = _assessed_offerings()
        self._spending, self._counted = spending, counted

    def result(self) -> Dependence:
        places: dict[str, AssessedPlace] = {}
        amounts: defaultdict[str, Decimal] = defaultdict(Decimal)
        projects: defaultdict[str, set[int]] = defaultdict(set)
        resources: defaultdict[str, int] = defaultdict(int)
        for place, amount in self._spending.by_place.items():
            amounts[self._key(place, places)] += amount
        for project, place, count in self._counted:
            key = self._key(place, places)
            projects[key].add(project)
            resources[key] += count
        return Dependence(
            places=places,
            amounts=amounts,
            projects={key: frozenset(found) for key, found in projects.items()},
            resources=resources,
            known=Project.objects.in_bulk({project for project, _, _ in self._counted}),
            is_price_missing=self._spending.is_price_missing,
        )

    def _key(self, place: Place | None, places: dict[str, AssessedPlace]) -> str:
        """Of the place, which is then among ``places``."""
        if place is None:
            places.setdefault(_ELSEWHERE, AssessedPlace(name=UNKNOWN, supply=None))
            return _ELSEWHERE
        supply_id, supply = self._supplies[place]
        key = f"{place.cloud_id}/{supply_id or UNKNOWN}"
        if key not in places:
            name = self._clouds[place.cloud_id].name
            offering = self._offerings.get(supply_id or 0)
            named = f"{name}: {offering}" if offering else name
            places[key] = AssessedPlace(name=named, supply=supply)
        return key


def _assessed_offerings() -> dict[int, str]:
    """The code of each offering that has an assessment of its own, by that. One query."""
    own = SupplyProfile.objects.filter(
        offering__isnull=False, state=DecisionState.CONFIRMED, ended_at=None
    )
    return dict(own.values_list("pk", "offering__code"))


def _in_order(rows: list[ShareRow]) -> list[ShareRow]:
    return sorted(rows, key=lambda row: (-row.amount, -row.projects, row.name))


def _percent(part: int, whole: int) -> Decimal:
    percent = Decimal(part * 100) / whole if whole else Decimal(0)
    return percent.quantize(Decimal("0.1"), ROUND_HALF_UP)
