"""Wait until servers can be ordered; then see to it that there is something to choose from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from local.openstack.arguments import site_from_arguments
from local.openstack.rest import Operator, wait_for

ROOT_DISK_GIB: Final = 40
FLAVORS: Final = {  # name: (vCPUs, memory in GiB)
    "gp.small": (2, 4),
    "gp.medium": (4, 8),
    "gp.large": (8, 16),
    "gp.xlarge": (16, 32),
    "mem.large": (4, 32),
}
VOLUME_TYPES: Final = {
    "standard": "Disks for everyday use",
    "fast": "Flash storage for databases",
}
UNNAMED_VOLUME_TYPE: Final = "__DEFAULT__"
OUTSIDE: Final = "internet"
OUTSIDE_CIDR: Final = "198.18.0.0/16"  # RFC 2544: for measurements, routed nowhere
IMAGE_CONTENT: Final = b"an image that nothing boots from\n"


@dataclass(frozen=True, kw_only=True)
class Image:
    name: str
    os_distro: str
    os_version: str
    min_disk_gib: int
    min_memory_mib: int


IMAGES: Final = (
    Image(
        name="Debian 12", os_distro="debian", os_version="12", min_disk_gib=8, min_memory_mib=512
    ),
    Image(
        name="Ubuntu 24.04 LTS",
        os_distro="ubuntu",
        os_version="24.04",
        min_disk_gib=10,
        min_memory_mib=1024,
    ),
    Image(
        name="Windows Server 2025",
        os_distro="windows",
        os_version="2025",
        min_disk_gib=32,
        min_memory_mib=2048,
    ),
)


def wait_for_hardware(operator: Operator) -> None:
    """Wait until Nova has a hypervisor and Cinder a volume service that is up."""

    def hypervisor_is_up() -> bool:
        listed = operator.get("nova", "/v2.1/os-hypervisors/detail")["hypervisors"]
        return any(each["state"] == "up" for each in listed)

    def volume_service_is_up() -> bool:
        path = f"/v3/{operator.project_id}/os-services?binary=cinder-volume"
        listed = operator.get("cinder", path)["services"]
        return any(each["state"] == "up" for each in listed)

    wait_for(hypervisor_is_up, "hypervisor", within_seconds=120)
    wait_for(volume_service_is_up, "volume service", within_seconds=120)


def ensure_flavors(operator: Operator) -> None:
    there = {flavor["name"] for flavor in operator.get("nova", "/v2.1/flavors")["flavors"]}
    for name, (vcpus, memory_gib) in FLAVORS.items():
        if name not in there:
            facts = {"name": name, "vcpus": vcpus, "ram": memory_gib * 1024, "disk": ROOT_DISK_GIB}
            operator.call("POST", "nova", "/v2.1/flavors", {"flavor": facts})


def ensure_images(operator: Operator) -> None:
    listed = operator.get("glance", "/v2/images?limit=100&visibility=public")["images"]
    there = {image["name"]: image for image in listed}
    for image in IMAGES:
        known = there.get(image.name) or _make_image(operator, image)
        if known["status"] == "queued":  # made, but without its content: an earlier run was cut
            path = f"/v2/images/{known['id']}/file"
            operator.call("PUT", "glance", path, IMAGE_CONTENT)


def _make_image(operator: Operator, image: Image) -> dict[str, str]:
    facts = {
        "name": image.name,
        "os_distro": image.os_distro,
        "os_version": image.os_version,
        "min_disk": image.min_disk_gib,
        "min_ram": image.min_memory_mib,
        "disk_format": "raw",
        "container_format": "bare",
        "visibility": "public",
    }
    made: dict[str, str] = operator.call("POST", "glance", "/v2/images", facts)
    return made


def ensure_volume_types(operator: Operator) -> None:
    """Make our types; take away the nameless one that Cinder's migrations leave behind."""
    path = f"/v3/{operator.project_id}/types"
    there = {each["name"]: each["id"] for each in operator.get("cinder", path)["volume_types"]}
    for name, description in VOLUME_TYPES.items():
        if name not in there:
            facts = {"name": name, "description": description}
            operator.call("POST", "cinder", path, {"volume_type": facts})
    if UNNAMED_VOLUME_TYPE in there:
        operator.call("DELETE", "cinder", f"{path}/{there[UNNAMED_VOLUME_TYPE]}")


def ensure_outside_network(operator: Operator) -> None:
    networks = operator.get("neutron", f"/v2.0/networks?name={OUTSIDE}")["networks"]
    if networks:
        network = networks[0]
    else:
        facts = {
            "name": OUTSIDE,
            "router:external": True,
            "provider:network_type": "flat",
            "provider:physical_network": OUTSIDE,
        }
        answer = operator.call("POST", "neutron", "/v2.0/networks", {"network": facts})
        network = answer["network"]
    if not network["subnets"]:
        subnet = {
            "name": OUTSIDE,
            "network_id": network["id"],
            "ip_version": 4,
            "cidr": OUTSIDE_CIDR,
            "enable_dhcp": False,
        }
        operator.call("POST", "neutron", "/v2.0/subnets", {"subnet": subnet})


def main() -> None:
    operator = Operator(site_from_arguments())
    wait_for_hardware(operator)
    ensure_flavors(operator)
    ensure_volume_types(operator)
    ensure_images(operator)
    ensure_outside_network(operator)


main()
