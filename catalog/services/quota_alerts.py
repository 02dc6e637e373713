"""What is the matter with quotas, and telling who can do something about it.

An alert is there while its matter is. It is told once, by e-mail, to the quota administrators of
the part itself and of the nearest level above it that has any: that is who can give more. Whoever
had a letter today gets the rest tomorrow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.urls import reverse
from django.utils import translation
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from catalog.models import NEARLY_FULL, AlertKind, Metric, Quota, QuotaAlert, QuotaLetter
from catalog.services.quota_history import Trend, trends_of
from portal.core.calendar import BUSINESS_TIME, day_of
from portal.core.dispatch import enqueue_on_commit
from portal.core.formats import day as day_in_words
from portal.core.locks import lock_tree_shared
from portal.core.mailing import send_letter, waits_at
from portal.identity.access import standing_grants
from portal.identity.models import Node, Role

SOON_DAYS: Final = 30
FIRST_HOUR: Final = 7  # by the clock in Amsterdam: nobody is told at night
LATE: Final = timedelta(days=2)  # after that a letter is no use any more
MOST_LINES: Final = 25  # in a letter; the page has all
_BATCH: Final = 500  # quotas whose days are in memory at once

Readers = dict[int, set[int]]  # by primary key of an alert, those of people


def full_quotas() -> QuerySet[Quota]:
    """Those of living parts that are nearly full, or over their limit."""
    used = Quota.objects.filter(node__ended_at=None, claimed__gt=0)
    return used.filter(limit_now__isnull=False, claimed__gte=F("limit_now") * NEARLY_FULL)


def pressing_quotas() -> QuerySet[Quota]:
    """Those, and what will be full soon as far as somebody looked."""
    soon = QuotaAlert.objects.filter(kind=AlertKind.FULL_SOON, quota__node__ended_at=None)
    of_limits = Quota.objects.filter(limit_now__isnull=False)
    return of_limits.filter(Q(pk__in=full_quotas().values("pk")) | Q(pk__in=soon.values("quota")))


def is_full_soon(trend: Trend, today: date) -> bool:
    return trend.full_on is not None and trend.full_on <= today + timedelta(days=SOON_DAYS)


def mind_alerts(*, at: datetime) -> int:
    """Write what is the matter since somebody looked, forget what is not any more, and tell.

    Returns how many alerts are new.
    """
    count = _update(_find_matters(at), at)
    if settings.MAIL_IS_ON and at.astimezone(BUSINESS_TIME).hour >= FIRST_HOUR:
        _write_letters(at)
    _ring(at)
    return count


def send_quota_letter(letter_id: int) -> bool:
    """Send one letter, unless that was done, is being done, or is no use any more."""
    return send_letter(QuotaLetter.objects.select_related("person"), letter_id, _compose)


def _find_matters(at: datetime) -> set[tuple[int, AlertKind]]:
    matters: set[tuple[int, AlertKind]] = set()
    for pk, claimed, limit in full_quotas().values_list("pk", "claimed", "limit_now"):
        matters.add((pk, AlertKind.NEARLY_FULL))
        if limit is not None and claimed > limit:
            matters.add((pk, AlertKind.OVER))
    used = Quota.objects.filter(node__ended_at=None, claimed__gt=0).order_by("pk")
    for some in _in_batches(used):
        for pk, trend in trends_of(some).items():
            if is_full_soon(trend, day_of(at)):
                matters.add((pk, AlertKind.FULL_SOON))
    return matters


def _in_batches(quotas: QuerySet[Quota]) -> Iterable[list[Quota]]:
    last = 0
    while some := list(quotas.filter(pk__gt=last)[:_BATCH]):
        yield some
        last = some[-1].pk


@transaction.atomic(durable=True)
def _update(matters: set[tuple[int, AlertKind]], at: datetime) -> int:
    known = {(alert.quota_id, AlertKind(alert.kind)): alert for alert in QuotaAlert.objects.all()}
    gone = [alert.pk for matter, alert in known.items() if matter not in matters]
    QuotaAlert.objects.filter(pk__in=gone).delete()
    new = matters - set(known)
    lock_tree_shared()
    # The foreign key looks at the counters in this order, which is that of claims.
    counters = Quota.objects.filter(pk__in={pk for pk, _kind in new}).order_by("node_id", "metric")
    alerts = [
        QuotaAlert(quota=quota, kind=kind, since=at)
        for quota in counters
        for kind in AlertKind
        if (quota.pk, kind) in new
    ]
    QuotaAlert.objects.bulk_create(alerts)
    return len(alerts)


@transaction.atomic(durable=True)
def _write_letters(at: datetime) -> None:
    """One for each reader of what was not told yet, but for who had one today."""
    today = day_of(at)
    QuotaLetter.objects.filter(created_at__lt=at - LATE).delete()
    untold = list(
        QuotaAlert.objects.filter(told_at=None).select_related("quota__node").order_by("pk")
    )
    readers = _find_readers(untold)
    had_one = set(QuotaLetter.objects.filter(day=today).values_list("person", flat=True))
    told = [pk for pk, people in readers.items() if people and not people & had_one]
    letters: dict[int, list[int]] = {}
    for pk in told:
        for person in readers[pk]:
            letters.setdefault(person, []).append(pk)
    for person, alerts in sorted(letters.items()):
        letter = QuotaLetter.objects.create(person_id=person, day=today, created_at=at, due_at=at)
        letter.alerts.set(alerts)
    QuotaAlert.objects.filter(pk__in=told).update(told_at=at)


def _find_readers(alerts: Sequence[QuotaAlert]) -> Readers:
    """Who is told of each of these. One query."""
    nodes = {pk for alert in alerts for pk in alert.quota.node.lineage_ids}
    grants = standing_grants(Role.QUOTA_ADMINISTRATOR).filter(node__in=nodes)
    people: dict[int, set[int]] = {}
    for node, person in grants.exclude(person__email="").values_list("node", "person"):
        people.setdefault(node, set()).add(person)
    return {alert.pk: _readers_of(alert.quota.node, people) for alert in alerts}


def _readers_of(node: Node, people: dict[int, set[int]]) -> set[int]:
    above = next((people[pk] for pk in reversed(node.ancestor_ids) if pk in people), set())
    return people.get(node.pk, set()) | above


@transaction.atomic(durable=True)
def _ring(at: datetime) -> None:
    if not settings.MAIL_IS_ON:
        return
    waiting = QuotaLetter.objects.filter(waits_at(at), created_at__gt=at - LATE)
    for letter_id in waiting.order_by("pk").values_list("pk", flat=True):
        enqueue_on_commit("catalog.send_quota_letter", queue="bulk", letter_id=letter_id)


def _compose(letter: QuotaLetter) -> EmailMessage | None:
    """The message in the reader's language; None when nothing is the matter any more."""
    person = letter.person
    alerts = list(letter.alerts.select_related("quota__node").order_by("quota__node__name", "pk"))
    readers = _find_readers(alerts)
    quotas = {a.quota_id: a.quota for a in alerts if person.pk in readers[a.pk]}
    if not quotas:
        return None
    trends = trends_of(list(quotas.values()))
    with translation.override(person.language):
        subject, body = _texts(list(quotas.values()), trends)
    return EmailMessage(subject, body, settings.DEFAULT_FROM_EMAIL, [person.email])


