"""Glance: images, kept as files."""

from __future__ import annotations

from local.openstack.configuration.common import base, database, token_check
from local.openstack.configuration.files import write_ini
from local.openstack.site import Site


def write(site: Site) -> None:
    """Write ``glance-api.conf`` and make the folders of the image store."""
    state = site.state("glance")
    for folder in ("images", "staging", "tasks"):
        (state / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    sections = base(site, "glance")
    sections["DEFAULT"] |= {
        "enabled_backends": "files:file",
        "worker_self_reference_url": site.layout.url("glance"),
        "node_staging_uri": (state / "staging").as_uri(),
    }
    sections |= {
        "database": database(site, "glance"),
        "glance_store": {"default_backend": "files"},
        "files": {"filesystem_store_datadir": state / "images"},
        "os_glance_tasks_store": {"filesystem_store_datadir": state / "tasks"},
        "os_glance_staging_store": {"filesystem_store_datadir": state / "staging"},
        # The images here are a few bytes of text; Glance would look for a real disk format.
        "image_format": {"require_image_format_match": False},
        "paste_deploy": {
            "flavor": "keystone",
            "config_file": site.shipped("glance") / "glance-api-paste.ini",
        },
        "keystone_authtoken": token_check(site, "glance"),
    }
    write_ini(site.configuration("glance") / "glance-api.conf", sections)
