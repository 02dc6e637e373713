"""What the engine itself asks of the database; what that costs is in benchmarks/engine.py."""

import pytest
from django.utils.timezone import now

from catalog.kinds.base import Done
from catalog.models import Operation, OperationState, StepState
from catalog.provisioning.claims import claim_next_step
from catalog.provisioning.outcomes import complete_step
from catalog.provisioning.plans import exclusive_steps

pytestmark = pytest.mark.django_db


@pytest.fixture
def held(operation):
    """The port of a server, taken by who just made its volume."""
    operation.steps.filter(position__lte=3).update(state=StepState.DONE)
    volume = claim_next_step(operation.pk)
    return complete_step(volume, Done(external_id="volume"), goes_on=True)


def test_a_step_costs_three_statements_in_one_transaction(held, django_assert_num_queries):
    with django_assert_num_queries(5):
        following = complete_step(held, Done(external_id="port"), goes_on=True)

    assert following.step.name == "server"


def test_the_last_step_brings_about_everything(held, operation, django_assert_num_queries):
    last = held
    while last.rest:
        last = complete_step(last, Done(external_id="thing"), goes_on=True)

    with django_assert_num_queries(29):
        assert complete_step(last, Done(), goes_on=True) is None

    operation.refresh_from_db()
    assert operation.state == OperationState.SUCCEEDED


def test_nothing_follows_in_what_somebody_had_stopped(held, operation, requester):
    Operation.objects.filter(pk=operation.pk).update(
        cancel_requested_at=now(), cancel_requested_by=requester
    )

    assert complete_step(held, Done(external_id="port"), goes_on=True) is None
    assert not operation.steps.filter(state=StepState.RUNNING).exists()


def test_steps_that_make_shared_things_are_told_in_few_words():
    """Plans with the same such steps share a condition: it is asked again and again."""
    assert len(exclusive_steps().children) <= 10