def _texts(quotas: Sequence[Quota], trends: dict[int, Trend]) -> tuple[str, str]:
    """Subject and body, in the language that is active."""
    count = len(quotas)
    subject = ngettext(
        "{count} quota needs your attention", "{count} quotas need your attention", count
    )
    lines = [_line(quota, trends[quota.pk]) for quota in quotas[:MOST_LINES]]
    if count > MOST_LINES:
        lines.append(_("And {count} more.").format(count=count - MOST_LINES))
    paragraphs = [
        _("This is new in Cloudloket. Give more room in time, or ask who uses it to clean up."),
        "\n".join(lines),
        f"{settings.PUBLIC_URL.origin}{reverse('catalog:quotas-full')}",
        _("You get this message because you administer quotas. Log in as you always do."),
    ]
    return subject.format(count=count), "\n\n".join(paragraphs) + "\n"


def _line(quota: Quota, trend: Trend) -> str:
    text = _("- {node}, {metric}: {state}")
    return text.format(
        node=quota.node.name, metric=Metric(quota.metric).label, state=state_in_words(quota, trend)
    )


def state_in_words(quota: Quota, trend: Trend) -> str:
    """“82 % in use or reserved, full around 3 March 2027”."""
    limit, claimed = quota.limit_now, quota.claimed
    if limit is not None and claimed > limit:
        return _("over its limit; new orders are blocked")
    percent = int(claimed * 100 / limit) if limit else 0
    text = _("{percent}% in use or reserved")
    if trend.full_on and trend.full_on > day_of(now()):
        text = _("{percent}% in use or reserved, full around {day}")
        return text.format(percent=percent, day=day_in_words(trend.full_on))
    return text.format(percent=percent)
