"""The size of a container becomes larger, or smaller as far as what is stored leaves room."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.utils.translation import override

from billing.models import UsageSpan
from catalog.models import Metric, Offering, OperationState, OrderState
from catalog.services.changes import changeable_parameters, clean_change, preview_change
from catalog.services.operations import abandon_operation, resume_operation
from catalog.services.quota_checks import find_differences
from catalog.services.quotas import amounts_of
from portal.cloud.ports import CloudRefused
from portal.core.errors import InvalidInput
from tests.factories import OfferingVersionFactory, priced, reoffered

pytestmark = pytest.mark.django_db


@pytest.fixture
def version(db):
    priced(object="0.02")
    return OfferingVersionFactory(
        offering=Offering.objects.create(code="object-storage", kind="container"),
        choices={"object_gib": {"minimum": 2, "maximum": 10, "default": 2}},
    )


@pytest.fixture
def container(run, version):
    return run(version, name="archief", spec={"object_gib": 4})


def there(cloud):
    (thing,) = [thing for thing in cloud.things.values() if thing.kind == "container"]
    return thing


def metered(container):
    spans = UsageSpan.objects.filter(resource__public_id=container.public_id, ended_at=None)
    return dict(spans.values_list("sku__code", "quantity"))


def held(container):
    assert find_differences() == []
    return amounts_of(container.claim)[Metric.OBJECT_GIB]


@pytest.fixture
def too_small(change, container, cloud):
    """A change to less than what is stored."""
    there(cloud).details["used_gib"] = 3
    return change(container, object_gib=2)


@pytest.mark.parametrize("size", [9, 3])
def test_it_takes_another_size_and_is_paid_and_counted_so(change, container, cloud, size):
    there(cloud).details["used_gib"] = 3

    operation = change(container, object_gib=size)

    assert operation.state == OperationState.SUCCEEDED
    assert [step.name for step in operation.steps.all()] == ["size"]
    assert there(cloud).details["quota_gib"] == container.spec["object_gib"] == size
    assert metered(container) == {"object": size}
    assert held(container) == size


@override("en")
def test_before_it_is_sent_the_difference_is_told(container):
    more = preview_change(container, clean_change(container, {"object_gib": 9}, None))
    less = preview_change(container, clean_change(container, {"object_gib": 3}, None))

    assert (more.monthly_difference, less.monthly_difference) == (Decimal("0.10"), Decimal("-0.02"))
    asked = {effect.metric: effect.asked for effect in more.consequences.quota}
    assert asked[Metric.OBJECT_GIB] == 5
    assert more.effects == []
    assert less.effects == [
        "It becomes smaller only when no more than that is stored. Else nothing changes."
    ]


def test_lost_answer_does_no_harm(change, container, cloud):
    cloud.lose_next_reply("set_container_quota")

    assert change(container, object_gib=9).state == OperationState.SUCCEEDED
    assert there(cloud).details["quota_gib"] == 9


def test_less_than_is_stored_is_refused_and_nothing_changes(too_small, container, cloud):
    assert too_small.state == OperationState.FAILED
    step = too_small.steps.get()
    assert step.last_error == "3 GiB is stored in it, and it was to be 2 GiB at most"
    assert there(cloud).details["quota_gib"] == container.spec["object_gib"] == 4
    assert metered(container) == {"object": 4}


def test_it_becomes_smaller_after_all_once_there_is_room(
    too_small, container, cloud, engine, requester
):
    there(cloud).details["used_gib"] = 2

    engine.call(resume_operation, too_small.public_id, actor=requester)
    engine.run()

    container.refresh_from_db()
    assert there(cloud).details["quota_gib"] == container.spec["object_gib"] == 2
    assert held(container) == 2


def test_change_that_is_given_up_leaves_the_size_as_it_was(
    change, container, cloud, engine, requester
):
    """The answer was lost, so that the cloud may have it otherwise."""
    cloud.lose_next_reply("set_container_quota", CloudRefused("the proxy said no"))
    failed = change(container, object_gib=9)
    assert (failed.state, there(cloud).details["quota_gib"]) == (OperationState.FAILED, 9)

    engine.call(abandon_operation, failed.public_id, actor=requester)
    engine.run()

    container.refresh_from_db()
    failed.order_line.order.refresh_from_db()
    assert there(cloud).details["quota_gib"] == container.spec["object_gib"] == 4
    assert failed.order_line.order.state == OrderState.CANCELED
    assert held(container) == 4


def test_one_that_is_gone_is_not_made_anew(change, container, cloud):
    del cloud.things[there(cloud).id]

    operation = change(container, object_gib=9)

    assert operation.state == OperationState.FAILED
    assert cloud.count("container") == 0


def test_what_it_has_may_stay_where_the_offering_allows_less(container, version):
    reoffered(version, object_gib={"minimum": 1, "maximum": 3, "default": 1})

    (asked,) = changeable_parameters(container)

    assert (asked.minimum, asked.maximum, asked.default) == (1, 4, 4)


@pytest.mark.parametrize("size", [1, 11, "veel", None])
def test_any_other_size_is_refused(ask, container, size):
    with pytest.raises(InvalidInput):
        ask(container, object_gib=size)
