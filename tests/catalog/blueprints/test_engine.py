"""Delivering and cleaning up a whole: what needs nothing at once, the rest as soon as it can."""

from copy import deepcopy
from datetime import timedelta
from functools import partial

import pytest
from django.utils.timezone import localdate, now

from billing.models import MinimumTerm, UsageSpan
from catalog.errors import ConfirmationMismatch, ResourceNeeded, ResourceProtected
from catalog.kinds import get_kind
from catalog.kinds.base import Done
from catalog.kinds.steps.volume import VOLUME
from catalog.models import (
    ClaimState,
    Derivation,
    Ending,
    LineNeed,
    Offering,
    Operation,
    OperationKind,
    OperationState,
    OrderState,
    QuotaClaim,
    Resource,
    ResourceState,
    Step,
    StepFault,
    StepState,
)
from catalog.provisioning import runner
from catalog.provisioning.claims import claim_next_step
from catalog.services.approvals import approve_order
from catalog.services.assemblies import retire_assembly
from catalog.services.end_dates import retire_ended
from catalog.services.operations import resume_operation
from catalog.services.protection import protect_resource
from catalog.services.quota_checks import find_differences
from catalog.services.resources import retire_resource
from catalog.services.undoing import cancel_operation, compensate_operation
from portal.audit.models import AuditEntry
from portal.cloud.ports import CloudRefused
from portal.core.calendar import whole_second
from portal.web.demo.catalogue import WEB_APPLICATION
from tests.catalog.blueprints.conftest import ANSWERS, Whole
from tests.factories import OfferingVersionFactory, place
from tests.factories.billing import metered_since, set_price

pytestmark = pytest.mark.django_db
THINGS = ("server", "volume", "port", "network", "subnet", "router", "load_balancer", "zone")
ALL = {"network", "database", "web", "web-1", "web-2", "entrance", "domain"}


def left_in(cloud):
    return {name: cloud.count(name) for name in THINGS if cloud.count(name)}


def retired_in_order():
    """The parts in the order in which they were gone."""
    gone = AuditEntry.objects.filter(event="resource.retired").order_by("pk")
    parts = dict(Resource.objects.values_list("public_id", "order_line__part"))
    return [parts[entry.subject_public_id] for entry in gone]


def goes_after_what_needs_it(order):
    pairs = LineNeed.objects.values_list("line__part", "needed__part")
    return all(order.index(line) < order.index(needed) for line, needed in pairs)


@pytest.fixture
def committed(version, parts, project):
    """Disks are paid for at least a year."""
    set_price(
        "0.07",
        sku="volume.standard",
        unit="gib_month",
        organization=project.parent,
        minimum_months=12,
    )


@pytest.fixture
def hold_up(engine, cloud, approver):
    """Approves an order of which the network does not come."""

    def hold_up(order):
        cloud.fail_next("create_network", CloudRefused("no"))
        engine.call(approve_order, order.public_id, approver=approver)
        engine.run()
        return Whole(order, engine)

    return hold_up


@pytest.fixture
def held_up(hold_up, order):
    return hold_up(order)


@pytest.fixture
def held_up_in_order(hold_up, requester, project, blueprint):
    design = deepcopy(WEB_APPLICATION)
    for part in design["parts"]:
        if part["key"] == "web-1":
            part["after"] = ["database"]
    in_order = OfferingVersionFactory(
        offering=Offering.objects.create(code="in-order", kind="blueprint"),
        cloud=blueprint.cloud,
        choices={"design": design},
    )
    return hold_up(place(requester, project, in_order, name="zaak", spec=ANSWERS))


def hang_in(part, engine, cloud, person):
    """The part is let go of, but the cloud refuses to remove it."""
    cloud.fail_next("delete_volume", CloudRefused("busy"))
    engine.call(retire_resource, part.public_id, actor=person, confirmation=part.name)
    engine.run()
    return part.operations.get(kind=OperationKind.RETIRE, state=OperationState.FAILED)


