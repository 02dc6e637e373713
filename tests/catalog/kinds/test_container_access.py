"""A credential that opens one container: made when asked for, replaced, withdrawn, and gone."""

from __future__ import annotations

import pytest

from catalog.models import Offering, Operation, OperationState, Resource, ResourceState
from catalog.provisioning.startup import refuse_unknown_work
from catalog.services.approvals import approve_order
from catalog.services.resources import act_on_resource
from catalog.services.secrets import read_secret
from portal.cloud.models import Secret
from tests.factories import OfferingVersionFactory, place, priced
from tests.portal.cloud.workspace import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def container(engine, requester, approver, project):
    priced(object="0.02")
    version = OfferingVersionFactory(
        offering=Offering.objects.create(code="object-storage", kind="container"),
        choices={"object_gib": {"minimum": 1, "maximum": 10, "default": 1}},
    )
    asked = place(requester, project, version, name="archief", spec={"object_gib": 2})
    engine.call(approve_order, asked.public_id, approver=approver)
    engine.run()
    return Resource.objects.select_related("cloud_project").get(order_line__order=asked)


@pytest.fixture
def act(engine, container, requester):
    def ask(action: str) -> Operation:
        operation = engine.call(
            act_on_resource, container.public_id, action=action, actor=requester
        )
        engine.run()
        operation.refresh_from_db()
        container.refresh_from_db()
        assert operation.state == OperationState.SUCCEEDED
        return operation

    return ask


def things(cloud, kind):
    return [thing for thing in cloud.things.values() if thing.kind == kind]


def test_user_has_no_room_anywhere_and_the_container_lets_it_in(act, container, cloud):
    act("rotate")

    (user,) = things(cloud, "user")
    managed = container.cloud_project.openstack_project_id
    (hall,) = [found for found in things(cloud, "project") if found.id != managed]
    assert set(cloud.fetch_quota(hall.id).values()) == {0}
    (made,) = things(cloud, "container")
    assert made.details["open_to"] == f"{hall.id}:{user.id}"


def test_secret_says_where_the_storage_is(act, container, cloud, requester):
    act("rotate")

    shown = read_secret(container, "container", reader=requester)

    place = container.cloud_project.openstack_project_id
    assert shown.values["storage_url"].endswith(f"AUTH_{place}")
    (credential,) = things(cloud, "credential")
    assert credential.details["storage_path"].endswith(f"AUTH_{place}/{container.name}")
    assert f"AUTH_{place}" in shown.file("clouds.yaml")


def test_new_one_ends_the_old_one_also_after_a_lost_answer(act, container, cloud, requester):
    act("rotate")
    (old,) = things(cloud, "credential")
    cloud.lose_next_reply("create_credential")

    act("rotate")

    (new,) = things(cloud, "credential")
    assert new.id != old.id
    assert new.id in read_secret(container, "container", reader=requester).values["secret"]


def test_withdrawn_it_leaves_nothing_but_what_is_stored(act, container, cloud):
    act("rotate")

    act("withdraw")

    assert not things(cloud, "user")
    assert len(things(cloud, "project")) == len(things(cloud, "container")) == 1
    assert container.facts["credentials"] == []


def test_it_goes_with_the_container(act, container, cloud, engine, retire):
    act("rotate")

    retire(container)
    engine.run()

    container.refresh_from_db()
    assert container.state == ResourceState.RETIRED
    assert {thing.kind for thing in cloud.things.values()} == {"project"}
    assert len(things(cloud, "project")) == 1
    assert not Secret.objects.exists()


def test_what_was_made_with_it_goes_first(act, container, cloud, engine, retire):
    act("rotate")
    managed = container.cloud_project.openstack_project_id
    (hall,) = [found for found in things(cloud, "project") if found.id != managed]
    Workspace(cloud, hall.id).security_group()

    retire(container)
    engine.run()

    container.refresh_from_db()
    assert container.state == ResourceState.RETIRED
    assert not things(cloud, "security_group")


@pytest.fixture
def half_done(engine, container, act, cloud, requester):
    """Work of an older plan on a container with a credential, of which one step is left."""
    act("rotate")

    def begin(plan: str, version: int, step: str) -> Operation:
        operation = engine.call(
            act_on_resource, container.public_id, action="withdraw", actor=requester
        )
        first, *others = operation.steps.order_by("position")
        for other in others:
            other.delete()
        operation.steps.filter(pk=first.pk).update(name=step)
        Operation.objects.filter(pk=operation.pk).update(plan=plan, plan_version=version)
        return operation

    return begin


@pytest.mark.parametrize(
    ("plan", "version", "step"),
    [
        ("container.act.withdraw", 1, "withdrawn"),
        ("container.withdraw", 1, "withdrawn"),
        ("container.retire", 2, "access"),
    ],
)
def test_step_of_an_older_plan_is_known(half_done, plan, version, step):
    half_done(plan, version, step)

    refuse_unknown_work()


def test_withdrawal_begun_by_an_older_version_is_finished(half_done, engine, container, cloud):
    operation = half_done("container.act.withdraw", 1, "withdrawn")

    engine.run()

    operation.refresh_from_db()
    container.refresh_from_db()
    assert operation.state == OperationState.SUCCEEDED
    assert things(cloud, "user") == []
    assert len(things(cloud, "project")) == 1
    assert container.facts["credentials"] == []


def test_step_of_an_older_plan_is_none_of_the_newer(half_done):
    half_done("container.act.withdraw", 2, "withdrawn")

    with pytest.raises(SystemExit, match="needs step 'withdrawn'"):
        refuse_unknown_work()
