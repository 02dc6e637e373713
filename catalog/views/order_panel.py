"""What an order would mean, as the live panel says it: price, placement, quota, budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from django.utils.timezone import now
from django.utils.translation import gettext as _

from billing.services.quotes import Quote
from catalog.amounts import amount_in_words
from catalog.drafts import Draft
from catalog.kinds.parameters import Parameter
from catalog.models import NEARLY_FULL, OfferingVersion
from catalog.services.offers import least_price
from catalog.services.preview import Consequences, QuotaEffect, preview
from catalog.views.quota_request_wording import Shortage, shortage_foretold
from catalog.views.wording import place_in_words
from portal.core.calendar import end_of_day
from portal.core.errors import DomainError
from portal.core.formats import money, per_unit, price
from portal.core.money import to_cents
from portal.identity.models import Project

SHOWN = 3  # so many metrics get a bar of their own: those that have the least left


@dataclass(frozen=True)
class QuotaLine:
    """One metric in words. ``note`` says where it is held, if above the project, and what lacks."""

    effect: QuotaEffect
    text: str
    note: str

    @property
    def shortage(self) -> Shortage | None:
        return shortage_foretold(self.effect)


@dataclass(frozen=True, kw_only=True)
class Panel:
    """The live panel.

    Attributes:
        problems: why nothing can be said yet; then the rest is empty.
        least: what it costs at least, where that much is known.
        end_date: the last day of the term, where one was given.
        total: what it costs from now until and including that day.
        refusals: why the project's data may not stand there.
        place: where it would stand.
        quota: the metrics that have the least left, and all that do not fit.
        roomy: names of the other metrics, in one line.
        is_nearly_full: everything fits, but little is left of something.
    """

    problems: list[str]
    least: Quote | None = None
    consequences: Consequences | None = None
    end_date: date | None = None
    total: Decimal | None = None
    refusals: list[str] | None = None
    place: str = ""
    quota: list[QuotaLine] | None = None
    roomy: str = ""
    is_nearly_full: bool = False

    @property
    def budget_text(self) -> str:
        """What is spent or promised, what this adds, and of how much."""
        position = self.consequences and self.consequences.budget
        if not position:
            return ""
        is_less = position.asked < 0
        text = (
            _("{claimed} - {asked} of {limit}") if is_less else _("{claimed} + {asked} of {limit}")
        )
        return text.format(
            claimed=money(position.realised + position.committed),
            asked=money(abs(position.asked)),
            limit=money(position.budget),
        )

    @property
    def announcement(self) -> str:
        """The panel in one short sentence, for who does not see it change."""
        if self.consequences is None:
            if self.least is None:
                return _("No price yet")
            return _("From {price}").format(price=_price_of(self.least))
        quoted = self.consequences.quote
        costs = _price_of(quoted)
        if self.refusals:
            return f"{costs}. {_('It may not stand there.')}"
        if not self.consequences.fits_quota:
            return f"{costs}. {_('It does not fit in the quota.')}"
        if self.consequences.stop:
            return f"{costs}. {_('It does not fit in the budget.')}"
        return f"{costs}."


def _price_of(quoted: Quote) -> str:
    """What it costs per month and once, and per unit of what is measured."""
    by_use = (per_unit(line.unit_price, line.unit_label) for line in quoted.measured_lines)
    return " + ".join([price(quoted.monthly, quoted.one_off), *by_use])


def read_panel(version: OfferingVersion, draft: Draft, parameters: Sequence[Parameter]) -> Panel:
    """Ask what the draft would mean, if it says enough."""
    if draft.project is None:
        return Panel(problems=draft.problems)
    if draft.spec is None:
        least = least_price(version, parameters, draft.project, draft.answers)
        return Panel(problems=draft.problems, least=least)
    try:
        consequences = preview(
            project=draft.project, version=version, spec=draft.spec, end_date=draft.end_date
        )
    except DomainError as error:
        return Panel(problems=[str(error)])
    panel = panel_of(consequences, project=draft.project, version=version)
    return replace(
        panel,
        problems=draft.problems,
        end_date=draft.end_date,
        total=_total(consequences, draft.end_date),
    )


def panel_of(consequences: Consequences, *, project: Project, version: OfferingVersion) -> Panel:
    """What is known of a price, in words."""
    shown = tightest(consequences.quota)
    return Panel(
        problems=[],
        consequences=consequences,
        refusals=consequences.refusals,
        place=place_in_words(version.cloud),
        quota=[_line(effect, project) for effect in shown],
        roomy=names_of([effect for effect in consequences.quota if effect not in shown]),
        is_nearly_full=any(_fullness(effect) >= NEARLY_FULL for effect in consequences.quota),
    )


def _total(consequences: Consequences, end_date: date | None) -> Decimal | None:
    if end_date is None:
        return None
    return to_cents(consequences.quote.cost_until(now(), end_of_day(end_date)))


def tightest(effects: list[QuotaEffect]) -> list[QuotaEffect]:
    """Those that have the least left and those that do not fit, in the order of ``effects``."""
    by_fullness = sorted(effects, key=_fullness, reverse=True)
    return [effect for effect in effects if effect in by_fullness[:SHOWN] or not effect.fits]


def _fullness(effect: QuotaEffect) -> Decimal:
    """The part of the limit that is claimed once this order is placed; 1 is full."""
    if effect.limit is None:
        return Decimal(0)
    after = effect.claimed + effect.asked
    return after / effect.limit if effect.limit else Decimal("Infinity")


def _line(effect: QuotaEffect, project: Project) -> QuotaLine:
    asked, claimed = _amount(effect, effect.asked), _amount(effect, effect.claimed)
    if effect.limit is None:
        text = _("{claimed} + {asked}, without a limit").format(claimed=claimed, asked=asked)
        return QuotaLine(effect, text, "")
    text = _("{claimed} + {asked} of {limit}").format(
        claimed=claimed, asked=asked, limit=_amount(effect, effect.limit, with_unit=True)
    )
    notes = []
    if not effect.fits:
        left = _amount(effect, effect.free or Decimal(0), with_unit=True)
        notes.append(_("{free} is left.").format(free=left))
    if effect.node.pk != project.pk:
        notes.append(_("This is the quota of {node}.").format(node=effect.node.name))
    return QuotaLine(effect, text, " ".join(notes))


def _amount(effect: QuotaEffect, amount: Decimal, *, with_unit: bool = False) -> str:
    return amount_in_words(effect.metric, amount, with_unit=with_unit)


def names_of(effects: list[QuotaEffect]) -> str:
    """What they are about, in one line."""
    return ", ".join(str(effect.metric.label).lower() for effect in effects)
