"""What a closed month says of costs that others bear."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError
from django.utils.translation import override

from billing.models import Statement, StatementLine, UsageSpan
from billing.services import statements as writing
from billing.services.checking import check_months
from billing.services.closing import begin_closing, close_month, prepare_closing
from billing.services.credits import propose_credit
from billing.services.month_costs import month_costs
from portal.core.calendar import start_of_day
from portal.identity.models import CostCentre, NodeParent
from tests.billing.months.conftest import OCTOBER, SEPTEMBER, around_the_triggers, october, used
from tests.billing.splitting.conftest import key_held
from tests.factories import make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def at_work(gateway, server, other):
    """The gateway costs 38.40 in September, as the project; the other one twice as much."""
    started = start_of_day(date(2026, 9, 1))
    used(gateway, started)
    used(other, started)
    used(other, started)
    NodeParent.objects.update(valid_from=start_of_day(date(2025, 1, 1)))


def shares(month=None) -> list[tuple[str, str, Decimal]]:
    """Kind, project and amount of what is shared, in the order of the statements."""
    lines = StatementLine.objects.exclude(split_key=None)
    if month:
        lines = lines.filter(statement__month=month)
    ordered = lines.order_by("statement__sequence", "position").select_related("project")
    return [(line.kind, line.project.name, line.amount) for line in ordered]


def flaws() -> list[str]:
    return [flaw for check in check_months() for flaw in check.flaws if "document" not in flaw]


def totals() -> dict[str, Decimal]:
    found = Statement.objects.select_related("organization")
    return {one.organization.name: one.total for one in found}


@pytest.mark.usefixtures("at_work")
def test_equal_parts_come_to_nothing_together(gateway, project, other, close):
    key_held(gateway, [project, other])

    close(SEPTEMBER)

    assert sorted(shares()) == [
        ("shared_in", "Register", Decimal("19.20")),
        ("shared_in", "Zaaksysteem", Decimal("19.20")),
        ("shared_out", "Gateway", Decimal("-38.40")),
    ]
    assert totals() == {
        "Overheidsdatacenter": 0,
        "Dienst": Decimal("57.60"),
        "Agentschap": Decimal("96.00"),
    }
    assert flaws() == []


@pytest.mark.usefixtures("at_work")
def test_by_usage_who_used_twice_as_much_bears_twice_as_much(gateway, project, other, close):
    key_held(gateway, [project, other], method="by_usage")

    close(SEPTEMBER)

    assert shares()[0] == ("shared_in", "Register", Decimal("25.60"))
    assert ("shared_in", "Zaaksysteem", Decimal("12.80")) in shares()
    assert flaws() == []


@pytest.mark.usefixtures("at_work")
def test_fixed_percentages_leave_no_cent(gateway, project, other, close):
    key_held(gateway, {project: "33.333", other: "66.667"}, method="percentages")

    close(SEPTEMBER)

    assert ("shared_in", "Zaaksysteem", Decimal("12.80")) in shares()
    assert ("shared_in", "Register", Decimal("25.60")) in shares()
    assert flaws() == []


@pytest.mark.usefixtures("at_work")
def test_who_uses_nothing_all_alike_bears_the_same(gateway, other_service, service, close):
    quiet = [make_project(other_service, name="Stil"), make_project(service, name="Rustig")]
    key_held(gateway, quiet, method="by_usage")

    close(SEPTEMBER)

    assert {amount for kind, _name, amount in shares() if kind == "shared_in"} == {Decimal("19.20")}


@pytest.mark.usefixtures("server")
def test_who_pays_for_nothing_else_gets_a_statement_too(gateway, project, other, close):
    used(gateway, start_of_day(date(2026, 9, 1)))
    key_held(gateway, [other])

    close(SEPTEMBER)

    statement = Statement.objects.get(organization=other.parent_id)
    assert statement.total == Decimal("38.40")
    line = statement.lines.get()
    with override("en"):
        assert (line.service, line.note) == ("Shared costs", "Share in the costs of Gateway")


@pytest.mark.usefixtures("at_work")
def test_a_share_falls_under_what_the_recipient_does(gateway, project, close):
    for place, code in ((gateway, "G1"), (project, "Z1")):
        CostCentre.objects.create(
            node=place, code=code, valid_from=start_of_day(date(2026, 9, 1)), valid_until=None
        )
    key_held(gateway, [project])

    close(SEPTEMBER)

    taken, borne = StatementLine.objects.exclude(split_key=None).order_by("amount")
    assert (taken.cost_center, borne.cost_center) == ("G1", "Z1")


@override("en")
@pytest.mark.usefixtures("at_work")
def test_a_share_that_falls_under_no_cost_centre_is_told_before_closing(gateway, project, other):
    """The 38.40 of the gateway itself others bear: its own finance need not book that."""
    since = start_of_day(date(2026, 9, 1))
    CostCentre.objects.create(node=project.parent, code="K-100", name="", valid_from=since)
    key_held(gateway, [project, other])

    texts = [finding.text for finding in prepare_closing(SEPTEMBER).findings]

    assert "€96.00 of 1 project falls under no cost centre." in texts


@pytest.mark.usefixtures("at_work")
def test_a_key_holds_from_its_first_month_until_its_last(gateway, project, close):
    key_held(gateway, [project], since=SEPTEMBER.start, until=OCTOBER.start)

    september, october_ = close(SEPTEMBER), close(OCTOBER)

    assert len(shares(september)) == 2
    assert shares(october_) == []


@pytest.mark.usefixtures("at_work")
def test_what_comes_late_is_borne_in_the_month_that_is_open(gateway, project, other, close):
    key_held(gateway, [project], since=SEPTEMBER.start, until=OCTOBER.start)
    key_held(gateway, [other], since=OCTOBER.start)
    september = close(SEPTEMBER)
    before = shares(september)
    UsageSpan.objects.filter(resource__project=gateway).update(ended_at=october(1))
    used(gateway, start_of_day(date(2026, 9, 16)), start_of_day(date(2026, 10, 1)))

    october_ = close(OCTOBER)

    assert shares(september) == before
    assert shares(october_) == [
        ("shared_in", "Register", Decimal("19.20")),
        ("shared_out", "Gateway", Decimal("-19.20")),
    ]
    assert flaws() == []


@pytest.mark.usefixtures("at_work")
def test_what_is_given_back_is_given_back_to_who_bears_it(gateway, project, other, close, first):
    key_held(gateway, [project, other])
    close(SEPTEMBER)
    line = StatementLine.objects.get(project=gateway, kind="usage")
    propose_credit(line.public_id, amount=Decimal("10.01"), reason="Storing", actor=first)

    october_ = close(OCTOBER)

    # 38.40 less 10.01 is 28.39: the cent goes to whose public id sorts first
    borne = [amount for kind, _name, amount in shares(october_) if kind == "shared_in"]
    assert sorted(borne) == [Decimal("14.19"), Decimal("14.20")]
    assert flaws() == []


@pytest.mark.usefixtures("at_work")
def test_of_a_share_nothing_is_given_back(gateway, project, other, close, first):
    key_held(gateway, [project, other])
    close(SEPTEMBER)
    share = StatementLine.objects.filter(kind="shared_in").first()

    with pytest.raises(StatementLine.DoesNotExist):
        propose_credit(share.public_id, amount=Decimal(1), reason="Storing", actor=first)


@pytest.mark.usefixtures("at_work")
@pytest.mark.parametrize(
    ("change", "flaw"),
    [
        ("amount = amount + 1, exact = exact + 1", "another share than its key gives"),
        (
            "project_id = (SELECT id FROM identity_node WHERE name = 'Gateway')",
            "another share than its key gives",
        ),
        ("kind = 'shared_out'", "another share than its key gives"),
        ("split_key_id = NULL", "1 shares of keys are on no statement"),
    ],
)
def test_a_share_that_was_tampered_with_is_found(gateway, project, other, close, change, flaw):
    key_held(gateway, [project, other])
    close(SEPTEMBER)

    share = StatementLine.objects.filter(kind="shared_in").order_by("pk").first()
    if "NULL" in change:
        around_the_triggers(f"DELETE FROM billing_statementline WHERE id = {share.pk}")
    else:
        around_the_triggers(f"UPDATE billing_statementline SET {change} WHERE id = {share.pk}")

    assert any(flaw in found for found in flaws())


@pytest.mark.usefixtures("at_work")
@pytest.mark.parametrize(
    ("written", "off", "refusal"),
    [
        (slice(0, 0), "0", "statement_leaves_nothing_at_what_others_bear"),
        (slice(0, 2), "-19.20", "statement_shares_come_to_nothing"),
    ],
)
def test_the_database_closes_no_month_that_shares_wrongly(
    gateway, project, other, first, second, monkeypatch, written, off, refusal
):
    key_held(gateway, [project, other])
    begin_closing(SEPTEMBER, actor=first)
    total = prepare_closing(SEPTEMBER).total
    write = writing.write_shares

    def forgetful(month: Any, statements: Any, shares: Any) -> None:
        write(month, statements, shares[written])

    monkeypatch.setattr(writing, "write_shares", forgetful)
    with pytest.raises(IntegrityError) as refused:
        close_month(SEPTEMBER, actor=second, total=total + Decimal(off))

    assert refused.value.__cause__.diag.constraint_name == refusal


@pytest.mark.usefixtures("at_work")
def test_a_closed_month_shows_shares_as_billed(gateway, project, close):
    key_held(gateway, [project])
    close(SEPTEMBER)
    at = start_of_day(date(2026, 10, 20))

    (of_gateway,) = month_costs([gateway.pk], [SEPTEMBER], at=at)
    (of_project,) = month_costs([project.pk], [SEPTEMBER], at=at)

    assert (of_gateway.realised.total, of_gateway.realised.shared) == (0, Decimal("-38.40"))
    assert (of_project.realised.total, of_project.realised.shared) == (
        Decimal("76.80"),
        Decimal("38.40"),
    )
    assert of_gateway.realised.put_right == 0
    assert not of_gateway.realised.is_price_missing
