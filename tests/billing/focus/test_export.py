"""The rows of a month: that they are FOCUS, say what was charged, and add up to the lines."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import override_settings

from billing.focus.export import export_month
from billing.models import MeteredResource, Price, PriceUnit, Sku
from billing.services.charging import costs, list_charges, stream_charges
from portal.core.calendar import month, start_of_day
from portal.identity.models import Node, Project
from tests.billing.focus.reading import problems_of, read, written
from tests.factories import make_project
from tests.factories.billing import MeteredResourceFactory, SkuFactory, UsageSpanFactory, set_price

NOVEMBER = month(2026, 11)
pytestmark = pytest.mark.django_db


def november(day: int) -> Any:
    return start_of_day(date(2026, 11, day))


def rows_of(*nodes: Node, as_of: Any = NOVEMBER.end) -> list[dict[str, str]]:
    """The rows of November, once they are found to be FOCUS."""
    text = written(export_month([node.pk for node in nodes], month=NOVEMBER, as_of=as_of))
    assert problems_of(text) == []
    return read(text)


def test_a_charge_says_what_was_used_at_which_price(project: Project) -> None:
    price = set_price("38.40")
    server = MeteredResourceFactory(
        project=project, openstack_id="a1b2", tags={"dienst": "zaken", "intern": True}
    )
    UsageSpanFactory(resource=server, quantity=Decimal(2), ended_at=november(16))

    (row,) = rows_of(project)

    assert {name: value for name, value in row.items() if value} == {
        "BilledCost": "38.4",
        "BillingAccountId": str(project.parent.public_id),
        "BillingAccountName": "Dienst",
        "BillingAccountType": "Organization",
        "BillingCurrency": "EUR",
        "BillingPeriodEnd": "2026-11-30T23:00:00Z",
        "BillingPeriodStart": "2026-10-31T23:00:00Z",
        "ChargeCategory": "Usage",
        "ChargeDescription": "server.gp.small (en)",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodEnd": "2026-11-15T23:00:00Z",
        "ChargePeriodStart": "2026-10-31T23:00:00Z",
        "ConsumedQuantity": "2592000.0",
        "ConsumedUnit": "Seconds",
        "ContractedCost": "38.4",
        "ContractedUnitPrice": "38.4",
        "EffectiveCost": "38.4",
        "InvoiceIssuerName": "Cloudloket",
        "ListCost": "38.4",
        "ListUnitPrice": "38.4",
        "PricingCategory": "Standard",
        "PricingCurrency": "EUR",
        "PricingCurrencyContractedUnitPrice": "38.4",
        "PricingCurrencyEffectiveCost": "38.4",
        "PricingCurrencyListUnitPrice": "38.4",
        "PricingQuantity": "1.0",
        "PricingUnit": "Months",
        "ProviderName": "Cloudloket",
        "PublisherName": "Cloudloket",
        "RegionId": server.cloud.region,
        "RegionName": server.cloud.name,
        "ResourceId": str(server.public_id),
        "ResourceName": server.name,
        "ResourceType": "server",
        "ServiceCategory": "Compute",
        "ServiceName": "Virtual Machines",
        "ServiceSubcategory": "Virtual Machines",
        "SkuId": "server.gp.small",
        "SkuMeter": "server.gp.small (en)",
        "SkuPriceId": str(price.public_id),
        "SubAccountId": str(project.public_id),
        "SubAccountName": project.name,
        "SubAccountType": "Project",
        "Tags": '{"cloudloket/dienst": "zaken", "cloudloket/intern": true}',
        "x_Kind": "server",
        "x_OpenStackId": "a1b2",
    }


def test_a_part_of_a_cent_is_a_row_of_its_own(project: Project) -> None:
    set_price("10.00")
    for _ in range(2):
        UsageSpanFactory(resource=MeteredResourceFactory(project=project), ended_at=november(2))

    one, two, rounding = rows_of(project)

    assert (one["BilledCost"], two["BilledCost"]) == ("0.333333", "0.333333")
    assert rounding["ChargeCategory"] == "Adjustment"
    assert rounding["BilledCost"] == rounding["ListCost"] == "0.003334"
    assert (rounding["ResourceId"], rounding["PricingQuantity"]) == ("", "")


def test_a_part_of_a_month_costs_what_unit_price_and_quantity_say(project: Project) -> None:
    set_price("10.00")
    UsageSpanFactory(resource=MeteredResourceFactory(project=project), ended_at=november(2))

    row = rows_of(project)[0]

    assert row["PricingQuantity"] == "0.033333333333"
    assert row["ContractedCost"] == row["ListCost"] == "0.33333333333"
    assert row["EffectiveCost"] == row["BilledCost"] == "0.333333"


@pytest.mark.parametrize(
    ("unit", "pricing_unit", "quantity", "consumed", "consumed_unit"),
    [
        (PriceUnit.MONTH, "Months", "0.05", "129600.0", "Seconds"),
        (PriceUnit.HOUR, "Hours", "36.0", "129600.0", "Seconds"),
        (PriceUnit.GIB_MONTH, "GiB-Months", "0.05", "129600.0", "GiB-Seconds"),
    ],
)
def test_each_unit_has_a_quantity(
    project: Project,
    unit: PriceUnit,
    pricing_unit: str,
    quantity: str,
    consumed: str,
    consumed_unit: str,
) -> None:
    set_price("1.00", unit=unit)
    UsageSpanFactory(
        resource=MeteredResourceFactory(project=project),
        quantity=Decimal("0.5"),
        ended_at=november(4),
    )

    row = rows_of(project)[0]

    assert (row["PricingQuantity"], row["PricingUnit"]) == (quantity, pricing_unit)
    assert (row["ConsumedQuantity"], row["ConsumedUnit"]) == (consumed, consumed_unit)


def test_what_is_paid_once_is_a_charge_without_time(project: Project) -> None:
    set_price("25.00", unit=PriceUnit.ONE_OFF)
    UsageSpanFactory(resource=MeteredResourceFactory(project=project), quantity=Decimal(3))

    (row,) = rows_of(project)

    assert (row["ChargeCategory"], row["ChargeFrequency"]) == ("Usage", "One-Time")
    assert (row["PricingQuantity"], row["PricingUnit"]) == ("3.0", "Units")
    assert (row["ConsumedQuantity"], row["ConsumedUnit"]) == ("3.0", "Units")
    assert (row["BilledCost"], row["ContractedCost"], row["EffectiveCost"]) == ("75.0",) * 3


def test_an_organization_with_a_price_of_its_own_sees_the_list_price_too(project: Project) -> None:
    set_price("40.00")
    own = set_price("30.00", organization=project.parent)
    UsageSpanFactory(resource=MeteredResourceFactory(project=project))

    (row,) = rows_of(project)

    assert row["SkuPriceId"] == str(own.public_id)
    assert (row["ContractedCost"], row["BilledCost"]) == ("30.0", "30.0")
    assert (row["ListUnitPrice"], row["ListCost"]) == ("40.0", "40.0")


def test_a_list_price_of_another_unit_or_time_is_none(project: Project) -> None:
    set_price("30.00", organization=project.parent)
    set_price("0.05", unit=PriceUnit.HOUR, until=november(11))
    set_price("40.00", since=november(11))
    UsageSpanFactory(resource=MeteredResourceFactory(project=project))

    (row,) = rows_of(project)

    assert (row["ListUnitPrice"], row["ListCost"]) == ("30.0", "30.0")


def test_use_without_a_price_is_in_no_row(project: Project) -> None:
    SkuFactory(code="unpriced")
    UsageSpanFactory(resource=MeteredResourceFactory(project=project), sku__code="unpriced")

    assert rows_of(project) == []


@pytest.mark.parametrize(
    "name", ["=1+1", 'zaak "A", B', "regel\r\nregel", " wit ", "Œuvre — 日本 🏛", "-", "a;b\tc"]
)
def test_names_stay_what_they_are(project: Project, name: str) -> None:
    set_price("38.40")
    Node.objects.filter(pk=project.pk).update(name=name)
    server = MeteredResourceFactory(project=project, name=name, tags={name: name})
    UsageSpanFactory(resource=server)

    (row,) = rows_of(project)

    assert (row["ResourceName"], row["SubAccountName"]) == (name, name)


def test_the_platform_is_named_by_its_organization(project: Project) -> None:
    set_price("38.40")
    UsageSpanFactory(resource=MeteredResourceFactory(project=project))

    with override_settings(CATALOGUE_ORGANIZATION=project.parent.code):
        (row,) = rows_of(project)

    assert {row["ProviderName"], row["PublisherName"], row["InvoiceIssuerName"]} == {"Dienst"}


def sums_by_line(rows: list[dict[str, str]]) -> dict[tuple[str, ...], Decimal]:
    sums: defaultdict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for row in rows:
        key = (row["BillingAccountId"], row["SubAccountId"], row["SkuPriceId"])
        sums[key] += Decimal(row["BilledCost"])
    return dict(sums)


def lines_of(nodes: list[Node], as_of: Any) -> dict[tuple[str, ...], Decimal]:
    names = {node.pk: str(node.public_id) for node in Node.objects.all()}
    prices = {price.pk: str(price.public_id) for price in Price.objects.all()}
    found = costs([node.pk for node in nodes], period=NOVEMBER, as_of=as_of)
    return {
        (names[line.organization_id], names[line.project_id], prices[line.price_id]): line.amount
        for line in found.lines
        if line.price_id
    }


def test_rows_add_up_to_the_lines_in_cents(project: Project) -> None:
    set_price("10.00", until=november(11))
    set_price("11.11", since=november(11))
    set_price("0.07", sku="volume.standard", unit=PriceUnit.GIB_MONTH)
    other = make_project(project.parent)
    for number in range(1, 8):
        owner = project if number % 2 else other
        server: MeteredResource = MeteredResourceFactory(project=owner)
        UsageSpanFactory(resource=server, ended_at=november(2 + 3 * number))
        UsageSpanFactory(
            resource=server, sku=Sku.objects.get(code="volume.standard"), quantity=Decimal(number)
        )

    rows = rows_of(project.parent, as_of=november(20))

    sums = sums_by_line(rows)
    assert sums == lines_of([project.parent], november(20))
    assert all(amount == round(amount, 2) for amount in sums.values())


@pytest.mark.django_db(transaction=True)
def test_who_stops_reading_leaves_nothing_behind(project: Project) -> None:
    """As in production: no transaction of a test around it."""
    set_price("38.40")
    for _ in range(3):
        UsageSpanFactory(resource=MeteredResourceFactory(project=project))

    rows = export_month([project.pk], month=NOVEMBER, as_of=NOVEMBER.end)
    next(rows)
    reading = open_cursors()
    rows.close()

    assert (reading, open_cursors()) == (1, 0)


def open_cursors() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_cursors WHERE is_holdable")
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_pieces_hold_every_charge_once(project: Project, size: int) -> None:
    set_price("30.00", until=november(11))
    set_price("60.00", since=november(11))
    for _ in range(3):
        UsageSpanFactory(resource=MeteredResourceFactory(project=project))

    asked = {"period": NOVEMBER, "as_of": NOVEMBER.end}
    pieces = list(stream_charges([project.pk], **asked, size=size))

    assert [one for piece in pieces for one in piece] == list_charges([project.pk], **asked)
    assert max(map(len, pieces)) <= size
