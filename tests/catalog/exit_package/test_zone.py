"""A zone as a file that other name servers read."""

from __future__ import annotations

from catalog.exit_package.zone import zone_text
from portal.cloud.ports import DnsRecord


def test_records_are_written_as_name_servers_read_them():
    records = [
        DnsRecord(name="loket.example.nl.", type="A", values=["192.0.2.10", "192.0.2.11"]),
        DnsRecord(name="www.loket.example.nl.", type="CNAME", values=["loket.example.nl."]),
        DnsRecord(name="*.test.loket.example.nl.", type="TXT", values=['"v=spf1 -all; ~"']),
        DnsRecord(name="loket.example.nl.", type="MX", values=["10 mail.example.nl."]),
    ]

    text = zone_text("loket.example.nl.", "jan.de.vries@example.nl", records)

    lines = [line for line in text.splitlines() if not line.startswith(";")]
    assert lines == [
        "$ORIGIN loket.example.nl.",
        "$TTL 3600",
        "@ IN A 192.0.2.10",
        "@ IN A 192.0.2.11",
        "www IN CNAME loket.example.nl.",
        '*.test IN TXT "v=spf1 -all; ~"',
        "@ IN MX 10 mail.example.nl.",
    ]
    assert "jan\\.de\\.vries.example.nl." in text


def test_a_name_that_ends_alike_is_not_within_the_zone():
    record = DnsRecord(name="anderloket.nl.", type="A", values=["192.0.2.10"])

    assert "anderloket.nl. IN A" in zone_text("loket.nl.", "a@b.nl", [record])
