"""What costs fall under from a day on: cost centre, cost object, commitment number."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from django.db.models import QuerySet
from django.utils.timezone import localdate, now
from django.utils.translation import gettext as _

from billing.models import AllocationFact, AllocationKey, MeteredResource
from billing.policies import may_allocate
from billing.services.closing import next_month
from portal.audit.services import record
from portal.core.calendar import day_of, month_of, start_of_day
from portal.core.errors import InvalidInput
from portal.core.models import end_from
from portal.core.text import clean_text
from portal.identity.models import CostCentre, Node, Person
from portal.identity.sensitive import sensitive
from portal.identity.services.facts import COST_CENTRE_LENGTH, FURTHEST
from portal.identity.services.tree import node_to_change

CODE_LENGTH: Final = 40
# Ledgers print these in columns and know no others.
_CODE: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z ./_-]*")

Place = Node | MeteredResource
_Fact = AllocationFact | CostCentre


@dataclass(frozen=True, kw_only=True)
class AllocationPeriod:
    """What was said of one key of one place; ``name`` is that of a cost centre, if it has any."""

    value: str
    name: str
    valid_from: datetime
    valid_until: datetime | None

    def holds(self, at: datetime) -> bool:
        return self.valid_from <= at and (self.valid_until is None or at < self.valid_until)

    @property
    def never_held(self) -> bool:
        """Overtaken before it began."""
        return self.valid_from == self.valid_until


@dataclass(frozen=True, kw_only=True)
class Allocation:
    """What one key is for one place.

    Attributes:
        current: what holds now; None when nobody said.
        source: the node on which that was said; None: the resource itself, or nobody.
        periods: everything that was said of the place itself, the newest first.
    """

    key: AllocationKey
    current: AllocationPeriod | None
    source: Node | None
    periods: Sequence[AllocationPeriod]

    @property
    def own(self) -> AllocationPeriod | None:
        """What holds now, if it was said of the place itself."""
        return self.current if self.current in self.periods else None


def earliest_change() -> date:
    """The first day from which something else may hold: costs of closed months are settled."""
    running, unsettled = month_of(now()), next_month()
    return day_of(min(unsettled.start, running.start) if unsettled else running.start)


@sensitive("allocation.set")
def set_allocation(
    place: Place, key: AllocationKey, *, value: str, starts_on: date, actor: Person
) -> None:
    """From that day on, costs of the place and what inherits from it fall under ``value``.

    Until something else is said: what was to begin later never does. A cost centre keeps the name
    that its number has here or above.

    Args:
        value: empty: from then on what is inherited.
        starts_on: a day of the first month that is not closed, or later.

    Raises:
        NotAllowed, NodeEnded: as ``node_to_change``; it takes finance of that node.
        InvalidInput: something is not right in a field.
    """
    project = place.project if isinstance(place, MeteredResource) else place
    with node_to_change(project.public_id, actor, may=may_allocate) as node:
        code = _checked(place, key, value, starts_on)
        moment = start_of_day(starts_on)
        end_from(_said_of(place, key), moment)
        if code:
            _begin(place, key, code, moment, node)
        told = {"key": key.value, "value": code, "from": moment.isoformat()}
        record("allocation.set", place, actor=actor, node_id=node.pk, data=told)


def allocations_of(place: Place) -> list[Allocation]:
    """What each key is for a place now, and was. Four queries at most."""
    if isinstance(place, MeteredResource):
        lineage, resources = place.project.lineage_ids, [place.pk]
    else:
        lineage, resources = place.lineage_ids, []
    said = _Said.of(lineage, resources)
    nodes = Node.objects.in_bulk(lineage)
    resource_id = place.pk if isinstance(place, MeteredResource) else None
    return [said.allocation(key, lineage, nodes, resource_id) for key in AllocationKey]


def allocations_of_each(nodes: Collection[Node]) -> dict[int, list[Allocation]]:
    """The same of many nodes, by primary key. Three queries."""
    node_ids = {pk for node in nodes for pk in node.lineage_ids}
    said = _Said.of(node_ids, [])
    known = Node.objects.in_bulk(node_ids)
    return {
        node.pk: [said.allocation(key, node.lineage_ids, known, None) for key in AllocationKey]
        for node in nodes
    }


def _checked(place: Place, key: AllocationKey, value: str, starts_on: date) -> str:
    """The code as it is kept.

    Raises:
        InvalidInput: it is no code, or the day is too early or too far away.
    """
    errors: dict[str, list[str]] = {}
    of_tree = key == AllocationKey.COST_CENTER and isinstance(place, Node)
    code = ""
    try:
        code = clean_text(value, max_length=COST_CENTRE_LENGTH if of_tree else CODE_LENGTH)
    except ValueError as error:
        errors["value"] = [str(error)]
    if code and not _CODE.fullmatch(code):
        errors["value"] = [
            _("Use letters, digits, spaces and . / _ - only; a letter or digit first.")
        ]
    if not earliest_change() <= starts_on <= localdate() + FURTHEST:
        errors["starts_on"] = [
            _("Choose a day of this month or a later one, at most five years ahead.")
        ]
    if errors:
        raise InvalidInput(errors)
    return code


def _said_of(place: Place, key: AllocationKey) -> QuerySet[Any]:
    """Everything that was ever said of this key of the place itself."""
    if isinstance(place, MeteredResource):
        return AllocationFact.objects.filter(resource=place, key=key)
    if key == AllocationKey.COST_CENTER:
        return CostCentre.objects.filter(node_id=place.pk)
    return AllocationFact.objects.filter(node_id=place.pk, key=key)


def _begin(place: Place, key: AllocationKey, code: str, moment: datetime, node: Node) -> None:
    if isinstance(place, MeteredResource):
        AllocationFact.objects.create(resource=place, key=key, value=code, valid_from=moment)
    elif key == AllocationKey.COST_CENTER:
        known = CostCentre.objects.filter(node__in=node.lineage_ids, code=code).order_by("-pk")
        name = known.values_list("name", flat=True).first() or ""
        CostCentre.objects.create(node=node, code=code, name=name, valid_from=moment)
    else:
        AllocationFact.objects.create(node=node, key=key, value=code, valid_from=moment)


@dataclass(frozen=True)
class _Said:
    """Everything that was said of some places: the periods by place and key, the newest first."""

    of_nodes: dict[tuple[int, str], list[AllocationPeriod]] = field(default_factory=dict)
    of_resources: dict[tuple[int, str], list[AllocationPeriod]] = field(default_factory=dict)

    @classmethod
    def of(cls, node_ids: Iterable[int], resource_ids: Iterable[int]) -> _Said:
        """Three queries, two without resources."""
        said, nodes, resources = cls(), list(node_ids), list(resource_ids)
        newest = ("-valid_from", "-pk")
        for centre in CostCentre.objects.filter(node__in=nodes).order_by(*newest):
            key = (centre.node_id, AllocationKey.COST_CENTER.value)
            said.of_nodes.setdefault(key, []).append(_period(centre, centre.code, centre.name))
        for fact in AllocationFact.objects.filter(node__in=nodes).order_by(*newest):
            assert fact.node_id is not None  # noqa: S101  (they were asked for by it)
            period = _period(fact, fact.value)
            said.of_nodes.setdefault((fact.node_id, fact.key), []).append(period)
        if resources:
            for fact in AllocationFact.objects.filter(resource__in=resources).order_by(*newest):
                assert fact.resource_id is not None  # noqa: S101  (likewise)
                period = _period(fact, fact.value)
                said.of_resources.setdefault((fact.resource_id, fact.key), []).append(period)
        return said

    def allocation(
        self,
        key: AllocationKey,
        lineage: Sequence[int],
        nodes: dict[int, Node],
        resource_id: int | None,
    ) -> Allocation:
        """What the key is for a resource of the last node of ``lineage``, or for that node."""
        moment = now()
        of_place = self.of_nodes.get((lineage[-1], key.value), [])
        if resource_id is not None:
            of_place = self.of_resources.get((resource_id, key.value), [])
            own = next((period for period in of_place if period.holds(moment)), None)
            if own:
                return Allocation(key=key, current=own, source=None, periods=of_place)
        for pk in reversed(lineage):
            for period in self.of_nodes.get((pk, key.value), []):
                if period.holds(moment):
                    return Allocation(key=key, current=period, source=nodes[pk], periods=of_place)
        return Allocation(key=key, current=None, source=None, periods=of_place)


def _period(fact: _Fact, value: str, name: str = "") -> AllocationPeriod:
    return AllocationPeriod(
        value=value, name=name, valid_from=fact.valid_from, valid_until=fact.valid_until
    )
