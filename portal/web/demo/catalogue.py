"""The cloud, what stands in it, and what can be ordered of it."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.utils.timezone import now

from catalog.models import (
    Offering,
    OfferingVersion,
    OfferingVersionState,
    Publication,
    PublicationState,
)
from catalog.services.placement import write_supply
from portal.cloud.models import Cloud, Flavor, Image, VolumeType
from portal.identity.models import Person
from portal.web.demo.places import government_answers, government_place

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
VOLUME_TYPES: Final = ("standard",)
MAKERS: Final = ("Hilde Storm", "Bram Verkerk")  # of the catalogue; they have no login
_WEB_SERVER: Final = {
    "flavor": {"ask": "flavor"},
    "image": {"ask": "image"},
    "network": {"wire": "{network.network}"},
    "volume_gib": 10,
    "ssh_public_key": {"ask": "ssh_public_key"},
    "security_groups": {"wire": "{web.name}"},
}
# What it asks, and its parts: what each takes of the others decides what waits for what.
WEB_APPLICATION: Final = {
    "parameters": [
        {"name": "flavor", "label_nl": "Grootte van de servers", "label_en": "Size of the servers"},
        {"name": "image", "label_nl": "Besturingssysteem", "label_en": "Operating system"},
        {"name": "ssh_public_key", "label_nl": "SSH-sleutel", "label_en": "SSH public key"},
        {
            "name": "database_gib",
            "label_nl": "Schijf voor de database",
            "label_en": "Disk for the database",
        },
        {"name": "zone", "label_nl": "Domeinnaam", "label_en": "Domain name"},
        {
            "name": "email",
            "label_nl": "E-mailadres van de beheerder",
            "label_en": "E-mail address of who answers for the domain",
        },
    ],
    "parts": [
        {
            "key": "network",
            "offering": "private-network",
            "name": "{name}-net",
            "spec": {"cidr": "10.20.60.0/24", "way_out": "outside"},
            "after": [],
        },
        {
            "key": "database",
            "offering": "volume",
            "name": "{name}-data",
            "spec": {"volume_gib": {"ask": "database_gib"}},
            "after": [],
        },
        {
            "key": "web",
            "offering": "security-group",
            "name": "{name}-web",
            "spec": {"rules": "tcp 8080 10.20.60.0/24"},
            "after": [],
        },
        {
            "key": "web-1",
            "offering": "virtual-server",
            "name": "{name}-web-1",
            "spec": _WEB_SERVER,
            "after": [],
        },
        {
            "key": "web-2",
            "offering": "virtual-server",
            "name": "{name}-web-2",
            "spec": _WEB_SERVER,
            "after": [],
        },
        {
            "key": "entrance",
            "offering": "load-balancer",
            "name": "{name}-entrance",
            "spec": {
                "network": {"wire": "{network.network}"},
                "protocol": "HTTP",
                "port": 80,
                "members": {"wire": "{web-1.address}:8080\n{web-2.address}:8080"},
            },
            "after": [],
        },
        {
            "key": "domain",
            "offering": "dns-zone",
            "name": "{name}-domain",
            "spec": {
                "zone": {"ask": "zone"},
                "email": {"ask": "email"},
                "records": {"wire": "www A {entrance.address}"},
            },
            "after": [],
        },
    ],
}
OFFERINGS: Final[tuple[dict[str, Any], ...]] = (
    {
        "code": "virtual-server",
        "kind": "server",
        "name_nl": "Virtuele server",
        "name_en": "Virtual server",
        "description_nl": "Een server met een eigen schijf, in het netwerk van uw project.",
        "description_en": "A server with a disk of its own, in the network of your project.",
        "choices": {
            "flavors": list(FLAVORS),
            "images": list(IMAGES),
            "networks": list(NETWORKS),
            "volume_types": list(VOLUME_TYPES),
            "volume_gib": {"minimum": 10, "maximum": 500, "default": 40},
            "extras": [
                "system_volume",
                "user_data",
                "server_group",
                "security_groups",
                "resize_trial",
            ],
        },
    },
    {
        "code": "volume",
        "kind": "volume",
        "name_nl": "Schijf",
        "name_en": "Disk",
        "description_nl": "Opslag die blijft, ook als de server verdwijnt.",
        "description_en": "Storage that stays, also when the server goes.",
        "choices": {
            "volume_types": list(VOLUME_TYPES),
            "volume_gib": {"minimum": 1, "maximum": 2000, "default": 100},
        },
    },
    {
        "code": "disk-snapshot",
        "kind": "volume_snapshot",
        "name_nl": "Snapshot",
        "name_en": "Snapshot",
        "description_nl": "De stand van een schijf op dit moment, om later naar terug te gaan.",
        "description_en": "A disk as it is at this moment, to go back to later.",
    },
    {
        "code": "disk-backup",
        "kind": "volume_backup",
        "name_nl": "Back-up",
        "name_en": "Backup",
        "description_nl": "Een kopie van een schijf elders, die ook zonder die schijf blijft.",
        "description_en": "A copy of a disk in another place, which stays when the disk goes.",
    },
    {
        "code": "server-image",
        "kind": "server_image",
        "name_nl": "Image van een server",
        "name_en": "Image of a server",
        "description_nl": "Een afdruk van een server, om nieuwe servers van te maken.",
        "description_en": "A copy of a server as it is now, to make new servers from.",
    },
    {
        "code": "private-network",
        "kind": "network",
        "name_nl": "Privénetwerk",
        "name_en": "Private network",
        "description_nl": "Een eigen netwerk, met of zonder weg naar buiten.",
        "description_en": "A network of your own, with or without a way out.",
        "choices": {"ways_out": ["outside", "none"]},
    },
    {
        "code": "public-address",
        "kind": "floating_ip",
        "name_nl": "Publiek adres",
        "name_en": "Public address",
        "description_nl": "Een adres waarop de buitenwereld uw dienst vindt.",
        "description_en": "An address at which the outside world finds your service.",
    },
    {
        "code": "load-balancer",
        "kind": "load_balancer",
        "name_nl": "Load balancer",
        "name_en": "Load balancer",
        "description_nl": "Eén ingang voor meerdere servers. Verkeer gaat naar wat werkt.",
        "description_en": "One entrance to several servers. Traffic goes to what works.",
        "choices": {"networks": list(NETWORKS), "measured": ["traffic"]},
    },
    {
        "code": "object-storage",
        "kind": "container",
        "name_nl": "Objectopslag",
        "name_en": "Object storage",
        "description_nl": "Ruimte voor bestanden, via Swift.",
        "description_en": "Room for files, by way of Swift.",
        "choices": {"object_gib": {"minimum": 1, "maximum": 5000, "default": 100}},
    },
    {
        "code": "object-storage-by-use",
        "kind": "container",
        "name_nl": "Objectopslag naar gebruik",
        "name_en": "Object storage by use",
        "description_nl": "Ruimte voor bestanden. U betaalt voor wat erin staat.",
        "description_en": "Room for files. You pay for what is in it.",
        "choices": {
            "object_gib": {"minimum": 1, "maximum": 5000, "default": 100},
            "measured": ["stored"],
        },
    },
    {
        "code": "dns-zone",
        "kind": "dns_zone",
        "name_nl": "DNS-zone",
        "name_en": "DNS zone",
        "description_nl": "Een domein met zijn records.",
        "description_en": "A domain with its records.",
    },
    {
        "code": "security-group",
        "kind": "security_group",
        "name_nl": "Beveiligingsgroep",
        "name_en": "Security group",
        "description_nl": "Regels voor het verkeer dat bij uw servers binnen mag.",
        "description_en": "Rules for the traffic that may reach your servers.",
    },
    {
        "code": "environment",
        "kind": "environment",
        "name_nl": "Omgeving",
        "name_en": "Environment",
        "description_nl": "Een eigen plek in de cloud, voor OpenTofu en dergelijke.",
        "description_en": "A place of your own in the cloud, for OpenTofu and the like.",
        "choices": {
            "servers": {"minimum": 1, "maximum": 20, "default": 4},
            "vcpus": {"minimum": 2, "maximum": 40, "default": 8},
            "memory_gib": {"minimum": 4, "maximum": 96, "default": 16},
            "volume_gib": {"minimum": 0, "maximum": 2000, "default": 100},
            "volumes": {"minimum": 0, "maximum": 40, "default": 8},
            "snapshots": {"minimum": 0, "maximum": 20, "default": 4},
            "object_gib": {"minimum": 0, "maximum": 1000, "default": 0},
            "networks": {"minimum": 0, "maximum": 5, "default": 2},
            "routers": {"minimum": 0, "maximum": 3, "default": 1},
            "floating_ips": {"minimum": 0, "maximum": 5, "default": 1},
            "load_balancers": {"minimum": 0, "maximum": 3, "default": 0},
            "dns_zones": {"minimum": 0, "maximum": 5, "default": 0},
        },
    },
    {
        "code": "web-application",
        "kind": "blueprint",
        "name_nl": "Webapplicatie",
        "name_en": "Web application",
        "description_nl": (
            "Twee webservers achter een load balancer, met netwerk, schijf en domein. Het adres "
            "werkt alleen binnen dat netwerk."
        ),
        "description_en": (
            "Two web servers behind a load balancer, with network, disk and domain. The address "
            "works inside that network only."
        ),
        "choices": {"design": WEB_APPLICATION},
    },
)


def load_catalogue() -> None:
    """Add the first configured cloud with its inventory, and the published offerings."""
    cloud = Cloud.objects.create(
        key=settings.CLOUDS[0],
        name="Overheidsdatacenter Noord",
        region="nl-west-1",
    )
    for name, (vcpus, memory_mib, disk_gib) in FLAVORS.items():
        Flavor.objects.create(
            cloud=cloud, name=name, vcpus=vcpus, memory_mib=memory_mib, disk_gib=disk_gib
        )
    for name in IMAGES:
        Image.objects.create(cloud=cloud, name=name)
    for name in VOLUME_TYPES:
        VolumeType.objects.create(cloud=cloud, name=name)
    makers = [Person.objects.create(name=name, is_active=False) for name in MAKERS]
    write_supply(cloud, government_place(), by=(makers[0], makers[1]), answers=government_answers())
    for position, facts in enumerate(OFFERINGS, start=1):
        _publish(cloud, position, makers, **facts)


def _publish(
    cloud: Cloud, position: int, makers: list[Person], *, code: str, kind: str, **facts: Any
) -> None:
    """Add one offering as two people would: the database accepts nothing else."""
    drafter, publisher = makers
    moment = now()
    offering = Offering.objects.create(code=code, kind=kind, position=position)
    version = OfferingVersion.objects.create(
        offering=offering, number=1, cloud=cloud, drafted_by=drafter, drafted_at=moment, **facts
    )
    publication = Publication.objects.create(
        version=version, proposed_by=drafter, proposed_at=moment
    )
    publication.state, publication.decided_at = PublicationState.CONFIRMED, moment
    publication.decided_by = publisher
    publication.save(update_fields=["state", "decided_at", "decided_by"])
    version.state = OfferingVersionState.PUBLISHED
    version.save()
