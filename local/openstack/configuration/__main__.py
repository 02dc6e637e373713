"""Write every configuration file of the local OpenStack, and ``clouds.yaml``."""

from __future__ import annotations

from local.openstack.arguments import site_from_arguments
from local.openstack.configuration import (
    cinder,
    clouds,
    designate,
    glance,
    keystone,
    neutron,
    nova,
    octavia,
    placement,
    swift,
)

SERVICES = (keystone, placement, glance, nova, neutron, cinder, swift, designate, octavia)


def main() -> None:
    site = site_from_arguments()
    for service in (*SERVICES, clouds):
        service.write(site)
    site.cache.mkdir(mode=0o700, parents=True, exist_ok=True)


main()
