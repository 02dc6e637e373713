"""A worker may die at any moment: what it began is finished, and made once."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from catalog.models import OperationKind, ResourceState, Step, StepState
from portal.cloud import forget_clouds, get_cloud
from portal.cloud.models import CloudProject
from tests.catalog.provisioning.test_lost_replies import ONE_OF_EACH, counted

pytestmark = pytest.mark.django_db
PROVISION_CALLS = [
    "create_project",
    "set_quota",
    "find_networks",
    "create_network",
    "create_subnet",
    "create_router",
    "ensure_router_interface",
    "create_security_group",
    "ensure_security_rules",
    "create_volume",
    "list_volumes",
    "create_port",
    "create_server",
    "list_servers",
    "attach_volume",
]
RETIRE_CALLS = [
    "find_servers",
    "delete_server",
    "list_servers",
    "delete_volume",
    "list_volumes",
    "delete_port",
    "set_quota",
]


class Killed(BaseException):
    """The worker is gone: no code of ours runs after this."""


def run_and_survive(engine):
    """Let one worker die, and the sweep find what it left behind, until all is quiet."""
    try:
        engine.run()
    except Killed:
        engine.let_leases_end()
        engine.sweep()
        run_and_survive(engine)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("call", PROVISION_CALLS)
def test_crash_while_making_ends_with_one_of_everything(
    call, moment, engine, cloud, resource, settings
):
    settings.UNKNOWN_OUTCOME_WAIT = timedelta(0)
    plan = cloud.fail_next if moment == "before" else cloud.lose_next_reply
    plan(call, Killed())

    run_and_survive(engine)

    resource.refresh_from_db()
    assert resource.state == ResourceState.ACTIVE
    assert counted(cloud) == ONE_OF_EACH


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("call", RETIRE_CALLS)
def test_crash_while_removing_leaves_nothing(call, moment, engine, cloud, resource, retire):
    engine.run()
    retire(resource)
    plan = cloud.fail_next if moment == "before" else cloud.lose_next_reply
    plan(call, Killed())

    run_and_survive(engine)

    resource.refresh_from_db()
    assert resource.state == ResourceState.RETIRED
    assert [cloud.count(kind) for kind in ("server", "volume", "port")] == [0, 0, 0]


def test_crash_after_a_create_counts_as_a_lost_answer(engine, cloud, resource):
    cloud.lose_next_reply("create_server", Killed())

    run_and_survive(engine)

    step = Step.objects.get(name="server", operation__kind=OperationKind.PROVISION)
    assert step.state == StepState.DONE
    assert step.outcome_unknown_at is not None
    assert cloud.calls["find_servers"] == 1


FAULTS = st.lists(
    st.tuples(st.sampled_from(PROVISION_CALLS), st.sampled_from(["fail_next", "lose_next_reply"])),
    max_size=6,
)


@hypothesis_settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(faults=FAULTS)
def test_any_mixture_of_crashes_ends_with_one_of_everything(faults, engine, cloud, start, settings):
    settings.UNKNOWN_OUTCOME_WAIT = timedelta(0)
    forget_clouds()
    engine.cloud = fresh = get_cloud("sovereign")
    CloudProject.objects.update(openstack_project_id="")
    resource = start()
    for call, way in faults:
        getattr(fresh, way)(call, Killed())

    run_and_survive(engine)

    resource.refresh_from_db()
    assert resource.state == ResourceState.ACTIVE
    assert counted(fresh) == ONE_OF_EACH
