"""A cloud in memory that keeps the port's promises. For tests; never part of a running portal."""

from __future__ import annotations

from portal.cloud.fake.listings import FakeListings
from portal.cloud.fake.machines import FakeServers
from portal.cloud.fake.network import FakeNetworks
from portal.cloud.fake.services import FakeContainers
from portal.cloud.fake.usage import FakeLoads
from portal.cloud.ports import Cloud

__all__ = ["FakeCloud", "connect"]


class FakeCloud(FakeServers, FakeLoads, FakeNetworks, FakeContainers, FakeListings):
    """``portal.cloud.ports.Cloud`` without a cloud.

    Servers and volumes settle after they were listed once, or at ``tick()``. ``fail_next``,
    ``lose_next_reply`` and ``servers_become`` plan what goes wrong; ``calls`` counts the
    questions by name. ``tests/portal/cloud/contract.py`` holds it to what OpenStack does.
    """


def connect(key: str) -> Cloud:
    """A new, empty cloud for ``settings.CLOUD_GATEWAY``; ``get_cloud`` keeps it."""
    return FakeCloud()
