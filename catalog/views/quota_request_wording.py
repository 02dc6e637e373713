"""Requests for a higher limit, and refusals for want of quota, as people read them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Final
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from catalog.amounts import amount_in_words, as_limit, limit_in_words, unit_of
from catalog.errors import LineRefused
from catalog.models import LimitChange, Metric, QuotaLimit, QuotaRequest, Resource
from catalog.quota_errors import QuotaExceeded
from catalog.services.preview import QuotaEffect
from catalog.services.quota_advice import Advice, Level
from catalog.views.limit_wording import limit_change_in_words
from catalog.views.quota_links import addresses_of_requests
from catalog.views.trend_wording import trend_in_words
from portal.core.errors import DomainError
from portal.core.formats import money
from portal.identity.models import Node, Person
from portal.identity.models.proposed import DecisionState

TONES: Final = {
    DecisionState.PROPOSED: "warning",
    DecisionState.CONFIRMED: "success",
    DecisionState.REFUSED: "error",
    DecisionState.WITHDRAWN: "neutral",
}


@dataclass(frozen=True)
class RequestInWords:
    """A request, with its amounts as people read them.

    ``shows_limits``: the reader reaches the part, and so may read what its limits are.
    """

    row: QuotaRequest
    shows_limits: bool = False

    @property
    def metric(self) -> Metric:
        return Metric(self.row.metric)

    @property
    def amount(self) -> str:
        return amount_in_words(self.metric, self.row.amount)

    @property
    def before(self) -> str:
        """The lowest limit in the period that is asked; empty for who may not read it."""
        return amount_in_words(self.metric, self.row.before) if self.shows_limits else ""

    @cached_property
    def given(self) -> list[LimitChange]:
        """The periods for which granting it set the limit, in order; none for who may not read it.

        In the rest of the time that was asked, as much or more was set already.
        """
        return list(self.row.changes.order_by("valid_from")) if self.shows_limits else []

    @property
    def is_given_throughout(self) -> bool:
        """What was granted holds from the decision on, for as long as was asked."""
        if len(self.given) != 1:
            return False
        (change,) = self.given
        is_later = change.valid_from > change.changed_at
        return not is_later and change.valid_until == self.row.valid_until

    @property
    def tone(self) -> str:
        return TONES[DecisionState(self.row.state)]

    @property
    def state(self) -> str:
        """As the one who asked hears it; a rule is confirmed, more quota is granted."""
        words = {
            DecisionState.PROPOSED: _("Waits"),
            DecisionState.CONFIRMED: _("Granted"),
            DecisionState.REFUSED: _("Refused"),
            DecisionState.WITHDRAWN: _("Taken back"),
        }
        return words[DecisionState(self.row.state)]

    @property
    def title(self) -> str:
        return _("{node}: {metric} to {amount}").format(
            node=self.row.node.name, metric=self.metric.label, amount=self.amount
        )


@dataclass(frozen=True)
class LevelOnPage:
    """One level of the tree in words."""

    level: Level
    metric: Metric

    @property
    def limit(self) -> str:
        return limit_in_words(self.metric, self.level.limit)

    @property
    def unit(self) -> str:
        return unit_of(self.metric)

    @property
    def claimed(self) -> str:
        return amount_in_words(self.metric, self.level.claimed)

    @property
    def reserved(self) -> str:
        return amount_in_words(self.metric, self.level.reserved)

    @property
    def free(self) -> str:
        return limit_in_words(self.metric, self.level.free)

    @property
    def handed_out(self) -> str:
        return limit_in_words(self.metric, self.level.handed_out)

    @property
    def bar_label(self) -> str:
        """What the bar shows, for who does not see it."""
        words = _("{claimed} of {limit} in use or reserved")
        return words.format(claimed=self.claimed, limit=self.limit)


class AdviceOnPage:
    """What is good to know about a request that waits, in words for the reader."""

    def __init__(self, asked: QuotaRequest, advice: Advice, reader: Person) -> None:
        self.metric = Metric(asked.metric)
        self.advice = advice
        self.levels = [LevelOnPage(level, self.metric) for level in self.advice.levels]
        self.asked = asked
        self.reader = reader

    @property
    def fits(self) -> bool:
        return not self.advice.lacks

    @property
    def giving(self) -> str:
        """Whether the level above has it to give; empty for who does not read that level."""
        giver = self.advice.giver
        if self.advice.is_giver_hidden:
            return ""
        if giver is None:
            return _("Nothing is above this part, so nobody else gives it.")
        if self.advice.lacks:
            text = _(
                "“{node}” would hand out {lacks} more than it has. Give it more first, lower "
                "another limit below it, or let it hand out more than it has."
            )
            return text.format(node=giver.node.name, lacks=self._shown(self.advice.lacks))
        if giver.may_overcommit:
            text = _("“{node}” may hand out more than it has, so this is possible.")
        else:
            text = _("“{node}” has it to give.")
        return text.format(node=giver.node.name)

    @property
    def using(self) -> str:
        """What above it is too full to use all of it; empty when nothing is."""
        level = self.advice.tightest
        if level is None:
            return ""
        text = _(
            "“{node}” has only {free} left, so not all of this can be used before more is free "
            "there."
        )
        return text.format(node=level.node.name, free=limit_in_words(self.metric, level.free))

    @property
    def trend(self) -> str:
        """What its use did until now, and when it is full; empty where nothing was ever held."""
        trend = self.advice.trend
        if trend is None:
            return ""
        if trend.per_day is None or trend.per_day <= 0:
            return trend_in_words(trend)
        grows = amount_in_words(self.metric, (trend.per_day * 30).quantize(Decimal("0.1")))
        text = _("What is in use grows by about {amount} in 30 days.").format(amount=grows)
        return f"{text} {trend_in_words(trend)}"

    @property
    def price(self) -> str:
        """What it may cost; empty when there is nothing to reckon with."""
        price = self.advice.price
        if price is None:
            return ""
        extra, more = self._shown(self.advice.extra), money(price.more)
        if price.now is None:
            text = _(
                "An estimate: {extra} more costs about {more} a month, going by the largest that "
                "hold this there now."
            )
            return text.format(extra=extra, more=more)
        if self.metric is Metric.MONTHLY_COST_EUR:
            text = _("What is held there costs {now} a month. With this it can be {more} more.")
        else:
            text = _(
                "An estimate: what holds this there now costs {now} a month. {extra} more in the "
                "same way costs about {more} a month."
            )
        return text.format(now=money(price.now), extra=extra, more=more)

    @property
    def changes(self) -> list[tuple[LimitChange, str, str]]:
        """The latest changes of the limit: what each did, and where its request stands."""
        changes = self.advice.changes
        requests = addresses_of_requests(self.reader, changes)
        return [
            (change, limit_change_in_words(change), requests.get(change.request_id, ""))
            for change in changes
        ]

    @property
    def planned(self) -> list[tuple[QuotaLimit, str, bool]]:
        """The limits that begin in its period, how much each is, and whether it stays."""
        return [
            (
                limit,
                limit_in_words(self.metric, limit.amount),
                limit.amount is None or limit.amount >= self.asked.amount,
            )
            for limit in self.advice.planned
        ]

    def _shown(self, amount: Decimal) -> str:
        return amount_in_words(self.metric, amount)


class Shortage:
    """What does not fit, in facts, and the query of the address that asks for it.

    ``line``: the name of the one of several things that does not.
    """

    def __init__(
        self,
        *,
        node: Node,
        metric: Metric,
        limit: Decimal,
        claimed: Decimal,
        asked: Decimal,
        ask: str = "",
        line: str = "",
    ) -> None:
        self.node, self.metric, self.ask = node, metric, ask
        self.limit = amount_in_words(metric, limit)
        self.claimed = amount_in_words(metric, claimed)
        self.asked = amount_in_words(metric, asked)
        self.summary = _summary(node, line)
        wanted = as_limit(metric, claimed + asked)
        self.query = urlencode({"node": node.public_id, "metric": metric.value, "amount": wanted})


def _summary(node: Node, line: str) -> str:
    if line:
        text = _("“{name}” does not fit in the quota of “{node}”, so nothing was ordered.")
        return text.format(name=line, node=node.name)
    return _("This does not fit in the quota of “{node}”.").format(node=node.name)


def shortage_of(error: DomainError | None) -> Shortage | None:
    """What a refusal is short of; None when it is about something else."""
    refusal = error.refusal if isinstance(error, LineRefused) else error
    if not isinstance(refusal, QuotaExceeded):
        return None
    return Shortage(
        node=refusal.level,
        metric=refusal.metric,
        limit=refusal.limit,
        claimed=refusal.claimed,
        asked=refusal.asked,
        ask=refusal.ask,
        line=error.context["name"] if isinstance(error, LineRefused) else "",
    )


def shortage_foretold(effect: QuotaEffect) -> Shortage | None:
    """As ``shortage_of``, of what an order would do; None when it fits."""
    if effect.fits or effect.limit is None:
        return None
    return Shortage(
        node=effect.node,
        metric=effect.metric,
        limit=effect.limit,
        claimed=effect.claimed,
        asked=effect.asked,
    )


def asking_more_for(resource: Resource) -> str:
    """Where more quota is asked for something that runs; the address goes on with which."""
    return f"{reverse('catalog:quota-request-new')}?resource={resource.public_id}&"
