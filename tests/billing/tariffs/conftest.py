"""Two people of finance at the organization that runs the platform, and what they agree on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils.timezone import now

from billing.models import Price, TariffRound
from billing.services.tariff_drafts import NewPrice, RoundSays, months_to_begin
from billing.services.tariffs import confirm_round, propose_round
from portal.core.calendar import month_of
from portal.core.models import is_in_force
from portal.identity.models import Organization, Person, Role
from tests.factories import PersonFactory, grant, make_organization

SERVER, DISK = "server.gp.small", "volume.standard"


@dataclass(frozen=True)
class Treasury:
    """The organization that runs the platform, and its people."""

    organization: Organization
    first: Person
    second: Person
    auditor: Person


@pytest.fixture
def treasury(db: None, settings: Any) -> Treasury:
    organization = make_organization(name="Overheidsdatacenter")
    settings.CATALOGUE_ORGANIZATION = organization.code
    names = {"Daan Visser": Role.FINANCE, "Eva Mulder": Role.FINANCE, "Tess Vos": Role.AUDITOR}
    people = [PersonFactory(name=name) for name in names]
    for person, role in zip(people, names.values(), strict=True):
        grant(person, role, organization)
    return Treasury(organization, *people)


def month_ahead(months: int) -> datetime:
    """The beginning of the month that comes after so many."""
    return months_to_begin(now())[months - 1].start


def last_month() -> datetime:
    """The beginning of it."""
    return month_of(month_of(now()).start - timedelta(days=1)).start


def costs(amount: str | None, sku: str = SERVER, unit: str = "month") -> NewPrice:
    """A new price of a SKU; None: the own price ends."""
    if amount is None:
        return NewPrice(sku=sku)
    return NewPrice(sku=sku, unit=unit, amount=Decimal(amount))


def says(
    *prices: NewPrice, name: str = "Tarieven later", months: int = 1, **facts: Any
) -> RoundSays:
    return RoundSays(name=name, valid_from=month_ahead(months), prices=prices, **facts)


@pytest.fixture
def proposed(treasury: Treasury) -> Callable[..., TariffRound]:
    """Has the first propose it; arguments are those of ``says``."""

    def propose(*prices: NewPrice, **facts: Any) -> TariffRound:
        return propose_round(says(*prices, **facts), actor=treasury.first)

    return propose


@pytest.fixture
def agreed(treasury: Treasury, proposed: Callable[..., TariffRound]) -> Callable[..., TariffRound]:
    """And the second confirm it."""

    def agree(*prices: NewPrice, **facts: Any) -> TariffRound:
        return confirm_round(proposed(*prices, **facts).public_id, actor=treasury.second)

    return agree


def price_at(
    at: datetime, *, sku: str = SERVER, organization: Organization | None = None
) -> str | None:
    """What just this organization, or everybody, pays then."""
    price = Price.objects.filter(is_in_force(at), sku__code=sku, organization=organization).first()
    return f"{price.amount.normalize():f}" if price else None
