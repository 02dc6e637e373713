"""What passes by is expected to cost, worked out once more: plain Python that shares no code.

Moments are whole seconds since 1970 and amounts of any kind are fractions, as in
``tests.billing.reference``. All of it is due at once: so a charge is of one moment.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

from tests.billing.reference import day_at, half_up, midnight, month_at


@dataclass(frozen=True)
class Passed:
    """So many GiB, between two samples; due where that time begins."""

    since: int
    until: int
    gib: Fraction

    def within(self, since: int, until: int) -> Fraction:
        seconds = max(0, min(self.until, until) - max(self.since, since))
        return half_up(self.gib * seconds / (self.until - self.since), 6)


@dataclass(frozen=True)
class Balancer:
    """A load balancer of which the cloud told its count at ``samples``, which are in order.

    It is measured until ``ended``, or still (None). Of what began together the first ``public_id``
    counts first. ``last_day``: on which it is expected to exist.
    """

    public_id: str
    project: str
    samples: tuple[int, ...]
    ended: int | None
    last_day: date | None
    passed: tuple[Passed, ...]

    def within(self, since: int, until: int) -> Fraction:
        """What passed in that time: evenly between two samples."""
        return sum((one.within(since, until) for one in self.passed), Fraction(0))


@dataclass(frozen=True)
class Tariff:
    """What a GiB costs ``owner``, or everybody, from each number of GiB on: the first is zero."""

    name: str
    owner: str | None
    since: int
    until: int
    tiers: tuple[tuple[Fraction, Fraction], ...]


@dataclass(frozen=True)
class History:
    """``paid``: of each project who paid from when on."""

    paid: dict[str, tuple[tuple[int, str], ...]]
    tariffs: tuple[Tariff, ...]
    balancers: tuple[Balancer, ...]

    def payer(self, project: str, moment: int) -> str:
        return [payer for since, payer in self.paid[project] if since <= moment][-1]

    def tariff(self, payer: str, moment: int) -> Tariff | None:
        holding = {one.owner: one for one in self.tariffs if one.since <= moment < one.until}
        return holding.get(payer) or holding.get(None)


@dataclass(frozen=True)
class Charge:
    payer: str
    project: str
    tariff: str | None
    tier: Fraction
    moment: int
    euros: Fraction

    @property
    def line(self) -> tuple[object, ...]:
        return (self.payer, self.project, self.tariff, self.tier, month_at(self.moment)[0])


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def expected_of(one: Balancer, as_of: int, until: int) -> Iterator[tuple[int, int, Fraction]]:
    """From when until when it is expected to have how many GiB more than it had."""
    if one.ended is not None or not one.samples or one.samples[0] > as_of:
        return
    begin, end = one.samples[0], min(one.samples[-1], as_of)
    whole = [
        (first, until)
        for first, until in pairwise(midnight(day) for day in _days(day_at(begin), day_at(end)))
        if begin <= first and until <= end
    ][-28:]
    if whole:
        usual = half_up(one.within(whole[0][0], whole[-1][1]) / len(whole), 6)
    else:
        usual = half_up(one.within(begin, end) / max(1, Fraction(end - begin, 86_400)), 6)
    today = day_at(as_of)
    tomorrow = midnight(today + timedelta(days=1))
    day = today
    while midnight(day) < until and (one.last_day is None or day <= one.last_day):
        left = usual - (one.within(midnight(today), tomorrow) if day == today else 0)
        if left > 0:
            yield max(as_of, midnight(day)), midnight(day + timedelta(days=1)), left
        day += timedelta(days=1)


def charges(history: History, *, as_of: int, until: int, looks_ahead: bool) -> list[Charge]:
    """Of all until ``as_of``, or until ``until``; nothing may have begun after ``as_of``."""
    end = until if looks_ahead else as_of
    pieces = [
        (since, one.public_id, one.project, min(ends, end), gib)
        for one in history.balancers
        for since, ends, gib in [
            *((passed.since, passed.until, passed.gib) for passed in one.passed),
            *(expected_of(one, as_of, until) if looks_ahead else ()),
        ]
    ]
    before: defaultdict[tuple[object, ...], Fraction] = defaultdict(Fraction)
    found = []
    for since, _public_id, project, ends, gib in sorted(pieces):
        found += _without_price(history, project, since, ends)
        payer = history.payer(project, since)
        tariff = history.tariff(payer, since)
        if tariff is None:
            continue
        counted = (payer, project, tariff.name, month_at(since)[0])
        begin = before[counted]
        before[counted] += gib
        for (tier, euros), (upper, _next) in pairwise((*tariff.tiers, (Fraction(10**30), None))):
            part = min(begin + gib, upper) - max(begin, tier)
            if part > 0:
                cost = half_up(part * euros, 6)
                found.append(Charge(payer, project, tariff.name, tier, since, cost))
    return found


def _without_price(history: History, project: str, since: int, ends: int) -> Iterator[Charge]:
    """What there is no price for is not known to be due at once: it shows in all its time."""
    turns = {turn for one in history.tariffs for turn in (one.since, one.until)}
    turns |= {turn for turn, _payer in history.paid[project]} | {month_at(since)[1]}
    for moment in sorted({since, *(turn for turn in turns if since < turn < ends)}):
        payer = history.payer(project, moment)
        if history.tariff(payer, moment) is None:
            yield Charge(payer, project, None, Fraction(0), moment, Fraction(0))
