"""How a zone and its records are written, and what is none."""

import pytest

from catalog.kinds.dns_zone import read_records
from portal.core.errors import InvalidInput
from tests.catalog.kinds.test_every_kind import EXAMPLES, version_of
from tests.factories import place

pytestmark = pytest.mark.django_db


@pytest.fixture
def ask(requester, project):
    version = version_of("dns_zone")

    def order(**changes):
        spec = {**EXAMPLES["dns_zone"].spec, **changes}
        return place(requester, project, version, name="zone", spec=spec).lines.get()

    return order


def test_values_of_one_name_and_type_are_one_record():
    text = (
        "@ A 192.0.2.10\n@ a 192.0.2.11\n@ A 192.0.2.10\nwww CNAME Loket.Example.nl.\n* TXT hallo"
    )

    records = read_records(text, "example.nl.")

    assert [(record.name, record.type, list(record.values)) for record in records] == [
        ("example.nl.", "A", ["192.0.2.10", "192.0.2.11"]),
        ("www.example.nl.", "CNAME", ["loket.example.nl."]),
        ("*.example.nl.", "TXT", ['"hallo"']),
    ]


@pytest.mark.parametrize(("typed", "kept"), [("Loket.Example.NL.", "loket.example.nl")])
def test_domain_is_kept_without_its_last_dot(ask, typed, kept):
    assert ask(zone=typed).spec["zone"] == kept


def test_zone_without_records_is_a_zone(ask):
    assert ask(records="").spec["records"] is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("zone", ""),
        ("zone", "nl"),
        ("zone", "-loket.example.nl"),
        ("zone", "loket..nl"),
        ("zone", "loket.example.nl/24"),
        ("zone", ".".join(["lang" * 12] * 6)),
        ("zone", "löket.example.nl"),
        ("email", "beheer"),
        ("email", "beheer@example"),
        ("email", "beheer@example.nl\nBcc: x"),
        ("records", "www"),
        ("records", "www A"),
        ("records", "www A 2001:db8::1"),
        ("records", "www AAAA 192.0.2.10"),
        ("records", "www A 192.0.2.300"),
        ("records", "www SOA x"),
        ("records", "www NS ns.example.nl"),
        ("records", "@ MX mail.example.nl"),
        ("records", "@ MX 70000 mail.example.nl"),
        ("records", "www CNAME 10 loket.example.nl"),
        ("records", "www CNAME niet/een/naam"),
        ("records", '@ TXT "a" "b'),
        ("records", "@ TXT " + "x" * 256),
        ("records", "<b> A 192.0.2.10"),
        ("records", "\n".join(f"w{number} A 192.0.2.10" for number in range(51))),
        ("records", 7),
    ],
)
def test_anything_else_is_refused_at_its_field(ask, field, value):
    with pytest.raises(InvalidInput) as refusal:
        ask(**{field: value})
    assert list(refusal.value.errors) == [field]
