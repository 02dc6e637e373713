"""What an order would mean: price, placement, quota, budget. The same answer everywhere.

The live panel, the order itself, the approver's page and the API all ask here, so what a person
saw is what was stored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.utils.timezone import now

from billing.errors import BudgetExceeded
from billing.meters import Meter
from billing.models import Budget
from billing.services.budgets import BudgetPosition, budgets_over, find_budget, position_of
from billing.services.pricing import quote
from billing.services.quotes import Quote
from billing.services.term_reading import prices_in
from catalog.kinds import get_kind
from catalog.kinds.fees import paid_for
from catalog.models import (
    Metric,
    OfferingVersion,
    Order,
    OrderLine,
    Resource,
)
from catalog.services.approval_routes import wholes_of
from catalog.services.hard_stops import first_refusal
from catalog.services.order_costs import Cost, cost_in_year, cost_of, pending_costs
from catalog.services.placement import Opinion, Place, opinions_at, places_of, worst
from catalog.services.quotas import amounts_of
from portal.core.rows import Cut, RowOf, ask
from portal.identity.models import Node, Project


@dataclass(frozen=True, kw_only=True)
class QuotaEffect:
    """What an order does to one metric, on the level of the tree that has the least left.

    ``node`` is that level: the project itself, or an organization above it. ``limit`` None is
    unlimited.
    """

    node: Node
    metric: Metric
    limit: Decimal | None
    claimed: Decimal
    asked: Decimal

    @property
    def fits(self) -> bool:
        return self.limit is None or self.claimed + self.asked <= self.limit

    @property
    def free(self) -> Decimal | None:
        """What may still be claimed, before this order; None is unlimited."""
        return None if self.limit is None else max(Decimal(0), self.limit - self.claimed)


@dataclass(frozen=True, kw_only=True)
class Wish:
    """One thing that may be ordered: its spec is right, and nothing is held for it."""

    version: OfferingVersion
    spec: Mapping[str, Any]
    end_date: date | None


@dataclass(frozen=True, kw_only=True)
class Consequences:
    """Everything a person must know before committing.

    Of a change ``quota`` is what is more, and ``quote`` is without what was paid once already.
    ``stop``: what a budget with a hard stop would say of it, if it refuses. ``placements``: what
    the rules say of each place where it would stand.
    """

    quote: Quote
    placements: list[Opinion]
    quota: list[QuotaEffect]
    budget: BudgetPosition | None
    stop: BudgetExceeded | None

    @property
    def placement(self) -> Opinion:
        """The opinion that decides, of all places."""
        return worst(self.placements)

    @property
    def refusals(self) -> list[str]:
        """Why the data may not stand there, of all places, in words; empty when it may."""
        return list(dict.fromkeys(text for one in self.placements for text in one.refusals))

    @property
    def notes(self) -> list[str]:
        """What to mind where it may."""
        admitted = [one for one in self.placements if one.is_admissible]
        return list(dict.fromkeys(text for one in admitted for text in one.texts))

    @property
    def fits_quota(self) -> bool:
        return all(effect.fits for effect in self.quota)


def demand_of(
    version: OfferingVersion, spec: Mapping[str, Any], price: Quote
) -> dict[Metric, Decimal]:
    """Everything that a line claims, with its quoted monthly price and what is expected beside."""
    demand = get_kind(version.offering.kind).quota_demand(version, spec)
    return {**demand, Metric.MONTHLY_COST_EUR: price.judged_monthly}


@dataclass(frozen=True, kw_only=True)
class Priced:
    """Something whose price is asked.

    Attributes:
        instead_of: the spec that it has until a change of it.
        changes: public id of the resource that is changed, whose minimum terms go on.
    """

    version: OfferingVersion
    spec: Mapping[str, Any]
    instead_of: Mapping[str, Any] | None = None
    changes: UUID | None = None

    @classmethod
    def now(
        cls, version: OfferingVersion, resource: Resource, spec: Mapping[str, Any] | None = None
    ) -> Priced:
        """A resource that runs, as it is or with another spec."""
        return cls(
            version=version,
            spec=resource.spec if spec is None else spec,
            instead_of=resource.spec,
            changes=resource.public_id,
        )

    @classmethod
    def of(cls, line: OrderLine) -> Priced:
        before = line.before["spec"] if line.before else None
        return cls(
            version=line.offering_version,
            spec=line.spec,
            instead_of=before,
            changes=line.changes.public_id if line.changes else None,
        )

    def used(self, spec: Mapping[str, Any]) -> list[Meter]:
        """What it would use with this spec."""
        return paid_for(self.version, spec)


def quotes_of(things: Iterable[Priced], project: Project) -> list[Quote]:
    """The prices by the tariff of this moment, each on top of what runs and of those before it."""
    besides: defaultdict[str, Decimal] = defaultdict(Decimal)
    quotes, at = [], now()
    for thing in things:
        for meter in thing.used(thing.instead_of) if thing.instead_of is not None else ():
            besides[meter.sku] -= meter.quantity
        meters = thing.used(thing.spec)
        agreed = prices_in(thing.changes, at=at) if thing.changes else {}
        quotes.append(quote(meters, project=project, at=at, besides=besides, agreed=agreed))
        for meter in meters:
            besides[meter.sku] += meter.quantity
    return quotes


def quote_of(version: OfferingVersion, spec: Mapping[str, Any], project: Project) -> Quote:
    """The same of one thing."""
    return quotes_of([Priced(version=version, spec=spec)], project)[0]


def quotes_of_lines(lines: Iterable[OrderLine], project: Project) -> list[Quote]:
    """The same of lines of one order; they bind to no more than was ordered."""
    known = list(lines)
    quotes = quotes_of(map(Priced.of, known), project)
    return [quoted.bound_by(line.quoted) for line, quoted in zip(known, quotes, strict=True)]


def preview(
    *, project: Project, version: OfferingVersion, spec: Mapping[str, Any], end_date: date | None
) -> Consequences:
    """What ordering this spec in this project would mean now. Changes nothing, locks nothing."""
    wish = Wish(version=version, spec=spec, end_date=end_date)
    return preview_together(project, [wish])


def preview_together(project: Project, wishes: Sequence[Wish]) -> Consequences:
    """What ordering all of it at once would mean now. Changes nothing, locks nothing."""
    quotes = quotes_of([Priced(version=wish.version, spec=wish.spec) for wish in wishes], project)
    costs = [
        Cost(quote=price, end_date=wish.end_date)
        for wish, price in zip(wishes, quotes, strict=True)
    ]
    demands = [
        demand_of(wish.version, wish.spec, price)
        for wish, price in zip(wishes, quotes, strict=True)
    ]
    budget, stop = budget_and_stop(project, costs)
    return Consequences(
        quote=together(quotes),
        placements=opinions_of(project, [wish.version for wish in wishes]),
        quota=quota_effects(project, _sum_of_demands(demands)),
        budget=budget,
        stop=stop,
    )


def opinions_of(project: Project, versions: Collection[OfferingVersion]) -> list[Opinion]:
    """What the rules say of each place where these would stand, each once. One query."""
    return opinions_at(project, [place for version in versions for place in places_of(version)])


def together(quotes: Iterable[Quote]) -> Quote:
    """What several things cost as one."""
    return Quote(lines=tuple(line for quoted in quotes for line in quoted.lines))


def _sum_of_demands(demands: Sequence[Mapping[Metric, Decimal]]) -> dict[Metric, Decimal]:
    return {
        metric: sum((demand.get(metric, Decimal(0)) for demand in demands), Decimal(0))
        for one in demands
        for metric in one
    }


def quota_effects(project: Project, demand: Mapping[Metric, Decimal]) -> list[QuotaEffect]:
    """The demand against the counters from the project up to the root. One query.

    A claim must fit on every level, so of each metric the tightest one counts. A missing row is
    a limit of zero.
    """
    asked = {"lineage": project.lineage_ids, "metrics": [metric.value for metric in demand]}
    levels = [_Level.read(row) for row in ask(_COUNTERS, asked)]
    return [
        min((level.effect(metric, amount) for level in levels), key=_room)
        for metric, amount in demand.items()
    ]


_NODE: Final = RowOf(Node)
# The nearest first.
_COUNTERS: Final = f"""
    SELECT {_NODE.columns}, array_agg(metric), array_agg(limit_now), array_agg(claimed)
    FROM identity_node
    LEFT JOIN catalog_quota ON node_id = identity_node.id AND metric = ANY(%(metrics)s)
    WHERE identity_node.id = ANY(%(lineage)s)
    GROUP BY identity_node.id
    ORDER BY cardinality(ancestor_ids) DESC
