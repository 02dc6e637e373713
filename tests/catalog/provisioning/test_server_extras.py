"""A server that starts from a volume, in a group, with security groups and instructions."""

from __future__ import annotations

import email
from datetime import timedelta

import pytest
import yaml

from billing.models import UsageSpan
from catalog.errors import ActionNotOffered
from catalog.kinds.server_extras import Extra
from catalog.models import (
    Difference,
    Offering,
    Operation,
    OperationState,
    Resource,
    ResourceState,
    StepState,
)
from catalog.provisioning.cloud_quota import needed_quota
from catalog.reconciliation.looking import look_at
from catalog.services.approvals import approve_order
from catalog.services.operations import resume_operation
from catalog.services.resources import act_on_resource
from catalog.services.undoing import compensate_operation
from portal.cloud.ports import CloudUnavailable
from tests.factories import OfferingVersionFactory, place, priced, reoffered
from tests.factories.catalog import SPEC

pytestmark = pytest.mark.django_db
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGr8Yx0pL1z5nVtqJ8o3cM0s2rR9hQf7uW4bKe6dTgHa beheer"


@pytest.fixture
def version(version):
    """The virtual server with everything that may be chosen beside the usual."""
    return reoffered(version, extras=[extra.value for extra in Extra])


def thing(cloud, resource, part="server"):
    return cloud.things[resource.cloud_ids[part]]


def test_delivery_that_an_older_plan_began_goes_on_with_its_steps(start, cloud, engine):
    server = start()
    engine.run_until("network", StepState.DONE)
    operation = Operation.objects.get(resource=server)
    operation.plan_version = 1
    operation.save(update_fields=["plan_version"])
    server.spec = {name: server.spec[name] for name in SPEC}  # the questions of then
    server.save(update_fields=["spec"])

    engine.run()

    server.refresh_from_db()
    assert server.state == ResourceState.ACTIVE
    assert [step.name for step in operation.steps.all()] == [
        "project",
        "volume",
        "network",
        "security_group",
        "port",
        "server",
        "attachment",
    ]


def retried(engine, resource, requester):
    """Tries again what failed."""
    operation = Operation.objects.get(resource=resource, state=OperationState.FAILED)
    engine.call(resume_operation, operation.public_id, actor=requester)
    engine.run()
    resource.refresh_from_db()
    return resource


