"""What the cloud counts is priced per what it counts: traffic per GiB, storage per GiB a month."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, transaction
from django.utils.timezone import now
from django.utils.translation import override

from billing.meters import unit_of_measured
from billing.models import MeasuredUse, PriceUnit, TariffRound
from billing.tariff_forms import TariffRoundForm
from billing.tariff_tables import present_prices
from portal.core.errors import InvalidInput
from tests.billing.tariffs.conftest import SERVER, costs
from tests.factories import make_organization, make_project
from tests.factories.billing import MeteredResourceFactory, SkuFactory, set_price

pytestmark = pytest.mark.django_db
STORED, TRAFFIC, FEE = "object.used", "load_balancer.traffic", "fee.setup"
FITS = {STORED: PriceUnit.GIB_MONTH, TRAFFIC: PriceUnit.GIB}
MISFITS = [(sku, unit.value) for sku in FITS for unit in PriceUnit if unit != FITS[sku]]


@pytest.fixture(autouse=True)
def skus(db):
    return [SkuFactory(code=code) for code in (STORED, TRAFFIC, SERVER)]


@pytest.mark.parametrize(("sku", "unit"), MISFITS)
def test_another_unit_is_refused_at_its_field(proposed, sku, unit):
    with pytest.raises(InvalidInput) as refusal:
        proposed(costs("1", sku, unit))

    assert set(refusal.value.errors) == {f"prices.{sku}"}
    assert not TariffRound.objects.exists()


def test_the_one_that_fits_is_proposed(proposed):
    lines = proposed(*(costs("1", sku, unit.value) for sku, unit in FITS.items())).lines

    assert dict(lines.values_list("sku__code", "unit")) == FITS


def test_a_price_that_never_fitted_is_put_right(proposed):
    set_price("1", sku=TRAFFIC, unit=PriceUnit.MONTH)

    assert proposed(costs("0.01", TRAFFIC, "gib")).lines.get().unit == "gib"


def test_what_nobody_measures_may_have_any(proposed):
    assert unit_of_measured(SERVER) is None
    assert proposed(costs("1", SERVER, "hour")).lines.get().unit == "hour"


@override("en")
@pytest.mark.parametrize("unit", ["gib", "gib_month"])
def test_a_fee_has_no_price_per_size(proposed, unit):
    SkuFactory(code=FEE)

    with pytest.raises(InvalidInput) as refusal:
        proposed(costs("1", FEE, unit))

    assert refusal.value.errors[f"prices.{FEE}"] == ["A fee is paid once, per hour or per month."]
    assert proposed(costs("1", FEE, "one_off")).lines.get().unit == "one_off"


def test_the_form_offers_only_those_that_fit():
    SkuFactory(code=FEE)
    set_price("1", sku=STORED, unit=PriceUnit.MONTH)
    set_price("1", sku=TRAFFIC, unit=PriceUnit.GIB)
    presents = present_prices(None, at=now())

    form = TariffRoundForm(None, organization=None, presents=presents, at=now())

    offered = {
        name: [value for value, _label in form.fields[name].choices]
        for name in form.fields
        if name.startswith("units.")
    }
    assert offered == {
        f"units.{STORED}": ["gib_month"],
        f"units.{SERVER}": PriceUnit.values,
        f"units.{FEE}": ["month", "hour", "one_off"],
    }


@pytest.mark.database
@pytest.mark.parametrize(
    ("sku", "measure", "fits", "misfits"),
    [(STORED, "stored", "gib_month", "gib"), (TRAFFIC, "traffic", "gib", "gib_month")],
)
def test_the_database_refuses_another_once_it_is_measured(sku, measure, fits, misfits):
    MeasuredUse.objects.create(
        resource=MeteredResourceFactory(project=make_project(make_organization())),
        sku=SkuFactory(code=sku),
        measure=measure,
        started_at=now().replace(microsecond=0),
    )

    with pytest.raises(DatabaseError, match="per what it counts"), transaction.atomic():
        set_price("1", sku=sku, unit=misfits)
    set_price("1", sku=sku, unit=fits)
