"""What the OpenStack provider knows of each type of block that an exit package uses.

Source: documentation and schema of terraform-provider-openstack 3.0.0, "Argument Reference" and
"Attributes Reference" of each type. Arguments that we never write are left out: a new one is
looked up there before it is added here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Shape(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "true or false"
    TEXTS = "list of texts"
    TEXT_BY_KEY = "texts by key"


@dataclass(frozen=True)
class BlockSchema:
    """What a block may and must say.

    Attributes:
        required, optional: arguments with the shape of their value.
        nested: blocks inside it, by name; each is a list.
        exactly_one, at_least_one: groups of arguments that go instead of each other.
        together: groups of arguments that go with each other.
        words: the only values of an argument.
        exports: what others may refer to beside the arguments.
    """

    required: Mapping[str, Shape] = field(default_factory=dict)
    optional: Mapping[str, Shape] = field(default_factory=dict)
    nested: Mapping[str, BlockSchema] = field(default_factory=dict)
    exactly_one: Sequence[frozenset[str]] = ()
    at_least_one: Sequence[frozenset[str]] = ()
    together: Sequence[frozenset[str]] = ()
    words: Mapping[str, frozenset[str]] = field(default_factory=dict)
    exports: frozenset[str] = frozenset({"id"})


_TEXT, _NUMBER, _TEXTS = Shape.TEXT, Shape.NUMBER, Shape.TEXTS
_PROTOCOLS: Final = frozenset({"TCP", "HTTP"})

_COMPUTE: Final = {
    "openstack_compute_instance_v2": BlockSchema(
        required={"name": _TEXT},
        optional={
            "flavor_name": _TEXT,
            "flavor_id": _TEXT,
            "image_name": _TEXT,
            "image_id": _TEXT,
            "user_data": _TEXT,
        },
        nested={
            "network": BlockSchema(
                optional={"port": _TEXT, "uuid": _TEXT, "name": _TEXT},
                at_least_one=[frozenset({"port", "uuid", "name"})],
            ),
            "block_device": BlockSchema(
                required={"source_type": _TEXT},
                optional={
                    "uuid": _TEXT,
                    "destination_type": _TEXT,
                    "boot_index": _NUMBER,
                    "delete_on_termination": Shape.BOOLEAN,
                },
                words={
                    "source_type": frozenset({"blank", "image", "volume", "snapshot"}),
                    "destination_type": frozenset({"volume", "local"}),
                },
            ),
            "scheduler_hints": BlockSchema(optional={"group": _TEXT}),
        },
        exactly_one=[
            frozenset({"flavor_name", "flavor_id"}),
            frozenset({"image_name", "image_id", "block_device"}),
        ],
    ),
    "openstack_compute_servergroup_v2": BlockSchema(
        required={"name": _TEXT}, optional={"policies": _TEXTS}
    ),
    "openstack_compute_volume_attach_v2": BlockSchema(
        required={"instance_id": _TEXT, "volume_id": _TEXT}
    ),
    "openstack_blockstorage_volume_v3": BlockSchema(
        required={"size": _NUMBER},
        optional={"name": _TEXT, "volume_type": _TEXT, "image_id": _TEXT},
    ),
    "openstack_images_image_v2": BlockSchema(
        required={"name": _TEXT, "container_format": _TEXT, "disk_format": _TEXT},
        optional={"local_file_path": _TEXT, "min_disk_gb": _NUMBER, "min_ram_mb": _NUMBER},
        words={"container_format": frozenset({"ami", "ari", "aki", "bare", "ovf", "ova"})},
    ),
    "openstack_objectstorage_container_v1": BlockSchema(
        required={"name": _TEXT}, optional={"metadata": Shape.TEXT_BY_KEY}
    ),
}
_NETWORKING: Final = {
    "openstack_networking_network_v2": BlockSchema(optional={"name": _TEXT}),
    "openstack_networking_subnet_v2": BlockSchema(
        required={"network_id": _TEXT},
        optional={"name": _TEXT, "cidr": _TEXT, "ip_version": _NUMBER},
    ),
    "openstack_networking_router_v2": BlockSchema(
        optional={"name": _TEXT, "external_network_id": _TEXT}
    ),
    "openstack_networking_router_interface_v2": BlockSchema(
        required={"router_id": _TEXT},
        optional={"subnet_id": _TEXT, "port_id": _TEXT},
        exactly_one=[frozenset({"subnet_id", "port_id"})],
    ),
    "openstack_networking_port_v2": BlockSchema(
        required={"network_id": _TEXT},
        optional={"name": _TEXT, "security_group_ids": _TEXTS},
        nested={"fixed_ip": BlockSchema(optional={"subnet_id": _TEXT, "ip_address": _TEXT})},
    ),
    "openstack_networking_floatingip_v2": BlockSchema(
        required={"pool": _TEXT},
        optional={"description": _TEXT},
        exports=frozenset({"id", "address"}),
    ),
    "openstack_networking_floatingip_associate_v2": BlockSchema(
        required={"floating_ip": _TEXT, "port_id": _TEXT}
    ),
    "openstack_networking_secgroup_v2": BlockSchema(
        required={"name": _TEXT}, optional={"description": _TEXT}
    ),
    "openstack_networking_secgroup_rule_v2": BlockSchema(
        required={"direction": _TEXT, "ethertype": _TEXT, "security_group_id": _TEXT},
        optional={
            "protocol": _TEXT,
            "port_range_min": _NUMBER,
            "port_range_max": _NUMBER,
            "remote_ip_prefix": _TEXT,
        },
        together=[frozenset({"port_range_min", "port_range_max"})],
        words={
            "direction": frozenset({"ingress", "egress"}),
            "ethertype": frozenset({"IPv4", "IPv6"}),
            "protocol": frozenset({"tcp", "udp", "icmp", "ipv6-icmp"}),
        },
    ),
}
_BALANCING: Final = {
    "openstack_lb_loadbalancer_v2": BlockSchema(
        optional={
            "name": _TEXT,
            "vip_address": _TEXT,
            "vip_subnet_id": _TEXT,
            "vip_network_id": _TEXT,
        },
        at_least_one=[frozenset({"vip_subnet_id", "vip_network_id"})],
    ),
    "openstack_lb_listener_v2": BlockSchema(
        required={"loadbalancer_id": _TEXT, "protocol": _TEXT, "protocol_port": _NUMBER},
        optional={"name": _TEXT, "default_pool_id": _TEXT},
        words={"protocol": _PROTOCOLS},
    ),
    "openstack_lb_pool_v2": BlockSchema(
        required={"protocol": _TEXT, "lb_method": _TEXT},
        optional={"name": _TEXT, "listener_id": _TEXT, "loadbalancer_id": _TEXT},
        exactly_one=[frozenset({"listener_id", "loadbalancer_id"})],
        words={
            "protocol": _PROTOCOLS,
            "lb_method": frozenset({"ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP"}),
        },
    ),
    "openstack_lb_members_v2": BlockSchema(
        required={"pool_id": _TEXT},
        nested={"member": BlockSchema(required={"address": _TEXT, "protocol_port": _NUMBER})},
    ),
    "openstack_lb_monitor_v2": BlockSchema(
        required={
            "pool_id": _TEXT,
            "type": _TEXT,
            "delay": _NUMBER,
            "timeout": _NUMBER,
            "max_retries": _NUMBER,
        },
        words={"type": _PROTOCOLS},
    ),
}
_NAMES: Final = {
    "openstack_dns_zone_v2": BlockSchema(required={"name": _TEXT}, optional={"email": _TEXT}),
    "openstack_dns_recordset_v2": BlockSchema(
        required={"zone_id": _TEXT, "name": _TEXT, "records": _TEXTS},
        optional={"type": _TEXT},
        words={"type": frozenset({"A", "AAAA", "CNAME", "MX", "TXT"})},
    ),
}
RESOURCES: Final[Mapping[str, BlockSchema]] = {**_COMPUTE, **_NETWORKING, **_BALANCING, **_NAMES}
DATA: Final[Mapping[str, BlockSchema]] = {
    "openstack_networking_network_v2": BlockSchema(
        optional={"name": _TEXT, "external": Shape.BOOLEAN}
    ),
    "openstack_images_image_v2": BlockSchema(
        optional={"name": _TEXT, "most_recent": Shape.BOOLEAN}
    ),
}
