"""Cinder: volumes that take no room."""

from __future__ import annotations

from local.openstack.configuration.common import base, client, database, token_check
from local.openstack.configuration.files import write_ini
from local.openstack.site import HOST, Site

BACKEND = "pretended"


def write(site: Site) -> None:
    """Write ``cinder.conf``."""
    shipped = site.shipped("cinder")
    sections = base(site, "cinder")
    sections["DEFAULT"] |= {
        "host": HOST,
        "my_ip": "127.0.0.1",
        "auth_strategy": "keystone",
        "enabled_backends": BACKEND,
        "default_volume_type": "standard",
        "osapi_volume_listen": "127.0.0.1",
        "osapi_volume_listen_port": site.layout.ports["cinder"],
        "osapi_volume_workers": 1,
        "api_paste_config": shipped / "api-paste.ini",
        "resource_query_filters_file": shipped / "resource_filters.json",
        "rootwrap_config": shipped / "rootwrap.conf",
        "glance_api_servers": site.layout.url("glance"),
        "report_interval": 10,
        "service_down_time": 120,
        "scheduler_driver_init_wait_time": 5,
        "backup_manager": "local.openstack.drivers.backup.PretendingBackupManager",
        "backup_driver": "local.openstack.drivers.backup.PretendingBackupDriver",
    }
    sections |= {
        "database": database(site, "cinder"),
        BACKEND: {
            "volume_driver": "local.openstack.drivers.volume.PretendingVolumeDriver",
            "volume_backend_name": BACKEND,
        },
        "keystone_authtoken": token_check(site, "cinder"),
        "service_user": {**client(site, "cinder"), "send_service_user_token": True},
        # Nova must be told when a volume grows under a running server.
        "nova": client(site, "nova"),
        "coordination": {"backend_url": site.state("cinder").as_uri()},
    }
    write_ini(site.configuration("cinder") / "cinder.conf", sections)