class TestDelivery:
    def test_it_is_delivered_with_the_wires_filled_in(self, delivered, cloud):
        assert delivered.order_state() == OrderState.COMPLETED
        assert set(delivered.states().values()) == {ResourceState.ACTIVE}
        first, second = delivered.part("web-1"), delivered.part("web-2")
        addresses = [part.facts["addresses"][0]["address"] for part in (first, second)]
        entrance = delivered.part("entrance")
        assert entrance.spec["members"].splitlines() == [f"{each}:8080" for each in addresses]
        assert delivered.part("domain").spec["records"].startswith("www A ")
        network = delivered.part("network")
        for part in (first, second, entrance):
            assert part.cloud_ids["network"] == network.cloud_ids["network"]
        assert left_in(cloud) == {
            "server": 2,
            "volume": 3,
            "port": 2,
            "network": 1,
            "subnet": 1,
            "router": 1,
            "load_balancer": 1,
            "zone": 1,
        }
        assert find_differences() == []

    def test_its_servers_let_in_what_the_load_balancer_sends(self, delivered, cloud):
        group, network = delivered.part("web"), delivered.part("network")
        project = group.cloud_project.openstack_project_id
        made = cloud.get("security_group", project, group.cloud_ids["security_group"])
        (rule,) = made.details["rules"]
        assert (rule["port_min"], rule["port_max"], rule["remote_cidr"]) == (
            8080,
            8080,
            network.spec["cidr"],
        )
        for key in ("web-1", "web-2"):
            assert delivered.part(key).spec["security_groups"] == group.name == "zaak-web"
        for port in cloud.of("port", project):
            assert made.id in port.details["security_group_ids"]

    def test_what_needs_nothing_of_others_goes_ahead_of_them(self, held_up, cloud):
        assert held_up.steps_left() == {
            "network": ["network", "subnet", "router"],
            "database": [],
            "web": [],
            "web-1": ["network", "security_group", "port", "server", "attachment"],
            "web-2": ["network", "security_group", "port", "server", "attachment"],
            "entrance": ["network", "load_balancer"],
            "domain": ["records"],
        }
        assert left_in(cloud) == {"volume": 3, "zone": 1}
        assert held_up.part("web-1").spec["network"] is None

    def test_a_part_that_is_wanted_after_another_does_not_go_ahead(self, held_up_in_order):
        left = held_up_in_order.steps_left()

        assert left["web-1"][0] == "project"
        assert left["web-2"][0] == "network"

    def test_what_waits_costs_no_messages(self, held_up, engine):
        engine.sweep()

        assert not engine.messages
        for key in ALL - {"database", "web"}:
            assert claim_next_step(held_up.delivery(key).pk) is None

    def test_what_went_ahead_goes_on_when_the_rest_came_at_that_moment(
        self, held_up, engine, requester, monkeypatch
    ):
        """The ring comes while the step is still held, so whoever held it looks once more."""
        web = held_up.delivery("web-1")
        web.steps.filter(name="volume").update(state=StepState.TODO, external_id="")
        engine.call(resume_operation, held_up.delivery("network").public_id, actor=requester)
        write = runner.write_outcome

        def let_the_network_come(held, outcome, **how):
            following = write(held, outcome, **how)
            if held.step.name == "volume":
                engine.run_until("router", StepState.DONE)
                engine.messages.clear()
            return following

        monkeypatch.setattr(runner, "write_outcome", let_the_network_come)
        monkeypatch.setitem(VOLUME.__dict__, "run", lambda context: Done())
        engine.messages.appendleft(("catalog.run_operation", {"operation_id": web.pk}))
        engine.run_one()

        assert web.steps.get(name="port").state == StepState.DONE

    def test_the_sweep_finds_what_nobody_rang(self, approved, engine):
        """A worker died between completing the last need and ringing what waited for it."""
        for _ in range(200):
            if approved.order_state() == OrderState.COMPLETED:
                break
            engine.sweep()
            while engine.messages:
                engine.run_one()
                engine.messages.clear()  # whatever it rang is lost
        assert approved.order_state() == OrderState.COMPLETED

    def test_what_takes_something_waits_until_that_is_known_and_no_longer(
        self, held_up, engine, cloud, requester
    ):
        """The router of the network takes long; nothing that stands in the network needs it."""
        cloud.fail_next("create_router", CloudRefused("no"))
        engine.call(resume_operation, held_up.delivery("network").public_id, actor=requester)
        engine.run()

        assert {key: left for key, left in held_up.steps_left().items() if left} == {
            "network": ["router"]
        }
        assert held_up.states()["network"] == ResourceState.FAILED
        assert held_up.order_state() == OrderState.FAILED

    def test_what_is_wanted_after_another_waits_until_that_runs(
        self, held_up_in_order, engine, cloud, requester
    ):
        cloud.fail_next("create_router", CloudRefused("no"))
        resume = partial(resume_operation, actor=requester)
        engine.call(resume, held_up_in_order.delivery("network").public_id)
        engine.run()

        assert held_up_in_order.steps_left()["web-1"] == []
        assert set(LineNeed.objects.values_list("needed__part", "after_step")) == {
            ("network", "subnet"),
            ("web", ""),
            ("database", ""),
            ("web-1", "port"),
            ("web-2", "port"),
            ("entrance", ""),
        }

    def test_the_last_need_rings_all_that_waited(self, held_up, engine, requester):
        engine.call(resume_operation, held_up.delivery("network").public_id, actor=requester)
        engine.run_until("subnet", StepState.DONE)

        rung = {message.get("operation_id") for _name, message in engine.messages}
        assert rung == {held_up.delivery(key).pk for key in ("web-1", "web-2")}

    def test_a_wire_that_gives_nothing_waits_for_a_person(
        self, approved, engine, monkeypatch, requester
    ):
        results = get_kind("network").results
        with monkeypatch.context() as fault:
            fault.setitem(results, "network", lambda made: "")
            engine.run()

        failed = Step.objects.filter(state=StepState.FAILED)
        assert {step.fault for step in failed} == {StepFault.WIRING}
        assert {step.last_error for step in failed} == {"zaak-net has no network"}
        assert approved.order_state() == OrderState.FAILED
        for operation in Operation.objects.filter(state=OperationState.FAILED):
            engine.call(resume_operation, operation.public_id, actor=requester)
        engine.run()
        assert approved.order_state() == OrderState.COMPLETED


