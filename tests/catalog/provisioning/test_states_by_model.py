"""Whatever people, clock, workers and cloud do in whatever order: states stay true to each other.

Hypothesis plays all of them on one order of one server. After each move, order, resource,
operation, claim and usage must tell the same story; at the end, portal and cloud must agree.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import pytest
from django.utils.timezone import now
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from billing.models import UsageSpan
from catalog.models import (
    OPEN_OPERATION_STATES,
    OPERATION_TRANSITIONS,
    ORDER_TRANSITIONS,
    RESOURCE_TRANSITIONS,
    UNDECIDED_ORDER_STATES,
    ClaimState,
    Operation,
    OperationState,
    Order,
    OrderState,
    Resource,
    ResourceState,
    Step,
    StepState,
)
from catalog.services.approvals import approve_order, reject_order
from catalog.services.comments import ask_about_order, comment_on_order
from catalog.services.operations import abandon_operation, resume_operation, retry_operation
from catalog.services.orders import expire_orders, withdraw_order
from catalog.services.resources import act_on_resource, retire_resource
from catalog.services.undoing import cancel_operation, compensate_operation
from portal.cloud import forget_clouds, get_cloud
from portal.cloud.models import CloudProject
from portal.cloud.ports import CloudRefused, CloudUnavailable
from portal.core.errors import DomainError
from tests.catalog.provisioning.test_crashes import PROVISION_CALLS, RETIRE_CALLS, Killed
from tests.factories import place

pytestmark = pytest.mark.django_db

OWN_KINDS: Final = ("server", "volume", "port")  # networks and such stay for the project
# What may be true of a resource (None: there is none) while its order is in a state.
STORIES: Final[dict[str, set[str | None]]] = {
    OrderState.PENDING_APPROVAL: {None},
    OrderState.NEEDS_INFORMATION: {None},
    OrderState.REJECTED: {None},
    OrderState.WITHDRAWN: {None},
    OrderState.EXPIRED: {None},
    OrderState.PROVISIONING: {ResourceState.PROVISIONING},
    OrderState.FAILED: {ResourceState.FAILED, ResourceState.RETIRING},
    OrderState.COMPLETED: {ResourceState.ACTIVE, ResourceState.RETIRING, ResourceState.RETIRED},
    OrderState.CANCELED: {ResourceState.RETIRED},
}
FAULTS: Final[dict[str, Callable[[], BaseException]]] = {
    "is refused": lambda: CloudRefused("no", request_id="req-1", status=400),
    "is too busy": lambda: CloudUnavailable("busy", status=503),
    "may have been lost": lambda: CloudUnavailable("time-out", outcome_unknown=True),
    "kills the worker": Killed,
}


class Delivery(RuleBasedStateMachine):
    """One order of one server, and everybody who can do something about it."""

    engine: Any
    requester: Any
    approver: Any
    project: Any
    version: Any

    @initialize()
    def order(self) -> None:
        forget_clouds()
        self.engine.cloud = self.cloud = get_cloud("sovereign")
        self.engine.messages.clear()
        CloudProject.objects.update(openstack_project_id="", next_poll_at=None)
        self.placed = place(self.requester, self.project, self.version)
        self.seen: dict[str, dict[int, str]] = {"order": {}, "resource": {}, "operation": {}}

    # --- what people do; each may be refused, and then nothing is different ------------------

    @precondition(lambda self: self.state == OrderState.PENDING_APPROVAL)
    @rule()
    def approve(self) -> None:
        self.engine.call(approve_order, self.placed.public_id, approver=self.approver)
        assert self.state == OrderState.PROVISIONING

    @precondition(lambda self: self.state in UNDECIDED_ORDER_STATES)
    @rule()
    def ask(self) -> None:
        self.engine.call(
            ask_about_order, self.placed.public_id, author=self.approver, text="Waarom?"
        )
        assert self.state == OrderState.NEEDS_INFORMATION

    @precondition(lambda self: self.state == OrderState.NEEDS_INFORMATION)
    @rule(answers=st.booleans())
    def answer_or_approve_too_soon(self, answers: bool) -> None:
        if answers:
            self.engine.call(
                comment_on_order, self.placed.public_id, author=self.requester, text="Daarom"
            )
            assert self.state == OrderState.PENDING_APPROVAL
        else:
            self.refused(approve_order, self.placed.public_id, approver=self.approver)
            assert self.state == OrderState.NEEDS_INFORMATION

    @precondition(lambda self: self.state not in UNDECIDED_ORDER_STATES)
    @rule()
    def decide_too_late(self) -> None:
        self.refused(approve_order, self.placed.public_id, approver=self.approver)
        self.refused(
            reject_order, self.placed.public_id, approver=self.approver, reason="Toch niet"
        )
        self.refused(withdraw_order, self.placed.public_id, actor=self.requester)
        self.refused(ask_about_order, self.placed.public_id, author=self.approver, text="Nog?")

    @precondition(lambda self: self.state in UNDECIDED_ORDER_STATES)
    @rule(how=st.sampled_from(["reject", "withdraw", "let expire"]))
    def do_without(self, how: str) -> None:
        public_id = self.placed.public_id
        if how == "reject":
            self.engine.call(reject_order, public_id, approver=self.approver, reason="Te duur")
        elif how == "withdraw":
            self.engine.call(withdraw_order, public_id, actor=self.requester)
        else:
            Order.objects.filter(pk=self.placed.pk).update(expires_at=now())
            self.engine.call(expire_orders)
        assert self.state in {OrderState.REJECTED, OrderState.WITHDRAWN, OrderState.EXPIRED}

    @precondition(lambda self: self.resource is not None)
    @rule(
        what=st.sampled_from(
            [resume_operation, compensate_operation, cancel_operation, abandon_operation]
        )
    )
    def order_the_engine_about(self, what: Callable[..., Any]) -> None:
        """Whatever becomes of the work: only retiring it takes a running server away."""
        running = self.resources.filter(state=ResourceState.ACTIVE)
        was_running = running.exists()
        self.attempt(what, self.operation.public_id, actor=self.requester)
        assert running.exists() >= was_running

    @precondition(lambda self: self.resource is not None)
    @rule(position=st.integers(min_value=1, max_value=8))
    def retry_from(self, position: int) -> None:
        self.attempt(
            retry_operation, self.operation.public_id, position=position, actor=self.requester
        )

    @precondition(lambda self: self.resource is not None)
    @rule(action=st.sampled_from(["stop", "start", "reboot"]))
    def act(self, action: str) -> None:
        self.attempt(act_on_resource, self.resource.public_id, action=action, actor=self.requester)

    @precondition(lambda self: self.resource is not None)
    @rule()
    def retire(self) -> None:
        name = self.resource.name
        self.attempt(
            retire_resource, self.resource.public_id, actor=self.requester, confirmation=name
        )

    # --- what workers, the clock and the cloud do ---------------------------------------------

    @rule(messages=st.integers(min_value=1, max_value=12))
    def work(self, messages: int) -> None:
        for _ in range(messages):
            if self.engine.messages:
                self.engine.let_delays_pass()
                self.handle_message()

    @rule()
    def work_until_all_is_quiet(self) -> None:
        while self.engine.messages:
            self.engine.let_delays_pass()
            self.handle_message()

    @rule()
    def lose_all_messages_and_sweep(self) -> None:
        self.engine.let_leases_end()
        self.engine.sweep()

    @rule(
        call=st.sampled_from(sorted({*PROVISION_CALLS, *RETIRE_CALLS})),
        fault=st.sampled_from(sorted(FAULTS)),
        is_done_first=st.booleans(),
    )
    def plan_a_fault(self, call: str, fault: str, is_done_first: bool) -> None:
        is_silent = fault in {"may have been lost", "kills the worker"}
        plan = self.cloud.lose_next_reply if is_done_first and is_silent else self.cloud.fail_next
        plan(call, FAULTS[fault]())

    # --- what must hold after each of them ----------------------------------------------------

    @invariant()
    def order_and_resource_tell_one_story(self) -> None:
        resource = self.resource
        assert (resource.state if resource else None) in STORIES[self.state]

    @invariant()
    def nothing_made_a_step_that_its_table_forbids(self) -> None:
        """Between two looks at most two transitions lie: a delivery fails, and is undone."""
        rows: dict[str, tuple[Any, Any]] = {
            "order": (Order.objects.filter(pk=self.placed.pk), ORDER_TRANSITIONS),
            "resource": (self.resources, RESOURCE_TRANSITIONS),
            "operation": (self.operations, OPERATION_TRANSITIONS),
        }
        for name, (query, table) in rows.items():
            for pk, state in query.values_list("pk", "state"):
                before = self.seen[name].get(pk, state)
                assert state in reachable(table, before), (name, before, state)
                self.seen[name][pk] = state

    @invariant()
    def quota_is_held_as_long_as_anything_may_exist(self) -> None:
        claim = self.placed.lines.get().claim
        resource = self.resource
        if resource is not None:
            is_over = resource.state == ResourceState.RETIRED
            expected = ClaimState.RELEASED if is_over else ClaimState.COMMITTED
        else:
            waits = self.state in UNDECIDED_ORDER_STATES
            expected = ClaimState.RESERVED if waits else ClaimState.RELEASED
        assert claim.state == expected

    @invariant()
    def money_runs_from_delivery_until_it_is_gone(self) -> None:
        resource = self.resource
        if resource is None:
            return
        spans = UsageSpan.objects.filter(resource__public_id=resource.public_id)
        was_delivered = resource.activated_at is not None
        is_running = was_delivered and resource.state != ResourceState.RETIRED
        assert spans.exists() == was_delivered
        assert spans.filter(ended_at=None).exists() == is_running

    @invariant()
    def steps_are_done_in_order_and_one_at_a_time(self) -> None:
        for operation in self.operations:
            states = list(operation.steps.values_list("state", flat=True))
            rest = states[states.count(StepState.DONE) :]
            assert StepState.DONE not in rest, states
            assert set(rest[1:]) <= {StepState.TODO, StepState.CANCELED}, states
        assert self.operations.filter(state__in=OPEN_OPERATION_STATES).count() <= 1

    def teardown(self) -> None:
        """Nothing goes wrong any more, and operators resume what failed; then it is cleaned up."""
        if not hasattr(self, "placed"):
            return
        self.cloud.failures.clear()
        self.cloud.lost_replies.clear()
        self.come_to_rest()
        if self.resource and self.resource.state == ResourceState.ACTIVE:
            assert self.count_in_cloud() == dict.fromkeys(OWN_KINDS, 1)
            self.retire()
            self.come_to_rest()
        assert self.count_in_cloud() == dict.fromkeys(OWN_KINDS, 0)
        assert not self.placed.lines.filter(claim__state=ClaimState.COMMITTED).exists()
        self.order_and_resource_tell_one_story()
        self.quota_is_held_as_long_as_anything_may_exist()
        self.money_runs_from_delivery_until_it_is_gone()

    # --- helpers ------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        return str(Order.objects.values_list("state", flat=True).get(pk=self.placed.pk))

    @property
    def resources(self) -> Any:
        return Resource.objects.filter(order_line__order=self.placed)

    @property
    def resource(self) -> Resource | None:
        return self.resources.first()

    @property
    def operations(self) -> Any:
        return Operation.objects.filter(resource__order_line__order=self.placed)

    @property
    def operation(self) -> Operation:
        return self.operations.latest("pk")

    def come_to_rest(self) -> None:
        for _ in range(4):
            self.lose_all_messages_and_sweep()
            self.engine.run()
            if self.resource and self.operation.state == OperationState.FAILED:
                self.engine.call(resume_operation, self.operation.public_id, actor=self.requester)
        assert not self.operations.filter(state__in=OPEN_OPERATION_STATES).exists()

    def count_in_cloud(self) -> dict[str, int]:
        return {kind: self.cloud.count(kind) for kind in OWN_KINDS}

    def attempt(self, what: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        before = self.picture()
        try:
            self.engine.call(what, *args, **kwargs)
        except DomainError:
            assert self.picture() == before

    def refused(self, what: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        before = self.picture()
        with pytest.raises(DomainError):
            self.engine.call(what, *args, **kwargs)
        assert self.picture() == before

    def picture(self) -> list[Any]:
        steps = Step.objects.filter(operation__in=self.operations).order_by("pk")
        return [
            self.state,
            list(self.resources.values("state", "facts", "cloud_ids")),
            list(self.operations.order_by("pk").values("pk", "state", "cancel_requested_at")),
            list(steps.values("pk", "state", "attempts")),
        ]

    def handle_message(self) -> None:
        try:
            self.engine.run_one()
        except Killed:
            self.engine.let_leases_end()
            self.engine.sweep()


def reachable(table: dict[str, frozenset[str]], state: str) -> set[str]:
    """What one or two transitions lead to, and the state itself."""
    once = table[state]
    return {state, *once, *(target for middle in once for target in table[middle])}


@pytest.fixture
def people(
    engine: Any, requester: Any, approver: Any, project: Any, version: Any, settings: Any
) -> dict[str, Any]:
    settings.UNKNOWN_OUTCOME_WAIT = timedelta(0)
    return {
        "engine": engine,
        "requester": requester,
        "approver": approver,
        "project": project,
        "version": version,
    }


def test_states_stay_true_to_each_other_whatever_happens(people: dict[str, Any]) -> None:
    run_state_machine_as_test(
        type("DeliveryOfThisTest", (Delivery,), people),
        settings=hypothesis_settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
