"""Acts about what things will cost, which bind whoever pays."""

from __future__ import annotations

from decimal import Decimal

from django.utils.timezone import now

from billing.models import TariffRound
from billing.services.tariff_drafts import NewPrice, RoundSays, months_to_begin
from billing.services.tariffs import confirm_round, propose_round, refuse_round
from portal.identity.models import Person, Role
from tests.factories import PersonFactory, grant
from tests.factories.billing import set_price
from tests.portal.identity.doors import Doors, Get


def confirming_a_round(get: Get) -> Doors:
    waiting, actor = round_that_waits(get, "confirmed"), finance_of_platform(get)
    page = f"/costs/tariffs/rounds/{waiting.public_id}"
    return Doors(
        actor=actor,
        service=lambda: confirm_round(waiting.public_id, actor=actor),
        page=f"{page}/confirm",
        stands_on=page,
        api=f"/api/v1/tariff-rounds/{waiting.public_id}/decision",
        body={"decision": "confirmed"},
    )


def refusing_a_round(get: Get) -> Doors:
    waiting, actor = round_that_waits(get, "refused"), finance_of_platform(get)
    page = f"/costs/tariffs/rounds/{waiting.public_id}"
    return Doors(
        actor=actor,
        service=lambda: refuse_round(waiting.public_id, actor=actor, reason="Te duur"),
        page=f"{page}/refuse",
        stands_on=page,
        api=f"/api/v1/tariff-rounds/{waiting.public_id}/decision",
        body={"decision": "refused", "reason": "Te duur"},
        form={"reason": "Te duur"},
    )


def round_that_waits(get: Get, word: str) -> TariffRound:
    price = set_price("38.40", sku=f"server.{word}")
    new = NewPrice(sku=price.sku.code, unit=price.unit, amount=Decimal(40))
    begin = months_to_begin(now())[0].start
    says = RoundSays(name=f"Tarieven {word}", valid_from=begin, prices=[new])
    return propose_round(says, actor=finance_of_platform(get))


def finance_of_platform(get: Get) -> Person:
    """Somebody of finance of the organization that runs the platform."""
    person: Person = PersonFactory()
    grant(person, Role.FINANCE, get("platform").organization)
    return person
