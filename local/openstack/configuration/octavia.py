"""Octavia: load balancers that balance nothing."""

from __future__ import annotations

from local.openstack.configuration.common import base, client, database, token_check
from local.openstack.configuration.files import write_ini
from local.openstack.site import HOST, Site


def write(site: Site) -> None:
    """Write ``octavia.conf``. The authority it names is made by ``tables.octavia``."""
    folder = site.configuration("octavia")
    sections = base(site, "octavia")
    del sections["DEFAULT"]["state_path"]
    sections["DEFAULT"]["host"] = HOST
    sections |= {
        "database": database(site, "octavia"),
        "api_settings": {
            "auth_strategy": "keystone",
            "enabled_provider_drivers": "amphora:Pretending,octavia:The same as amphora",
            "default_provider_driver": "amphora",
            "api_base_uri": site.layout.url("octavia"),
        },
        "oslo_messaging": {"topic": "octavia_prov"},
        "controller_worker": {
            "workers": 1,
            "amphora_driver": "amphora_noop_driver",
            "compute_driver": "compute_noop_driver",
            "network_driver": "network_noop_driver",
            "image_driver": "image_noop_driver",
            "volume_driver": "volume_noop_driver",
            "client_ca": folder / "ca.pem",  # wanted even by the drivers that do nothing
            "amp_boot_network_list": "00000000-0000-0000-0000-000000000001",
            "amp_flavor_id": "1",
            "amp_image_tag": "amphora",
        },
        "certificates": {
            "cert_manager": "noop_cert_manager",
            "cert_generator": "local_cert_generator",
            "ca_certificate": folder / "ca.pem",
            "ca_private_key": folder / "ca.key",
            "ca_private_key_passphrase": site.layout.secret("openstack-octavia-authority"),
        },
        "health_manager": {
            "heartbeat_key": site.layout.secret("openstack-octavia-heartbeat"),
            "health_update_threads": 1,
            "stats_update_threads": 1,
        },
        "task_flow": {"engine": "parallel", "jobboard_enabled": False},
        "keystone_authtoken": token_check(site, "octavia"),
        "service_auth": client(site, "octavia"),
    }
    write_ini(folder / "octavia.conf", sections)