class TestFailure:
    @pytest.fixture
    def failed(self, approved, engine, cloud):
        """The first server that comes gets no address; all that does not need it is delivered."""
        cloud.fail_next("create_port", CloudRefused("no address is left"))
        engine.run()
        return approved

    def test_others_finish_and_what_needs_it_waits(self, failed):
        states = failed.states()
        servers = sorted([states.pop("web-1"), states.pop("web-2")])

        assert servers == [ResourceState.ACTIVE, ResourceState.FAILED]
        assert states == {
            "network": ResourceState.ACTIVE,
            "database": ResourceState.ACTIVE,
            "web": ResourceState.ACTIVE,
            "entrance": ResourceState.PROVISIONING,
            "domain": ResourceState.PROVISIONING,
        }
        assert failed.order_state() == OrderState.FAILED

    def test_resumed_it_all_comes(self, failed, engine, requester):
        operation = Operation.objects.get(state=OperationState.FAILED)

        engine.call(resume_operation, operation.public_id, actor=requester)
        engine.run()

        assert set(failed.states().values()) == {ResourceState.ACTIVE}
        assert failed.order_state() == OrderState.COMPLETED

    def test_as_long_as_another_hangs_the_order_needs_attention(
        self, approved, engine, cloud, requester
    ):
        for _ in range(2):
            cloud.fail_next("create_server", CloudRefused("no valid host"))
        engine.run()
        first, second = Operation.objects.filter(state=OperationState.FAILED)

        engine.call(resume_operation, first.public_id, actor=requester)
        engine.run()
        assert approved.order_state() == OrderState.FAILED

        engine.call(resume_operation, second.public_id, actor=requester)
        engine.run()
        assert approved.order_state() == OrderState.COMPLETED

    def test_what_cannot_be_undone_keeps_no_other_from_it(
        self, failed, engine, cloud, requester, approver, project, version
    ):
        other = place(requester, project, version, name="los")
        cloud.fail_next("create_server", CloudRefused("no valid host"))
        engine.call(approve_order, other.public_id, approver=approver)
        engine.run()
        alone = Resource.objects.get(order_line__order=other)
        Derivation.objects.create(
            resource=alone, source=failed.part("database"), question="volume", is_needed=True
        )
        long_ago = now() - timedelta(hours=100)
        Operation.objects.filter(state=OperationState.FAILED).update(failed_at=long_ago)
        alone.operations.update(failed_at=long_ago - timedelta(hours=1))

        engine.sweep()

        alone.refresh_from_db()
        assert alone.state == ResourceState.RETIRING
        assert failed.part("database").state == ResourceState.ACTIVE
        assert failed.order_state() == OrderState.FAILED

    def test_given_up_all_of_it_goes_in_reverse(self, failed, engine, cloud, requester):
        operation = Operation.objects.get(state=OperationState.FAILED)

        engine.call(compensate_operation, operation.public_id, actor=requester)
        engine.run()

        assert set(failed.states().values()) == {ResourceState.RETIRED}
        assert failed.order_state() == OrderState.CANCELED
        assert goes_after_what_needs_it(retired_in_order())
        assert left_in(cloud) == {}
        assert not UsageSpan.objects.filter(ended_at=None).exists()
        assert not QuotaClaim.objects.exclude(state=ClaimState.RELEASED).exists()
        assert find_differences() == []

    def test_given_up_no_minimum_term_stays_due(self, committed, failed, engine, requester):
        operation = Operation.objects.get(state=OperationState.FAILED)

        engine.call(compensate_operation, operation.public_id, actor=None)
        engine.run()

        assert MinimumTerm.objects.exists()
        assert not UsageSpan.objects.filter(ended_at__gt=now()).exists()

    def test_a_part_that_somebody_let_go_of_before_owes_nothing_either(
        self, committed, failed, engine, requester
    ):
        disk = failed.part("database")
        engine.call(retire_resource, disk.public_id, actor=requester, confirmation=disk.name)
        engine.run()
        assert UsageSpan.objects.filter(is_unused=True, ended_at__gt=now()).exists()
        operation = Operation.objects.get(state=OperationState.FAILED)

        engine.call(compensate_operation, operation.public_id, actor=None)
        engine.run()

        assert not UsageSpan.objects.filter(ended_at__gt=now()).exists()

    @pytest.mark.parametrize("is_hung_last", [True, False])
    def test_each_part_is_paid_for_until_it_was_let_go_of_itself(
        self, failed, engine, cloud, requester, is_hung_last
    ):
        """The disk was let go of eight days ago, and that hung; now all of it is given up."""
        asked_at = whole_second(now()) - timedelta(days=8)
        for key in failed.states():
            metered_since(failed.part(key).public_id, asked_at - timedelta(days=12))
        hung = hang_in(failed.part("database"), engine, cloud, requester)
        Operation.objects.filter(pk=hung.pk).update(started_at=asked_at)
        operation = Operation.objects.get(kind=OperationKind.PROVISION, state=OperationState.FAILED)
        given_up_at = whole_second(now())

        engine.call(compensate_operation, operation.public_id, actor=requester)
        if is_hung_last:
            engine.run()
        engine.call(resume_operation, hung.public_id, actor=requester)
        engine.messages.reverse()
        engine.run()

        assert set(failed.states().values()) == {ResourceState.RETIRED}
        ends = UsageSpan.objects.values_list("resource__name", "ended_at")
        assert {end for name, end in ends if name == "zaak-data"} == {asked_at}
        assert all(end >= given_up_at for name, end in ends if name != "zaak-data")

    def test_what_is_let_go_of_stays_due_while_the_rest_may_come(
        self, committed, held_up, engine, requester
    ):
        disk = held_up.part("database")

        engine.call(retire_resource, disk.public_id, actor=requester, confirmation=disk.name)
        engine.run()

        assert UsageSpan.objects.filter(is_unused=True, ended_at__gt=now()).exists()

    def test_a_protected_part_keeps_all_of_it(self, failed, engine, requester):
        protect_resource(failed.part("database").public_id, actor=requester)
        operation = Operation.objects.get(state=OperationState.FAILED)

        with pytest.raises(ResourceProtected):
            compensate_operation(operation.public_id, actor=requester)

        assert failed.states()["network"] == ResourceState.ACTIVE
        operation.refresh_from_db()
        assert operation.state == OperationState.FAILED

    def test_stopped_half_way_all_of_it_goes(self, approved, engine, cloud, requester):
        engine.run_until("router", StepState.DONE)

        engine.call(cancel_operation, approved.delivery("domain").public_id, actor=requester)
        engine.run()

        assert set(approved.states().values()) == {ResourceState.RETIRED}
        assert approved.order_state() == OrderState.CANCELED
        assert left_in(cloud) == {}


