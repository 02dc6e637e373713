"""Acts of the platform's finance that bind everybody who pays."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from django.utils.timezone import now

from billing.models import MonthState, SplitKey, SplitMethod
from billing.services.closing import begin_closing, close_month
from billing.services.credits import confirm_credit, propose_credit
from billing.services.split_keys import KeySays, confirm_key, propose_key, refuse_key
from billing.services.tariff_drafts import months_to_begin
from portal.core.calendar import month, start_of_day
from portal.identity.models import Person, Role
from tests.factories import PersonFactory, grant, make_project
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


def confirming_a_split_key(get: Get) -> Doors:
    key, actor = split_key_of_colleague(get)
    page = f"/costs/split-keys/{key.public_id}"
    return Doors(
        actor=actor,
        service=lambda: confirm_key(key.public_id, actor=actor),
        page=f"{page}/confirm",
        stands_on=page,
        api=f"/api/v1/split-keys/{key.public_id}/decision",
        body={"decision": "confirmed"},
    )


def refusing_a_split_key(get: Get) -> Doors:
    key, actor = split_key_of_colleague(get)
    page = f"/costs/split-keys/{key.public_id}"
    return Doors(
        actor=actor,
        service=lambda: refuse_key(key.public_id, actor=actor, reason="Te duur"),
        page=f"{page}/refuse",
        stands_on=page,
        api=f"/api/v1/split-keys/{key.public_id}/decision",
        body={"decision": "refused", "reason": "Te duur"},
        form={"reason": "Te duur"},
    )


def split_key_of_colleague(get: Get) -> tuple[SplitKey, Person]:
    """A key that waits, and who may decide on it."""
    says = KeySays(
        source=make_project(get("platform").organization, f"Gateway {SplitKey.objects.count()}"),
        method=SplitMethod.EQUAL,
        recipients={get("project"): None},
        valid_from=months_to_begin(now())[0].start,
        reason="Gedeelde gateway",
    )
    return propose_key(says, actor=finance_of_platform(get)), finance_of_platform(get)


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