class TestSystemVolume:
    def test_server_starts_from_a_volume_made_from_the_image(self, deliver, cloud):
        server = deliver(system_gib=25)

        volume = thing(cloud, server, "system_volume")
        assert server.state == ResourceState.ACTIVE
        assert volume.details["is_bootable"]
        assert (volume.name, volume.details["size_gib"]) == (f"{server.name}-system", 25)
        assert volume.details["server_ids"] == [server.cloud_ids["server"]]
        assert thing(cloud, server).details["volume_ids"] == [
            server.cloud_ids["system_volume"],
            server.cloud_ids["volume"],
        ]

    def test_it_counts_and_costs_with_the_disk_for_data(self, deliver, cloud):
        server = deliver(system_gib=25)

        spans = UsageSpan.objects.filter(resource__public_id=server.public_id)
        needed = needed_quota(server.cloud_project)
        assert dict(spans.values_list("sku__code", "quantity"))["volume.standard"] == 65
        assert (needed["volumes"], needed["volume_gib"]) == (2, 65)

    def test_without_it_the_server_has_a_disk_of_its_own(self, deliver, cloud):
        server = deliver()

        assert "system_volume" not in server.cloud_ids
        assert cloud.count("volume") == 1

    def test_it_goes_with_the_server(self, deliver, cloud, retire, engine):
        server = deliver(system_gib=25)

        retire(server)
        engine.run()

        server.refresh_from_db()
        assert server.state == ResourceState.RETIRED
        assert cloud.count("volume") == cloud.count("server") == cloud.count("port") == 0

    @pytest.mark.parametrize("call", ["create_volume", "create_server"])
    def test_lost_answer_ends_with_one_of_everything(self, deliver, cloud, settings, call):
        settings.UNKNOWN_OUTCOME_WAIT = timedelta(0)
        cloud.lose_next_reply(call)

        server = deliver(system_gib=25)

        assert server.state == ResourceState.ACTIVE
        assert (cloud.count("volume"), cloud.count("server")) == (2, 1)

    def test_request_that_was_lost_itself_is_sent_again(self, deliver, cloud, settings):
        settings.UNKNOWN_OUTCOME_WAIT = timedelta(0)
        lost = CloudUnavailable("connection reset", outcome_unknown=True)
        cloud.fail_next("create_volume", lost)

        assert deliver(system_gib=25).state == ResourceState.ACTIVE
        assert cloud.count("volume") == 2

    def test_server_that_breaks_is_made_anew_on_the_same_volume(self, start, cloud, engine):
        server = start(system_gib=25)
        engine.run_until("system_volume", StepState.DONE)
        cloud.servers_become("ERROR", "No space left on the host.")
        engine.run()
        cloud.servers_become("ACTIVE")

        operation = Operation.objects.get(resource=server)
        assert operation.state == OperationState.FAILED
        engine.call(compensate_operation, operation.public_id, actor=None)
        engine.run()
        assert cloud.count("volume") == cloud.count("server") == 0
        assert cloud.calls["create_volume"] == 2

    def test_what_stands_on_a_volume_is_not_rebuilt_or_rescued(self, deliver, requester):
        server = deliver(system_gib=25)

        for action in ("rebuild", "rescue"):
            with pytest.raises(ActionNotOffered):
                act_on_resource(
                    server.public_id, action=action, actor=requester, confirmation=server.name
                )

    def test_who_compares_finds_nothing_and_then_what_somebody_changed(
        self, deliver, cloud, settings
    ):
        settings.DRIFT_SECOND_LOOK_AFTER = settings.DRIFT_GRACE = timedelta(microseconds=1)
        server = deliver(system_gib=25)
        record = server.cloud_project.cloud

        look_at(record)
        look_at(record)
        assert not Difference.objects.exists()
        thing(cloud, server, "system_volume").details["size_gib"] = 30
        look_at(record)
        look_at(record)
        difference = Difference.objects.get(state="open")
        assert (difference.part, difference.field) == ("system_volume", "size_gib")


class TestServerGroup:
    def test_servers_with_one_name_and_rule_share_a_group(self, deliver, cloud):
        first = deliver(group="web", group_rule="anti-affinity")
        second = deliver(group="web", group_rule="anti-affinity")

        (group,) = cloud.of("server_group", first.cloud_project.openstack_project_id)
        assert group.details["policy"] == "anti-affinity"
        assert group.details["server_ids"] == [
            first.cloud_ids["server"],
            second.cloud_ids["server"],
        ]

    def test_another_rule_is_another_group(self, deliver, cloud):
        deliver(group="web", group_rule="anti-affinity")
        deliver(group="web", group_rule="affinity")

        assert cloud.count("server_group") == 2

    def test_without_a_rule_it_is_apart_where_there_is_room(self, deliver, cloud):
        server = deliver(group="web")
        deliver(group="web", group_rule="soft-anti-affinity")

        (group,) = cloud.of("server_group", server.cloud_project.openstack_project_id)
        assert group.details["policy"] == "soft-anti-affinity"

    def test_it_goes_with_its_last_server(self, deliver, cloud, retire, engine):
        first, second = deliver(group="web"), deliver(group="web")

        retire(first)
        engine.run()
        assert cloud.count("server_group") == 1
        retire(second)
        engine.run()
        assert cloud.count("server_group") == 0

    def test_it_goes_when_its_last_two_go_together(self, deliver, cloud, retire, engine):
        servers = deliver(group="web"), deliver(group="web")

        for server in servers:
            retire(server)
        engine.run()

        assert cloud.count("server_group") == 0

    def test_it_stays_for_one_that_is_still_on_its_way(self, deliver, start, cloud, retire, engine):
        first = deliver(group="web")
        second = start(group="web")
        engine.run_until("port", StepState.DONE)
        retire(first)
        engine.run()

        second.refresh_from_db()
        assert second.state == ResourceState.ACTIVE
        (group,) = cloud.of("server_group", second.cloud_project.openstack_project_id)
        assert group.details["server_ids"] == [second.cloud_ids["server"]]

    def test_lost_answer_ends_with_one_group(self, deliver, cloud, settings):
        settings.UNKNOWN_OUTCOME_WAIT = timedelta(0)
        cloud.lose_next_reply("create_server_group")

        assert deliver(group="web").state == ResourceState.ACTIVE
        assert cloud.count("server_group") == 1

    def test_no_place_that_suits_the_rule_is_said(self, deliver, cloud):
        cloud.servers_become("ERROR", "No valid host was found.")

        server = deliver(group="web", group_rule="anti-affinity")

        step = Operation.objects.get(resource=server).steps.get(name="server")
        assert step.last_error == (
            "No valid host was found. Perhaps none is left that suits group 'web', whose rule is "
            "anti-affinity."
        )


