"""Whatever is wrong in a description is found before somebody needs it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from catalog.exit_package.tofu_rules import find_problems

PORT = "openstack_networking_port_v2"
NETWORK = "openstack_networking_network_v2"
RULE = "openstack_networking_secgroup_rule_v2"
GROUP = "openstack_networking_secgroup_v2"
SERVER = "openstack_compute_instance_v2"
SOUND: dict[str, Any] = {
    "terraform": {},
    "provider": {"openstack": {}},
    "variable": {"external_network": {"type": "string"}},
    "data": {NETWORK: {"outside": {"name": "${var.external_network}", "external": True}}},
    "resource": {
        NETWORK: {"intern": {"name": "intern"}},
        PORT: {
            "web": {
                "network_id": "${openstack_networking_network_v2.intern.id}",
                "security_group_ids": ["${openstack_networking_secgroup_v2.web.id}"],
                "fixed_ip": [{"ip_address": "10.20.4.12"}],
                "depends_on": ["openstack_networking_network_v2.intern"],
            }
        },
        GROUP: {"web": {"name": "web"}},
        RULE: {
            "web_1": {
                "security_group_id": "${openstack_networking_secgroup_v2.web.id}",
                "direction": "ingress",
                "ethertype": "IPv4",
                "protocol": "tcp",
                "port_range_min": 443,
                "port_range_max": 443,
            }
        },
        SERVER: {
            "web": {
                "name": "web",
                "flavor_name": "gp.small",
                "image_name": "Debian 12",
                "network": [{"port": "${openstack_networking_port_v2.web.id}"}],
            }
        },
    },
}
SET, DROP = "set", "drop"
MISTAKES = {
    "a type that there is not": (SET, ["openstack_compute_server_v2", "x"], {}, "no such type"),
    "an argument that it has not": (SET, [SERVER, "web", "flavour"], "a", "no such argument"),
    "an argument that is missing": (DROP, [SERVER, "web", "name"], None, "name is missing"),
    "neither of two": (DROP, [SERVER, "web", "image_name"], None, "exactly one of"),
    "both of two": (SET, [SERVER, "web", "flavor_id"], "3", "exactly one of"),
    "half of a pair": (DROP, [RULE, "web_1", "port_range_max"], None, "go together"),
    "a number as text": (SET, [RULE, "web_1", "port_range_min"], "443", "must be number"),
    "true for a number": (SET, [RULE, "web_1", "port_range_min"], True, "must be number"),
    "text for a list": (SET, [PORT, "web", "security_group_ids"], "web", "list of texts"),
    "a word that it does not know": (SET, [RULE, "web_1", "direction"], "in", "none of"),
    "a block that is no list": (SET, [PORT, "web", "fixed_ip"], {"a": 1}, "list of blocks"),
    "an argument of a block": (SET, [PORT, "web", "fixed_ip"], [{"ip": "a"}], "no such argument"),
    "nothing in a block": (SET, [SERVER, "web", "network"], [{}], "name, port, uuid is missing"),
    "a reference into nothing": (
        SET,
        [PORT, "web", "network_id"],
        "${openstack_networking_network_v2.extern.id}",
        "which is not there",
    ),
    "a reference to what it has not": (
        SET,
        [PORT, "web", "network_id"],
        "${openstack_networking_network_v2.intern.address}",
        "has no address",
    ),
    "a data block that is a resource": (
        SET,
        [PORT, "web", "network_id"],
        "${data.openstack_networking_network_v2.intern.id}",
        "which is not there",
    ),
    "a variable that is not declared": (
        SET,
        [NETWORK, "intern", "name"],
        "${var.name}",
        "variable name is not declared",
    ),
    "an expression": (SET, [NETWORK, "intern", "name"], '${file("x")}', "is no reference"),
    "a directive": (SET, [NETWORK, "intern", "name"], "%{if true}", "is no reference"),
    "a dependency that is not there": (
        SET,
        [PORT, "web", "depends_on"],
        ["openstack_networking_network_v2.extern"],
        "which is not there",
    ),
    "a name with a space": (SET, [NETWORK, "in tern"], {}, "is no name"),
    "a circle": (
        SET,
        [NETWORK, "intern", "name"],
        "${openstack_networking_port_v2.web.network_id}",
        "need each other",
    ),
}


def test_a_sound_description_has_no_problem():
    assert find_problems(SOUND) == []


@pytest.mark.parametrize("mistake", MISTAKES)
def test_every_mistake_is_found(mistake: str):
    how, path, value, problem = MISTAKES[mistake]
    document = deepcopy(SOUND)
    where = document["resource"]
    for step in path[:-1]:
        where = where.setdefault(step, {})
    if how == SET:
        where[path[-1]] = value
    else:
        del where[path[-1]]

    assert [found for found in find_problems(document) if problem in found]


def test_a_section_that_there_is_not_is_found():
    assert find_problems({**SOUND, "resources": {}}) == ["resources: no such section"]
