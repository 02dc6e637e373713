"""Another kind of thing is one file: no other code knows any kind by its name."""

import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.utils.timezone import now

from billing.meters import Meter
from billing.models import UsageSpan
from catalog.kinds import all_kinds
from catalog.kinds import base as kinds
from catalog.kinds.base import Broken, Done, Kind, Plan, StepDefinition, Wait
from catalog.kinds.parameters import Parameter, Widget
from catalog.kinds.parts import Compared, Part
from catalog.models import (
    Difference,
    Metric,
    Offering,
    Operation,
    OperationKind,
    OrderState,
    Resource,
    ResourceState,
)
from catalog.reconciliation.looking import look_at
from catalog.services.approvals import approve_order
from catalog.services.changes import place_change
from catalog.services.operations import abandon_operation
from catalog.services.quota_checks import find_differences
from catalog.services.quotas import amounts_of
from portal.cloud.fake.memory import Thing
from portal.cloud.models import Cloud
from portal.cloud.ports import (
    CloudMissing,
    CloudObject,
    CloudRefused,
    CloudUnavailable,
    Listing,
)
from tests.factories import OfferingVersionFactory, place, priced

DOORS = ("catalog", "billing", "portal", "templates")
# The port speaks of what OpenStack has, in OpenStack's words; demo data orders what there is.
# What a package to leave with is written in has words of OpenStack's, and of OpenTofu's provider.
OUTSIDE = (
    *("catalog/exit_package", "catalog/kinds"),
    *("portal/cloud", "portal/web/demo", "portal/web/static"),
)


class Garden:
    """What the toy kind works on, with faults that a test plans."""

    def __init__(self):
        self.plants = {}
        self.faults = []

    def disturb(self):
        if self.faults:
            raise self.faults.pop()


GARDEN = Garden()


def run_bed(context):
    GARDEN.disturb()
    return Done(external_id="bed-1", facts={"bed": "south"})


def run_plant(context):
    marker = context.marker("plant")

    def create():
        GARDEN.disturb()
        GARDEN.plants[marker] = "growing"
        return CloudObject(id=marker, name=context.name, status="GROWING")

    def find():
        return [
            CloudObject(id=name, name=context.name, status=state.upper())
            for name, state in GARDEN.plants.items()
            if name == marker
        ]

    plant = context.ensure(find=find, create=create, remove=pytest.fail)
    return Wait(external_id=plant.id)


def settle_plant(context, external_id, snapshot):
    state = GARDEN.plants[external_id]
    if state == "withered":
        return Broken("no water")
    GARDEN.plants[external_id] = "blooming"
    return Done(external_id=external_id) if state == "blooming" else Wait()


def clear_plant(context, external_id):
    if GARDEN.plants.pop(external_id, None) is None:
        raise CloudMissing("weeded")


def run_weed(context):
    GARDEN.disturb()
    clear_plant(context, context.marker("plant"))
    return Done()


def run_graft(context):
    GARDEN.disturb()
    return Done(spec={"petals": context.spec["petals"]})


def run_count(context):
    return Done(spec={"petals": 6})  # one took, the rest did not


def change_plan(name, run):
    step = StepDefinition(name=name, label=name.title(), run=run, parameter="petals")
    return Plan(version=1, steps=[step])


class Flower(Kind):
    key = "flower"
    icon = "flower"
    label = "Flower"
    name_hint = "A name"
    plans = {
        "provision": Plan(
            version=1,
            steps=[
                StepDefinition(name="bed", label="Bed", run=run_bed, exclusive=True),
                StepDefinition(
                    name="plant",
                    label="Plant",
                    run=run_plant,
                    settle=settle_plant,
                    clear=clear_plant,
                ),
            ],
        ),
        "retire": Plan(
            version=1, steps=[StepDefinition(name="weed", label="Weeding", run=run_weed)]
        ),
        "change": change_plan("graft", run_graft),
        "revert": change_plan("count", run_count),
    }

    parts = [
        Part(
            key="plant",
            label="Plant",
            listing=Listing.SERVERS,
            compared=[
                Compared(
                    key="petals",
                    label="Petals",
                    ours=lambda record: str(record.spec["petals"]),
                    cloud=lambda thing: str(thing.details["petals"]),
                )
            ],
        )
    ]

    def parameters(self, version):
        return [
            Parameter(
                name="petals",
                label="Petals",
                widget=Widget.NUMBER,
                section="Flower",
                minimum=1,
                maximum=34,
            )
        ]

    def changeable(self, version, spec):
        return self.parameters(version)

    def quota_demand(self, version, spec):
        return {Metric.OBJECT_GIB: Decimal(spec["petals"])}

    def meters(self, version, spec):
        return [Meter("flower.bed", Decimal(1)), Meter("flower.petal", Decimal(spec["petals"]))]

    def summary(self, spec):
        return f"{spec['petals']} petals"

    def usage_started_at(self, facts):
        return None


@pytest.fixture
def garden(monkeypatch):
    monkeypatch.setattr(f"{__name__}.GARDEN", Garden())
    monkeypatch.setitem(kinds._KINDS, Flower.key, Flower())
    return GARDEN


@pytest.fixture
def flower(db, engine, garden, requester, approver, project):
    """An approved order for a flower."""
    priced(**{"flower.bed": "1.00", "flower.petal": "0.10"})
    version = OfferingVersionFactory(
        offering=Offering.objects.create(code="flower", kind="flower"), choices={}
    )
    order = place(requester, project, version, name="rose", spec={"petals": 5})
    engine.call(approve_order, order.public_id, approver=approver)
    return Resource.objects.get(order_line__order=order)


