"""Nova: servers, on a hypervisor that only pretends."""

from __future__ import annotations

import shutil
import uuid

from local.openstack.configuration.common import base, client, database, token_check
from local.openstack.configuration.files import write_ini, write_text
from local.openstack.site import HOST, REGION, Site


def write(site: Site) -> None:
    """Write ``nova.conf``, ``api-paste.ini`` beside it, and the name tag of the compute host."""
    state = site.state("nova")
    folder = site.configuration("nova")
    sections = base(site, "nova")
    sections["DEFAULT"] |= {
        "host": HOST,
        "my_ip": "127.0.0.1",
        "instances_path": state / "instances",
        "compute_driver": "cloudloket.PretendingDriver",
        "allow_resize_to_same_host": True,  # there is only one
        "report_interval": 10,
        "service_down_time": 120,
        "block_device_allocate_retries_interval": 1,
        "block_device_allocate_retries": 120,
        # Ports are bound at once; Nova need not wait for an agent to say so.
        "vif_plugging_is_fatal": False,
        "vif_plugging_timeout": 0,
    }
    sections |= _own_options(site) | _neighbours(site)
    write_ini(folder / "nova.conf", sections)
    shutil.copyfile(site.shipped("nova") / "api-paste.ini", folder / "api-paste.ini")
    # From its second start on nova-compute refuses to run without this file.
    write_text(state / "compute_id", str(uuid.uuid5(uuid.NAMESPACE_DNS, HOST)))


def _own_options(site: Site) -> dict[str, dict[str, object]]:
    return {
        "database": database(site, "nova"),
        "api_database": database(site, "nova_api"),
        "wsgi": {"api_paste_config": site.configuration("nova") / "api-paste.ini"},
        "scheduler": {"discover_hosts_in_cells_interval": 60, "workers": 1},
        "conductor": {"workers": 1},
        "filter_scheduler": {"track_instance_changes": False},
        "vnc": {
            "enabled": True,
            "server_listen": "127.0.0.1",
            "novncproxy_base_url": f"{site.layout.url('nova')}/vnc_auto.html",
        },
    }


def _neighbours(site: Site) -> dict[str, dict[str, object]]:
    return {
        "keystone_authtoken": token_check(site, "nova"),
        # Cinder refuses to detach a volume of a server unless the request comes from a service.
        "service_user": {**client(site, "nova"), "send_service_user_token": True},
        "placement": client(site, "placement"),
        "neutron": client(site, "neutron"),
        "keystone": client(site, "nova"),
        "glance": {"api_servers": site.layout.url("glance")},
        "cinder": {
            **client(site, "cinder"),
            "catalog_info": "block-storage:cinder:publicURL",
            "os_region_name": REGION,
        },
    }
