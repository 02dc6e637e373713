"""What an e-invoice says of both parties that statements do not know, from the settings."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Final

from portal.identity.oidc.settings_table import SettingsTable

_PATTERNS: Final = {
    "kvk_number": r"[0-9]{8}",
    "vat_number": r"NL[0-9]{9}B[0-9]{2}",
    "iban": r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}",
    "contact_email": r"[^@\s]+@[^@\s]+\.[^@\s]+",
    "exemption_code": r"VATEX-[A-Z0-9-]+",
    "payment_days": r"[1-9][0-9]?",
}


@dataclass(frozen=True, kw_only=True)
class Address:
    """In the Netherlands; that is where who pays is."""

    street: str = ""
    postal_code: str = ""
    city: str = ""


@dataclass(frozen=True, kw_only=True)
class Supplier(Address):
    """Who sells. What is empty nobody filled in.

    Attributes:
        exemption_code: why those who are exempt are (VATEX); needed for them alone.
    """

    kvk_number: str = ""
    vat_number: str = ""
    iban: str = ""
    contact_name: str = ""
    contact_email: str = ""
    exemption_code: str = ""
    payment_days: str = "30"


def read_supplier(table: SettingsTable) -> Supplier:
    """Return what the file says of the supplier.

    Raises:
        ImproperlyConfigured: something is unknown, or not what it should be.
    """
    names = [one.name for one in fields(Supplier)]
    values = {name: table.text(name).strip() for name in names if table.has(name)}
    table.refuse_what_was_not_read()
    for name, value in values.items():
        if name in _PATTERNS and not re.fullmatch(_PATTERNS[name], value):
            raise table.mistake(f"{name} must match {_PATTERNS[name]}")
    if "iban" in values and not _is_iban(values["iban"]):
        raise table.mistake("iban has a check number that is wrong")
    return Supplier(**values)


def read_customers(table: SettingsTable) -> dict[str, Address]:
    """Return the addresses by OIN; each is whole."""
    customers = {}
    for oin in table.names():
        if not re.fullmatch("[0-9]{20}", oin):
            raise table.mistake(f"{oin} is not an OIN of 20 digits")
        one = table.table(oin)
        customers[oin] = Address(
            street=one.text("street"), postal_code=one.text("postal_code"), city=one.text("city")
        )
        one.refuse_what_was_not_read()
    return customers


def _is_iban(text: str) -> bool:
    """ISO 13616: with the first four behind, letters as numbers, it is 1 modulo 97."""
    return int("".join(str(int(letter, 36)) for letter in text[4:] + text[:4])) % 97 == 1
