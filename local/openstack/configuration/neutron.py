"""Neutron: networks, without any agent that would carry packets."""

from __future__ import annotations

from local.openstack.configuration.common import base, client, database, token_check
from local.openstack.configuration.files import write_ini
from local.openstack.site import Site


def write(site: Site) -> None:
    """Write ``neutron.conf``."""
    sections = base(site, "neutron")
    sections["DEFAULT"] |= {
        "core_plugin": "ml2",
        "service_plugins": "local.openstack.drivers.router.AgentlessRouterPlugin,"
        "qos,network_ip_availability,auto_allocate",
        "api_paste_config": site.shipped("neutron") / "api-paste.ini",
        "api_workers": 1,
        "rpc_workers": 0,
        "rpc_state_report_workers": 0,
        "enable_dvr": False,
        "enable_traditional_dhcp": False,
        "dhcp_agent_notification": False,
        "network_auto_schedule": False,
        "router_auto_schedule": False,
        "notify_nova_on_port_status_changes": True,
        "notify_nova_on_port_data_changes": True,
        "send_events_interval": 0,
    }
    sections |= {
        "database": database(site, "neutron"),
        "keystone_authtoken": token_check(site, "neutron"),
        "nova": client(site, "nova"),
        "placement": client(site, "placement"),
        "ml2": {
            "type_drivers": "flat,vlan,vxlan",
            "tenant_network_types": "vxlan",
            "mechanism_drivers": "agentless",
            "extension_drivers": "port_security,qos",
        },
        "ml2_type_flat": {"flat_networks": "*"},
        "ml2_type_vxlan": {"vni_ranges": "1:4000"},
    }
    write_ini(site.configuration("neutron") / "neutron.conf", sections)
