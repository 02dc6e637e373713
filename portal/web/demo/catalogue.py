"""The cloud, what stands in it, and the offering "virtual server"."""

from __future__ import annotations

from typing import Final

from django.conf import settings

from catalog.models import Offering, OfferingVersion, OfferingVersionState
from portal.cloud.models import Cloud, Flavor, Image, VolumeType

# name: processors, memory in MiB, root disk in GiB. The local OpenStack has the same.
FLAVORS: Final = {
    "gp.small": (2, 4096, 20),
    "gp.medium": (4, 8192, 20),
    "gp.large": (8, 16384, 20),
    "gp.xlarge": (16, 32768, 20),
}
IMAGES: Final = ("Debian 12", "Ubuntu 24.04 LTS", "Windows Server 2025")
NETWORKS: Final = (
    {
        "name": "intern",
        "label_nl": "Intern (alleen binnen het project)",
        "label_en": "Internal (within the project only)",
        "cidr": "10.20.4.0/24",
    },
    {
        "name": "dmz",
        "label_nl": "DMZ (voor diensten naar buiten)",
        "label_en": "DMZ (for services that face outwards)",
        "cidr": "10.20.8.0/24",
    },
)


def load_catalogue() -> None:
    """Add the first configured cloud with its inventory, and one published offering."""
    cloud = Cloud.objects.create(
        key=settings.CLOUDS[0],
        name="Overheidsdatacenter Noord",
        region="nl-west-1",
        operator_profile={
            "highest_protection_level": 3,
            "admits_personal_data": True,
            "seal": 3,
            "hosting": "government_datacentre",
        },
    )
    for name, (vcpus, memory_mib, disk_gib) in FLAVORS.items():
        Flavor.objects.create(
            cloud=cloud, name=name, vcpus=vcpus, memory_mib=memory_mib, disk_gib=disk_gib
        )
    for name in IMAGES:
        Image.objects.create(cloud=cloud, name=name)
    VolumeType.objects.create(cloud=cloud, name="standard")
    OfferingVersion.objects.create(
        offering=Offering.objects.create(code="virtual-server", kind="server", position=1),
        number=1,
        state=OfferingVersionState.PUBLISHED,
        name_nl="Virtuele server",
        name_en="Virtual server",
        description_nl="Een server met een eigen schijf, in het netwerk van uw project.",
        description_en="A server with a disk of its own, in the network of your project.",
        cloud=cloud,
        choices={
            "flavors": list(FLAVORS),
            "images": list(IMAGES),
            "networks": list(NETWORKS),
            "volume_types": ["standard"],
            "volume_gib": {"minimum": 10, "maximum": 500, "default": 40},
        },
    )
