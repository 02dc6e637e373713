"""What every kind promises to who leaves: it is described, or it is said why not."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from catalog.exit_package.things import Surroundings, Thing
from catalog.exit_package.tofu import Block, as_tf_json
from catalog.exit_package.tofu_rules import find_problems
from catalog.kinds import all_kinds, get_kind
from catalog.kinds.base import ATTACHED_TO, Kind
from tests.catalog.kinds.test_every_kind import EXAMPLES
from tests.factories import OfferingVersionFactory

CHOICES: dict[str, Any] = OfferingVersionFactory.choices
FOLLOWS: dict[str, dict[str, Any]] = {
    "volume_snapshot": {"volume_type": "standard"},
    "server_image": {"image_memory_mib": 2048},
}
FACTS: dict[str, dict[str, Any]] = {
    "server": {"addresses": [{"address": "10.20.4.12", "type": "fixed"}]},
    "load_balancer": {"addresses": [{"address": "10.20.4.9", "type": "fixed"}]},
    "floating_ip": {"addresses": [{"address": "192.0.2.10", "type": "floating"}]},
}
NOT_DESCRIBED = {"environment", "volume_snapshot", "volume_backup"}


def identity(number: int) -> str:
    return str(UUID(int=number << 96))


def example(kind: str, number: int = 1, **changes: Any) -> Thing:
    """The example of a kind as it runs; ``changes`` to its spec, or to ``facts``."""
    facts = {**FACTS.get(kind, {}), **changes.pop("facts", {})}
    spec = {**EXAMPLES[kind].spec, **FOLLOWS.get(kind, {}), **changes}
    parts = [part.key for part in get_kind(kind).parts]
    return Thing(
        public_id=identity(number),
        kind=kind,
        name="eerste",
        spec=spec,
        facts=facts,
        cloud_ids={part: f"{part}-{number}" for part in parts},
        settings={**CHOICES, **EXAMPLES[kind].choices},
    )


def code(*things: Thing) -> list[Block]:
    around = Surroundings(things)
    return [block for thing in things for block in get_kind(thing.kind).as_code(thing, around)]


def described(*things: Thing) -> dict[str, Any]:
    """By type and name, what stands in a description that has no problem."""
    document = as_tf_json(code(*things))
    assert find_problems(document) == []
    resources: dict[str, Any] = document.get("resource", {})
    return resources


def only(resources: dict[str, Any], type_: str) -> Any:
    (body,) = resources[f"openstack_{type_}"].values()
    return body


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_every_kind_is_described_without_a_problem_or_says_why_not(kind: str):
    resources = described(example(kind))

    if kind in NOT_DESCRIBED:
        assert not resources
        assert get_kind(kind).not_described != Kind.not_described
    else:
        assert resources


def test_all_together_are_described_without_a_problem():
    things = [example(kind, number) for number, kind in enumerate(sorted(EXAMPLES), start=1)]

    assert described(*things)


# What a list of the cloud tells of something that nobody ordered.
FOUND: dict[str, dict[str, Any]] = {
    "server": {"flavor": "gp.small", "image": "", "network": "", "volume_gib": 0},
    "volume": {"volume_gib": 40, "volume_type": "standard"},
    "volume_snapshot": {"volume_gib": 40, "volume_type": ""},
    "volume_backup": {"volume_gib": 40},
    "network": {"cidr": "", "way_out": "none"},
    "router": {},
    "floating_ip": {},
    "load_balancer": {},
    "dns_zone": {"zone": "loket.example.nl"},
    "container": {"object_gib": 1},
    "security_group": {"rules": "tcp 22 ::/0"},
    "server_image": {"image_gib": 20, "image_memory_mib": 0},
}
KNOWN_WHEN_FOUND = {"volume", "floating_ip", "container", "security_group", "server_image"}


def test_every_kind_that_can_be_found_is_judged_here():
    can_be_found = {kind.key for kind in all_kinds() if type(kind).found is not Kind.found}

    assert set(FOUND) == can_be_found


@pytest.mark.parametrize("kind", sorted(FOUND))
def test_of_what_was_found_never_half_is_described(kind: str):
    thing = Thing(
        public_id=identity(1),
        kind=kind,
        name="Gemaakt door iemand anders",
        spec=FOUND[kind],
        cloud_ids={part.key: "id" for part in get_kind(kind).parts},
        is_found=True,
    )

    assert bool(described(thing)) == (kind in KNOWN_WHEN_FOUND)


def test_a_server_refers_to_all_that_it_uses():
    network = example("network", 2)
    group = example("security_group", 3)
    server = example(
        "server",
        network=network.public_id,
        network_cidr=network.spec["cidr"],
        security_groups="eerste, verdwenen",
        group="cluster",
        ssh_public_key="ssh-ed25519 AAAA",
    )

    resources = described(server, network, group)

    port, made = only(resources, "networking_port_v2"), only(resources, "compute_instance_v2")
    assert port == {
        "name": "eerste",
        "network_id": "${openstack_networking_network_v2.network_eerste_00000002.id}",
        "security_group_ids": [
            "${openstack_networking_secgroup_v2.shared_servers.id}",
            "${openstack_networking_secgroup_v2.security_group_eerste_00000003.id}",
        ],
        "fixed_ip": [
            {
                "subnet_id": "${openstack_networking_subnet_v2.network_eerste_00000002.id}",
                "ip_address": "10.20.4.12",
            }
        ],
    }
    assert made["network"] == [
        {"port": "${openstack_networking_port_v2.server_eerste_00000001.id}"}
    ]
    assert (made["flavor_name"], made["image_name"]) == ("gp.small", "Debian 12")
    assert made["scheduler_hints"][0]["group"].startswith("${openstack_compute_servergroup_v2.")
    assert "ssh-ed25519 AAAA" in made["user_data"]
    assert only(resources, "compute_volume_attach_v2") == {
        "instance_id": "${openstack_compute_instance_v2.server_eerste_00000001.id}",
        "volume_id": "${openstack_blockstorage_volume_v3.server_eerste_00000001_volume.id}",
    }
    assert only(resources, "blockstorage_volume_v3")["volume_type"] == "standard"


def test_a_network_that_a_blueprint_wired_is_referred_to_as_well():
    network = example("network", 2)
    wired = f"{network.cloud_ids['network']} {network.spec['cidr']}"

    resources = described(example("server", network=wired), network)

    assert only(resources, "networking_port_v2")["network_id"] == (
        "${openstack_networking_network_v2.network_eerste_00000002.id}"
    )


def test_what_stands_in_a_network_that_is_gone_is_not_half_described():
    gone = example("server", network=identity(9), network_cidr="192.168.10.0/24")

    assert described(gone) == {}


def test_servers_share_the_networks_of_their_offering():
    first, second = example("server", 1), example("server", 2)

    resources = described(first, second)

    assert only(resources, "networking_network_v2") == {"name": "intern"}
    assert only(resources, "networking_subnet_v2")["cidr"] == "10.20.4.0/24"
    assert only(resources, "networking_secgroup_rule_v2")["remote_ip_prefix"] == "10.20.4.0/24"
    assert len(resources["openstack_compute_instance_v2"]) == 2


def test_a_server_on_a_system_disk_starts_from_that():
    resources = described(example("server", system_gib=60, volume_gib=0))

    disk = only(resources, "blockstorage_volume_v3")
    assert (disk["name"], disk["size"]) == ("eerste-system", 60)
    assert disk["image_id"].startswith("${data.openstack_images_image_v2.image_Debian_12")
    made = only(resources, "compute_instance_v2")
    assert "image_name" not in made
    assert made["block_device"][0]["uuid"] == (
        "${openstack_blockstorage_volume_v3.server_eerste_00000001_system_volume.id}"
    )


def test_a_server_from_an_image_of_the_project_refers_to_that():
    image = example("server_image", 2)
    own = {"name": image.name, "image_gib": 20, "image_memory_mib": 2048}

    resources = described(example("server", image=image.public_id, own_image=own), image)

    assert only(resources, "compute_instance_v2")["image_id"] == (
        "${openstack_images_image_v2.server_image_eerste_00000002.id}"
    )
    assert only(resources, "images_image_v2")["local_file_path"] == (
        "../../images/server_image-2.img"
    )


def test_a_disk_and_an_address_stay_with_their_server():
    server = example("server", volume_gib=0)
    there = {ATTACHED_TO: server.public_id}
    disk = example("volume", 2, facts=there)
    address = example("floating_ip", 3, facts=there)

    resources = described(server, disk, address)

    assert only(resources, "compute_volume_attach_v2")["instance_id"] == (
        "${openstack_compute_instance_v2.server_eerste_00000001.id}"
    )
    assert only(resources, "networking_floatingip_associate_v2") == {
        "floating_ip": "${openstack_networking_floatingip_v2.floating_ip_eerste_00000003.address}",
        "port_id": "${openstack_networking_port_v2.server_eerste_00000001.id}",
        "depends_on": ["openstack_networking_router_interface_v2.shared_intern"],
    }


def test_a_disk_of_a_server_that_is_not_described_stands_alone():
    disk = example("volume", facts={ATTACHED_TO: identity(9)})

    assert described(disk).keys() == {"openstack_blockstorage_volume_v3"}


def test_a_network_without_a_way_out_has_no_router():
    resources = described(example("network", way_out="none"))

    assert resources.keys() == {
        "openstack_networking_network_v2",
        "openstack_networking_subnet_v2",
    }


def test_rules_of_a_group_are_those_that_were_asked_for():
    group = example("security_group", rules="tcp 5000-5010 10.0.0.0/8\nicmp ::/0")

    rules = described(group)["openstack_networking_secgroup_rule_v2"].values()

    assert [
        (rule["ethertype"], rule["protocol"], rule.get("port_range_max")) for rule in rules
    ] == [("IPv4", "tcp", 5010), ("IPv6", "ipv6-icmp", None)]


def test_records_of_a_zone_are_described_and_are_a_file():
    zone = example("dns_zone")

    records = described(zone)["openstack_dns_recordset_v2"].values()

    assert [(record["name"], record["type"], record["records"]) for record in records] == [
        ("loket.example.nl.", "A", ["192.0.2.10"]),
        ("www.loket.example.nl.", "CNAME", ["loket.example.nl."]),
    ]
    (path, text), *others = get_kind("dns_zone").exit_files(zone).items()
    assert (path, others) == ("dns/loket.example.nl.zone", [])
    assert "www IN CNAME loket.example.nl." in text


def test_a_found_zone_has_no_file():
    zone = Thing(public_id=identity(1), kind="dns_zone", name="a", spec={"zone": "a.nl"})

    assert get_kind("dns_zone").exit_files(zone) == {}


HOLD_DATA = {
    "server": {"server", "volume"},
    "volume": {"volume"},
    "volume_snapshot": {"volume_snapshot"},
    "volume_backup": {"volume_backup"},
    "server_image": {"server_image"},
    "container": {"container"},
}


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_whatever_holds_data_of_the_project_says_how_to_fetch_it(kind: str):
    fetches = get_kind(kind).to_fetch(example(kind))

    assert {fetch.kind for fetch in fetches} == HOLD_DATA.get(kind, set())
    assert all(fetch.commands and fetch.file for fetch in fetches)
    assert len({fetch.file for fetch in fetches}) == len(fetches)


def test_what_the_cloud_never_made_is_not_fetched():
    things = [
        Thing(public_id=identity(1), kind=kind, name="a", spec=example(kind).spec)
        for kind in HOLD_DATA
    ]

    assert [fetch for thing in things for fetch in get_kind(thing.kind).to_fetch(thing)] == []


def test_a_server_that_starts_from_a_disk_has_no_disk_of_its_own():
    server = example("server", system_gib=60, volume_gib=0, facts={"boots_from": "volume"})

    (fetch,) = get_kind("server").to_fetch(server)

    assert (fetch.kind, fetch.size_gib) == ("system_volume", 60)


def test_a_disk_in_use_is_fetched_while_it_stays_in_use():
    free, used = (
        get_kind("volume").to_fetch(example("volume", facts=facts))[0]
        for facts in ({}, {ATTACHED_TO: identity(2)})
    )

    assert "snapshot" not in " ".join(free.commands)
    assert "snapshot create --force" in used.commands[0]
