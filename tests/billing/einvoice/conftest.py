"""A closed month of an organization that is taxed, and everything an e-invoice needs."""

from __future__ import annotations

from typing import Any

import pytest

from billing.einvoice.parties import Address, Supplier
from billing.ledger.settings_file import LedgerSettings
from portal.identity.models import Organization, VatTreatmentPeriod
from tests.billing.months.conftest import (
    close,
    first,
    platform,
    project,
    second,
    server,
    service,
)
from tests.factories import give_numbers
from tests.factories.billing import LONG_AGO

__all__ = ["close", "first", "platform", "project", "second", "server", "service"]
OIN = "00000001003214345000"
SUPPLIER = Supplier(
    street="Rijnstraat 8",
    postal_code="2515 XP",
    city="Den Haag",
    kvk_number="27365323",
    vat_number="NL001234567B01",
    iban="NL91ABNA0417164300",
    contact_name="Facturen",
    contact_email="facturen@example.nl",
    exemption_code="VATEX-EU-132-1F",
)
CUSTOMER = Address(street="Plein 1", postal_code="1234 AB", city="Almere")


@pytest.fixture
def known(service: Organization, settings: Any) -> Organization:
    """The service, of which nobody said how it is taxed."""
    give_numbers(service, oin=OIN)
    settings.LEDGER = LedgerSettings(supplier=SUPPLIER, customers={OIN: CUSTOMER})
    return service


@pytest.fixture
def taxed(known: Organization) -> Organization:
    """The service, at 21%."""
    tax(known, "standard_21")
    return known


def tax(organization: Organization, treatment: str) -> None:
    VatTreatmentPeriod.objects.create(
        organization=organization, treatment=treatment, valid_from=LONG_AGO
    )
