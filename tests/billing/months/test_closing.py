"""From open to closed: by two people, in order, with everything or with nothing."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.test import override_settings

from billing import closing_checks
from billing.closing_checks import Finding
from billing.errors import (
    MonthHasFlaws,
    MonthNotNext,
    MonthNotOver,
    MonthSettled,
    OwnClosing,
    TotalsChanged,
)
from billing.models import (
    BillingMonth,
    Price,
    Sku,
    Statement,
    StatementLine,
    StatementLineSource,
)
from billing.services import closing, statements
from billing.services.closing import (
    begin_closing,
    close_month,
    next_month,
    prepare_closing,
    take_back_closing,
)
from billing.services.digests import digest_of_all
from billing.services.statements import names_of
from portal.audit.models import AuditEntry
from portal.core.calendar import month, start_of_day
from portal.core.errors import NotAllowed
from portal.identity.four_eyes import SameHuman
from portal.identity.models import NodeParent, Role
from tests.billing.months.conftest import OCTOBER, SEPTEMBER, lines_of, used
from tests.billing.months.conftest import october as in_october
from tests.billing.months.conftest import september as day
from tests.factories import PersonFactory, grant, make_organization, make_project
from tests.factories.billing import MeteredResourceFactory, SkuFactory, UsageSpanFactory, set_price

pytestmark = pytest.mark.django_db


def states() -> dict[str, str]:
    return {month.key: month.state for month in BillingMonth.objects.all()}


def test_a_month_closes_with_a_statement_for_each_payer(close, server, service):
    month = close(SEPTEMBER)

    assert month.state == "closed"
    (statement,) = Statement.objects.all()
    assert (statement.number, statement.organization_id) == ("2026-000001", service.pk)
    assert (statement.total, statement.currency) == (Decimal("38.40"), "EUR")
    assert lines_of(statement) == [("usage", "2026-09", Decimal("1.000"), Decimal("38.40"))]
    (source,) = StatementLineSource.objects.all()
    assert (source.span, source.seconds) == (server.spans.get(), SEPTEMBER.seconds)
    assert source.amount == Decimal("38.40")


def test_lines_keep_the_names_of_what_they_are_about(close, server, project):
    close(SEPTEMBER)
    names = names_of(project, Sku.objects.get(), Price.objects.get())
    project.name = "Heet anders"
    project.save()

    assert StatementLine.objects.get().names == names


def test_a_total_is_the_sum_of_lines_that_are_each_rounded_once(close, project):
    set_price("10.00")
    other = make_project(project.parent, name="Archief")
    for place in (project, other):
        for _ in range(2):
            used(place, day(1), day(2))

    close(SEPTEMBER)

    statement = Statement.objects.get()
    assert [line.exact for line in statement.lines.order_by("position")] == [
        Decimal("0.666666"),
        Decimal("0.666666"),
    ]
    assert statement.total == Decimal("1.34")


@pytest.mark.parametrize(
    ("unit", "quantity"), [("hour", "48"), ("month", "0.067"), ("one_off", "2")]
)
def test_a_line_counts_in_the_unit_of_its_price(close, project, unit, quantity):
    set_price("1.00", unit=unit)
    used(project, day(1), day(2), quantity=Decimal(2))

    close(SEPTEMBER)

    assert StatementLine.objects.get().quantity.quantize(Decimal("0.001")) == Decimal(quantity)


def test_numbers_go_on_through_the_months_of_a_year(close, server, project):
    elsewhere = make_project(make_organization(name="Andere dienst"))
    used(elsewhere, in_october(1), in_october(3))

    close(SEPTEMBER)
    close(OCTOBER)

    assert [statement.number for statement in Statement.objects.order_by("pk")] == [
        "2026-000001",
        "2026-000002",
        "2026-000003",
    ]


def test_what_happens_stands_in_the_trail(first, second, server, close):
    close(SEPTEMBER)

    told = {entry.event: entry for entry in AuditEntry.objects.filter(event__startswith="month.")}
    assert told["month.closing_begun"].actor_id == first.pk
    assert told["month.closed"].actor_id == second.pk
    assert told["month.closed"].data == {
        "month": "2026-09",
        "statements": ["2026-000001", "2026-000001"],
        "total": "38.40",
        "sha256": digest_of_all([Statement.objects.get().content_sha256]),
    }


def test_a_month_without_use_closes_with_nothing(close, project):
    set_price("38.40")
    used(project, day(1), day(2))
    close(SEPTEMBER)

    assert close(OCTOBER).state == "closed"
    assert Statement.objects.count() == 1


# --- who ---------------------------------------------------------------------------------------


def test_who_began_does_not_close(first, server):
    begin_closing(SEPTEMBER, actor=first)

    with pytest.raises(OwnClosing):
        close_month(SEPTEMBER, actor=first, total=Decimal("38.40"))

    assert states() == {"2026-09": "closing"}
    assert AuditEntry.objects.get(event="month.closing_refused").code == "own_closing"


def test_one_human_with_two_logins_does_not_close(first, second, server):
    for person in (first, second):
        person.email = "f.aydin@example.test"
        person.save()
    begin_closing(SEPTEMBER, actor=first)

    with pytest.raises(SameHuman):
        close_month(SEPTEMBER, actor=second, total=Decimal("38.40"))


def test_finance_of_another_organization_closes_nothing(first, service, server):
    person = PersonFactory()
    grant(person, Role.FINANCE, service)
    begin_closing(SEPTEMBER, actor=first)

    with pytest.raises(NotAllowed):
        begin_closing(OCTOBER, actor=person)
    with pytest.raises(NotAllowed):
        take_back_closing(SEPTEMBER, actor=person)
    with pytest.raises(NotAllowed):
        close_month(SEPTEMBER, actor=person, total=Decimal("38.40"))
    assert states() == {"2026-09": "closing"}


@override_settings(CATALOGUE_ORGANIZATION="")
def test_without_a_platform_nobody_closes(db):
    person = PersonFactory()
    grant(person, Role.FINANCE, make_organization())

    with pytest.raises(NotAllowed):
        begin_closing(SEPTEMBER, actor=person)


# --- when --------------------------------------------------------------------------------------


def test_the_books_begin_where_use_began(server):
    assert next_month() == SEPTEMBER


def test_months_close_in_order(first, server):
    with pytest.raises(MonthNotNext):
        begin_closing(OCTOBER, actor=first)
    with pytest.raises(MonthNotNext):
        begin_closing(month(2026, 8), actor=first)

    assert states() == {}


def test_a_month_that_runs_is_not_closed(first, server, monkeypatch):
    monkeypatch.setattr(closing, "now", lambda: day(30))

    with pytest.raises(MonthNotOver):
        begin_closing(SEPTEMBER, actor=first)


def test_a_month_is_begun_once(first, second, server):
    begin_closing(SEPTEMBER, actor=first)

    with pytest.raises(MonthSettled):
        begin_closing(SEPTEMBER, actor=second)


def test_only_what_was_begun_is_closed_or_taken_back(first, second, server, close):
    for act in (
        lambda: close_month(SEPTEMBER, actor=second, total=Decimal("38.40")),
        lambda: take_back_closing(SEPTEMBER, actor=second),
    ):
        with pytest.raises(MonthSettled):
            act()
    close(SEPTEMBER)
    with pytest.raises(MonthSettled):
        close_month(SEPTEMBER, actor=second, total=Decimal("38.40"))
    with pytest.raises(MonthSettled):
        take_back_closing(SEPTEMBER, actor=second)

    assert Statement.objects.count() == 1


def test_what_was_taken_back_begins_anew(first, second, server):
    begin_closing(SEPTEMBER, actor=first)

    assert take_back_closing(SEPTEMBER, actor=second).state == "open"

    begin_closing(SEPTEMBER, actor=second)
    assert close_month(SEPTEMBER, actor=first, total=Decimal("38.40")).state == "closed"


# --- what keeps it -----------------------------------------------------------------------------


def test_use_without_a_price_blocks(first, project):
    used(project, day(1), day(2), sku=SkuFactory(code="zonder.prijs"))

    with pytest.raises(MonthHasFlaws):
        begin_closing(SEPTEMBER, actor=first)

    (finding,) = [one for one in prepare_closing(SEPTEMBER).findings if one.is_blocking]
    assert "zonder.prijs" in finding.text


def test_use_without_a_price_that_came_meanwhile_blocks(first, second, server, project):
    begin_closing(SEPTEMBER, actor=first)
    used(project, day(1), day(2), sku=SkuFactory(code="zonder.prijs"))

    with pytest.raises(MonthHasFlaws):
        close_month(SEPTEMBER, actor=second, total=Decimal("38.40"))


def test_late_use_without_a_price_blocks_the_next_month(close, first, server, project):
    close(SEPTEMBER)
    used(project, day(1), day(2), sku=SkuFactory(code="zonder.prijs"))

    with pytest.raises(MonthHasFlaws):
        begin_closing(OCTOBER, actor=first)


def test_other_apps_tell_what_they_find(first, server, monkeypatch):
    def check(period: Any, costs: Any) -> list[Finding]:
        assert (period, costs.total) == (SEPTEMBER, Decimal("38.40"))
        return [Finding(text="Kijk", url="/kijk", link="Hier", is_blocking=True)]

    monkeypatch.setattr(closing_checks, "_CHECKS", [check])

    with pytest.raises(MonthHasFlaws):
        begin_closing(SEPTEMBER, actor=first)


def test_who_closes_agrees_with_what_is_written(first, second, server, project):
    begin_closing(SEPTEMBER, actor=first)
    seen = prepare_closing(SEPTEMBER).total
    used(project, day(1), day(11))

    with pytest.raises(TotalsChanged) as refusal:
        close_month(SEPTEMBER, actor=second, total=seen)

    assert "51,20" in str(refusal.value)
    assert (states(), Statement.objects.count()) == ({"2026-09": "closing"}, 0)


@pytest.mark.parametrize("step", ["_put_right", "_finish", "write_digests"])
def test_a_crash_leaves_nothing_half_and_may_be_tried_again(
    first, second, server, monkeypatch, step
):
    begin_closing(SEPTEMBER, actor=first)

    def crash(*_arguments: Any, **_named: Any) -> None:
        raise SystemError("out of power")

    with monkeypatch.context() as patch:
        patch.setattr(statements, step, crash)
        with pytest.raises(SystemError):
            close_month(SEPTEMBER, actor=second, total=Decimal("38.40"))

    assert (states(), Statement.objects.count()) == ({"2026-09": "closing"}, 0)
    assert not AuditEntry.objects.filter(event="month.closed").exists()
    close_month(SEPTEMBER, actor=second, total=Decimal("38.40"))
    assert Statement.objects.get().number == "2026-000001"


def test_two_organizations_that_shared_a_project_each_pay_their_part(close, project, service):
    set_price("30.00")
    other = make_organization(name="Andere dienst")
    resource = MeteredResourceFactory(project=project)
    UsageSpanFactory(resource=resource, started_at=day(1))
    NodeParent.objects.filter(node=project).update(valid_until=day(11))
    NodeParent.objects.create(node=project, parent=other, valid_from=day(11))

    close(SEPTEMBER)

    assert dict(Statement.objects.values_list("organization__name", "total")) == {
        "Dienst": Decimal("10.00"),
        "Andere dienst": Decimal("20.00"),
    }


def test_use_that_becomes_known_of_before_goes_first(first, second, server, project):
    """Also where a later month was begun, and whether that was taken back or not."""
    august = month(2026, 8)
    begin_closing(SEPTEMBER, actor=first)
    used(project, start_of_day(date(2026, 8, 20)), start_of_day(date(2026, 8, 25)))
    with pytest.raises(MonthNotNext):
        close_month(SEPTEMBER, actor=second, total=prepare_closing(SEPTEMBER).total)
    take_back_closing(SEPTEMBER, actor=first)

    for period in (august, SEPTEMBER):
        begin_closing(period, actor=first)
        close_month(period, actor=second, total=prepare_closing(period).total)

    assert [one.number for one in Statement.objects.order_by("sequence")] == [
        "2026-000001",
        "2026-000002",
    ]
