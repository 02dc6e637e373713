"""Changes of what is paid once, which is paid anew where the quantity is another."""

import pytest

from billing.models import PriceUnit
from catalog.services.approvals import approve_by_rule
from tests.catalog.approval_rules.conftest import administrators, rule
from tests.factories import SPEC, OfferingVersionFactory
from tests.factories.billing import set_price

__all__ = ["administrators", "rule"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def version(db):
    """Costs nothing per month, and each GiB of its disk is paid once."""
    set_price("0.00", sku="server.gp.small")
    set_price("1.00", sku="volume.standard", unit=PriceUnit.ONE_OFF)
    return OfferingVersionFactory()


def test_a_large_sum_is_not_small_in_changes_of_one_resource(run, rule, ask, version, engine):
    server = run(version, name="zaken", spec={**SPEC, "volume_gib": 40})
    rule(automatic_below="100")

    assert engine.call(approve_by_rule, ask(server, volume_gib=50).pk)
    engine.run()

    assert not approve_by_rule(ask(server, volume_gib=60).pk)
