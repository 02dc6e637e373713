"""Placement: what there is of everything, and who has it."""

from __future__ import annotations

from local.openstack.configuration.common import base, database, token_check
from local.openstack.configuration.files import write_ini
from local.openstack.site import Site


def write(site: Site) -> None:
    """Write ``placement.conf``."""
    sections = base(site, "placement")
    sections |= {
        "placement_database": database(site, "placement"),
        "api": {"auth_strategy": "keystone"},
        "keystone_authtoken": token_check(site, "placement"),
    }
    write_ini(site.configuration("placement") / "placement.conf", sections)
