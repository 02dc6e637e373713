"""What every kind promises: it comes, it costs, it goes, and of everything there is one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from billing.models import Sku, UsageSpan
from catalog.kinds import all_kinds, get_kind, orderable_kinds
from catalog.kinds.base import Kind
from catalog.models import (
    ClaimState,
    Metric,
    Offering,
    OfferingVersion,
    Operation,
    OperationKind,
    OperationState,
    Resource,
    ResourceState,
)
from catalog.services.approvals import approve_order
from catalog.services.undoing import compensate_operation
from portal.cloud.models import CloudProject
from portal.cloud.ports import CloudRefused
from tests.factories import OfferingVersionFactory, place, priced
from tests.factories.catalog import SPEC

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("kind", all_kinds(), ids=lambda kind: kind.key)
def test_what_can_be_changed_has_plans_for_it(kind):
    if type(kind).changeable is Kind.changeable:
        assert not {"change", "revert"} & kind.plans.keys()
        return
    about = {step.parameter for name in ("change", "revert") for step in kind.plans[name].steps}
    is_one_step = {len(kind.plans[name].steps) for name in ("change", "revert")} == {1}
    assert about - {""} or is_one_step, "a step says what it is about, unless it is about all"


@dataclass(frozen=True)
class Example:
    """One thing of a kind, small but with everything in it.

    Attributes:
        choices: of the offering, where they differ from those of the virtual server.
        made_from: the question that another thing is the answer to, and the kind of that.
        prices: by SKU; exactly these are metered.
        makes: what stands in the cloud beside what its project has anyway.
    """

    spec: Mapping[str, Any]
    prices: Mapping[str, str]
    makes: Mapping[str, int]
    choices: Mapping[str, Any] = field(default_factory=dict)
    made_from: tuple[str, str] = ("", "")


QUOTA = {metric.value: 0 for metric in Metric if metric != Metric.MONTHLY_COST_EUR} | {
    "servers": 2,
    "vcpus": 4,
    "memory_gib": 8,
}
EXAMPLES = {
    "server": Example(
        spec=SPEC,
        prices={"server.gp.small": "38.40", "volume.standard": "0.085"},
        makes={"volume": 1, "port": 1, "server": 1},
    ),
    "volume": Example(
        spec={"volume_gib": 40}, prices={"volume.standard": "0.085"}, makes={"volume": 1}
    ),
    "volume_snapshot": Example(
        spec={"volume_gib": 40},
        prices={"snapshot": "0.05"},
        makes={"snapshot": 1},
        made_from=("volume", "volume"),
    ),
    "volume_backup": Example(
        spec={"volume_gib": 40},
        prices={"backup": "0.03"},
        makes={"backup": 1},
        made_from=("volume", "volume"),
    ),
    "server_image": Example(
        spec={"image_gib": 20},
        prices={"image": "0.04"},
        makes={"image": 1},
        made_from=("server", "server"),
    ),
    "network": Example(
        spec={"cidr": "192.168.10.0/24", "way_out": "outside"},
        prices={"network": "1.00", "router": "4.00"},
        makes={"network": 1, "subnet": 1, "router": 1},
        choices={"ways_out": ["outside", "none"]},
    ),
    "floating_ip": Example(spec={}, prices={"floating_ip": "2.50"}, makes={"floating_ip": 1}),
    "load_balancer": Example(
        spec={
            "network": "intern",
            "protocol": "HTTP",
            "port": 80,
            "members": "10.20.4.12:8080\n10.20.4.13:8080",
        },
        prices={"load_balancer": "18.00"},
        makes={"load_balancer": 1},
    ),
    "dns_zone": Example(
        spec={
            "zone": "loket.example.nl",
            "email": "beheer@example.nl",
            "records": "@ A 192.0.2.10\nwww CNAME loket.example.nl",
        },
        prices={"dns_zone": "0.50"},
        makes={"zone": 1},
    ),
    "container": Example(
        spec={"object_gib": 100},
        prices={"object": "0.02"},
        makes={"container": 1},
        choices={"object_gib": {"minimum": 1, "maximum": 5000, "default": 100}},
    ),
    "environment": Example(
        spec=QUOTA,
        prices={"environment.vcpus": "4.00", "environment.memory_gib": "2.00"},
        makes={"project": 1, "user": 1, "credential": 1},
        choices={name: {"minimum": 0, "maximum": 50, "default": 1} for name in QUOTA},
    ),
    "security_group": Example(
        spec={"rules": "tcp 443 0.0.0.0/0\nicmp 10.0.0.0/8"},
        prices={"security_group": "0.00"},
        makes={"security_group": 1},
    ),
}
_SHARED_NETWORK = {"network": 1, "subnet": 1, "router": 1}
STAYS = {
    "server": {**_SHARED_NETWORK, "security_group": 1},
    "load_balancer": _SHARED_NETWORK,
    "volume_snapshot": {"volume": 1},
    "volume_backup": {"volume": 1},
    "server_image": {
        **_SHARED_NETWORK,
        "security_group": 1,
        "volume": 1,
        "port": 1,
        "server": 1,
    },
}
THINGS = (
    *("server", "volume", "port", "network", "subnet", "router", "security_group"),
    *("floating_ip", "load_balancer", "zone", "container", "snapshot", "backup"),
    "image",
    *("project", "user", "credential"),
)


def version_of(kind: str) -> OfferingVersion:
    """On offer, with a price for all that it is charged by and that had none."""
    example = EXAMPLES[kind]
    known = Sku.objects.filter(code__in=example.prices).values_list("code", flat=True)
    new = {code: amount for code, amount in example.prices.items() if code not in set(known)}
    if new:
        priced(**new)
    offering = Offering.objects.create(code=kind.replace("_", "-"), kind=kind)
    choices = OfferingVersionFactory.build(cloud=None, offering=offering, number=1).choices
    return OfferingVersionFactory(offering=offering, choices={**choices, **example.choices})


@pytest.fixture(params=sorted(EXAMPLES))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def order(engine, requester, approver, project) -> Callable[..., Resource]:
    def place_and_approve(kind: str, spec: Mapping[str, Any]) -> Resource:
        order = place(requester, project, version_of(kind), name="eerste", spec=spec)
        engine.call(approve_order, order.public_id, approver=approver)
        return Resource.objects.get(order_line__order=order)

    return place_and_approve


@pytest.fixture
def ordered(kind, engine, order) -> Resource:
    """What it is made from runs already."""
    example = EXAMPLES[kind]
    question, source_kind = example.made_from
    if not question:
        return order(kind, example.spec)
    source = order(source_kind, EXAMPLES[source_kind].spec)
    engine.run()
    return order(kind, {question: str(source.public_id)})


def running_skus(resource: Resource) -> set[str]:
    spans = UsageSpan.objects.filter(ended_at=None, resource__public_id=resource.public_id)
    return {span.sku.code for span in spans.select_related("sku")}


def in_cloud(cloud) -> dict[str, int]:
    """By kind of thing; the project that all the others stand in does not count."""
    counted = {name: cloud.count(name) for name in THINGS}
    shared = CloudProject.objects.filter(purpose="managed").exclude(openstack_project_id="")
    counted["project"] -= shared.count()
    return {name: number for name, number in counted.items() if number}


def test_every_kind_has_an_example():
    """What consists of several things is never made itself: tests/catalog/blueprints."""
    assert {kind.key for kind in orderable_kinds() if kind.plans} == set(EXAMPLES)
    assert all(example.prices for example in EXAMPLES.values()), "use of every kind is metered"


def test_it_comes_is_metered_and_goes_without_a_trace(kind, engine, cloud, ordered, retire):
    engine.run()

    example, stays = EXAMPLES[kind], STAYS.get(kind, {})
    ordered.refresh_from_db()
    assert ordered.state == ResourceState.ACTIVE
    assert in_cloud(cloud) == {**stays, **example.makes}
    assert running_skus(ordered) == set(example.prices)

    retire(ordered)
    engine.run()

    ordered.refresh_from_db()
    assert ordered.state == ResourceState.RETIRED
    assert in_cloud(cloud) == stays
    assert running_skus(ordered) == set()
    assert ordered.claim.state == ClaimState.RELEASED


def test_of_everything_there_is_one_after_lost_answers(kind, engine, cloud, ordered, settings):
    settings.UNKNOWN_OUTCOME_WAIT = settings.UNKNOWN_OUTCOME_WAIT * 0
    for name in THINGS:
        cloud.lose_next_reply(f"create_{name}")

    engine.run()

    ordered.refresh_from_db()
    assert ordered.state == ResourceState.ACTIVE
    assert in_cloud(cloud) == {**STAYS.get(kind, {}), **EXAMPLES[kind].makes}


def test_refused_half_way_it_can_be_undone(kind, engine, cloud, ordered):
    """The last thing it makes is refused: what was made before goes again."""
    last = list(EXAMPLES[kind].makes)[-1]
    cloud.fail_next(f"create_{last}", CloudRefused("no"))

    engine.run()
    operation = Operation.objects.get(resource=ordered, kind=OperationKind.PROVISION)
    assert operation.state == OperationState.FAILED
    engine.call(compensate_operation, operation.public_id, actor=None)
    engine.run()

    ordered.refresh_from_db()
    assert ordered.state == ResourceState.RETIRED
    assert in_cloud(cloud) == STAYS.get(kind, {})
    assert running_skus(ordered) == set()


def test_it_is_told_in_one_line(kind):
    assert get_kind(kind).summary(EXAMPLES[kind].spec)


def test_what_ends_the_use_of_a_kind_is_one_of_its_actions():
    ends = {kind.key: kind.ends_with for kind in all_kinds() if kind.ends_with}

    assert ends == {"server": "stop"}
    assert all(action in get_kind(key).actions for key, action in ends.items())
