"""Acts of the platform's finance that bind everybody who pays."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from billing.models import MonthState
from billing.services.closing import begin_closing, close_month
from billing.services.credits import confirm_credit, propose_credit
from portal.core.calendar import month, start_of_day
from portal.identity.models import Person, Role
from tests.factories import PersonFactory, grant
from tests.factories.billing import (
    MeteredResourceFactory,
    UsageSpanFactory,
    make_month,
    make_statement,
    set_price,
)
from tests.portal.identity.doors import Doors, Get

SEPTEMBER = month(2026, 9)
PAGE = "/costs/months/2026-09"


def beginning_to_close(get: Get) -> Doors:
    actor = finance_of_platform(get)
    use_in_september(get, "te.beginnen")
    return Doors(
        actor=actor,
        service=lambda: begin_closing(SEPTEMBER, actor=actor),
        page=f"{PAGE}/begin",
        stands_on=PAGE,
    )


def closing_a_month(get: Get) -> Doors:
    use_in_september(get, "te.sluiten")
    begin_closing(SEPTEMBER, actor=finance_of_platform(get))
    actor = finance_of_platform(get)
    total = Decimal("38.40")
    return Doors(
        actor=actor,
        service=lambda: close_month(SEPTEMBER, actor=actor, total=total),
        page=f"{PAGE}/close",
        stands_on=PAGE,
        form={"total": str(total)},
    )


def confirming_a_credit(get: Get) -> Doors:
    first, second = finance_of_platform(get), finance_of_platform(get)
    closed = make_month(date(2020, 1, 1), MonthState.CLOSED, first, second)
    line = make_statement(closed, get("project"), set_price("10", sku="te.crediteren")).lines.get()
    credit = propose_credit(line.public_id, amount=Decimal(1), reason="Storing", actor=first)
    return Doors(
        actor=second,
        service=lambda: confirm_credit(credit.public_id, actor=second),
        page=f"/costs/credits/{credit.public_id}/confirm",
        stands_on=f"/costs/months/statements/{line.statement.public_id}",
    )


def use_in_september(get: Get, sku: str) -> None:
    """For 38.40, of a SKU of its own."""
    UsageSpanFactory(
        resource=MeteredResourceFactory(project=get("project")),
        sku=set_price("38.40", sku=sku).sku,
        started_at=start_of_day(date(2026, 9, 1)),
    )


def finance_of_platform(get: Get) -> Person:
    person: Person = PersonFactory()
    grant(person, Role.FINANCE, get("platform").organization)
    return person
