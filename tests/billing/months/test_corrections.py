"""What becomes known after a month closed is put right in the next one, and nothing else is."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest

from billing.errors import CreditConfirmed, CreditSettled, CreditTooHigh, OwnClosing, OwnCredit
from billing.models import Credit, Statement, StatementLine
from billing.services.charging import costs
from billing.services.closing import begin_closing, close_month, prepare_closing
from billing.services.corrections import LateFacts, find_late_facts
from billing.services.credits import (
    confirm_credit,
    left_to_credit,
    propose_credit,
    take_back_credit,
)
from portal.audit.models import AuditEntry
from portal.core.errors import InvalidInput, NotAllowed
from portal.identity.four_eyes import SameHuman
from portal.identity.models import NodeParent, Role
from tests.billing.months.conftest import OCTOBER, SEPTEMBER, lines_of, used
from tests.billing.months.conftest import september as day
from tests.factories import PersonFactory, grant, make_organization, make_project
from tests.factories.billing import set_price

pytestmark = pytest.mark.django_db
FULL = Decimal("38.40")
ONE = Decimal("1.000")


def october_statement() -> Statement:
    return Statement.objects.get(month__first_day="2026-10-01")


def test_nothing_new_is_nothing_to_correct(close, server):
    close(SEPTEMBER)

    assert find_late_facts() == LateFacts()


def test_use_that_was_seen_late_is_charged_in_the_next_month(close, server, project):
    close(SEPTEMBER)
    used(project, day(16), day(26))

    close(OCTOBER)

    assert lines_of(october_statement()) == [
        ("usage", "2026-10", ONE, FULL),
        ("correction", "2026-09", Decimal("0.333"), Decimal("12.80")),
    ]
    correction = StatementLine.objects.get(kind="correction")
    assert correction.corrects == Statement.objects.get(sequence=1).lines.get()
    assert october_statement().total == Decimal("51.20")


def test_an_end_that_came_late_gives_money_back(close, server):
    close(SEPTEMBER)
    server.spans.update(ended_at=day(16))

    close(OCTOBER)

    assert lines_of(october_statement()) == [
        ("correction", "2026-09", Decimal("-0.500"), Decimal("-19.20"))
    ]
    assert october_statement().total == Decimal("-19.20")


def test_use_of_a_project_that_was_not_billed_corrects_no_line(close, server, service):
    close(SEPTEMBER)
    used(make_project(service, name="Nieuw"), day(1), day(16))

    close(OCTOBER)

    correction = StatementLine.objects.get(kind="correction")
    assert (correction.amount, correction.corrects) == (Decimal("19.20"), None)


def test_a_payer_who_had_nothing_else_gets_a_statement(close, server):
    close(SEPTEMBER)
    elsewhere = make_organization(name="Andere dienst")
    used(make_project(elsewhere), day(1), day(16))

    close(OCTOBER)

    statement = Statement.objects.get(organization=elsewhere)
    assert (statement.number, statement.total) == ("2026-000002", Decimal("19.20"))


def test_a_move_that_was_written_down_late_moves_the_costs(close, server, project, service):
    close(SEPTEMBER)
    other = make_organization(name="Andere dienst")
    NodeParent.objects.filter(node=project).update(valid_until=day(16))
    NodeParent.objects.create(node=project, parent=other, valid_from=day(16))

    close(OCTOBER)

    corrections = StatementLine.objects.filter(kind="correction")
    assert {line.statement.organization.name: line.amount for line in corrections} == {
        "Dienst": Decimal("-19.20"),
        "Andere dienst": Decimal("19.20"),
    }


def test_a_price_that_was_added_late_corrects_both(close, server, service):
    close(SEPTEMBER)
    set_price("30.00", organization=service, since=day(16))

    close(OCTOBER)

    corrections = StatementLine.objects.filter(kind="correction").order_by("amount")
    assert [line.amount for line in corrections] == [Decimal("-19.20"), Decimal("15.00")]


def test_what_was_corrected_is_not_corrected_again(close, server, project):
    close(SEPTEMBER)
    used(project, day(16), day(26))
    close(OCTOBER)

    assert find_late_facts() == LateFacts()


def test_less_than_a_cent_waits_until_it_is_one(close, server, project):
    close(SEPTEMBER)
    used(project, day(1), day(1).replace(minute=1))  # less than a tenth of a cent
    assert find_late_facts() == LateFacts()

    for minute in range(10):
        used(project, day(2).replace(minute=minute), day(2).replace(minute=minute + 1))
    (correction,) = find_late_facts().corrections
    assert correction.amount == Decimal("0.01")


def test_what_was_billed_of_all_time_is_what_was_used(close, server, project, service):
    close(SEPTEMBER)
    used(project, day(3), day(9))
    server.spans.update(ended_at=day(20))
    close(OCTOBER)

    billed = sum(Statement.objects.values_list("total", flat=True))
    period = SEPTEMBER
    assert billed == costs([service.pk], period=period, as_of=OCTOBER.end).total


# --- credits -----------------------------------------------------------------------------------


@pytest.fixture
def line(close, server):
    close(SEPTEMBER)
    return StatementLine.objects.get()


def propose(line, actor, amount="8.40"):
    return propose_credit(line.public_id, amount=Decimal(amount), reason="Storing", actor=actor)


def test_a_credit_is_given_when_the_next_month_closes(line, first, second):
    propose(line, first)

    begin_closing(OCTOBER, actor=first)
    close_month(OCTOBER, actor=second, total=prepare_closing(OCTOBER).total)

    assert lines_of(october_statement()) == [
        ("usage", "2026-10", ONE, FULL),
        ("credit", "2026-09", Decimal("0.000"), Decimal("-8.40")),
    ]
    credit = StatementLine.objects.get(kind="credit")
    assert (credit.corrects, credit.reason) == (line, "Storing")
    assert find_late_facts() == LateFacts()


def test_who_proposed_a_credit_does_not_close(line, first, second):
    propose(line, second)
    begin_closing(OCTOBER, actor=first)

    with pytest.raises(OwnClosing):
        close_month(OCTOBER, actor=second, total=Decimal("30.00"))


def test_two_who_each_proposed_a_credit_close_when_each_confirmed_the_others(line, first, second):
    """Nobody else of finance is there."""
    of_first, of_second = propose(line, first, "8.40"), propose(line, second, "10.00")
    begin_closing(OCTOBER, actor=first)
    with pytest.raises(OwnClosing):
        close_month(OCTOBER, actor=second, total=Decimal("20.00"))
    confirm_credit(of_second.public_id, actor=first)

    close_month(OCTOBER, actor=second, total=Decimal("20.00"))

    given = Credit.objects.order_by("pk").values_list("confirmed_by", "settled_on__statement")
    assert list(given) == [
        (None, october_statement().pk),  # who closed the month agreed with it
        (first.pk, october_statement().pk),
    ]
    with pytest.raises(CreditSettled):
        confirm_credit(of_first.public_id, actor=second)


def test_who_proposed_a_credit_does_not_confirm_it(line, first, second):
    credit = propose(line, first)

    with pytest.raises(OwnCredit):
        confirm_credit(credit.public_id, actor=first)
    for person in (first, second):
        person.email = "f.aydin@example.test"
        person.save()
    with pytest.raises(SameHuman):
        confirm_credit(credit.public_id, actor=second)

    assert Credit.objects.get().confirmed_by is None
    refusals = AuditEntry.objects.filter(event="credit.confirming_refused")
    assert {entry.code for entry in refusals} == {"own_credit", "same_human"}


def test_one_human_with_two_logins_does_not_close_over_their_own_credit(line, first, second):
    third = PersonFactory(email="s.visser@example.test")
    grant(third, Role.FINANCE, first.grants.get().node)
    second.email = third.email
    second.save()
    credit = propose(line, third)
    begin_closing(OCTOBER, actor=first)
    with pytest.raises(SameHuman):
        close_month(OCTOBER, actor=second, total=Decimal("30.00"))

    confirm_credit(credit.public_id, actor=first)
    assert close_month(OCTOBER, actor=second, total=Decimal("30.00")).state == "closed"


def test_a_credit_is_confirmed_once_and_may_still_be_taken_back(line, first, second):
    credit = propose(line, first)
    confirm_credit(credit.public_id, actor=second)

    with pytest.raises(CreditConfirmed):
        confirm_credit(credit.public_id, actor=second)
    take_back_credit(credit.public_id, actor=first)
    assert prepare_closing(OCTOBER).credits == []


def test_no_more_is_given_back_than_was_paid(line, first):
    propose(line, first, "30.00")

    with pytest.raises(CreditTooHigh):
        propose(line, first, "8.41")
    assert left_to_credit(line) == Decimal("8.40")
    propose(line, first, "8.40")


def test_a_line_and_what_corrects_it_are_given_back_once(close, server, project, first):
    close(SEPTEMBER)
    used(project, day(16), day(26))
    close(OCTOBER)
    of_use = StatementLine.objects.get(kind="usage", used_in__first_day="2026-09-01")
    correction = StatementLine.objects.get(kind="correction")

    assert left_to_credit(of_use) == left_to_credit(correction) == Decimal("51.20")
    propose(correction, first, amount="50")

    assert left_to_credit(of_use) == left_to_credit(correction) == Decimal("1.20")
    with pytest.raises(CreditTooHigh):
        propose(of_use, first, amount="1.21")


@pytest.mark.parametrize("amount", ["0", "-1", "0.001", "NaN", "Infinity", "1e-9"])
def test_an_amount_that_nobody_can_pay_is_refused(line, first, amount):
    with pytest.raises(InvalidInput):
        propose(line, first, amount)


def test_a_credit_says_why(line, first):
    with pytest.raises(InvalidInput):
        propose_credit(line.public_id, amount=Decimal(1), reason="  ", actor=first)


def test_a_credit_is_taken_back_until_it_is_given(line, close, first, second):
    credit = propose(line, first)
    take_back_credit(credit.public_id, actor=second)

    with pytest.raises(CreditSettled):
        take_back_credit(credit.public_id, actor=first)
    assert prepare_closing(OCTOBER).credits == []
    given = propose(line, first)
    close(OCTOBER)
    with pytest.raises(CreditSettled):
        take_back_credit(given.public_id, actor=first)


def test_finance_of_the_payer_credits_nothing(line, first, service):
    person = PersonFactory()
    grant(person, Role.FINANCE, service)
    credit = propose(line, first)

    with pytest.raises(NotAllowed):
        confirm_credit(credit.public_id, actor=person)
    with pytest.raises(NotAllowed):
        propose(line, person)
    with pytest.raises(NotAllowed):
        take_back_credit(credit.public_id, actor=person)


def test_a_line_of_nothing_is_not_credited(line, first):
    with pytest.raises(StatementLine.DoesNotExist):
        propose_credit(uuid4(), amount=Decimal(1), reason="Storing", actor=first)
