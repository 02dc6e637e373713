"""What every implementation of ``portal.cloud.ports.Cloud`` promises.

Run against ``FakeCloud`` beside this file and against a real OpenStack in ``tests/real``, so that
what the engine is tested with behaves like what it runs on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import pytest

from portal.cloud.ports import (
    BACKUP_GIB,
    MARKER_PREFIX,
    UNLIMITED,
    Cloud,
    CloudMissing,
    CloudQuotaRefused,
    CloudRefused,
    CloudUnavailable,
    ContainerSpec,
    DnsRecord,
    Listing,
    LoadBalancerSpec,
    SecurityRule,
    Traffic,
    ZoneSpec,
)
from tests.portal.cloud.workspace import (
    DESCRIPTION,
    NOWHERE,
    ROOM,
    Workspace,
    new_marker,
    until,
)

LASTING = timedelta(seconds=3)


def _opening(protocol: str, low: int | None, high: int | None, source: str) -> SecurityRule:
    return SecurityRule(
        direction="ingress", protocol=protocol, port_min=low, port_max=high, remote_cidr=source
    )


class CloudContract:
    """The promises, one by one. Whoever inherits gives the fixture ``cloud`` and its domain."""

    domain_name = "cloudloket"

    @pytest.fixture
    def project(self, cloud: Cloud) -> str:
        name = f"{MARKER_PREFIX}-{uuid4().hex}"
        project = cloud.create_project(
            domain_name=self.domain_name, name=name, description=DESCRIPTION
        )
        cloud.set_quota(project.id, ROOM)
        return project.id

    @pytest.fixture
    def work(self, cloud: Cloud, project: str) -> Iterator[Workspace]:
        work = Workspace(cloud, project)
        yield work
        work.clear()

    # --- over all projects -------------------------------------------------------------------

    def test_operator_offers_flavors_and_images(self, cloud: Cloud) -> None:
        inventory = cloud.fetch_inventory()

        assert all(item.id and item.vcpus and item.memory_mib for item in inventory.flavors)
        assert all(item.id and item.name for item in inventory.images)
        assert inventory.flavors
        assert inventory.images

    def test_project_made_twice_is_one_project(self, cloud: Cloud) -> None:
        facts = {"domain_name": self.domain_name, "name": f"{MARKER_PREFIX}-{uuid4().hex}"}
        assert cloud.find_projects(**facts) == []

        first = cloud.create_project(**facts, description=DESCRIPTION)
        second = cloud.create_project(**facts, description=DESCRIPTION)

        assert first.id == second.id
        assert [item.id for item in cloud.find_projects(**facts)] == [first.id]
        cloud.ensure_project_access(first.id)

    def test_quota_reads_back_as_it_was_set(self, cloud: Cloud, project: str) -> None:
        assert cloud.fetch_quota(project) == ROOM

        cloud.set_quota(project, {"memory_gib": 12, "volumes": 0})
        cloud.set_quota(project, {"memory_gib": 12, "volumes": 0})

        assert cloud.fetch_quota(project) == {**ROOM, "memory_gib": 12, "volumes": 0}

    def test_limits_of_one_project_are_listed_until_it_is_gone(
        self, cloud: Cloud, project: str
    ) -> None:
        (seen,) = cloud.list_page(Listing.QUOTAS, project=project).things
        assert (seen.id, seen.project, dict(seen.details)) == (project, project, ROOM)

        cloud.delete_project(project)

        assert cloud.list_page(Listing.QUOTAS, project=project).things == []
        with pytest.raises(CloudMissing):
            cloud.delete_project(project)

    def test_use_is_counted_by_the_same_names(self, work: Workspace) -> None:
        assert set(work.cloud.fetch_usage(work.project).values()) == {0}

        work.volume(size_gib=3)
        work.network()

        used = work.cloud.fetch_usage(work.project)
        assert used.keys() == ROOM.keys()
        assert {name: number for name, number in used.items() if number} == {
            "volumes": 1,
            "volume_gib": 3,
            "networks": 1,
        }
        until(
            lambda: work.cloud.list_volumes(work.project),
            lambda seen: all(volume.status == "AVAILABLE" for volume in seen),
        )

    def test_project_is_emptied_of_whatever_is_in_it(self, work: Workspace) -> None:
        cloud, project = work.cloud, work.project
        network, router = work.network(), work.router()
        work.connect(router, work.subnet(network.id))
        server, volume = work.active_server(), work.available_volume()
        cloud.attach_volume(project, server.id, volume.id)
        work.security_group()
        cloud.create_floating_ip(project, new_marker())
        cloud.create_container(project, ContainerSpec(name="archief", quota_gib=1), new_marker())

        until(lambda: cloud.clear_project(project), lambda left: not left)

        assert set(cloud.fetch_usage(project).values()) == {0}
        work.forget()
        cloud.delete_project(project)

    # --- who comes in by itself --------------------------------------------------------------

    def test_user_made_twice_is_one_user(self, cloud: Cloud, project: str) -> None:
        facts = {"domain_name": self.domain_name, "name": f"{MARKER_PREFIX}-{uuid4().hex}"}
        assert cloud.find_users(**facts) == []

        first = cloud.create_user(**facts, project=project)
        second = cloud.create_user(**facts, project=project)

        assert first.id == second.id
        assert [(item.id, item.marker) for item in cloud.find_users(**facts)] == [
            (first.id, facts["name"])
        ]
        cloud.delete_user(first.id)
        assert cloud.find_users(**facts) == []
        with pytest.raises(CloudMissing):
            cloud.delete_user(first.id)

    def test_credential_is_of_one_name_and_tells_its_secret_once(
        self, cloud: Cloud, project: str
    ) -> None:
        name = f"{MARKER_PREFIX}-{uuid4().hex}"
        user = cloud.create_user(domain_name=self.domain_name, name=name, project=project)
        ends = datetime(2038, 1, 2, 3, 4, 5, tzinfo=UTC)

        issued = cloud.create_credential(project, user.id, name="ours", expires_at=ends)
        with pytest.raises(CloudUnavailable):
            cloud.create_credential(project, user.id, name="ours", expires_at=None)

        assert issued.secret
        assert issued.secret not in repr(issued)
        assert issued.auth_url.startswith("http")
        (found,) = cloud.list_credentials(user.id)
        assert (found.id, found.name) == (issued.id, "ours")
        assert found.details == {"expires_at": ends.isoformat()}
        cloud.delete_credential(user.id, issued.id)
        with pytest.raises(CloudMissing):
            cloud.delete_credential(user.id, issued.id)
        other = cloud.create_credential(project, user.id, name="ours", expires_at=None)
        (found,) = cloud.list_credentials(user.id)
        assert (found.id, found.details["expires_at"]) == (other.id, None)
        cloud.delete_user(user.id)

    # --- markers -----------------------------------------------------------------------------

    def test_pages_bring_everything_once_and_tell_whose_it_is(self, work: Workspace) -> None:
        made = {work.volume().id for _ in range(3)}

        found = [thing.id for thing in work.paged(Listing.VOLUMES, limit=2)]

        assert sorted(found) == sorted(made)
        until(
            lambda: work.cloud.list_volumes(work.project),
            lambda seen: all(volume.status == "AVAILABLE" for volume in seen),
        )

    def test_listing_tells_marker_and_status_as_the_find_call_does(self, work: Workspace) -> None:
        marker = new_marker()
        network, group = work.network(marker), work.security_group(marker)
        rule = SecurityRule(
            direction="ingress",
            protocol="tcp",
            port_min=443,
            port_max=443,
            remote_cidr="0.0.0.0/0",
        )
        work.cloud.ensure_security_rules(work.project, group.id, [rule])

        networks = work.cloud.list_page(Listing.NETWORKS).things
        groups = work.cloud.list_page(Listing.SECURITY_GROUPS).things

        assert {thing.marker for thing in networks if thing.id == network.id} == {marker}
        (seen,) = [thing for thing in groups if thing.id == group.id]
        assert seen.details["rules"] == [asdict(rule)]

    def test_parts_of_a_network_are_found_by_their_marker_alone(self, work: Workspace) -> None:
        cloud, project = work.cloud, work.project
        markers = {
            name: new_marker() for name in ("network", "subnet", "router", "security_group", "port")
        }
        network = work.network(markers["network"])
        made = {
            "network": network,
            "subnet": work.subnet(network.id, markers["subnet"]),
            "router": work.router(markers["router"]),
            "security_group": work.security_group(markers["security_group"]),
        }
        made["port"] = work.port(network.id, markers["port"], made["security_group"].id)

        for name, thing in made.items():
            find = getattr(cloud, f"find_{name}s")
            (found,) = find(project, markers[name])
            assert (found.id, found.marker) == (thing.id, markers[name])
            assert found.created_at is not None
            assert find(project, new_marker()) == []

    def test_volume_is_found_by_its_marker_alone(self, work: Workspace) -> None:
        marker = new_marker()
        volume = work.volume(marker)
        work.volume()

        (found,) = work.cloud.find_volumes(work.project, marker)

        assert (found.id, found.marker) == (volume.id, marker)
        assert work.cloud.find_volumes(work.project, new_marker()) == []

    def test_two_copies_are_both_found_oldest_first(self, work: Workspace) -> None:
        marker = new_marker()
        first, second = work.volume(marker), work.volume(marker)

        found = work.cloud.find_volumes(work.project, marker)

        assert [item.id for item in found] == [first.id, second.id]

    def test_another_project_does_not_see_it(self, work: Workspace) -> None:
        cloud, marker = work.cloud, new_marker()
        name = f"{MARKER_PREFIX}-{uuid4().hex}"
        other = cloud.create_project(
            domain_name=self.domain_name, name=name, description=DESCRIPTION
        )
        network, volume = work.network(marker), work.volume(marker)

        assert cloud.find_networks(other.id, marker) == []
        assert cloud.find_volumes(other.id, marker) == []
        assert cloud.list_servers(other.id) == []
        with pytest.raises(CloudMissing):
            cloud.delete_network(other.id, network.id)
        with pytest.raises(CloudMissing):
            cloud.delete_volume(other.id, volume.id)

    # --- network -----------------------------------------------------------------------------

    def test_router_interface_may_be_asked_for_again(self, work: Workspace) -> None:
        cloud, project = work.cloud, work.project
        network, router = work.network(), work.router()
        subnet = work.subnet(network.id)

        work.connect(router, subnet)
        work.connect(router, subnet)

        with pytest.raises(CloudUnavailable) as busy:
            cloud.delete_router(project, router.id)
        assert not busy.value.outcome_unknown
        cloud.remove_router_interface(project, router.id, subnet.id)
        cloud.remove_router_interface(project, router.id, subnet.id)

    def test_security_rules_may_be_asked_for_again(self, work: Workspace) -> None:
        group = work.security_group()
        rules = [
            SecurityRule(
                direction="ingress",
                protocol="tcp",
                port_min=443,
                port_max=443,
                remote_cidr="0.0.0.0/0",
            ),
            SecurityRule(direction="ingress"),
        ]

        for wanted in (rules, rules, rules[:1], rules):
            work.cloud.ensure_security_rules(work.project, group.id, wanted)

    def test_other_rules_go_and_what_stays_is_never_cut_off(self, work: Workspace) -> None:
        marker = new_marker()
        group = work.security_group(marker)
        # Neutron keeps the last two in a way of its own.
        web, mail, ping, everything = (
            _opening("tcp", 443, 443, "0.0.0.0/0"),
            _opening("tcp", 25, 25, "10.0.0.0/8"),
            _opening("icmp", None, None, "2001:db8::/32"),
            _opening("udp", 1, 65535, "10.0.0.0/8"),
        )

        def incoming() -> set[SecurityRule]:
            (found,) = work.cloud.find_security_groups(work.project, marker)
            rules = cast("list[dict[str, Any]]", found.details["rules"])
            assert len(rules) == len({str(rule) for rule in rules})
            return {SecurityRule(**rule) for rule in rules}

        for _ in range(2):
            work.cloud.ensure_security_rules(work.project, group.id, [web, mail, ping, everything])
        assert incoming() == {web, mail, ping, everything}
        for _ in range(2):
            work.cloud.remove_other_security_rules(work.project, group.id, [ping, everything, web])
            assert incoming() == {web, ping, everything}
        work.cloud.remove_other_security_rules(work.project, group.id, [])
        assert incoming() == set()
        with pytest.raises(CloudMissing):
            work.cloud.remove_other_security_rules(work.project, NOWHERE, [web])

    def test_port_is_put_in_other_groups_at_once(self, work: Workspace) -> None:
        cloud, project, marker = work.cloud, work.project, new_marker()
        first, second, third = (work.security_group() for _ in range(3))
        network = work.network()
        port = work.port(network.id, marker, first.id, second.id)

        def groups() -> set[str]:
            (found,) = cloud.find_ports(project, marker)
            return set(cast("list[str]", found.details["security_group_ids"]))

        assert groups() == {first.id, second.id}
        for wanted in ([second.id, third.id], [second.id, third.id], [first.id]):
            cloud.set_port_security_groups(project, port.id, wanted)
            assert groups() == set(wanted)
        with pytest.raises(CloudMissing):
            cloud.set_port_security_groups(project, port.id, [NOWHERE])
        with pytest.raises(CloudMissing):
            cloud.set_port_security_groups(project, NOWHERE, [first.id])
        assert groups() == {first.id}

    def test_port_tells_its_address(self, work: Workspace) -> None:
        network = work.network()
        work.subnet(network.id)

        port = work.port(network.id)

        (address,) = port.details["addresses"]
        assert address.startswith("10.20.4.")

    def test_port_gets_the_address_that_it_had_unless_another_has_it(self, work: Workspace) -> None:
        network = work.network()
        work.subnet(network.id)

        wished = work.port(network.id, address="10.20.4.77").details["addresses"]
        others = [
            work.port(network.id, address=address).details["addresses"]
            for address in ("10.20.4.77", "192.0.2.1")
        ]

        assert wished == ["10.20.4.77"]
        assert all(found and found != wished for found in others)

    def test_floating_ip_is_found_by_its_marker_and_given_back(self, work: Workspace) -> None:
        cloud, project, marker = work.cloud, work.project, new_marker()

        made = cloud.create_floating_ip(project, marker)

        (found,) = cloud.find_floating_ips(project, marker)
        assert (found.id, found.marker) == (made.id, marker)
        assert found.details["address"] == made.details["address"] != ""
        assert cloud.find_floating_ips(project, new_marker()) == []
        cloud.delete_floating_ip(project, made.id)
        with pytest.raises(CloudMissing):
            cloud.delete_floating_ip(project, made.id)

    def test_floating_ip_leads_to_a_port_until_that_is_gone(self, work: Workspace) -> None:
        cloud, project, marker = work.cloud, work.project, new_marker()
        network = work.network()
        subnet = work.subnet(network.id)
        port = work.port(network.id)
        made = cloud.create_floating_ip(project, marker)

        def leads_to() -> object:
            (found,) = cloud.find_floating_ips(project, marker)
            return found.details["port_id"]

        with pytest.raises(CloudRefused):
            cloud.point_floating_ip(project, made.id, port.id)
        work.connect(work.router(), subnet)
        for port_id in (port.id, port.id, "", "", port.id):
            cloud.point_floating_ip(project, made.id, port_id)
            assert leads_to() == port_id
        cloud.delete_port(project, port.id)
        assert leads_to() == ""
        cloud.delete_floating_ip(project, made.id)

    def test_floating_ip_beyond_the_quota_is_refused(self, work: Workspace) -> None:
        work.cloud.set_quota(work.project, {"floating_ips": 0})

        with pytest.raises(CloudQuotaRefused):
            work.cloud.create_floating_ip(work.project, new_marker())

    def test_network_in_use_is_busy(self, work: Workspace) -> None:
        network = work.network()
        work.subnet(network.id)
        work.port(network.id)

        with pytest.raises(CloudUnavailable) as busy:
            work.cloud.delete_network(work.project, network.id)
        assert not busy.value.outcome_unknown
        assert busy.value.status == 409

    # --- servers and volumes -----------------------------------------------------------------

    def test_server_starts_and_tells_its_address(self, work: Workspace) -> None:
        marker = new_marker()
        made = work.server(marker)
        assert (made.status, made.marker) == ("BUILD", marker)

        server = until(lambda: work.seen_server(made.id), lambda seen: seen.status != "BUILD")

        assert (server.status, server.marker, server.fault) == ("ACTIVE", marker, "")
        assert server.created_at is not None
        assert str(server.details["launched_at"]).endswith("+00:00")
        assert [item["address"][:8] for item in server.details["addresses"]] == ["10.20.4."]
        (found,) = work.cloud.find_servers(work.project, marker)
        assert found.id == made.id
        assert work.cloud.find_servers(work.project, new_marker()) == []

    def test_use_of_a_server_counts_from_its_first_start_until_it_is_gone(
        self, work: Workspace
    ) -> None:
        server = work.active_server()
        launched_at = datetime.fromisoformat(str(server.details["launched_at"]))
        start = launched_at.replace(microsecond=0)

        lasting = until(
            lambda: work.usage_of(server.id, start - timedelta(hours=1), start + LASTING),
            lambda usage: usage is not None and usage.seconds >= 2,
        )

        assert lasting is not None
        assert (lasting.name, lasting.project) == (server.name, work.project)
        assert (lasting.started_at, lasting.ended_at) == (launched_at, None)
        assert work.usage_of(server.id, start - LASTING, start) is None
        work.remove_server(server.id)
        gone = work.usage_of(server.id, start, start + timedelta(hours=1))
        assert gone is not None
        assert gone.ended_at is not None
        assert gone.seconds == pytest.approx((gone.ended_at - launched_at).total_seconds(), abs=1)

    def test_running_server_tells_how_busy_it_is(self, work: Workspace) -> None:
        server = work.active_server()

        load = work.cloud.server_load(server.id)

        assert load.processors >= 1
        assert load.cpu_milliseconds is not None
        assert load.cpu_milliseconds >= 0
        assert load.uptime_seconds is not None
        assert load.memory_share is None  # 0 used, or all of it, is no figure
        work.cloud.stop_server(work.project, server.id)
        until(lambda: work.seen_server(server.id), lambda seen: seen.status == "SHUTOFF")
        with pytest.raises(CloudUnavailable) as refusal:
            work.cloud.server_load(server.id)
        assert refusal.value.status == 409
        with pytest.raises(CloudMissing):
            work.cloud.server_load(NOWHERE)

    def test_deleted_server_leaves_its_port(self, work: Workspace) -> None:
        server = work.active_server()

        work.cloud.delete_server(work.project, server.id)
        until(lambda: work.cloud.list_servers(work.project), lambda left: not left)

        with pytest.raises(CloudMissing):
            work.cloud.delete_server(work.project, server.id)

    def test_server_is_stopped_restarted_and_started(self, work: Workspace) -> None:
        cloud, project, server = work.cloud, work.project, work.active_server()

        def becomes(status: str) -> None:
            until(
                lambda: work.seen_server(server.id),
                lambda seen: seen.status == status and not seen.details["task_state"],
            )

        with pytest.raises(CloudUnavailable):
            cloud.start_server(project, server.id)
        cloud.reboot_server(project, server.id, is_hard=False)
        becomes("ACTIVE")
        cloud.stop_server(project, server.id)
        becomes("SHUTOFF")
        with pytest.raises(CloudUnavailable):
            cloud.stop_server(project, server.id)
        cloud.start_server(project, server.id)
        becomes("ACTIVE")
        cloud.reboot_server(project, server.id, is_hard=True)
        becomes("ACTIVE")

    def test_server_is_rebuilt_and_tells_by_which_mark(self, work: Workspace) -> None:
        cloud, project, server = work.cloud, work.project, work.active_server()
        image = cloud.fetch_inventory().images[0].id

        cloud.rebuild_server(project, server.id, image, mark="first")
        assert work.seen_server(server.id).details["rebuild"] == "first"
        rebuilt = work.settled_server(server.id, "ACTIVE")
        cloud.stop_server(project, server.id)
        work.settled_server(server.id, "SHUTOFF")
        cloud.rebuild_server(project, server.id, image, mark="second")
        again = work.settled_server(server.id, "SHUTOFF")

        assert server.details["rebuild"] == ""
        assert (rebuilt.details["rebuild"], again.details["rebuild"]) == ("first", "second")
        assert rebuilt.details["addresses"] == server.details["addresses"]
        assert rebuilt.marker == server.marker

    def test_server_starts_from_a_volume_that_stays_when_it_goes(self, work: Workspace) -> None:
        cloud, project = work.cloud, work.project
        image = min(cloud.fetch_inventory().images, key=lambda item: item.min_disk_gib)
        disk = work.volume(size_gib=max(1, image.min_disk_gib), image_id=image.id)
        until(lambda: work.seen_volume(disk.id), lambda seen: seen.status == "AVAILABLE")

        made = work.server(image_id="", boot_volume_id=disk.id)
        server = work.settled_server(made.id, "ACTIVE")
        in_use = until(lambda: work.seen_volume(disk.id), lambda seen: seen.status == "IN-USE")
        cloud.extend_volume(project, disk.id, 20)
        grown = until(lambda: work.seen_volume(disk.id), lambda seen: seen.status == "IN-USE")

        assert server.details["volume_ids"] == [disk.id]
        assert in_use.details["is_bootable"]
        assert in_use.details["server_ids"] == [server.id]
        assert grown.details["size_gib"] == 20
        cloud.delete_server(project, server.id)
        until(lambda: cloud.list_servers(project), lambda left: not left)
        until(lambda: work.seen_volume(disk.id), lambda seen: seen.status == "AVAILABLE")

    def test_server_group_is_found_by_its_marker_and_tells_who_is_in_it(
        self, work: Workspace
    ) -> None:
        cloud, project, marker = work.cloud, work.project, new_marker()
        group = cloud.create_server_group(project, "anti-affinity", marker)

        made = work.server(server_group_id=group.id)
        server = work.settled_server(made.id, "ACTIVE")
        (found,) = cloud.find_server_groups(project, marker)

        assert (found.id, found.marker) == (group.id, marker)
        assert found.details == {"policy": "anti-affinity", "server_ids": [server.id]}
        assert cloud.find_server_groups(project, new_marker()) == []
        cloud.delete_server_group(project, group.id)
        with pytest.raises(CloudMissing):
            cloud.delete_server_group(project, group.id)
        assert work.seen_server(server.id).status == "ACTIVE"

    def test_server_is_rescued_and_started_from_its_own_disk_again(self, work: Workspace) -> None:
        cloud, project, server = work.cloud, work.project, work.active_server()

        with pytest.raises(CloudUnavailable):
            cloud.unrescue_server(project, server.id)
        cloud.rescue_server(project, server.id)
        work.settled_server(server.id, "RESCUE")
        with pytest.raises(CloudUnavailable):
            cloud.rescue_server(project, server.id)
        with pytest.raises(CloudUnavailable):
            cloud.stop_server(project, server.id)
        cloud.unrescue_server(project, server.id)
        work.settled_server(server.id, "ACTIVE")

    def test_console_of_a_running_server_has_an_address_of_its_own(self, work: Workspace) -> None:
        server = work.active_server()

        first = work.cloud.open_console(work.project, server.id)
        second = work.cloud.open_console(work.project, server.id)

        assert first.startswith("http")
        assert first != second
        with pytest.raises(CloudMissing):
            work.cloud.open_console(work.project, NOWHERE)

    def test_server_becomes_larger_once_that_is_confirmed(self, work: Workspace) -> None:
        cloud, project, server = work.cloud, work.project, work.active_server()
        small, large = sorted(cloud.fetch_inventory().flavors, key=lambda item: item.memory_mib)[:2]

        cloud.resize_server(project, server.id, large.id)
        with pytest.raises(CloudUnavailable):
            cloud.resize_server(project, server.id, large.id)
        resized = work.settled_server(server.id, "VERIFY_RESIZE")
        cloud.revert_resize(project, server.id)
        reverted = work.settled_server(server.id, "ACTIVE")
        cloud.resize_server(project, server.id, large.id)
        work.settled_server(server.id, "VERIFY_RESIZE")
        cloud.confirm_resize(project, server.id)
        cloud.confirm_resize(project, server.id)
        confirmed = work.settled_server(server.id, "ACTIVE")

        sizes = [item.details["flavor"] for item in (resized, reverted, confirmed)]
        assert sizes == [large.name, small.name, large.name]
        with pytest.raises(CloudUnavailable):
            cloud.confirm_resize(project, server.id)

    def test_volume_grows_also_while_a_server_uses_it(self, work: Workspace) -> None:
        cloud, project = work.cloud, work.project
        server, volume = work.active_server(), work.available_volume()

        cloud.extend_volume(project, volume.id, 2)
        grown = until(lambda: work.seen_volume(volume.id), lambda seen: seen.status == "AVAILABLE")
        assert grown.details["size_gib"] == 2
        cloud.attach_volume(project, server.id, volume.id)
        until(lambda: work.seen_volume(volume.id), lambda seen: seen.status == "IN-USE")
        cloud.extend_volume(project, volume.id, 3)
        grown = until(lambda: work.seen_volume(volume.id), lambda seen: seen.status == "IN-USE")

        assert grown.details["size_gib"] == 3
        with pytest.raises(CloudRefused):
            cloud.extend_volume(project, volume.id, 3)
        cloud.set_quota(project, {"volume_gib": 3})
        with pytest.raises(CloudQuotaRefused):
            cloud.extend_volume(project, volume.id, 4)
        cloud.detach_volume(project, server.id, volume.id)
        until(lambda: work.seen_volume(volume.id), lambda seen: seen.status == "AVAILABLE")

    def test_volume_is_attached_and_detached_once(self, work: Workspace) -> None:
        cloud, project = work.cloud, work.project
        server, volume = work.active_server(), work.available_volume()
        assert volume.status == "AVAILABLE"

        cloud.attach_volume(project, server.id, volume.id)
        cloud.attach_volume(project, server.id, volume.id)

        attached = until(lambda: work.seen_volume(volume.id), lambda seen: seen.status == "IN-USE")
        assert attached.details["server_ids"] == [server.id]
        with pytest.raises(CloudUnavailable):
            cloud.delete_volume(project, volume.id)
        cloud.detach_volume(project, server.id, volume.id)
        cloud.detach_volume(project, server.id, volume.id)
        until(lambda: work.seen_volume(volume.id), lambda seen: seen.status == "AVAILABLE")
        cloud.detach_volume(project, server.id, volume.id)

    # --- snapshots and backups ---------------------------------------------------------------

    def test_snapshot_keeps_its_volume_and_begins_another(self, work: Workspace) -> None:
        cloud, project, marker = work.cloud, work.project, new_marker()
        volume = work.available_volume()

        snapshot = work.snapshot(volume.id, marker)

        assert (snapshot.status, snapshot.marker) == ("AVAILABLE", marker)
        assert snapshot.details == {"size_gib": 1, "of_id": volume.id}
        assert [found.id for found in cloud.find_snapshots(project, marker)] == [snapshot.id]
        assert cloud.find_snapshots(project, new_marker()) == []
        with pytest.raises(CloudUnavailable):
            cloud.delete_volume(project, volume.id)
        again = work.settled_copy(snapshot_id=snapshot.id, size_gib=2)
        assert (again.status, again.details["size_gib"]) == ("AVAILABLE", 2)
        cloud.set_quota(project, {"snapshots": 1})
        with pytest.raises(CloudQuotaRefused):
            work.snapshot(volume.id)

    def test_snapshot_is_also_made_of_a_volume_in_use(self, work: Workspace) -> None:
        cloud, project = work.cloud, work.project
        server, volume = work.active_server(), work.available_volume()
        cloud.attach_volume(project, server.id, volume.id)
        until(lambda: work.seen_volume(volume.id), lambda seen: seen.status == "IN-USE")

        assert work.snapshot(volume.id).status == "AVAILABLE"
        backup = work.backup(volume.id)
        assert backup.status == "AVAILABLE"
        work.remove_backup(backup.id)
        with pytest.raises(CloudMissing):
            cloud.delete_backup(project, backup.id)
        until(lambda: work.seen_volume(volume.id), lambda seen: seen.status == "IN-USE")
        cloud.detach_volume(project, server.id, volume.id)
        until(lambda: work.seen_volume(volume.id), lambda seen: seen.status == "AVAILABLE")

    def test_backup_outlives_its_volume_and_begins_another(self, work: Workspace) -> None:
        cloud, project, marker = work.cloud, work.project, new_marker()
        volume = work.available_volume()

        backup = work.backup(volume.id, marker)

        assert (backup.status, backup.marker) == ("AVAILABLE", marker)
        assert backup.details == {"size_gib": 1, "of_id": volume.id}
        assert [found.id for found in cloud.find_backups(project, marker)] == [backup.id]
        assert work.settled_copy(backup_id=backup.id, size_gib=1).status == "AVAILABLE"
        pages = [cloud.list_page(listing) for listing in (Listing.BACKUPS, Listing.VOLUMES)]
        ids = {thing.id: thing.project for page in pages for thing in page.things}
        assert (ids[backup.id], ids[volume.id]) == (project, project)

    def test_backups_take_no_more_than_their_own_room(self, work: Workspace) -> None:
        cloud, project = work.cloud, work.project
        volume = work.available_volume()
        cloud.set_quota(project, {BACKUP_GIB: 0})
        with pytest.raises(CloudQuotaRefused):
            work.backup(volume.id)
        cloud.set_quota(project, {BACKUP_GIB: 1})

        assert work.backup(volume.id).status == "AVAILABLE"

        assert cloud.fetch_usage(project)[BACKUP_GIB] == 1
        with pytest.raises(CloudUnavailable):  # no limit below what is in use
            cloud.set_quota(project, {BACKUP_GIB: 0})
        with pytest.raises(CloudQuotaRefused):
            work.backup(volume.id)
        cloud.set_quota(project, {BACKUP_GIB: UNLIMITED})
        assert cloud.fetch_quota(project)[BACKUP_GIB] == UNLIMITED

    # --- images of servers -------------------------------------------------------------------

    def test_image_of_a_server_begins_another_and_goes(self, work: Workspace) -> None:
        cloud, project, marker = work.cloud, work.project, new_marker()
        server = work.active_server()

        image = work.image(server.id, marker)

        assert (image.status, image.marker, image.name) == ("ACTIVE", marker, "golden")
        assert image.details["of_id"] == server.id
        assert image.details["size_gib"] == 1
        assert image.details.keys() == {"of_id", "min_disk_gib", "min_memory_mib", "size_gib"}
        assert image.created_at is not None
        assert [found.id for found in cloud.find_images(project, marker)] == [image.id]
        assert cloud.find_images(project, new_marker()) == []
        made = work.server(image_id=image.id)
        assert work.settled_server(made.id, "ACTIVE").fault == ""
        cloud.delete_image(project, image.id)
        assert cloud.list_images(project) == []
        with pytest.raises(CloudMissing):
            cloud.delete_image(project, image.id)

    def test_image_is_made_of_a_server_that_stands_still_and_of_none_that_is_rescued(
        self, work: Workspace
    ) -> None:
        cloud, project, server = work.cloud, work.project, work.active_server()
        cloud.stop_server(project, server.id)
        work.settled_server(server.id, "SHUTOFF")
        work.image(server.id)
        work.settled_server(server.id, "SHUTOFF")

        cloud.rescue_server(project, server.id)
        work.settled_server(server.id, "RESCUE")

        with pytest.raises(CloudUnavailable) as busy:
            work.image(server.id)
        assert not busy.value.outcome_unknown
        with pytest.raises(CloudMissing):
            work.image(NOWHERE)

    def test_pages_of_images_tell_whose_they_are(self, work: Workspace) -> None:
        markers = {new_marker(), new_marker()}
        server = work.active_server()
        for marker in markers:
            work.image(server.id, marker)
            work.settled_server(server.id, "ACTIVE")

        found = [thing.marker for thing in work.paged(Listing.IMAGES, limit=1)]

        assert sorted(found) == sorted(markers)

    def test_image_of_a_server_that_was_made_from_one_has_its_own_marker(
        self, work: Workspace
    ) -> None:
        first, second = new_marker(), new_marker()
        image = work.image(work.active_server().id, first)
        made = work.server(image_id=image.id)
        work.settled_server(made.id, "ACTIVE")

        again = work.image(made.id, second)

        assert again.marker == second
        assert [item.id for item in work.cloud.find_images(work.project, first)] == [image.id]

    # --- load balancers, DNS, object storage ---------------------------------------------------

    def test_load_balancer_is_made_whole_and_goes_whole(self, work: Workspace) -> None:
        cloud, project, marker = work.cloud, work.project, new_marker()
        network = work.network()
        work.subnet(network.id)
        spec = LoadBalancerSpec(
            name="front",
            network_id=network.id,
            protocol="HTTP",
            port=80,
            members=[("10.20.4.12", 8080), ("10.20.4.13", 8080)],
        )

        made = cloud.create_load_balancer(project, spec, marker)
        (active,) = until(
            lambda: cloud.list_load_balancers(project),
            lambda seen: [item.status for item in seen] == ["ACTIVE"],
        )

        assert (active.id, active.marker) == (made.id, marker)
        assert active.details["address"]
        assert cloud.load_balancer_traffic(project, made.id) == Traffic(bytes_in=0, bytes_out=0)
        with pytest.raises(CloudMissing):
            cloud.load_balancer_traffic(project, NOWHERE)
        (found,) = cloud.find_load_balancers(project, marker)
        assert found.id == made.id
        assert cloud.find_load_balancers(project, new_marker()) == []
        cloud.delete_load_balancer(project, made.id)
        until(
            lambda: cloud.list_load_balancers(project),
            lambda left: made.id not in {item.id for item in left},
        )

    def test_members_become_those_that_are_asked_for_and_no_others(self, work: Workspace) -> None:
        cloud, project = work.cloud, work.project
        network = work.network()
        work.subnet(network.id)
        first = [("10.20.4.12", 8080), ("10.20.4.13", 8080)]
        spec = LoadBalancerSpec(
            name="front", network_id=network.id, protocol="HTTP", port=80, members=first
        )
        made = cloud.create_load_balancer(project, spec, new_marker())

        def settled() -> set[tuple[str, int]]:
            until(
                lambda: cloud.list_load_balancers(project),
                lambda seen: [item.status for item in seen] == ["ACTIVE"],
            )
            return set(cloud.list_members(project, made.id))

        assert settled() == set(first)
        second = [("10.20.4.13", 8080), ("10.20.4.13", 8443), ("10.20.4.14", 8080)]
        cloud.set_members(project, made.id, second)
        assert set(cloud.list_members(project, made.id)) == set(second)
        assert settled() == set(second)
        cloud.set_members(project, made.id, second[::-1])
        (idle,) = cloud.list_load_balancers(project)
        assert idle.status == "ACTIVE"
        cloud.set_members(project, made.id, second[:1])
        assert settled() == set(second[:1])
        with pytest.raises(CloudMissing):
            cloud.set_members(project, NOWHERE, first)
        with pytest.raises(CloudMissing):
            cloud.list_members(project, NOWHERE)
        cloud.delete_load_balancer(project, made.id)
        until(
            lambda: cloud.list_load_balancers(project),
            lambda left: made.id not in {item.id for item in left},
        )

    def test_zone_is_made_with_its_records_and_its_name_is_its_own(self, work: Workspace) -> None:
        cloud, project, marker = work.cloud, work.project, new_marker()
        spec = ZoneSpec(name=f"{uuid4().hex}.example.", email="beheer@example.nl")
        made = cloud.create_zone(project, spec, marker)
        until(
            lambda: cloud.list_zones(project),
            lambda seen: [item.status for item in seen] == ["ACTIVE"],
        )
        records = [
            DnsRecord(name=spec.name, type="A", values=["192.0.2.10", "192.0.2.11"]),
            DnsRecord(name=f"www.{spec.name}", type="CNAME", values=[spec.name]),
        ]

        for wanted in (records, records):
            cloud.set_records(project, made.id, wanted)

        (found,) = cloud.find_zones(project, marker)
        assert (found.id, found.marker, found.name) == (made.id, marker, spec.name)
        assert cloud.find_zones(project, new_marker()) == []
        with pytest.raises(CloudRefused):
            cloud.create_zone(project, spec, new_marker())
        cloud.delete_zone(project, made.id)
        until(lambda: cloud.list_zones(project), lambda left: not left)

    def test_records_become_those_that_are_asked_for_and_no_others(self, work: Workspace) -> None:
        cloud, project = work.cloud, work.project
        spec = ZoneSpec(name=f"{uuid4().hex}.example.", email="beheer@example.nl")
        made = cloud.create_zone(project, spec, new_marker())

        until(
            lambda: cloud.list_zones(project),
            lambda seen: [item.status for item in seen] == ["ACTIVE"],
        )

        def become(wanted: list[DnsRecord]) -> dict[tuple[str, str], set[str]]:
            def is_written() -> bool:
                try:
                    cloud.set_records(project, made.id, wanted)
                except CloudUnavailable:  # it may be repeated
                    return False
                return True

            until(is_written, bool)
            found = cloud.list_records(project, made.id)
            return {(record.name, record.type): set(record.values) for record in found}

        www, alias = f"www.{spec.name}", f"alias.{spec.name}"
        apex = DnsRecord(name=spec.name, type="A", values=["192.0.2.10", "192.0.2.11"])
        cname = DnsRecord(name=www, type="CNAME", values=[spec.name])
        first = {(spec.name, "A"): set(apex.values), (www, "CNAME"): {spec.name}}
        assert become([apex, cname]) == first

        # A value less, an alias that becomes an address, and a name that is new.
        others = [
            DnsRecord(name=spec.name, type="A", values=["192.0.2.11"]),
            DnsRecord(name=www, type="A", values=["192.0.2.12"]),
            DnsRecord(name=alias, type="TXT", values=['"hallo"']),
        ]
        wanted = {(item.name, item.type): set(item.values) for item in others}
        assert become(others) == wanted
        assert become(others[::-1]) == wanted
        with pytest.raises(CloudRefused):
            become([*others, cname])
        assert become(others) == wanted
        assert become([]) == {}
        with pytest.raises(CloudMissing):
            cloud.set_records(project, NOWHERE, others)
        cloud.delete_zone(project, made.id)
        until(lambda: cloud.list_zones(project), lambda left: not left)

    def test_container_is_one_of_its_name_and_goes_when_it_is_empty(self, work: Workspace) -> None:
        cloud, project, marker = work.cloud, work.project, new_marker()
        spec = ContainerSpec(name="archief", quota_gib=2)
        assert cloud.find_containers(project, spec.name, marker) == []
        assert cloud.container_bytes(project) == {}

        cloud.create_container(project, spec, marker)
        cloud.create_container(project, spec, marker)

        (found,) = cloud.find_containers(project, spec.name, marker)
        assert (found.id, found.marker) == (spec.name, marker)
        for other in (new_marker(), ""):
            with pytest.raises(CloudRefused):
                cloud.find_containers(project, spec.name, other)
            with pytest.raises(CloudRefused):
                cloud.create_container(project, spec, other)
        assert found.details == {"quota_gib": 2, "used_gib": 0}
        for size in (3, 3, 1):
            cloud.set_container_quota(project, spec.name, size)
            (found,) = cloud.find_containers(project, spec.name, marker)
            assert found.details["quota_gib"] == size
        with pytest.raises(CloudMissing):
            cloud.set_container_quota(project, "elders", 1)
        assert cloud.fetch_storage_url(project).endswith(f"AUTH_{project}")
        for _ in range(2):
            cloud.open_container(project, spec.name, of_project=project, user=NOWHERE)
        assert cloud.empty_container(project, spec.name, at_most=10)
        cloud.delete_container(project, spec.name)
        assert cloud.find_containers(project, spec.name, marker) == []
        with pytest.raises(CloudMissing):
            cloud.delete_container(project, spec.name)

    def test_container_that_is_not_ours_is_listed_and_known_by_its_name(
        self, work: Workspace
    ) -> None:
        """People call theirs as they like, also so that an address could be misread."""
        cloud, project = work.cloud, work.project
        names = ["Oud archief", "Oud archief?x=1 #2 100%25 ü"]
        for name in names:
            cloud.create_container(project, ContainerSpec(name=name, quota_gib=2), "")

        listed = cloud.list_page(Listing.CONTAINERS, project=project).things

        assert {(thing.id, thing.name, thing.project) for thing in listed} == {
            (name, name, project) for name in names
        }
        assert [thing.details for thing in listed] == [{"used_gib": 0}, {"used_gib": 0}]
        assert cloud.container_bytes(project) == dict.fromkeys(names, 0)
        for name, left in zip(names[::-1], ([names[0]], []), strict=True):
            with pytest.raises(CloudRefused):
                cloud.find_containers(project, name, new_marker())
            (found,) = cloud.find_containers(project, name, "")
            assert (found.id, found.marker) == (name, "")
            cloud.set_container_quota(project, name, 1)
            cloud.open_container(project, name, of_project=project, user=NOWHERE)
            assert cloud.empty_container(project, name, at_most=10)
            cloud.delete_container(project, name)
            page = cloud.list_page(Listing.CONTAINERS, project=project)
            assert [thing.name for thing in page.things] == left

    # --- refusals ----------------------------------------------------------------------------

    def test_quota_of_the_cloud_refuses(self, work: Workspace) -> None:
        cloud, project = work.cloud, work.project
        cloud.set_quota(project, {"servers": 0, "volume_gib": 3, "routers": 0})

        with pytest.raises(CloudQuotaRefused) as compute:
            work.server()
        with pytest.raises(CloudQuotaRefused) as storage:
            work.volume(size_gib=4)
        with pytest.raises(CloudQuotaRefused) as network:
            work.router()
        assert all(refused.value.request_id for refused in (compute, storage, network))

    def test_limit_below_what_is_used_is_for_servers_alone(self, work: Workspace) -> None:
        cloud, project = work.cloud, work.project
        work.active_server()
        work.available_volume()
        cloud.create_floating_ip(project, new_marker())

        cloud.set_quota(project, {"servers": 0, "vcpus": 0, "memory_gib": 0})

        for metric in ("volumes", "volume_gib", "floating_ips"):
            with pytest.raises(CloudUnavailable):
                cloud.set_quota(project, {metric: 0})
        there = cloud.fetch_quota(project)
        assert there["servers"] == 0
        assert min(there["volumes"], there["volume_gib"], there["floating_ips"]) > 0

    def test_unknown_flavor_is_refused(self, work: Workspace) -> None:
        with pytest.raises(CloudRefused) as refused:
            work.server(flavor_id=NOWHERE)
        assert not isinstance(refused.value, CloudMissing)
        assert refused.value.status == 400

    @pytest.mark.parametrize(
        "thing",
        ["network", "subnet", "router", "security_group", "port", "volume", "server", "image"],
    )
    def test_what_is_not_there_is_missing(self, cloud: Cloud, project: str, thing: str) -> None:
        with pytest.raises(CloudMissing) as missing:
            getattr(cloud, f"delete_{thing}")(project, NOWHERE)
        assert missing.value.request_id

    def test_detaching_what_is_not_attached_succeeds(self, work: Workspace) -> None:
        server, volume = work.active_server(), work.available_volume()

        work.cloud.detach_volume(work.project, server.id, volume.id)
        work.cloud.detach_volume(work.project, NOWHERE, volume.id)
