"""A create whose answer never came is looked for before anything is made again."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from catalog.models import OperationState, ResourceState, Step
from portal.audit.models import AuditEntry
from portal.cloud.ports import CloudUnavailable

pytestmark = pytest.mark.django_db

CREATES = {
    "create_project": "project",
    "create_network": "network",
    "create_subnet": "subnet",
    "create_router": "router",
    "create_security_group": "security_group",
    "create_volume": "volume",
    "create_port": "port",
    "create_server": "server",
}
ONE_OF_EACH = dict.fromkeys(CREATES.values(), 1)


def counted(cloud):
    return {kind: cloud.count(kind) for kind in ONE_OF_EACH}


@pytest.mark.parametrize("create", CREATES)
def test_lost_answer_ends_with_one_of_everything(create, engine, cloud, resource, settings):
    settings.UNKNOWN_OUTCOME_WAIT = timedelta(0)  # else a step with several creates waits its turn
    cloud.lose_next_reply(create)

    engine.run()

    resource.refresh_from_db()
    assert resource.state == ResourceState.ACTIVE
    assert counted(cloud) == ONE_OF_EACH
    # A project's name is unique in its domain, so asking again is how it is found.
    assert cloud.calls[create] == (2 if create == "create_project" else 1)


@pytest.mark.parametrize("create", CREATES)
def test_request_that_was_lost_itself_is_sent_again(create, engine, cloud, resource, settings):
    settings.UNKNOWN_OUTCOME_WAIT = timedelta(0)
    cloud.fail_next(create, CloudUnavailable("connection reset", outcome_unknown=True))

    engine.run()

    resource.refresh_from_db()
    assert resource.state == ResourceState.ACTIVE
    assert counted(cloud) == ONE_OF_EACH


def test_nothing_is_created_again_while_the_first_may_still_arrive(engine, cloud, resource):
    cloud.fail_next("create_server", CloudUnavailable("read timed out", outcome_unknown=True))

    while cloud.calls["find_servers"] < 5:
        engine.let_delays_pass()
        engine.run_one()

    assert cloud.calls["create_server"] == 1


@pytest.mark.parametrize("next_look", ["find_subnets", "find_routers"])
def test_step_of_several_things_does_not_wait_for_what_was_answered(
    next_look, engine, cloud, resource
):
    cloud.fail_next(next_look, CloudUnavailable("503 Service Unavailable"))

    engine.run()

    resource.refresh_from_db()
    assert resource.state == ResourceState.ACTIVE
    assert counted(cloud) == ONE_OF_EACH


def test_waiting_for_an_answer_ends(engine, cloud, resource):
    cloud.fail_next("create_server", CloudUnavailable("read timed out", outcome_unknown=True))
    while cloud.calls["create_server"] == 0:
        engine.let_delays_pass()
        engine.run_one()

    Step.objects.filter(create_intended_at__isnull=False).update(
        create_intended_at=now() - timedelta(minutes=3)
    )
    engine.run()

    assert cloud.calls["create_server"] == 2
    assert cloud.count("server") == 1


def test_clear_refusal_needs_no_look(engine, cloud, resource):
    cloud.fail_next("create_server", CloudUnavailable("connection refused"))

    engine.run()

    assert cloud.calls["find_servers"] == 0
    assert cloud.count("server") == 1
    assert not Step.objects.filter(outcome_unknown_at__isnull=False).exists()


def test_of_two_copies_the_oldest_stays(engine, cloud, operation, resource):
    cloud.lose_next_reply("create_port")
    while not Step.objects.filter(name="port", outcome_unknown_at__isnull=False).exists():
        engine.let_delays_pass()
        engine.run_one()
    (first,) = (thing for thing in cloud.things.values() if thing.kind == "port")
    second = cloud.add("port", first.project, first.name, first.marker, **dict(first.details))

    engine.run()

    resource.refresh_from_db()
    assert resource.cloud_ids["port"] == first.id
    assert second.id not in cloud.things
    entry = AuditEntry.objects.get(event="operation.duplicate_removed")
    assert entry.data == {"marker": first.marker, "removed": second.id, "kept": first.id}
    operation.refresh_from_db()
    assert operation.state == OperationState.SUCCEEDED
