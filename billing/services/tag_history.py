"""Which tags charges had, one charge at a time: for files that say all tags of each.

Cuts charges exactly as ``billing.services.tag_query`` does for one key, and a test proves that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from itertools import groupby
from operator import itemgetter
from typing import Final, LiteralString

from django.db import connection
from django.db.models import F, Q, QuerySet

from billing.models import TagFact
from billing.rating import DUE_AT_ONCE
from billing.services.cost_lines import Charge
from billing.services.price_query import LINEAGE

Tags = dict[str, str]

_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
_LATEST: Final = datetime.max.replace(tzinfo=UTC)
_EXACT: Final = Context(prec=80, rounding=ROUND_HALF_UP)
# Of a tier that is cut no part may be a finite number, and readers want one.
_COST_PLACES: Final = Decimal("1e-6")
_USE_PLACES: Final = Decimal("1e-12")
_OF_RESOURCE: Final = -2
_OF_PROJECT: Final = -1
_LINEAGE: Final[LiteralString] = (
    "WITH RECURSIVE "  # noqa: S608  (fragments of ours)
    + LINEAGE
    + """
SELECT organization_id, ancestor_id, depth, lower(period), upper(period)
FROM lineage
WHERE organization_id = ANY(%(organizations)s)
    AND ancestor_id IN (SELECT node_id FROM billing_tagfact WHERE node_id IS NOT NULL)
"""
)


@dataclass(frozen=True, kw_only=True)
class _Held:
    """A value that could hold; the lowest depth is the nearest."""

    depth: int
    key: str
    value: str
    since: datetime
    until: datetime


class TagHistory:
    """What is known of tags, kept for the next charges; there are few places and many charges."""

    def __init__(self) -> None:
        self._of_place: dict[tuple[int, int], list[_Held]] = {}
        self._of_resource: dict[int, list[_Held]] = {}

    def look_up(self, charges: Sequence[Charge]) -> None:
        """Fetch what is needed for these. At most four queries."""
        places = {(one.organization_id, one.project_id) for one in charges}
        if unknown := places - self._of_place.keys():
            self._look_up_places(unknown)
        resources = {one.resource_id for one in charges}
        self._of_resource = defaultdict(list)
        for fact in _ever_held(TagFact.objects.filter(resource__in=resources)):
            self._of_resource[fact.resource_id or 0].append(_held(fact, _OF_RESOURCE))

    def parts(self, charge: Charge) -> list[tuple[Charge, Tags]]:
        """The charge, cut where any of its tags changed. Together they are the charge."""
        known = [
            *self._of_resource.get(charge.resource_id, ()),
            *self._of_place[charge.organization_id, charge.project_id],
        ]
        held = [
            one for one in known if one.since < charge.ended_at and one.until > charge.started_at
        ]
        if not held:
            return [(charge, {})]
        if charge.unit in DUE_AT_ONCE:
            return [(charge, _tags_at(held, charge.started_at))]
        turns = {turn for one in held for turn in (one.since, one.until)}
        inside = sorted(turn for turn in turns if charge.started_at < turn < charge.ended_at)
        cuts = [(_tags_at(held, turn), turn) for turn in (charge.started_at, *inside)]
        # Where nothing changed after all, nothing is cut.
        stretches = [(tags, next(some)[1]) for tags, some in groupby(cuts, key=itemgetter(0))]
        ends = [*(start for _tags, start in stretches[1:]), charge.ended_at]
        return [
            (_part(charge, start, end), tags)
            for (tags, start), end in zip(stretches, ends, strict=True)
        ]

    def _look_up_places(self, places: Collection[tuple[int, int]]) -> None:
        organizations = {organization for organization, _project in places}
        with connection.cursor() as cursor:
            cursor.execute(_LINEAGE, {"organizations": list(organizations)})
            lineage = cursor.fetchall()
        projects = {project for _organization, project in places}
        nodes = projects | {ancestor for _organization, ancestor, *_rest in lineage}
        facts: dict[int, list[TagFact]] = defaultdict(list)
        for fact in _ever_held(TagFact.objects.filter(node__in=nodes)):
            facts[fact.node_id or 0].append(fact)
        above: dict[int, list[_Held]] = defaultdict(list)
        for organization, ancestor, depth, since, until in lineage:
            stood = (since or _EARLIEST, until or _LATEST)
            above[organization] += [_held(fact, depth, *stood) for fact in facts[ancestor]]
        for organization, project in places:
            own = [_held(fact, _OF_PROJECT) for fact in facts[project]]
            self._of_place[organization, project] = [
                one for one in (*own, *above[organization]) if one.since < one.until
            ]


def _ever_held(facts: QuerySet[TagFact]) -> QuerySet[TagFact]:
    return facts.filter(Q(valid_until=None) | Q(valid_until__gt=F("valid_from")))


def _held(
    fact: TagFact, depth: int, since: datetime = _EARLIEST, until: datetime = _LATEST
) -> _Held:
    return _Held(
        depth=depth,
        key=fact.key,
        value=fact.value,
        since=max(since, fact.valid_from),
        until=min(until, fact.valid_until or _LATEST),
    )


def _tags_at(held: Sequence[_Held], at: datetime) -> Tags:
    """By key, in the order of the alphabet."""
    now = [one for one in held if one.since <= at < one.until]
    nearest = {one.key: one.value for one in sorted(now, key=lambda one: -one.depth)}
    return dict(sorted(nearest.items()))


def _part(charge: Charge, start: datetime, end: datetime) -> Charge:
    """What was reached at the end less what was reached at the beginning, each rounded."""
    seconds = int((end - start).total_seconds())
    if seconds == charge.seconds:
        return charge

    def within(whole: Decimal, places: Decimal) -> Decimal:
        reached = [_reached(charge, at, whole, places) for at in (start, end)]
        return _EXACT.subtract(reached[1], reached[0])

    return replace(
        charge,
        started_at=start,
        ended_at=end,
        seconds=seconds,
        quantity_seconds=within(charge.quantity_seconds, _USE_PLACES),
        amount=None if charge.amount is None else within(charge.amount, _COST_PLACES),
    )


def _reached(charge: Charge, at: datetime, whole: Decimal, places: Decimal) -> Decimal:
    done = int((at - charge.started_at).total_seconds())
    exact = _EXACT.divide(_EXACT.multiply(whole, done), charge.seconds)
    return exact.quantize(places, context=_EXACT)
