"""What use costs, worked out once more: plain Python that shares no code with what it checks.

Moments are whole seconds since 1970 and amounts of any kind are fractions, so nothing is rounded
but where the rules say so. Organizations, projects, SKUs and prices go by name. Every use is cut at
each moment at which anything changes anywhere; what stays equal is put together again. That is
slow, and easy to follow.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Final, Literal
from uuid import NAMESPACE_OID, uuid5
from zoneinfo import ZoneInfo

AMSTERDAM: Final = ZoneInfo("Europe/Amsterdam")
FOREVER: Final = 10**11

Cut = Literal["month", "day"]


# --- calendar ------------------------------------------------------------------------------------


def midnight(day: date) -> int:
    """The moment at which ``day`` begins in Amsterdam."""
    return int(datetime(day.year, day.month, day.day, tzinfo=AMSTERDAM).timestamp())


def day_at(moment: int) -> date:
    return datetime.fromtimestamp(moment, AMSTERDAM).date()


def month_at(moment: int) -> tuple[int, int]:
    """When the calendar month around ``moment`` begins and ends."""
    first = day_at(moment).replace(day=1)
    return midnight(first), midnight((first + timedelta(days=31)).replace(day=1))


def months_after(moment: int, months: int) -> int:
    """As many calendar months later, by the clocks here; on the last day of a shorter month."""
    here = datetime.fromtimestamp(moment, AMSTERDAM)
    first = here.date().replace(day=1)
    for _ in range(months):
        first = (first + timedelta(days=31)).replace(day=1)
    last = day_at(month_at(midnight(first))[1] - 1)
    then = here.replace(year=last.year, month=last.month, day=min(here.day, last.day), fold=0)
    return int(then.timestamp())


def midnights(since: int, until: int) -> list[int]:
    """Every midnight from the day of ``since`` up to and including the one after ``until``."""
    first, last = day_at(since), day_at(until) + timedelta(days=1)
    return [midnight(first + timedelta(days=n)) for n in range((last - first).days + 1)]


# --- rounding ------------------------------------------------------------------------------------


def half_up(amount: Fraction, places: int) -> Fraction:
    """Nothing here is negative."""
    return Fraction(math.floor(amount * 10**places + Fraction(1, 2)), 10**places)


# --- what happened -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stay:
    """That a node stood under ``parent`` from ``since`` until ``until``, as it was written down."""

    parent: str
    since: int
    until: int


@dataclass(frozen=True)
class Place:
    """Where a node stands now (a root: nowhere), and what is known of where it stood."""

    parent: str | None
    stays: tuple[Stay, ...] = ()

    def parent_at(self, moment: int) -> str | None:
        """Where nothing is known it stood where it stands now."""
        known = [stay.parent for stay in self.stays if stay.since <= moment < stay.until]
        return known[0] if known else self.parent


@dataclass(frozen=True)
class Tariff:
    """What one ``unit`` of a SKU costs ``owner`` and those below it, or everybody.

    ``tiers``: from how many in one month on a further unit costs what. ``months``: for how many at
    least what begins at it is due, and costs this.
    """

    name: str
    sku: str
    owner: str | None
    unit: str
    euros: Fraction
    since: int
    until: int
    tiers: tuple[tuple[Fraction, Fraction], ...] = ()
    months: int = 0


@dataclass(frozen=True)
class Said:
    """That costs of ``place``, a node with what is below it or a thing, fall under ``value``."""

    place: str
    key: str
    value: str
    since: int
    until: int


KEYS: Final = ("cost_center", "cost_object", "commitment_number")
Allocation = tuple[str | None, ...]  # by KEYS; None: nobody said


@dataclass(frozen=True)
class Event:
    """From ``moment`` on this is held of each SKU; nothing: it is gone."""

    moment: int
    held: Mapping[str, Fraction]


@dataclass(frozen=True, eq=False)
class Thing:
    """A resource, what became of it, and the last day on which it is expected to exist."""

    name: str
    project: str
    events: tuple[Event, ...]
    last_day: date | None = None


@dataclass(frozen=True)
class History:
    places: Mapping[str, Place]
    tariffs: tuple[Tariff, ...]
    things: tuple[Thing, ...]
    said: tuple[Said, ...] = ()

    @property
    def projects(self) -> list[str]:
        return sorted({thing.project for thing in self.things})

    def lineage_now(self, node: str) -> list[str]:
        """The node, and those above it where they all stand now."""
        nodes = [node]
        while parent := self.places[nodes[-1]].parent:
            nodes.append(parent)
        return nodes

    def lineage(self, node: str, moment: int) -> list[str]:
        """The node, its parent at that moment, and so on."""
        nodes = [node]
        while parent := self.places[nodes[-1]].parent_at(moment):
            nodes.append(parent)
        return nodes

    def tariff(self, sku: str, lineage: Iterable[str], moment: int) -> Tariff | None:
        """The one of the nearest owner goes first, the one for everybody comes last."""
        holding = {
            tariff.owner: tariff
            for tariff in self.tariffs
            if tariff.sku == sku and tariff.since <= moment < tariff.until
        }
        return next((holding[owner] for owner in (*lineage, None) if owner in holding), None)

    def allocation(self, thing: str, lineage: Iterable[str], moment: int) -> Allocation:
        """Of each key what was said of the thing itself, else of the nearest node."""
        holding = {
            (one.place, one.key): one.value for one in self.said if one.since <= moment < one.until
        }
        places = [thing, *lineage]
        return tuple(
            next((holding[place, key] for place in places if (place, key) in holding), None)
            for key in KEYS
        )

    def turns(self) -> set[int]:
        """Every moment at which a parent, a price or an allocation changes."""
        stays = [stay for place in self.places.values() for stay in place.stays]
        dated = (*stays, *self.tariffs, *self.said)
        return {turn for one in dated for turn in (one.since, one.until)}


# --- use -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Term:
    """At least ``quantity`` of a SKU is due from ``since`` until ``until``, at ``tariff``."""

    tariff: Tariff
    quantity: Fraction
    since: int
    until: int


@dataclass(frozen=True)
class Use:
    """One quantity of one SKU without a break. ``is_beginning``: a one-off price falls due.

    ``term``: that it began in. What ``is_unused`` is due though nothing was used.
    """

    thing: Thing
    sku: str
    quantity: Fraction
    since: int
    until: int
    is_beginning: bool
    term: Term | None = None
    is_unused: bool = False


def uses(history: History, thing: Thing) -> Iterator[Use]:
    """What the events come to.

    What comes back while nothing else is held goes on, if as much of it was held last; what
    changes beside something that runs begins. A term begins with what was not held right before,
    and does not come back; if that lasts no second, neither does the term.
    """
    held: dict[str, Use] = {}
    held_last: dict[str, Fraction] = {}
    terms: dict[str, Term] = {}
    owed: dict[str, Use] = {}
    for event in (*thing.events, Event(FOREVER, {})):
        now = event.moment
        known = set(held) if held else set(held_last)
        goes_on = {} if held else dict(held_last)
        for sku, use in list(held.items()):
            if event.held.get(sku) != use.quantity:
                del held[sku]
                if use.since < now:
                    held_last[sku] = use.quantity
                    yield replace(use, until=now)
        for sku, quantity in event.held.items():
            if sku in held:
                continue
            term = terms.get(sku)
            if term is None or term.until <= now:
                tariff = history.tariff(sku, history.lineage_now(thing.project)[1:], now)
                term = None
                if tariff and tariff.months and sku not in known:
                    until = months_after(now, tariff.months)
                    term = terms[sku] = Term(tariff, quantity, now, until)
            is_beginning = goes_on.get(sku) != quantity
            held[sku] = Use(thing, sku, quantity, now, FOREVER, is_beginning, term)
        for sku, term in list(terms.items()):
            if term.since == now and sku not in event.held:
                del terms[sku]
                continue
            yield from _owe(thing, sku, term, event, owed)


def _owe(thing: Thing, sku: str, term: Term, event: Event, owed: dict[str, Use]) -> Iterator[Use]:
    """What was owed until now, if from now on that is something else."""
    now = min(event.moment, term.until)
    quantity = max(Fraction(0), term.quantity - event.held.get(sku, Fraction(0)))
    if event.moment >= term.until:
        quantity = Fraction(0)
    before = owed.get(sku)
    if before and before.quantity == quantity:
        return
    if before:
        del owed[sku]
        if before.since < now:
            yield replace(before, until=now)
    if quantity:
        owed[sku] = Use(thing, sku, quantity, now, term.until, False, term, is_unused=True)


# --- money ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """Whose use is asked for, when, and what is known about it.

    Attributes:
        nodes: organizations, with all that belonged below them at the time, and projects.
        as_of: use that has not ended counts until here.
        expected_until: and is expected to go on until here, or until its last day.
        cut: at which moments a charge ends in any case.
    """

    nodes: Collection[str]
    since: int
    until: int
    as_of: int
    expected_until: int = 0
    cut: Cut = "month"

    def end_of(self, use: Use) -> int:
        end = use.until
        if use.until == FOREVER:
            end = max(self.as_of, self.expected_until)
            if use.thing.last_day:
                end = max(self.as_of, midnight(use.thing.last_day + timedelta(days=1)))
                end = max(end, use.term.until if use.term else 0)
        return min(end, max(self.as_of, self.expected_until), self.until)


@dataclass(frozen=True)
class Stretch:
    """Of a use, a time in which one payer, tariff and allocation hold, in one month or day."""

    use: Use
    payer: str
    tariff: Tariff | None
    allocation: Allocation
    since: int
    until: int
    cut_since: int = field(kw_only=True)
    tier: Fraction = Fraction(0)
    part: Fraction | None = None  # of what is used, all but where there are tiers

    @property
    def used(self) -> Fraction:
        """Quantity x seconds; of what is paid once the quantity."""
        if self.part is not None:
            return self.part
        is_one_off = self.tariff is not None and self.tariff.unit in {"one_off", "gib"}
        return self.use.quantity * (1 if is_one_off else self.until - self.since)

    @property
    def per_unit(self) -> int:
        begin, end = month_at(self.since)
        assert self.tariff is not None
        return {"one_off": 1, "gib": 1, "hour": 3600}.get(self.tariff.unit, end - begin)

    @property
    def is_due(self) -> bool:
        """A one-off price falls due where the use begins, and only there."""
        is_one_off = self.tariff is not None and self.tariff.unit in {"one_off", "gib"}
        return not is_one_off or (self.use.is_beginning and self.since == self.use.since)

    @property
    def euros(self) -> Fraction | None:
        """Rounded half up to a millionth; None where there is no price."""
        if self.tariff is None:
            return None
        euros = dict(self.tariff.tiers).get(self.tier, self.tariff.euros)
        return half_up(self.used * euros / self.per_unit, 6)


def charges(history: History, asked: Asked) -> list[Stretch]:
    """Every charge, in no particular order."""
    used_before = _used_before(history, asked)
    return [
        part
        for stretch in _all_stretches(history, asked)
        for part in _in_tiers(stretch, used_before)
    ]


def _all_stretches(history: History, asked: Asked) -> list[Stretch]:
    turns = history.turns()
    days = midnights(asked.since, asked.until)
    cuts = days if asked.cut == "day" else sorted({month_at(day)[0] for day in days})
    return [
        stretch
        for thing in history.things
        for use in uses(history, thing)
        for stretch in _stretches(history, asked, use, turns.union(cuts), cuts)
        if stretch.is_due
    ]


def _used_before(history: History, asked: Asked) -> list[tuple[Stretch, Fraction]]:
    """Each stretch at a tariff with tiers, whoever asks, and how much was used before it.

    That is counted by project, payer, tariff and whole month.
    """
    everything = replace(
        asked,
        nodes=history.places.keys(),
        since=month_at(asked.since)[0],
        until=month_at(asked.until - 1)[1],
        cut="month",
    )
    stretches = [
        stretch
        for stretch in _all_stretches(replace(history, said=()), everything)
        if stretch.tariff and stretch.tariff.tiers
    ]
    found = []
    sums: dict[tuple[str, str, str, int], Fraction] = defaultdict(Fraction)
    for one in sorted(
        stretches, key=lambda one: (one.since, uuid5(NAMESPACE_OID, one.use.thing.name))
    ):
        assert one.tariff is not None
        key = (one.use.thing.project, one.payer, one.tariff.name, month_at(one.since)[0])
        found.append((one, sums[key]))
        sums[key] += one.used
    return found


def _in_tiers(one: Stretch, used_before: Iterable[tuple[Stretch, Fraction]]) -> Iterator[Stretch]:
    """The stretch itself; or, where its tariff has tiers, its parts in these."""
    if one.tariff is None or not one.tariff.tiers:
        yield one
        return
    whole, before = next(
        (whole, before)
        for whole, before in used_before
        if (whole.use.thing, whole.use.sku) == (one.use.thing, one.use.sku)
        and not whole.use.is_unused
        and whole.since <= one.since < one.until <= whole.until
        and whole.tariff == one.tariff
    )
    if one.tariff.unit not in {"one_off", "gib"}:
        before += one.use.quantity * (one.since - whole.since)
    turns = [Fraction(0), *(turn for turn, _euros in one.tariff.tiers), Fraction(10**30)]
    for tier, end in pairwise(turns):
        begin = max(before, tier * one.per_unit)
        part = min(before + one.used, end * one.per_unit) - begin
        if part > 0:
            yield replace(one, tier=tier, part=part)


def _stretches(
    history: History, asked: Asked, use: Use, turns: Collection[int], cuts: Sequence[int]
) -> list[Stretch]:
    since, until = max(use.since, asked.since), asked.end_of(use)
    term_ends = use.term.until if use.term else since
    moments = sorted({since, until, term_ends, *turns})
    found: list[Stretch] = []
    for begin, end in pairwise(moment for moment in moments if since <= moment <= until):
        project, *lineage = history.lineage(use.thing.project, begin)
        if not {project, *lineage} & set(asked.nodes):
            continue
        tariff = history.tariff(use.sku, lineage, begin)
        if use.term and begin < use.term.until:
            tariff = use.term.tariff
        allocation = history.allocation(use.thing.name, [project, *lineage], begin)
        cut = max(moment for moment in cuts if moment <= begin)
        last = found[-1] if found and not (use.term and begin == term_ends) else None
        if last and (last.until, last.payer, last.tariff, last.allocation, last.cut_since) == (
            begin,
            lineage[0],
            tariff,
            allocation,
            cut,
        ):
            begin = found.pop().since
        found.append(Stretch(use, lineage[0], tariff, allocation, begin, end, cut_since=cut))
    return found


def exact(stretches: Iterable[Stretch]) -> Fraction:
    """The sum, to the millionth."""
    return sum((stretch.euros or Fraction(0) for stretch in stretches), Fraction(0))


# Payer, project, SKU, tariff, begin of the month, allocation, tier.
Line = tuple[str, str, str, str | None, int, Allocation, Fraction]


def lines(stretches: Iterable[Stretch]) -> dict[Line, Fraction]:
    """What a statement shows: in whole cents, each rounded once."""
    together: dict[Line, list[Stretch]] = defaultdict(list)
    for one in stretches:
        tariff = one.tariff.name if one.tariff else None
        begin = month_at(one.since)[0]
        what = (one.payer, one.use.thing.project, one.use.sku)
        together[*what, tariff, begin, one.allocation, one.tier].append(one)
    return {line: half_up(exact(parts), 2) for line, parts in together.items()}