class TestSecurityGroups:
    @pytest.fixture
    def group(self, engine, requester, approver, project, version):
        """Delivers a security group of this name."""
        priced(security_group="0.00")
        offering = Offering.objects.create(code="groep", kind="security_group")
        offered = OfferingVersionFactory(offering=offering, cloud=version.cloud, choices={})

        def order(name: str) -> Resource:
            order = place(
                requester, project, offered, name=name, spec={"rules": "tcp 443 0.0.0.0/0"}
            )
            engine.call(approve_order, order.public_id, approver=approver)
            engine.run()
            return Resource.objects.get(order_line__order=order)

        return order

    def test_server_is_in_those_that_were_named_beside_the_usual_one(self, deliver, cloud, group):
        web, mail = group("web"), group("mail")

        server = deliver(security_groups="mail web,mail")

        assert server.spec["security_groups"] == "mail, web"
        assert thing(cloud, server, "port").details["security_group_ids"] == [
            server.cloud_ids["security_group"],
            mail.cloud_ids["security_group"],
            web.cloud_ids["security_group"],
        ]

    def test_one_that_is_not_there_is_named_and_may_come_yet(
        self, deliver, group, engine, requester
    ):
        server = deliver(security_groups="web")

        step = Operation.objects.get(resource=server).steps.get(name="port")
        assert server.state == ResourceState.FAILED
        assert step.last_error == "no security group of this project runs by the name 'web'"

        group("web")
        assert retried(engine, server, requester).state == ResourceState.ACTIVE


class TestFirstStart:
    def test_server_gets_what_was_written_as_it_was(self, deliver, cloud):
        server = deliver(user_data="#!/bin/sh\r\necho één")

        assert cloud.user_data[server.cloud_ids["server"]] == "#!/bin/sh\necho één\n"

    @pytest.mark.parametrize(
        ("written", "subtype"),
        [
            ("#!/bin/sh\necho hallo", "x-shellscript"),
            ("#cloud-config\npackages: [nginx]\nssh_authorized_keys: [a]", "cloud-config"),
            ("#cloud-config\nfinal_message: één", "cloud-config"),
        ],
    )
    def test_key_comes_beside_it(self, deliver, cloud, written, subtype):
        server = deliver(user_data=written, ssh_public_key=KEY)

        told = cloud.user_data[server.cloud_ids["server"]]
        mine, ours = email.message_from_string(told).get_payload()
        assert mine.get_content_subtype() == subtype
        assert mine.get_payload(decode=True).decode() == f"{written}\n"
        config = yaml.safe_load(ours.get_payload(decode=True))
        assert config["ssh_authorized_keys"] == [KEY]
        assert config["merge_how"][0] == {"name": "list", "settings": ["append"]}
