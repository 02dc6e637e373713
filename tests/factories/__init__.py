"""What tests begin with. Traits are named after states; every value not named does not matter."""

from tests.factories.catalog import (
    SPEC,
    CloudFactory,
    OfferingVersionFactory,
    change_price,
    delivered,
    end_price,
    failed,
    generous_limits,
    place,
    priced,
    stuck,
)
from tests.factories.identity import (
    PersonFactory,
    administrator_of,
    give_numbers,
    grant,
    grant_in_portal,
    make_organization,
    make_project,
    propose,
)

__all__ = [
    "SPEC",
    "CloudFactory",
    "OfferingVersionFactory",
    "PersonFactory",
    "administrator_of",
    "change_price",
    "delivered",
    "end_price",
    "failed",
    "generous_limits",
    "give_numbers",
    "grant",
    "grant_in_portal",
    "make_organization",
    "make_project",
    "place",
    "priced",
    "propose",
    "stuck",
]
