"""What is in a project and not of it stays when that is emptied."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from portal.cloud.openstack.clearing import Clearing
from portal.cloud.openstack.quotas import Quotas
from tests.portal.cloud.openstack_server import PROJECT

OWN = SimpleNamespace(id="own", project_id=PROJECT)
SHARED = SimpleNamespace(id="shared", project_id="somebody-else")


class Dns:
    """Designate lists to a member of a project also the zones that others share with it."""

    def __init__(self) -> None:
        self.deleted: list[str] = []

    def zones(self) -> list[Any]:
        return [OWN, SHARED]

    def delete_zone(self, zone: Any) -> None:
        self.deleted.append(zone.id)


@pytest.fixture
def dns():
    return Dns()


@pytest.fixture
def connections(dns):
    """A cloud that has DNS and nothing else."""

    def endpoint(service_type: str) -> str | None:
        return "http://dns.example.nl" if service_type == "dns" else None

    cloud = SimpleNamespace(dns=dns, session=SimpleNamespace(get_endpoint=endpoint))
    return SimpleNamespace(over_all=lambda: cloud, in_project=lambda project: cloud)


def test_zone_that_another_project_shares_is_left_alone(connections, dns):
    left = Clearing(connections).clear_project(PROJECT)

    assert dns.deleted == ["own"]
    assert left == {"DNS zones": 1}


def test_zone_that_another_project_shares_is_not_counted(connections):
    assert Quotas(connections)._count_optional(PROJECT) == {"dns_zones": 1}