"""  # noqa: S608  (names of columns)
_NOTHING: Final[tuple[Decimal | None, Decimal]] = (Decimal(0), Decimal(0))


@dataclass(frozen=True)
class _Level:
    """A node with its counters by metric: the limit, where None is unlimited, and claimed."""

    node: Node
    counters: Mapping[str, tuple[Decimal | None, Decimal]]

    @classmethod
    def read(cls, row: Cut) -> _Level:
        node, (metrics, limits, claimed) = row.take(_NODE), row.rest()
        return cls(node, dict(zip(metrics, zip(limits, claimed, strict=True), strict=True)))

    def effect(self, metric: Metric, asked: Decimal) -> QuotaEffect:
        limit, claimed = self.counters.get(metric.value, _NOTHING)
        return QuotaEffect(node=self.node, metric=metric, limit=limit, claimed=claimed, asked=asked)


def _room(effect: QuotaEffect) -> Decimal:
    return Decimal("Infinity") if effect.limit is None else effect.limit - effect.claimed


def budget_effect(
    project: Project, costs: Sequence[Cost], *, besides: Order | None = None
) -> BudgetPosition | None:
    """The project's budget of this year with these costs in it, and what else is pending.

    Args:
        besides: an order whose own cost must not count as pending (it is the one asked about).
    """
    moment = now()
    budget = find_budget(project, at=moment)
    return _position(budget, costs, besides, moment) if budget else None


def budget_and_stop(
    project: Project, costs: Sequence[Cost], *, besides: Order | None = None
) -> tuple[BudgetPosition | None, BudgetExceeded | None]:
    """As ``budget_effect`` and ``find_stop``, out of one look at the budgets."""
    moment = now()
    budgets = budgets_over(project, at=moment)
    position = _position(budgets[0], costs, besides, moment) if budgets else None
    stops = [budget for budget in budgets if budget.is_hard_stop]
    return position, first_refusal(stops, costs, besides, moment)


def _position(
    budget: Budget, costs: Sequence[Cost], besides: Order | None, moment: datetime
) -> BudgetPosition:
    pending = pending_costs(budget.node, besides, moment)
    asked = cost_in_year(costs, moment)
    return position_of(budget, at=moment, pending=pending, asked=asked)


def preview_of_order(order: Order) -> Consequences:
    """What approving the order would mean now: its quota is held already, so it asks nothing more.

    The price is today's tariff for all lines; where that differs from the quote, the approver
    is told so (``conditions.changed_conditions``).
    """
    lines = list(
        order.lines.select_related(
            "offering_version__offering",
            "offering_version__cloud",
            "assembly__offering_version",
            "changes__order_line__assembly__offering_version",
            "claim",
        )
    )
    quotes = quotes_of_lines(lines, order.project)
    demands = [
        amounts_of(line.claim)
        if line.before
        else demand_of(line.offering_version, line.spec, price)
        for line, price in zip(lines, quotes, strict=True)
    ]
    effects = [
        replace(effect, claimed=max(Decimal(0), effect.claimed - effect.asked))
        for effect in quota_effects(order.project, _sum_of_demands(demands))
    ]
    costs = [cost_of(line, price) for line, price in zip(lines, quotes, strict=True)]
    budget, stop = budget_and_stop(order.project, costs, besides=order)
    return Consequences(
        quote=together(line.due_of(price) for line, price in zip(lines, quotes, strict=True)),
        placements=opinions_at(order.project, _places_of_lines(lines)),
        quota=effects,
        budget=budget,
        stop=stop,
    )


def _places_of_lines(lines: Iterable[OrderLine]) -> list[Place]:
    versions = ((line.offering_version, *wholes_of(line)) for line in lines)
    return [Place.of(version) for some in versions for version in some]
