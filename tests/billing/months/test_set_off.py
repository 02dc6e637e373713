"""What is given back, and then corrected, goes back once: in whichever order it becomes known."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Sum
from django.utils.translation import override
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.models import Credit, Statement, StatementLine
from billing.services.closing import prepare_closing
from billing.services.corrections import LateFacts, find_late_facts
from billing.services.credits import enter_credit, left_to_credit, propose_credit
from portal.identity.models import NodeParent
from tests.billing.months.conftest import OCTOBER, SEPTEMBER, lines_of, used
from tests.billing.months.conftest import september as day
from tests.billing.months.test_random_histories import (
    FIRST,
    MONTHS,
    add_use,
    something_comes_late,
    used_by_line,
    without_look,
    write_history,
)
from tests.billing.months.test_random_histories import close as close_within
from tests.billing.test_charging_agrees_with_rating import Tree, tree
from tests.factories import make_organization

__all__ = ["tree", "without_look"]  # fixtures
pytestmark = pytest.mark.django_db


@pytest.fixture
def line(close, server):
    close(SEPTEMBER)
    return StatementLine.objects.get()


def propose(line, actor, amount):
    return propose_credit(line.public_id, amount=Decimal(amount), reason="Storing", actor=actor)


def paid_for_september() -> Decimal:
    lines = StatementLine.objects.filter(used_in__first_day="2026-09-01")
    return lines.aggregate(sum=Sum("amount"))["sum"]


def test_use_that_ends_after_it_was_given_back_costs_nothing_and_no_less(
    line, close, server, first
):
    propose(line, first, "38.40")
    close(OCTOBER)
    server.spans.update(ended_at=day(1))

    late = find_late_facts().corrections
    assert [(one.kind, one.amount) for one in late] == [
        ("correction", Decimal("-38.40")),
        ("set_off", Decimal("38.40")),
        ("correction", Decimal("-38.40")),  # of October
    ]
    assert paid_for_september() + late[0].amount + late[1].amount == 0


def test_only_what_goes_beyond_the_use_is_set_off(line, close, server, first):
    propose(line, first, "30.00")
    close(OCTOBER)
    server.spans.update(ended_at=day(16))

    september = [one for one in find_late_facts().corrections if one.month_start == day(1)]
    assert [(one.kind, one.amount, one.quantity) for one in september][1:] == [
        ("set_off", Decimal("10.80"), 0)
    ]
    assert paid_for_september() + sum(one.amount for one in september) == 0


def test_of_what_was_given_back_nothing_is_given_back(line, close, first):
    propose(line, first, "1.00")
    close(OCTOBER)
    given = StatementLine.objects.get(kind="credit")

    with pytest.raises(StatementLine.DoesNotExist):
        propose(given, first, "1.00")


def test_a_credit_and_a_correction_on_one_statement_are_set_off_there(line, close, server, first):
    propose(line, first, "30.00")
    server.spans.update(ended_at=day(16))
    assert prepare_closing(OCTOBER).total == Decimal("-38.40")

    close(OCTOBER)

    statement = Statement.objects.get(month__first_day="2026-10-01")
    assert [(kind, amount) for kind, _month, _quantity, amount in lines_of(statement)] == [
        ("correction", Decimal("-19.20")),
        ("set_off", Decimal("10.80")),
        ("credit", Decimal("-30.00")),
    ]
    set_off = statement.lines.get(kind="set_off")
    assert (set_off.corrects, paid_for_september()) == (line, 0)
    with override("en"):
        assert set_off.note == "Set off against what was given back of September 2026"
    assert find_late_facts() == LateFacts()
    assert left_to_credit(line) == left_to_credit(set_off) == 0


def test_what_was_set_off_is_given_again_when_the_use_costs_something_after_all(
    line, close, server, project, first
):
    propose(line, first, "30.00")
    server.spans.update(ended_at=day(16))
    close(OCTOBER)
    used(project, day(1), day(16))

    late = find_late_facts().corrections
    assert [(one.kind, one.amount) for one in late] == [
        ("correction", Decimal("19.20")),
        ("set_off", Decimal("-10.80")),
    ]
    assert paid_for_september() + late[0].amount + late[1].amount == Decimal("8.40")


def test_a_proposal_that_was_taken_back_sets_nothing_off(line, server, first):
    propose(line, first, "30.00")
    server.spans.update(ended_at=day(16))
    Credit.objects.update(taken_back_at=day(20))

    assert [one.kind for one in find_late_facts().corrections] == ["correction"]


def test_what_moved_to_another_payer_gives_the_first_nothing_extra(
    line, close, server, project, first
):
    propose(line, first, "8.40")
    other = make_organization(name="Andere dienst")
    NodeParent.objects.filter(node=project).update(valid_until=day(1))
    NodeParent.objects.create(node=project, parent=other, valid_from=day(1))
    close(OCTOBER)

    sums = StatementLine.objects.filter(used_in__first_day="2026-09-01").values_list(
        "statement__organization__name"
    )
    assert dict(sums.annotate(sum=Sum("amount"))) == {
        "Dienst": Decimal(0),
        "Andere dienst": Decimal("38.40"),
    }


def test_who_closes_is_told(line, server, first):
    propose(line, first, "30.00")
    server.spans.update(ended_at=day(16))

    with override("en"):
        told = [finding.text for finding in prepare_closing(OCTOBER).findings]
    assert any("10.80 was given back before" in text for text in told)


@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(random=st.randoms(use_true_random=True))
def test_no_use_ever_costs_less_than_nothing(
    tree: Tree, first: Any, second: Any, without_look: None, random: Random
) -> None:
    """Nor more than it would with its credits given last: the order of things does not matter."""
    with transaction.atomic():
        write_history(tree, random)
        add_use(tree, random, FIRST, FIRST + timedelta(hours=1))  # the books begin in February
        for period in MONTHS:
            close_within(period, first, second)
            give_back_at_random(first, random)
            something_comes_late(tree, random)
        paid = sums_of(StatementLine.objects.all())
        for one in find_late_facts().corrections:
            key = (one.organization_id, one.project_id, one.price_id, one.from_quantity)
            paid[*key, one.month_start] += one.amount
        for credit in Credit.objects.filter(settled_on=None).select_related("line"):
            paid[key_of(credit.line)] -= credit.amount
        credited: defaultdict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
        for credit in Credit.objects.select_related("line"):
            credited[key_of(credit.line)] += credit.amount
        costs = used_by_line()
        transaction.set_rollback(True)

    expected = {
        key: max(costs.get(key, Decimal(0)) - credited[key], Decimal(0))
        for key in {*costs, *credited}
    }
    assert {key: amount for key, amount in paid.items() if amount} == {
        key: amount for key, amount in expected.items() if amount
    }


def give_back_at_random(actor: Any, random: Random) -> None:
    """Of a few lines, as much as is left or a part of it."""
    charged = StatementLine.objects.filter(kind__in=["usage", "correction"])
    lines = [line for line in charged.order_by("pk") if left_to_credit(line) > 0]
    for line in random.sample(lines, min(len(lines), 3)):
        left = left_to_credit(line)
        part = (left * random.randint(1, 4) / 4).quantize(Decimal("0.01"))
        if 0 < part <= left:
            enter_credit(line.public_id, amount=part, reason="Storing", actor=actor)


def key_of(line: StatementLine) -> tuple[Any, ...]:
    start, payer = line.used_in.period.start, line.statement.organization_id
    return payer, line.project_id, line.price_id, line.from_quantity, start


def sums_of(lines: Any) -> defaultdict[tuple[Any, ...], Decimal]:
    sums: defaultdict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    for line in lines.select_related("statement", "used_in"):
        sums[key_of(line)] += line.amount
    return sums
