"""The file that says what the ledger wants: what is wrong in it is one line, at the start."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from billing.ledger.layout import Column, Field, Layout
from billing.ledger.settings_file import read_ledger
from billing.ledger.vat import CATEGORY_BY_TREATMENT
from portal.identity.models import VatTreatment

NAME = "CLOUDLOKET_LEDGER_FILE"
AMOUNT = '[[columns]]\nheader = "Bedrag"\nfield = "amount"\n'


@pytest.fixture
def read(tmp_path):
    def read(text: str):
        file = tmp_path / "ledger.toml"
        file.write_bytes(text.encode("utf-8", "surrogateescape"))
        return read_ledger(str(file), variable=NAME)

    return read


def test_without_a_file_the_usual_holds(read):
    assert read_ledger("", variable=NAME).layout == Layout() == read("").layout


def test_every_treatment_has_a_code():
    assert set(CATEGORY_BY_TREATMENT) == set(VatTreatment.values) == set(Layout().vat_codes)


def test_what_the_file_says_holds(read):
    layout = read(
        AMOUNT + '[[columns]]\nheader = "Dagboek"\nvalue = ""\n[formats]\nperiod = "%m"\n'
        '[ledger_accounts]\nCompute = "44"\n[cost_types]\ndefault = "ICT"\n'
        '[vat_codes]\nexempt = "0"\n'
    ).layout

    assert layout.columns == (
        Column(header="Bedrag", field=Field.AMOUNT),
        Column(header="Dagboek", value=""),
    )
    assert (layout.ledger_account("Compute"), layout.ledger_account("Web")) == ("44", "")
    assert layout.cost_type("Compute") == "ICT"
    assert layout.vat_codes["exempt"] == "0"
    assert layout.vat_codes["standard_21"] == "S"
    assert (layout.date_format, layout.period_format) == ("%d-%m-%Y", "%m")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x", "cannot read"),
        ("\udcff", "cannot read"),
        ("[kolommen]", "unknown table kolommen"),
        ("columns = 3", "must be [[columns]] tables"),
        ("columns = []", "must be [[columns]] tables"),
        ("columns = [3]", "[[columns]] 1: is not a table"),
        ('[[columns]]\nheader = "A"', "[[columns]] 1: must have either field or value"),
        (AMOUNT + 'value = "3"', "[[columns]] 1: must have either field or value"),
        (AMOUNT + "breedte = 3", "[[columns]] 1: unknown setting breedte"),
        (AMOUNT.replace("amount", "price"), "[[columns]] 1: field is not one of booking_date"),
        (AMOUNT.replace('"Bedrag"', '""'), "[[columns]] 1: header is missing or not text"),
        (AMOUNT + AMOUNT, "two of the columns have the same header"),
        (AMOUNT.replace("amount", "period"), "none of the columns has the field amount"),
        ('[ledger_accounts]\nRekenkracht = "3"', "[ledger_accounts]: Rekenkracht is not one of"),
        ("[ledger_accounts]\nCompute = 3", "[ledger_accounts]: Compute is missing or not text"),
        ('[vat_codes]\nhoog = "3"', "[vat_codes]: hoog is not one of"),
        ('vat_codes = "S"', "[vat_codes]: is not a table"),
        ('[formats]\ndate = "vandaag"', "[formats]: date holds no part of a date"),
        ('[formats]\ntime = "%H"', "[formats]: unknown setting time"),
    ],
)
def test_what_is_wrong_is_told_with_where(read, text, told):
    with pytest.raises(ImproperlyConfigured) as raised:
        read(text)

    assert str(raised.value).startswith(NAME)
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ImproperlyConfigured, match=f"{NAME}: cannot read"):
        read_ledger(str(tmp_path / "nergens.toml"), variable=NAME)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[supplier]\niban = "NL91ABNA0417164301"', "[supplier]: iban has a check number"),
        ('[supplier]\niban = "nummer"', "[supplier]: iban must match"),
        ('[supplier]\nvat_number = "001"', "[supplier]: vat_number must match"),
        ('[supplier]\npayment_days = "0"', "[supplier]: payment_days must match"),
        ('[supplier]\nnaam = "x"', "[supplier]: unknown setting naam"),
        ('[customers.1]\ncity = "x"', "[customers]: 1 is not an OIN of 20 digits"),
        ('[customers.00000001003214345000]\ncity = "x"', "000]: street is missing or not text"),
    ],
)
def test_what_is_wrong_of_parties_is_told_too(read, text, told):
    with pytest.raises(ImproperlyConfigured) as raised:
        read(text)

    assert told in str(raised.value)


def test_parties_are_read(read):
    found = read(
        '[supplier]\niban = "NL91ABNA0417164300"\ncity = "Den Haag"\n'
        '[customers.00000001003214345000]\nstreet = "A 1"\npostal_code = "1234 AB"\ncity = "B"\n'
    )

    assert (found.supplier.iban, found.supplier.city) == ("NL91ABNA0417164300", "Den Haag")
    assert found.supplier.payment_days == "30"
    assert found.customers["00000001003214345000"].city == "B"