def outcome(resource):
    resource.refresh_from_db()
    order = resource.order_line.order
    order.refresh_from_db()
    return order.state, resource.state


def test_toy_kind_goes_from_order_to_resource_to_nothing(engine, garden, flower, retire):
    engine.run()

    assert outcome(flower) == (OrderState.COMPLETED, ResourceState.ACTIVE)
    assert flower.facts == {"bed": "south"}
    assert list(garden.plants.values()) == ["blooming"]
    spans = UsageSpan.objects.order_by("sku__code").values_list("sku__code", "quantity")
    assert list(spans) == [("flower.bed", 1), ("flower.petal", 5)]

    retire(flower)
    engine.run()

    assert outcome(flower) == (OrderState.COMPLETED, ResourceState.RETIRED)
    assert garden.plants == {}
    assert not UsageSpan.objects.filter(ended_at=None).exists()


@pytest.mark.parametrize("calls_until_fault", [0, 1])
def test_both_steps_of_the_toy_survive_a_fault(engine, garden, flower, calls_until_fault):
    error = CloudUnavailable("frost", outcome_unknown=False)
    garden.faults = [error]
    disturb = garden.disturb
    calls = iter(range(99))
    garden.disturb = lambda: disturb() if next(calls) >= calls_until_fault else None

    engine.run()

    assert outcome(flower) == (OrderState.COMPLETED, ResourceState.ACTIVE)
    assert garden.faults == []


def test_broken_toy_is_cleared_and_made_again(engine, garden, flower):
    while not garden.plants:
        engine.let_delays_pass()
        engine.run_one()
    garden.plants = dict.fromkeys(garden.plants, "withered")

    engine.run()

    assert outcome(flower) == (OrderState.COMPLETED, ResourceState.ACTIVE)
    assert list(garden.plants.values()) == ["blooming"]


@pytest.fixture
def graft(engine, flower, requester, approver):
    """Has an order for eight petals carried out."""
    engine.run()
    flower.refresh_from_db()
    order, _is_new = place_change(
        requested_by=requester,
        resource=flower,
        purpose="Mooier",
        answers={"petals": 8},
        end_date=None,
        idempotency_key="graft",
    )

    def approve():
        engine.call(approve_order, order.public_id, approver=approver)
        engine.run()
        flower.refresh_from_db()
        order.refresh_from_db()
        return order

    return approve


def petals_paid_for(flower):
    spans = UsageSpan.objects.filter(ended_at=None, sku__code="flower.petal")
    return [int(quantity) for quantity in spans.values_list("quantity", flat=True)]


def test_toy_kind_is_changed(engine, garden, flower, graft):
    garden.faults = [CloudUnavailable("frost", outcome_unknown=False)]

    order = graft()

    assert (order.state, flower.spec) == (OrderState.COMPLETED, {"petals": 8})
    assert petals_paid_for(flower) == [8]
    assert amounts_of(flower.claim)[Metric.OBJECT_GIB] == 8
    assert find_differences() == []


def test_a_change_of_the_toy_is_given_up_half_way(engine, garden, flower, graft, requester):
    garden.faults = [CloudRefused("no")]
    order = graft()
    assert (order.state, flower.spec) == (OrderState.FAILED, {"petals": 5})
    operation = Operation.objects.get(kind=OperationKind.CHANGE)

    engine.call(abandon_operation, operation.public_id, actor=requester)
    engine.run()

    flower.refresh_from_db()
    order.refresh_from_db()
    assert (order.state, flower.spec) == (OrderState.CANCELED, {"petals": 6})
    assert petals_paid_for(flower) == [6]
    assert amounts_of(flower.claim)[Metric.OBJECT_GIB] == 6
    assert find_differences() == []


def test_toy_kind_is_compared_with_the_cloud(engine, garden, flower, cloud):
    engine.run()
    flower.refresh_from_db()
    hour_ago = now() - timedelta(hours=1)
    Resource.objects.update(activated_at=hour_ago)
    Operation.objects.update(finished_at=hour_ago)
    look_at(Cloud.objects.get())
    assert list(Difference.objects.values_list("kind", "part")) == [("charged_but_absent", "plant")]
    marker = flower.cloud_ids["plant"]
    plant = Thing("server", marker, "", "rose", marker, hour_ago, details={"petals": 4})
    cloud.things[marker] = plant

    look_at(Cloud.objects.get())

    rows = Difference.objects.values_list("kind", "field", "ours", "theirs")
    assert list(rows) == [("differs", "petals", "5", "4")]


def test_no_other_code_knows_a_kind_by_its_name():
    names = "|".join(re.escape(kind.key) for kind in all_kinds())
    # The name of an icon, and a key in somebody's spec, may be the same word.
    pattern = re.compile(rf"""(?<!icon )(["'])({names})\1(?!:)""")
    root = Path(django_settings.BASE_DIR)
    files = [
        path
        for door in DOORS
        for suffix in ("py", "html")
        for path in (root / door).rglob(f"*.{suffix}")
        if not str(path.relative_to(root)).startswith(OUTSIDE)
    ]
    assert len(files) > 50
    found = [
        f"{path.relative_to(root)}:{number}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line) and "``" not in line
    ]
    assert found == []
