"""What the portal asks of a cloud, in ids and facts. Only this package is known to the rest.

A ``create_`` call makes exactly one thing with the marker in its body, and never retries by
itself. A ``find_`` call returns everything that carries the marker, oldest first. The engine
(``catalog.provisioning``) does the rest: look up, create, adopt, remove what is double.
"""

from __future__ import annotations

from typing import Final, Protocol

from portal.cloud.ports.access import AccessPort
from portal.cloud.ports.containers import ContainerPort
from portal.cloud.ports.errors import (
    CloudError,
    CloudMissing,
    CloudQuotaRefused,
    CloudRefused,
    CloudTaken,
    CloudUnavailable,
)
from portal.cloud.ports.facts import (
    BACKUP_GIB,
    LARGEST_PAGE,
    LISTED_IN_TURNS,
    LISTED_PER_PROJECT,
    UNLIMITED,
    FlavorFacts,
    ImageFacts,
    Inventory,
    Listing,
    Page,
    UsagePage,
    VolumeTypeFacts,
)
from portal.cloud.ports.images import ImagePort
from portal.cloud.ports.load_balancers import LoadBalancerPort
from portal.cloud.ports.looks import LookPort
from portal.cloud.ports.networks import NetworkPort
from portal.cloud.ports.objects import CloudObject, CopySpec, ServerLoad, ServerUsage, Traffic
from portal.cloud.ports.projects import ProjectPort
from portal.cloud.ports.servers import ServerPort
from portal.cloud.ports.specs import (
    DNS_TYPES,
    ContainerSpec,
    DnsRecord,
    IssuedCredential,
    LoadBalancerSpec,
    NetworkSpec,
    PortSpec,
    SecurityRule,
    ServerSpec,
    VolumeSpec,
    ZoneSpec,
)
from portal.cloud.ports.volumes import VolumePort
from portal.cloud.ports.zones import ZonePort

__all__ = [
    "BACKUP_GIB",
    "DNS_TYPES",
    "LARGEST_PAGE",
    "LISTED_IN_TURNS",
    "LISTED_PER_PROJECT",
    "MARKER_PREFIX",
    "UNLIMITED",
    "Cloud",
    "CloudError",
    "CloudMissing",
    "CloudObject",
    "CloudQuotaRefused",
    "CloudRefused",
    "CloudTaken",
    "CloudUnavailable",
    "ContainerSpec",
    "CopySpec",
    "DnsRecord",
    "FlavorFacts",
    "ImageFacts",
    "Inventory",
    "IssuedCredential",
    "Listing",
    "LoadBalancerSpec",
    "NetworkSpec",
    "Page",
    "PortSpec",
    "SecurityRule",
    "ServerLoad",
    "ServerSpec",
    "ServerUsage",
    "Traffic",
    "UsagePage",
    "VolumeSpec",
    "VolumeTypeFacts",
    "ZoneSpec",
]

# Every marker starts with this, so that a listing tells what the portal made from what others did.
MARKER_PREFIX: Final = "cloudloket"


class Cloud(
    ProjectPort,
    AccessPort,
    LookPort,
    NetworkPort,
    VolumePort,
    ServerPort,
    ImagePort,
    LoadBalancerPort,
    ZonePort,
    ContainerPort,
    Protocol,
):
    """One OpenStack cloud. Every call raises CloudUnavailable, CloudRefused or a subclass.

    ``project`` is always the Keystone project's id. No call waits for the cloud to finish. A
    ``delete_`` call of something that is not there raises CloudMissing.
    """
