"""A container that nobody ordered is known by its name in the cloud, and no other is touched."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils.timezone import now

from billing.models import MeteredResource
from catalog.kinds import get_kind
from catalog.models import (
    Difference,
    DifferenceState,
    OperationState,
    RepairAction,
    Resource,
    ResourceState,
)
from catalog.services.resources import act_on_resource, retire_resource
from catalog.services.secrets import read_secret
from catalog.services.undoing import compensate_operation
from portal.cloud.models import CloudProject
from tests.catalog.reconciliation.conftest import differences, open_spans, the_difference
from tests.factories.drift import unordered
from tests.factories.identity import make_project

pytestmark = pytest.mark.django_db

LONGEST = 256  # bytes; Swift's limit, as installed


@pytest.fixture
def own(deliver_container):
    return deliver_container()


@pytest.fixture
def stray(own, cloud):
    """Somebody makes a container beside ours, past the portal."""

    def make(name: str, **details: object):
        usual = {"objects": 3, "used_gib": 7, "quota_gib": 9}
        place = own.cloud_project.openstack_project_id
        return cloud.add("container", place, name, "", **{**usual, **details})

    return make


@pytest.fixture
def adopted(stray, look_twice, decided, long_ago):
    """What somebody made under this name, adopted an hour ago."""

    def adopt(name: str, **details: object) -> Resource:
        stray(name, **details)
        look_twice()
        decided(the_difference(), RepairAction.ADOPT)
        long_ago()
        return Resource.objects.get(order_line=None)

    return adopt


@pytest.fixture
def clean_up(engine, requester):
    def ask(resource: Resource):
        resource.refresh_from_db()
        operation = engine.call(
            retire_resource, resource.public_id, actor=requester, confirmation=resource.name
        )
        engine.run()
        operation.refresh_from_db()
        return operation

    return ask


@pytest.fixture
def act(engine, requester):
    def ask(resource: Resource, action: str):
        operation = engine.call(act_on_resource, resource.public_id, action=action, actor=requester)
        engine.run()
        operation.refresh_from_db()
        return operation

    return ask


def containers(cloud) -> dict[str, object]:
    return {thing.name: thing for thing in cloud.things.values() if thing.kind == "container"}


# --- which one it is ---------------------------------------------------------------------------


@pytest.mark.parametrize("called", [" archief", "a" * 70, "Oud archief?x=1"])
def test_it_is_cleaned_up_by_its_name_in_the_cloud(called, adopted, own, cloud, clean_up):
    resource = adopted(called)

    operation = clean_up(resource)

    assert operation.state == OperationState.SUCCEEDED
    assert set(containers(cloud)) == {own.name}


def test_its_credentials_open_it_and_no_other(adopted, own, cloud, act, requester):
    resource = adopted(" archief")

    assert act(resource, "rotate").state == OperationState.SUCCEEDED

    there = containers(cloud)
    assert "open_to" in there[" archief"].details
    assert "open_to" not in there["archief"].details
    (credential,) = [thing for thing in cloud.things.values() if thing.kind == "credential"]
    assert credential.details["storage_path"].endswith("/%20archief")
    assert read_secret(resource, "container", reader=requester).values["container"] == " archief"

    assert act(resource, "withdraw").state == OperationState.SUCCEEDED


@pytest.mark.parametrize("mark", ["", "cloudloket-of-somebody-else"])
def test_what_replaced_our_own_is_not_opened(mark, own, cloud, act):
    there = containers(cloud)[own.name]
    there.marker = mark

    assert act(own, "rotate").state == OperationState.FAILED
    assert "open_to" not in there.details


def test_cleaning_up_our_own_leaves_what_replaced_it(own, cloud, clean_up):
    there = containers(cloud)[own.name]
    there.marker, there.details["objects"] = "", 3

    operation = clean_up(own)

    assert operation.state == OperationState.FAILED
    assert there.details["objects"] == 3


def test_what_somebody_ordered_in_its_place_is_not_touched(adopted, cloud, clean_up):
    resource = adopted("vreemd")
    there = containers(cloud)["vreemd"]
    there.marker = "cloudloket-of-somebody-else"

    operation = clean_up(resource)

    assert operation.state == OperationState.FAILED
    assert there.details["objects"] == 3


@pytest.mark.parametrize(("name", "is_offered"), [("é a.b", True), ("a+b", False), ("**", False)])
def test_credentials_only_for_a_name_that_a_rule_of_access_can_hold(adopted, name, is_offered):
    resource = adopted(name)

    assert get_kind("container").actions["rotate"].is_offered(resource.facts) is is_offered


def test_an_order_does_not_take_over_what_is_there(
    own, stray, cloud, deliver_container, engine, operators, look_twice
):
    """And what became of it can be cleaned up, after which it is a stranger as before."""
    there = stray("vreemd")

    ordered = deliver_container("vreemd")

    assert ordered.state == ResourceState.FAILED
    assert (there.marker, there.details["quota_gib"]) == ("", 9)
    engine.call(compensate_operation, ordered.operations.get().public_id, actor=operators[0])
    engine.run()
    ordered.refresh_from_db()
    assert ordered.state == ResourceState.RETIRED
    look_twice()
    assert there.id in cloud.things
    assert [(found.name, found.state) for found in Difference.objects.all()] == [
        ("vreemd", DifferenceState.OPEN)
    ]


def test_another_that_is_called_as_the_portal_calls_it_is_no_copy(adopted, stray, look_twice):
    resource = adopted("a" * 70)
    stray(resource.name)

    look_twice()

    assert differences() == [("unknown", "", "", "solved"), ("unknown", "", "", "open")]


def test_one_of_that_name_in_another_project_is_adopted_too(own, decided, project):
    elsewhere = CloudProject.objects.create(
        cloud=own.cloud_project.cloud, project=make_project(project.parent)
    )
    finding = {"kind": "container", "spec": {"object_gib": 7}, "facts": {}, "used_by": []}
    difference = unordered(
        elsewhere.project,
        elsewhere.cloud,
        listing="containers",
        openstack_id=own.name,
        name=own.name,
        finding=finding,
    )

    decided(difference, RepairAction.ADOPT)

    assert Resource.objects.get(order_line=None).cloud_project == elsewhere


def test_longest_name_is_adopted_by_itself(stray, look, look_twice):
    stray("n" * LONGEST)
    look_twice()
    Difference.objects.update(first_seen_at=now() - timedelta(days=2))

    look()

    resource = Resource.objects.get(order_line=None)
    assert resource.cloud_ids == {"container": "n" * LONGEST}
    metered = MeteredResource.objects.get(public_id=resource.public_id)
    assert metered.openstack_id == "n" * LONGEST


# --- what it costs -----------------------------------------------------------------------------


@pytest.mark.parametrize(("stored", "paid"), [(0, 1), (1, 1), (7, 7)])
def test_what_is_stored_is_paid_for_and_it_gets_no_other_limit(stored, paid, adopted, cloud):
    resource = adopted("vreemd", used_gib=stored)

    assert open_spans(resource) == {"object": Decimal(paid)}
    assert containers(cloud)["vreemd"].details["quota_gib"] == 9


@pytest.mark.parametrize(("stored", "paid"), [(12, 12), (3, 3), (0, 1)])
def test_when_more_or_less_is_stored_two_operators_take_that_over(
    stored, paid, adopted, cloud, look_twice, decided
):
    resource = adopted("vreemd")
    containers(cloud)["vreemd"].details["used_gib"] = stored
    look_twice()
    differs = Difference.objects.get(kind="differs")
    assert (differs.field, differs.ours, differs.theirs) == ("used_gib", "7", str(paid))

    decided(differs, RepairAction.TAKE_OVER)

    resource.refresh_from_db()
    assert resource.spec == {"object_gib": paid}
    assert open_spans(resource) == {"object": Decimal(paid)}


def test_how_much_is_in_one_that_was_ordered_is_nobodys_concern(own, cloud, look_twice):
    containers(cloud)[own.name].details["used_gib"] = 5

    look_twice()

    assert differences() == []
