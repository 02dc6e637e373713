"""Telling who is concerned that a budget reached a percentage: by e-mail, once a year for each, and
again when the amount was changed since, and that is reached of the new one.

What was used counts, and what the year is expected to come to. Of each of finance and the budget
holders (approvers) those are told that stand nearest: on the part itself, or else above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.urls import reverse
from django.utils import translation
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.models import Budget, BudgetAlert, BudgetLetter, BudgetMeasure, PastBudget
from billing.services.budget_years import positions_of
from portal.core.calendar import BUSINESS_TIME, day_of
from portal.core.dispatch import enqueue_on_commit
from portal.core.formats import money
from portal.core.mailing import send_letter, waits_at
from portal.identity.access import standing_grants
from portal.identity.models import Node, Role

READERS: Final = (Role.FINANCE, Role.APPROVER)
FIRST_HOUR: Final = 7  # by the clock in Amsterdam: nobody is told at night
LATE: Final = timedelta(days=2)  # after that a letter is no use any more
MOST_LINES: Final = 25  # in a letter; the page has all

# Node, measure and percentage.
Matter = tuple[int, str, int]
# Node and role, to the people who have it there.
Holders = dict[tuple[int, str], set[int]]


def mind_alerts(*, at: datetime) -> int:
    """Write what was reached since somebody looked, and tell. Returns how many alerts are new."""
    year = day_of(at).year
    count = _update(_find_matters(year, at), year, at)
    if settings.MAIL_IS_ON and at.astimezone(BUSINESS_TIME).hour >= FIRST_HOUR:
        _write_letters(year, at)
    _ring(at)
    return count


def send_budget_letter(letter_id: int) -> bool:
    """Send one letter, unless that was done, is being done, or is no use any more."""
    return send_letter(BudgetLetter.objects.select_related("person"), letter_id, _compose)


def _find_matters(year: int, at: datetime) -> set[Matter]:
    budgets = list(
        Budget.objects.filter(year=year, node__ended_at=None)
        .exclude(alert_percentages=[])
        .select_related("node")
    )
    return {
        (budget.node_id, measure.value, percentage)
        for budget, position in zip(budgets, positions_of(budgets, at=at), strict=True)
        for measure in BudgetMeasure
        for percentage in budget.alert_percentages
        if _is_reached(getattr(position, measure.value), percentage, budget.amount)
    }


def _is_reached(amount: Decimal, percentage: int, budget: Decimal) -> bool:
    """Nothing spent reaches nothing, not even of a budget of nothing."""
    return amount > 0 and amount * 100 >= budget * percentage


@transaction.atomic(durable=True)
def _update(matters: set[Matter], year: int, at: datetime) -> int:
    known = {
        (alert.node_id, alert.measure, alert.percentage): alert
        for alert in BudgetAlert.objects.filter(year=year)
    }
    of_another = _of_another_amount(list(known.values()), year)
    changed = []
    for matter, alert in known.items():
        holds = matter in matters
        is_untold = holds and alert.pk in of_another
        if holds != alert.holds or is_untold:
            changed.append(alert)
        if is_untold:
            alert.since, alert.told_at = at, None
        alert.holds = holds
    BudgetAlert.objects.bulk_update(changed, ["holds", "since", "told_at"])
    new = sorted(matters - set(known))
    BudgetAlert.objects.bulk_create(
        BudgetAlert(node_id=node, year=year, measure=measure, percentage=percentage, since=at)
        for node, measure, percentage in new
    )
    return len(new)


def _of_another_amount(alerts: Sequence[BudgetAlert], year: int) -> set[int]:
    """Primary keys of those that were told of another amount than the budget has now. Two queries.

    What else of a budget changed, such as its hard stop, is no news.
    """
    budgets = {budget.node_id: budget for budget in Budget.objects.filter(year=year)}
    past: dict[int, list[PastBudget]] = {}
    for row in PastBudget.objects.filter(year=year):
        past.setdefault(row.node_id, []).append(row)
    found = set()
    for alert in alerts:
        budget, told_at = budgets.get(alert.node_id), alert.told_at
        if budget and told_at and told_at < budget.set_at:
            rows = past.get(alert.node_id, [])
            told = {row.amount for row in rows if row.set_at <= told_at < row.replaced_at}
            if told != {budget.amount}:
                found.add(alert.pk)
    return found


@transaction.atomic(durable=True)
def _write_letters(year: int, at: datetime) -> None:
    """One for each reader of what holds and was not told yet."""
    BudgetLetter.objects.filter(created_at__lt=at - LATE).delete()
    untold = list(
        BudgetAlert.objects.filter(year=year, holds=True, told_at=None)
        .select_related("node")
        .order_by("pk")
    )
    holders = _find_holders(untold)
    letters: dict[int, list[BudgetAlert]] = {}
    for alert in untold:
        for person in _readers_of(alert.node, holders):
            letters.setdefault(person, []).append(alert)
    for person, alerts in sorted(letters.items()):
        letter = BudgetLetter.objects.create(person_id=person, created_at=at, due_at=at)
        letter.alerts.set(alerts)
    told = {alert.pk for alerts in letters.values() for alert in alerts}
    BudgetAlert.objects.filter(pk__in=told).update(told_at=at)


def _find_holders(alerts: Sequence[BudgetAlert]) -> Holders:
    """Everybody who may be a reader of one of these. One query."""
    nodes = {pk for alert in alerts for pk in alert.node.lineage_ids}
    grants = standing_grants(*READERS).filter(node__in=nodes).exclude(person__email="")
    holders: Holders = {}
    for node, role, person in grants.values_list("node", "role", "person"):
        holders.setdefault((node, role), set()).add(person)
    return holders


def _readers_of(node: Node, holders: Holders) -> set[int]:
    """Of each role those who stand nearest."""
    readers: set[int] = set()
    for role in READERS:
        there = (holders.get((pk, role)) for pk in reversed(node.lineage_ids))
        readers |= next(filter(None, there), set())
    return readers


@transaction.atomic(durable=True)
def _ring(at: datetime) -> None:
    if not settings.MAIL_IS_ON:
        return
    waiting = BudgetLetter.objects.filter(waits_at(at), created_at__gt=at - LATE)
    for letter_id in waiting.order_by("pk").values_list("pk", flat=True):
        enqueue_on_commit("billing.send_budget_letter", queue="bulk", letter_id=letter_id)


def _compose(letter: BudgetLetter) -> EmailMessage | None:
    """The message in the reader's language; None when nothing of it holds any more, its year is
    over, or the reader has no such role there by now.
    """
    person, year = letter.person, day_of(now()).year
    alerts = list(
        letter.alerts.filter(holds=True, year=year)
        .select_related("node")
        .order_by("node__name", "pk")
    )
    holders = _find_holders(alerts)
    mine = [alert for alert in alerts if person.pk in _readers_of(alert.node, holders)]
    budgets = {
        budget.node_id: budget
        for budget in Budget.objects.filter(node__in=[alert.node_id for alert in mine], year=year)
    }
    told = highest_of([alert for alert in mine if alert.node_id in budgets])
    if not told:
        return None
    with translation.override(person.language):
        subject, body = _texts(told, budgets)
    return EmailMessage(subject, body, settings.DEFAULT_FROM_EMAIL, [person.email])


def highest_of(alerts: Sequence[BudgetAlert]) -> list[BudgetAlert]:
    """Of each budget and measure the highest percentage, in the order of ``alerts``."""
    highest: dict[tuple[int, str], BudgetAlert] = {}
    for alert in alerts:
        key = (alert.node_id, alert.measure)
        if key not in highest or highest[key].percentage < alert.percentage:
            highest[key] = alert
    return list(highest.values())


def _texts(alerts: Sequence[BudgetAlert], budgets: dict[int, Budget]) -> tuple[str, str]:
    """Subject and body, in the language that is active."""
    count = len({alert.node_id for alert in alerts})
    subject = ngettext(
        "{count} budget needs your attention", "{count} budgets need your attention", count
    )
    lines = [_line(alert, budgets[alert.node_id]) for alert in alerts[:MOST_LINES]]
    if len(alerts) > MOST_LINES:
        lines.append(_("And {count} more.").format(count=len(alerts) - MOST_LINES))
    paragraphs = [
        _("This is new in Cloudloket. See what costs most, or ask finance to change the budget."),
        "\n".join(lines),
        f"{settings.PUBLIC_URL.origin}{reverse('billing:budgets')}",
        _("You get this message because you decide on these costs. Log in as you always do."),
    ]
    return subject.format(count=count), "\n\n".join(paragraphs) + "\n"


def _line(alert: BudgetAlert, budget: Budget) -> str:
    text = _("- {node}: {what} of the budget of {amount}")
    return text.format(
        node=alert.node.name, what=alert_in_words(alert), amount=money(budget.amount)
    )


def alert_in_words(alert: BudgetAlert) -> str:
    """“80% is used” or “100% is expected to be used”."""
    text = _("{percentage}% is used")
    if alert.measure == BudgetMeasure.EXPECTED:
        text = _("{percentage}% is expected to be used")
    return text.format(percentage=alert.percentage)
