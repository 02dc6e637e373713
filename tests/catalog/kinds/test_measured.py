"""An offering decides what is charged by what the cloud counts; older versions decided nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.utils.timezone import now
from django.utils.translation import override

from billing.meters import Measure, Meter
from billing.models import Price, PriceUnit
from billing.services.pricing import quote
from billing.services.quotes import Quote
from catalog.kinds import get_kind
from catalog.kinds.measured import EXPECTED_TRAFFIC
from catalog.views.order_panel import Panel
from portal.core.calendar import month
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
    assert meters(version, "stored") == [replace(USED, expected=size)]


def test_load_balancer_is_charged_by_time_and_may_be_by_traffic_too():
    version = version_of("load_balancer")

    assert meters(version) == [Meter("load_balancer", Decimal(1))]
    assert meters(version, "traffic") == [Meter("load_balancer", Decimal(1)), PASSED]
    version.choices["expected_gib"] = 500
    expected = replace(PASSED, expected=Decimal(500))
    assert meters(version, "traffic") == [Meter("load_balancer", Decimal(1)), expected]


@pytest.mark.parametrize("typed", ["9" * 19, "9" * 5000, "1e3", "-1", "²"])
def test_what_is_no_number_of_gib_is_refused(typed):
    with pytest.raises(ValueError, match="1"):
        EXPECTED_TRAFFIC.clean(EXPECTED_TRAFFIC.read(typed))


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


@pytest.mark.parametrize(("answer", "kept"), [(None, None), (1, 1), (1_000_000, 1_000_000)])
def test_expected_traffic_is_a_whole_number_or_nothing(answer, kept):
    assert EXPECTED_TRAFFIC.clean(answer) == kept
    assert EXPECTED_TRAFFIC.is_left_out(kept) is (kept is None)


@pytest.mark.parametrize("answer", [0, -1, 1_000_001, True, "12", 1.5, [1]])
def test_expected_traffic_is_nothing_else(answer):
    with pytest.raises(ValueError, match="1"):
        EXPECTED_TRAFFIC.clean(answer)


@pytest.mark.parametrize(("typed", "read"), [("", None), (" 500 ", 500), ("veel", "veel")])
def test_expected_traffic_is_read_as_it_was_typed(typed, read):
    assert EXPECTED_TRAFFIC.read(typed) == read


class TestExpected:
    """What a quote of what is measured is judged by; it still promises nothing."""

    @pytest.fixture(autouse=True)
    def prices(self, db):
        set_price("0.02", sku="object.used", unit=PriceUnit.GIB_MONTH)
        set_price("0.01", sku="load_balancer.traffic", unit=PriceUnit.GIB)

    @pytest.fixture
    def quoted(self):
        meters = [replace(USED, expected=Decimal(100)), replace(PASSED, expected=Decimal(500))]
        return quote(meters, project=make_project(), at=now())

    def test_is_what_is_full_and_what_usually_passes(self, quoted):
        assert [line.expected for line in quoted.lines] == [Decimal(2), Decimal(5)]
        assert (quoted.monthly, quoted.one_off) == (0, 0)
        assert (quoted.expected, quoted.judged_monthly) == (7, 7)
        assert Quote.from_json(quoted.as_json()) == quoted

    def test_is_no_part_of_what_it_costs_until_a_day_but_of_what_budgets_look_at(self, quoted):
        september = month(2026, 9)
        half = september.start + timedelta(days=15)

        assert quoted.cost_until(september.start, month(2026, 10).end) == 0
        assert quoted.judged_until(september.start, month(2026, 10).end) == 14
        assert quoted.judged_until(september.start, half) == Decimal("3.5")
        assert quoted.judged_until(half, september.start) == 0

    def test_counts_tiers(self):
        price = Price.objects.get(sku__code="load_balancer.traffic")
        tiered = replace_price(price, [Decimal(100)], [Decimal("0.002")])

        quoted = quote([replace(PASSED, expected=Decimal(500))], project=make_project(), at=now())

        assert quoted.expected == 100 * tiered.amount + 400 * Decimal("0.002")

    def test_is_told_as_what_it_is(self, quoted):
        with override("en"):
            assert [line.expected_text for line in quoted.lines] == [
                "at most €2.00 per month, when it is full",
                "expected: €5.00 per month",
            ]


def replace_price(price, quantities, amounts):
    """What nobody can: other tiers of a price that holds."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        Price.objects.filter(pk=price.pk).update(tier_quantities=quantities, tier_amounts=amounts)
        cursor.execute("SET LOCAL session_replication_role = origin")
    return price
