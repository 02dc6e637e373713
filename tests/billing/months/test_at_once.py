"""Several people close or credit at once: real threads, real transactions."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from billing.models import BillingMonth, Credit, Statement, TagFact
from billing.services import closing, credits, disputes, tags
from billing.services.closing import begin_closing, close_month, take_back_closing
from billing.services.credits import confirm_credit, propose_credit
from billing.services.disputes import grant_dispute, raise_dispute, refuse_dispute
from billing.services.tag_keys import define_tag_key
from billing.services.tags import set_tag
from portal.audit.models import AuditEntry
from portal.identity.models import Role
from tests.billing.months.conftest import SEPTEMBER
from tests.factories import PersonFactory, grant
from tests.races import at_once, meeting

pytestmark = pytest.mark.django_db(transaction=True)
FULL = Decimal("38.40")


@pytest.fixture
def third(platform):
    person = PersonFactory(name="Anouk Smit")
    grant(person, Role.FINANCE, platform)
    return person


def test_two_close_at_once_and_it_is_closed_once(first, second, third, server, monkeypatch):
    begin_closing(SEPTEMBER, actor=first)
    monkeypatch.setattr(closing, "prepare_closing", meeting(closing.prepare_closing))

    outcomes = at_once(
        lambda: close_month(SEPTEMBER, actor=second, total=FULL),
        lambda: close_month(SEPTEMBER, actor=third, total=FULL),
    )

    assert sorted(outcomes) == ["MonthSettled", "done"]
    assert [statement.number for statement in Statement.objects.all()] == ["2026-000001"]
    assert AuditEntry.objects.filter(event="month.closed").count() == 1


def test_two_begin_at_once_and_one_does(first, second, server, monkeypatch):
    monkeypatch.setattr(closing, "_find_or_add", meeting(closing._find_or_add))

    outcomes = at_once(
        lambda: begin_closing(SEPTEMBER, actor=first),
        lambda: begin_closing(SEPTEMBER, actor=second),
    )

    assert sorted(outcomes) == ["MonthSettled", "done"]


def test_closed_or_taken_back_but_never_both(first, second, server, monkeypatch):
    begin_closing(SEPTEMBER, actor=first)
    monkeypatch.setattr(closing, "_lock_closing", meeting(closing._lock_closing))

    outcomes = at_once(
        lambda: close_month(SEPTEMBER, actor=second, total=FULL),
        lambda: take_back_closing(SEPTEMBER, actor=first),
    )

    assert sorted(outcomes) == ["MonthSettled", "done"]
    state = BillingMonth.objects.get().state
    assert Statement.objects.count() == (1 if state == "closed" else 0)


def test_two_credits_at_once_never_give_more_than_was_paid(
    first, second, server, close, monkeypatch
):
    close(SEPTEMBER)
    line = Statement.objects.get().lines.get()
    monkeypatch.setattr(credits, "left_to_credit", meeting(credits.left_to_credit))

    def propose(actor):
        return propose_credit(line.public_id, amount=Decimal(20), reason="Storing", actor=actor)

    outcomes = at_once(lambda: propose(first), lambda: propose(second))

    assert sorted(outcomes) == ["CreditTooHigh", "done"]
    assert Credit.objects.count() == 1


def test_confirmed_or_taken_back_once_each(first, second, third, server, close, monkeypatch):
    close(SEPTEMBER)
    line = Statement.objects.get().lines.get()
    credit = propose_credit(line.public_id, amount=FULL, reason="Storing", actor=first)
    monkeypatch.setattr(credits, "_open_credit", meeting(credits._open_credit))

    outcomes = at_once(
        lambda: confirm_credit(credit.public_id, actor=second),
        lambda: confirm_credit(credit.public_id, actor=third),
    )

    assert sorted(outcomes) == ["CreditConfirmed", "done"]
    assert AuditEntry.objects.filter(event="credit.confirmed").count() == 1


def test_a_dispute_is_answered_once(first, second, server, service, close, monkeypatch):
    close(SEPTEMBER)
    line = Statement.objects.get().lines.get()
    payer = PersonFactory()
    grant(payer, Role.FINANCE, service)
    dispute = raise_dispute(line.public_id, reason="Storing", actor=payer)
    monkeypatch.setattr(disputes, "_lock", meeting(disputes._lock))

    outcomes = at_once(
        lambda: grant_dispute(dispute.public_id, amount=FULL, answer="Ja", actor=first),
        lambda: refuse_dispute(dispute.public_id, answer="Nee", actor=second),
    )

    assert sorted(outcomes) == ["DisputeSettled", "done"]
    dispute.refresh_from_db()
    assert Credit.objects.count() == (1 if dispute.state == "confirmed" else 0)


def test_a_number_that_was_rolled_back_was_never_given(first, second, server, monkeypatch):
    begin_closing(SEPTEMBER, actor=first)
    with monkeypatch.context() as patch:
        patch.setattr(closing, "_tell", crash)
        assert at_once(lambda: close_month(SEPTEMBER, actor=second, total=FULL)) != ["done"]

    close_month(SEPTEMBER, actor=second, total=FULL)

    assert Statement.objects.get().number == "2026-000001"


def crash(*arguments: object) -> None:
    raise closing.TotalsChanged(total="0")


def test_a_tag_of_a_month_that_closes_meanwhile_is_refused_in_words(
    first, second, server, service, monkeypatch
):
    """Both looked while the month was open, and who closes it goes first."""
    payer = PersonFactory()
    grant(payer, Role.FINANCE, service)
    define_tag_key(service, "fase", actor=payer)
    begin_closing(SEPTEMBER, actor=first)
    monkeypatch.setattr(tags, "_checked", meeting(tags._checked))
    monkeypatch.setattr(closing, "write_statements", meeting(closing.write_statements))

    outcomes = at_once(
        lambda: close_month(SEPTEMBER, actor=second, total=FULL),
        lambda: set_tag(server, "fase", value="test", starts_on=date(2026, 9, 5), actor=payer),
    )

    assert outcomes in (["done", "InvalidInput"], ["done", "done"])
    assert TagFact.objects.exists() == (outcomes[1] == "done")