class TestCleaningUp:
    def test_all_of_it_goes_in_reverse(self, delivered, engine, cloud, requester):
        engine.call(
            retire_assembly,
            delivered.assembly.public_id,
            actor=requester,
            confirmation="zaak",
        )
        assert set(delivered.states().values()) == {ResourceState.RETIRING}
        engine.run()

        assert set(delivered.states().values()) == {ResourceState.RETIRED}
        order = retired_in_order()
        assert set(order) == ALL
        assert goes_after_what_needs_it(order)
        assert left_in(cloud) == {}
        assert delivered.order_state() == OrderState.COMPLETED
        assert find_differences() == []

    def test_its_minimum_term_stays_due(self, committed, delivered, engine, requester):
        engine.call(
            retire_assembly, delivered.assembly.public_id, actor=requester, confirmation="zaak"
        )
        engine.run()

        assert UsageSpan.objects.filter(is_unused=True, ended_at__gt=now()).exists()

    def test_the_clock_takes_it_in_reverse_when_its_term_is_over(self, delivered, engine):
        last_day = localdate() - timedelta(days=30)
        Resource.objects.update(end_date=last_day)
        for part in Resource.objects.all():
            Ending.objects.create(
                resource=part,
                end_date=last_day,
                began_at=now() - timedelta(days=29),
                handled_at=now() - timedelta(days=29),
                clean_up_on=localdate() - timedelta(days=1),
            )

        for _ in range(4):
            engine.call(retire_ended, at=now())
            engine.run()

        assert set(delivered.states().values()) == {ResourceState.RETIRED}
        assert goes_after_what_needs_it(retired_in_order())

    def test_lost_messages_keep_nothing_from_going(self, delivered, engine, requester):
        engine.call(
            retire_assembly, delivered.assembly.public_id, actor=requester, confirmation="zaak"
        )
        for _ in range(200):
            if set(delivered.states().values()) == {ResourceState.RETIRED}:
                break
            engine.sweep()
            while engine.messages:
                engine.run_one()
                engine.messages.clear()
        assert set(delivered.states().values()) == {ResourceState.RETIRED}

    def test_it_asks_for_the_name_of_the_whole(self, delivered, requester):
        with pytest.raises(ConfirmationMismatch):
            retire_assembly(
                delivered.assembly.public_id, actor=requester, confirmation="zaak-web-1"
            )

    def test_a_protected_part_keeps_all_of_it(self, delivered, requester):
        protect_resource(delivered.part("database").public_id, actor=requester)

        with pytest.raises(ResourceProtected, match="zaak-data"):
            retire_assembly(delivered.assembly.public_id, actor=requester, confirmation="zaak")

        assert set(delivered.states().values()) == {ResourceState.ACTIVE}

    def test_what_others_need_does_not_go_alone(self, delivered, requester):
        server = delivered.part("web-1")

        with pytest.raises(ResourceNeeded, match="zaak-entrance"):
            retire_resource(server.public_id, actor=requester, confirmation=server.name)

    def test_what_nothing_needs_goes_alone_and_then_what_it_needed(
        self, delivered, engine, requester
    ):
        for key in ("domain", "entrance", "web-2"):
            part = delivered.part(key)
            engine.call(retire_resource, part.public_id, actor=requester, confirmation=part.name)
        engine.run()

        assert delivered.states()["web-2"] == ResourceState.RETIRED
        assert delivered.states()["web-1"] == ResourceState.ACTIVE
        engine.call(
            retire_assembly, delivered.assembly.public_id, actor=requester, confirmation="zaak"
        )
        engine.run()
        assert set(delivered.states().values()) == {ResourceState.RETIRED}


def test_nothing_is_paid_for_before_it_runs(approved, engine):
    engine.run_until("router", StepState.DONE)

    started = set(UsageSpan.objects.values_list("sku__code", flat=True))
    assert "server.gp.small" not in started
    assert UsageSpan.objects.filter(started_at__gt=now()).count() == 0


def test_every_part_is_compensated_by_the_plan_of_its_kind(approved, engine, cloud, requester):
    cloud.fail_next("create_network", CloudRefused("no"))
    engine.run()
    operation = Operation.objects.get(state=OperationState.FAILED)
    engine.call(compensate_operation, operation.public_id, actor=None)
    engine.run()

    kinds = dict(
        Operation.objects.filter(state=OperationState.SUCCEEDED)
        .order_by("pk")
        .values_list("resource__order_line__part", "kind")
    )
    assert kinds["entrance"] == OperationKind.COMPENSATE
    assert kinds["database"] == OperationKind.RETIRE
    assert left_in(cloud) == {}
