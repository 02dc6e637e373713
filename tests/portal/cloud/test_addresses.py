"""Names of things in Swift, as they stand in an address."""

import pytest

from portal.cloud.openstack.containers import in_address
from portal.cloud.ports import CloudRefused


@pytest.mark.parametrize("name", [".", ".."])
def test_dots_that_lead_to_what_it_is_in_are_refused(name):
    """A client takes them out of the address: to delete "..", it would delete the account."""
    with pytest.raises(CloudRefused):
        in_address(name)


@pytest.mark.parametrize(
    ("name", "there"),
    [("...", "..."), (".a", ".a"), ("../x", "..%2Fx"), ("a?b#c%d", "a%3Fb%23c%25d")],
)
def test_every_other_name_is_its_own(name, there):
    assert in_address(name) == there
