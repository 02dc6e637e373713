"""``clouds.yaml``: how the portal and an operator reach this cloud."""

from __future__ import annotations

import json

from local.openstack.configuration.files import write_text
from local.openstack.site import OPERATOR, PORTAL, REGION, Site


def write(site: Site) -> None:
    """Write the clouds ``sovereign`` (the portal) and ``sovereign-admin`` (an operator).

    JSON is YAML, and needs no library here.
    """
    clouds = {
        "sovereign": _cloud(site, user=PORTAL, project=PORTAL, domain=PORTAL),
        "sovereign-admin": _cloud(site, user=OPERATOR, project="admin", domain="Default"),
    }
    write_text(site.layout.clouds_file, json.dumps({"clouds": clouds}, indent=2) + "\n")


def _cloud(site: Site, *, user: str, project: str, domain: str) -> dict[str, object]:
    return {
        "auth": {
            "auth_url": site.keystone_url,
            "username": user,
            "password": site.password(user),
            "project_name": project,
            "user_domain_name": domain,
            "project_domain_name": domain,
        },
        "region_name": REGION,
        "interface": "public",
        "identity_api_version": 3,
    }
