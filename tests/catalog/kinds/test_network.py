"""Which ranges of addresses a private network may have."""

from decimal import Decimal

import pytest
from django.utils.timezone import now

from catalog.models import Metric, Offering
from catalog.quota_errors import QuotaExceeded
from catalog.services.limits import set_limit
from portal.core.errors import InvalidInput
from tests.factories import OfferingVersionFactory, place, priced

pytestmark = pytest.mark.django_db


@pytest.fixture
def network(db):
    priced(network="1.00", router="4.00")
    offering = Offering.objects.create(code="private-network", kind="network")
    return OfferingVersionFactory(offering=offering, choices={"ways_out": ["outside", "none"]})


@pytest.fixture
def ask(requester, project, network):
    def order(cidr, way_out="none"):
        spec = {"cidr": cidr, "way_out": way_out}
        return place(requester, project, network, name="binnen", spec=spec).lines.get()

    return order


@pytest.mark.parametrize("cidr", ["10.0.0.0/16", "192.168.10.8/29", "100.64.0.0/24"])
def test_private_range_is_kept_as_it_was_written(ask, cidr):
    assert ask(cidr).spec["cidr"] == cidr


@pytest.mark.parametrize(
    "cidr",
    [
        "",
        "zeven",
        "10.0.0.1/24",
        "10.0.0.0/15",
        "10.0.0.0/30",
        "8.8.8.0/24",
        "172.32.0.0/16",
        "2001:db8::/64",
        "10.0.0.0/24;x",
        "10.0.0.0/24\x00",
        "1" * 300,
        24,
        None,
    ],
)
def test_any_other_range_is_refused_at_its_field(ask, cidr):
    with pytest.raises(InvalidInput) as refusal:
        ask(cidr)
    assert list(refusal.value.errors) == ["cidr"]


def test_way_out_counts_as_a_router_and_is_paid_for(ask):
    lines = ask("10.0.0.0/24", "outside").claim.lines.all()
    claimed = {line.quota.metric: line.amount for line in lines}

    assert (claimed[Metric.NETWORKS], claimed[Metric.ROUTERS]) == (1, 1)
    assert claimed[Metric.MONTHLY_COST_EUR] == 5


def test_without_a_way_out_there_is_no_router(ask):
    line = ask("10.0.0.0/24")

    assert Metric.ROUTERS not in {claimed.quota.metric for claimed in line.claim.lines.all()}
    assert line.monthly_price == 1


def test_quota_of_networks_holds(ask, project):
    set_limit(project, Metric.NETWORKS, Decimal(0), valid_from=now(), actor=None)

    with pytest.raises(QuotaExceeded):
        ask("10.0.0.0/24")
