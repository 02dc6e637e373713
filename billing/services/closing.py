"""Closing a month: one person of the platform's finance begins, another closes it for good."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db import transaction
from django.db.models import Min
from django.utils.timezone import now

from billing.closing_checks import Finding, find_findings
from billing.errors import (
    MonthHasFlaws,
    MonthNotNext,
    MonthNotOver,
    MonthSettled,
    OwnClosing,
    TotalsChanged,
)
from billing.models import BillingMonth, Credit, MonthState, Statement, UsageSpan
from billing.policies import may_close
from billing.services.charging import costs
from billing.services.corrections import Correction, find_late_facts
from billing.services.cost_lines import CostLine, Costs
from billing.services.credits import GivenBack, waiting_credits
from billing.services.digests import digest_of_all
from billing.services.shares import Counted, shares_of
from billing.services.split_reading import keys_in
from billing.services.statements import write_statements
from billing.services.unsettled import take_unsettled_months, unsettled_months
from portal.audit.services import record, record_refusal
from portal.core.calendar import Period, day_of, month_of
from portal.core.dispatch import enqueue_on_commit
from portal.core.errors import NotAllowed
from portal.core.formats import money
from portal.core.locks import lock_books
from portal.identity.four_eyes import check_other_humans
from portal.identity.models import Organization, Person
from portal.identity.platform import platform_organization
from portal.identity.sensitive import sensitive
from portal.identity.services.roles import refuse_emergency_access


@dataclass(frozen=True, kw_only=True)
class Closing:
    """What closing a month would put on statements, as things are now."""

    used: Costs
    corrections: Sequence[Correction]
    credits: Sequence[Credit]
    shares: Sequence[CostLine]
    findings: Sequence[Finding]

    @property
    def total(self) -> Decimal:
        return sum(self.total_by_organization.values(), Decimal(0))

    @property
    def total_by_organization(self) -> dict[int, Decimal]:
        """By primary key of who pays."""
        return _sums(
            [
                *((pk, part.total) for pk, part in self.used.by_organization.items()),
                *self.corrected_by_organization.items(),
                *((pk, -amount) for pk, amount in self.credited_by_organization.items()),
                *self.shared_by_organization.items(),
            ]
        )

    @property
    def corrected_by_organization(self) -> dict[int, Decimal]:
        """The part of that which puts closed months right."""
        return _sums((one.organization_id, one.amount) for one in self.corrections)

    @property
    def credited_by_organization(self) -> dict[int, Decimal]:
        """What is given back to each."""
        return _sums((one.line.statement.organization_id, one.amount) for one in self.credits)

    @property
    def shared_by_organization(self) -> dict[int, Decimal]:
        """What each bears for others, less what others bear: together nothing."""
        return _sums((one.organization_id, one.amount) for one in self.shares)

    @property
    def is_blocked(self) -> bool:
        return any(finding.is_blocking for finding in self.findings)


def _sums(amounts: Iterable[tuple[int, Decimal]]) -> dict[int, Decimal]:
    sums: defaultdict[int, Decimal] = defaultdict(Decimal)
    for key, amount in amounts:
        sums[key] += amount
    return dict(sums)


def prepare_closing(month: Period, unsettled: Sequence[BillingMonth] | None = None) -> Closing:
    """Add up and check what closing would write down.

    Args:
        unsettled: closed months to look at again; None: those that are now.
    """
    everybody = list(Organization.objects.values_list("pk", flat=True))
    used = costs(everybody, period=month, as_of=month.end)
    late = find_late_facts(unsettled_months() if unsettled is None else unsettled)
    credits = waiting_credits()
    lines: list[Counted] = [
        *used.lines,
        *late.corrections,
        *(GivenBack(credit=one) for one in credits),
    ]
    shares = shares_of(keys_in([month]).get(month, []), lines, month)
    return Closing(
        used=used,
        corrections=late.corrections,
        credits=credits,
        shares=shares,
        findings=find_findings(month, used, late=late, shares=shares),
    )


def next_month() -> Period | None:
    """The first month that is not closed; None while nothing was ever used.

    The books begin with the month in which use began; what becomes known later of before that is
    on no statement.
    """
    closed = BillingMonth.objects.filter(state=MonthState.CLOSED).order_by("first_day").last()
    if closed:
        return month_of(closed.period.end)
    first_use = UsageSpan.objects.aggregate(at=Min("started_at"))["at"]
    return month_of(first_use) if first_use else None


@sensitive("month.begin_closing")
def begin_closing(month: Period, *, actor: Person) -> BillingMonth:
    """Begin to close a month: somebody else looks at the same figures and closes it.

    Raises:
        NotAllowed: the actor is not of the platform's finance, or came by emergency access.
        MonthNotOver, MonthNotNext: it is not the turn of this month.
        MonthSettled: somebody was first.
        MonthHasFlaws: a check found what must be solved before.
    """
    return _begin_closing(month, actor)


@transaction.atomic(durable=True)
def _begin_closing(month: Period, actor: Person) -> BillingMonth:
    _check_may_close(actor)
    lock_books()
    if month.end > now():
        raise MonthNotOver()
    row = _find_or_add(day_of(month.start))
    _check_state(row, MonthState.OPEN)
    if month != next_month():
        raise MonthNotNext()
    if prepare_closing(month).is_blocked:
        raise MonthHasFlaws()
    row.state, row.closing_by, row.closing_at = MonthState.CLOSING, actor, now()
    row.save(update_fields=["state", "closing_by", "closing_at"])
    _tell("month.closing_begun", row, actor)
    return row


@transaction.atomic(durable=True)
def take_back_closing(month: Period, *, actor: Person) -> BillingMonth:
    """Open a month again that is being closed; anybody who may close may do that.

    Raises:
        NotAllowed: the actor may not close months.
        MonthSettled: it is not being closed.
    """
    _check_may_close(actor)
    lock_books()
    row = _lock_closing(month)
    row.state, row.closing_by, row.closing_at = MonthState.OPEN, None, None
    row.save(update_fields=["state", "closing_by", "closing_at"])
    _tell("month.closing_taken_back", row, actor)
    return row


@sensitive("month.close")
def close_month(month: Period, *, actor: Person, total: Decimal) -> BillingMonth:
    """Close a month as the second person: its statements are written, numbered and final.

    All of it happens or nothing. It may be tried again after anything that went wrong. A worker
    then makes the documents.

    Args:
        total: what the actor saw that all statements come to.

    Raises:
        OwnClosing, SameHuman: the actor began it, or proposed one of its credits that nobody
            confirmed; or may have, with another login.
        NotAllowed: the actor is not of the platform's finance, or came by emergency access.
        MonthSettled: it is not being closed.
        MonthNotNext: use became known of a month before it, which is to be closed first.
        MonthHasFlaws: a check found what must be solved before.
        TotalsChanged: something was written down since the actor looked.
    """
    try:
        return _close_month(month, actor, total)
    except NotAllowed as refusal:
        row = BillingMonth.objects.filter(first_day=day_of(month.start)).first()
        if row:
            record_refusal("month.closing_refused", row, actor=actor, code=refusal.code)
        raise


@transaction.atomic(durable=True)
def _close_month(month: Period, actor: Person, total: Decimal) -> BillingMonth:
    _check_may_close(actor)
    lock_books()
    row = _lock_closing(month)
    if month != next_month():
        raise MonthNotNext()
    closing = prepare_closing(month, take_unsettled_months(month))
    _check_other_person(row, closing, actor)
    if closing.is_blocked:
        raise MonthHasFlaws()
    statements = write_statements(
        row,
        corrections=closing.corrections,
        credits=closing.credits,
        shares=closing.shares,
        issued_at=now(),
    )
    written = sum((statement.total for statement in statements), Decimal(0))
    if written != total:
        raise TotalsChanged(total=money(written))
    row.state, row.closed_by, row.closed_at = MonthState.CLOSED, actor, now()
    row.save(update_fields=["state", "closed_by", "closed_at"])
    if statements:
        enqueue_on_commit("billing.make_documents", queue="billing")
    _tell("month.closed", row, actor, statements)
    return row


def _check_may_close(actor: Person) -> None:
    if not may_close(actor):
        raise NotAllowed()
    refuse_emergency_access(actor)


def _check_other_person(row: BillingMonth, closing: Closing, actor: Person) -> None:
    asking = {credit.proposed_by_id for credit in closing.credits if not credit.confirmed_at}
    asking |= {pk for pk in (row.closing_by_id,) if pk}
    if actor.pk in asking:
        raise OwnClosing()
    check_other_humans(asking, [actor.pk])


def _find_or_add(first_day: date) -> BillingMonth:
    return BillingMonth.objects.select_for_update().get_or_create(first_day=first_day)[0]


def _lock_closing(month: Period) -> BillingMonth:
    rows = BillingMonth.objects.select_for_update()
    row = rows.filter(first_day=day_of(month.start)).first()
    if row is None:
        raise MonthSettled(state=MonthState.OPEN.label)
    _check_state(row, MonthState.CLOSING)
    return row


def _check_state(row: BillingMonth, wanted: MonthState) -> None:
    if row.state != wanted:
        raise MonthSettled(state=row.get_state_display())


def _tell(
    event: str, row: BillingMonth, actor: Person, statements: Sequence[Statement] = ()
) -> None:
    platform = platform_organization()
    data: dict[str, object] = {"month": row.key}
    if statements:
        data |= {
            "statements": [statements[0].number, statements[-1].number],
            "total": str(sum(statement.total for statement in statements)),
            "sha256": digest_of_all(statement.content_sha256 for statement in statements),
        }
    record(event, row, actor=actor, node_id=platform.pk if platform else None, data=data)
