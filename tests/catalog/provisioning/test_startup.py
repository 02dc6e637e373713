"""A program does not start with work under way that it cannot finish."""

import pytest

from catalog.models import Operation, OperationState
from catalog.provisioning.startup import check_unfinished_operations, refuse_unknown_work

pytestmark = pytest.mark.django_db


def problems():
    return [error.msg for error in check_unfinished_operations(databases=["default"])]


def test_known_work_is_no_problem(operation):
    assert problems() == []
    refuse_unknown_work()


def test_unknown_step_is_named(operation):
    operation.steps.filter(name="port").update(name="teleport")

    assert len(problems()) == 1
    assert "'teleport' of plan 'server.provision' version 3" in problems()[0]


@pytest.mark.parametrize("changes", [{"plan": "boat.provision"}, {"plan_version": 4}])
def test_unknown_kind_or_newer_plan_stops_a_worker(operation, changes):
    Operation.objects.update(**changes)

    with pytest.raises(SystemExit, match="an unfinished operation needs step 'project'"):
        refuse_unknown_work()


def test_finished_work_may_be_of_any_kind(operation):
    Operation.objects.update(plan="boat.provision", state=OperationState.SUCCEEDED)

    assert problems() == []


def test_check_asks_nothing_where_no_database_may_be_asked(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert check_unfinished_operations() == []
