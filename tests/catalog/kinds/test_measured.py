"""An offering decides what is charged by what the cloud counts; older versions decided nothing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from django.utils.timezone import now
from django.utils.translation import override

from billing.meters import Measure, Meter
from billing.models import PriceUnit
from billing.services.pricing import quote
from catalog.kinds import get_kind
from catalog.views.order_panel import Panel
from tests.catalog.kinds.test_every_kind import EXAMPLES, version_of
from tests.factories import make_project
from tests.factories.billing import set_price

pytestmark = pytest.mark.django_db
USED = Meter.measured("object.used", Measure.STORED)
PASSED = Meter.measured("load_balancer.traffic", Measure.TRAFFIC)


def meters(version, *measured):
    """What a version charges by, that decided this about measuring."""
    kind = version.offering.kind
    if measured:
        version.choices = {**version.choices, "measured": list(measured)}
    return get_kind(kind).meters(version, EXAMPLES[kind].spec)


def test_container_is_charged_by_its_size_or_by_what_is_stored():
    size = Decimal(EXAMPLES["container"].spec["object_gib"])

    version = version_of("container")

    assert meters(version) == [Meter("object", size)]
    assert meters(version, "stored") == [USED]


def test_load_balancer_is_charged_by_time_and_may_be_by_traffic_too():
    version = version_of("load_balancer")

    assert meters(version) == [Meter("load_balancer", Decimal(1))]
    assert meters(version, "traffic") == [Meter("load_balancer", Decimal(1)), PASSED]


@pytest.mark.parametrize("kind", ["container", "load_balancer"])
def test_first_draft_charges_as_before_and_leaves_it_out(kind):
    version = version_of(kind)
    (asked,) = [
        field for field in get_kind(kind).choice_fields(version.cloud) if field.name == "measured"
    ]

    assert asked.begin() == []
    assert asked.is_left_out([])
    with pytest.raises(ValueError, match="cloud"):
        asked.clean(["moon"])


@pytest.mark.parametrize(
    ("measured", "hint"), [((), "also when it is empty"), (("stored",), "what is stored in it")]
)
def test_form_says_what_is_paid_for(measured, hint):
    version = version_of("container")
    version.choices = {**version.choices, "measured": list(measured)}
    (asked,) = get_kind("container").parameters(version)

    with override("en"):
        assert hint in str(asked.hint)


def test_quote_of_what_is_measured_is_a_price_and_no_amount():
    set_price("0.023", sku="object.used", unit=PriceUnit.GIB_MONTH)
    set_price("0.01", sku="load_balancer.traffic", unit=PriceUnit.GIB)
    set_price("18", sku="load_balancer")
    project = make_project()

    alone = quote([USED], project=project, at=now())
    beside = quote([Meter("load_balancer", Decimal(1)), PASSED], project=project, at=now())

    assert (alone.monthly, alone.one_off, alone.is_by_use_alone) == (0, 0, True)
    assert (beside.monthly, beside.one_off, beside.is_by_use_alone) == (18, 0, False)
    assert [line.sku for line in beside.measured_lines] == ["load_balancer.traffic"]
    assert type(alone).from_json(alone.as_json()) == alone
    with override("en"):
        panel = replace(Panel(problems=[]), least=beside)
        assert panel.announcement == "From €18.00 per month + €0.01 per GiB"
