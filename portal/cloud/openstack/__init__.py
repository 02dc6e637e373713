"""A real OpenStack behind the port, through openstacksdk: the only code that imports it."""

from __future__ import annotations

from portal.cloud.openstack.clearing import Clearing
from portal.cloud.openstack.connections import Connections
from portal.cloud.openstack.containers import Containers
from portal.cloud.openstack.copies import Copies
from portal.cloud.openstack.images import Images
from portal.cloud.openstack.load_balancers import LoadBalancers
from portal.cloud.openstack.network import Networks
from portal.cloud.openstack.server_groups import ServerGroups
from portal.cloud.openstack.servers import Servers
from portal.cloud.openstack.usage import Usage
from portal.cloud.openstack.users import Users
from portal.cloud.openstack.volumes import Volumes
from portal.cloud.openstack.zones import Zones
from portal.cloud.ports import Cloud

__all__ = ["OpenStackCloud", "connect"]


class OpenStackCloud(
    Users,
    Clearing,
    Networks,
    Volumes,
    Copies,
    Images,
    Servers,
    ServerGroups,
    LoadBalancers,
    Zones,
    Containers,
    Usage,
):
    """``portal.cloud.ports.Cloud`` on a real OpenStack, one part per service."""


def connect(key: str) -> Cloud:
    """The cloud called ``key`` in ``clouds.yaml``. Logs in at the first question, not here."""
    return OpenStackCloud(Connections(key))
