"""Marking as solved: by one operator where nothing is paid for it, else by two."""

from uuid import uuid4

import pytest
from django.utils.timezone import now

from billing.models import UsageSpan
from catalog.errors import (
    NothingToCharge,
    OwnSolution,
    ReasonRequired,
    SolutionSettled,
    SolutionWaits,
    SolverMayNot,
)
from catalog.models import (
    ClaimState,
    Operation,
    OperationKind,
    OperationState,
    OrderState,
    ResourceState,
    Solution,
    SolutionState,
    StepState,
)
from catalog.placement_errors import PlacementRefused
from catalog.placement_words import Score
from catalog.services.approvals import approve_order
from catalog.services.changes import Term, place_change
from catalog.services.operations import resume_operation
from catalog.services.recreation import begin_recreation
from catalog.services.resources import act_on_resource, retire_resource
from catalog.services.solutions import (
    confirm_solution,
    refuse_solution,
    solve_operation,
    withdraw_solution,
)
from catalog.services.undoing import compensate_operation
from portal.audit.models import AuditEntry
from portal.core.errors import InvalidInput, NotAllowed
from portal.core.states import IllegalTransition
from portal.identity.errors import EmergencyDecidesNothing
from portal.identity.four_eyes import SameHuman
from portal.identity.models import Role, RoleGrant
from portal.identity.services import break_glass
from tests.constraints import execute, refused_by
from tests.factories import (
    PersonFactory,
    classify,
    delivered,
    failed,
    grant,
    make_project,
    place,
    stuck,
)

pytestmark = pytest.mark.django_db
REASON = "Koppeling van de schijf met de hand hersteld."


@pytest.fixture
def operators(project, sent_tasks):
    people = [PersonFactory(name=name) for name in ("Ali", "Bea")]
    for person in people:
        grant(person, Role.OPERATOR, project.parent)
    return people


@pytest.fixture
def order(requester, project, version):
    return place(requester, project, version)


@pytest.fixture
def delivery(order, approver, operators):
    """Its last step hangs; the server itself is known."""
    operation = stuck(order, approver=approver)
    operation.steps.filter(position__lt=7).update(state=StepState.DONE, finished_at=now())
    operation.steps.filter(name="server").update(external_id="server-1")
    operation.steps.filter(position=7).update(state=StepState.FAILED)
    return operation


@pytest.fixture
def removal(order, approver, requester, operators):
    resource = delivered(order, approver=approver)
    name = {"actor": requester, "confirmation": resource.name}
    return failed(retire_resource(resource.public_id, **name))


@pytest.fixture
def recreation(order, approver, operators):
    resource = delivered(order, approver=approver)
    return failed(begin_recreation(resource, actor=operators[0], is_whole=True))


@pytest.fixture
def change(order, approver, requester, operators):
    resource = delivered(order, approver=approver)
    larger, _ = place_change(
        requested_by=requester,
        resource=resource,
        purpose="Meer ruimte",
        answers={"volume_gib": 80},
        end_date=Term.KEPT,
        idempotency_key="groter",
    )
    approve_order(larger.public_id, approver=approver)
    return failed(resource.operations.get(kind=OperationKind.CHANGE))


@pytest.fixture
def action(order, approver, requester, operators):
    resource = delivered(order, approver=approver)
    return failed(act_on_resource(resource.public_id, action="stop", actor=requester))


def solve(operation, actor, reason=REASON):
    return solve_operation(operation.public_id, actor=actor, reason=reason)


def fresh(row):
    row.refresh_from_db()
    return row


class TestMoney:
    def test_delivery_runs_and_costs_only_when_another_operator_confirms(
        self, delivery, operators, order
    ):
        first, second = operators
        solution = solve(delivery, first)

        assert (solution.state, solution.moves_money) == (SolutionState.PROPOSED, True)
        assert fresh(delivery).state == OperationState.FAILED
        assert not UsageSpan.objects.exists()

        confirm_solution(solution.public_id, actor=second)

        resource = fresh(delivery).resource
        assert delivery.state == OperationState.SOLVED
        assert fresh(resource).state == ResourceState.ACTIVE
        assert resource.cloud_ids["server"] == "server-1"
        assert fresh(order).state == OrderState.COMPLETED
        assert UsageSpan.objects.filter(ended_at=None).exists()
        assert delivery.steps.get(position=7).state == StepState.CANCELED

    def test_removal_ends_costs_and_frees_quota_when_another_operator_confirms(
        self, removal, operators
    ):
        first, second = operators
        solution = solve(removal, first)
        claim = removal.resource.claim
        assert fresh(claim).state == ClaimState.COMMITTED

        confirm_solution(solution.public_id, actor=second)

        assert fresh(removal).state == OperationState.SOLVED
        assert fresh(removal.resource).state == ResourceState.RETIRED
        assert fresh(claim).state == ClaimState.RELEASED
        assert not UsageSpan.objects.filter(ended_at=None).exists()

    def test_undoing_that_hangs_is_solved_likewise(self, delivery, operators, requester, order):
        undoing = failed(compensate_operation(delivery.public_id, actor=requester))
        first, second = operators

        confirm_solution(solve(undoing, first).public_id, actor=second)

        assert fresh(order).state == OrderState.CANCELED
        assert fresh(delivery.resource).state == ResourceState.RETIRED

    def test_action_needs_one_operator(self, action, operators):
        solution = solve(action, operators[0])

        assert (solution.state, solution.decided_by) == (SolutionState.CONFIRMED, None)
        assert fresh(action).state == OperationState.SOLVED
        assert fresh(action.resource).state == ResourceState.ACTIVE

    def test_what_the_portal_could_not_find_again_is_not_delivered(self, delivery, operators):
        delivery.steps.update(external_id="")

        with pytest.raises(NothingToCharge):
            solve(delivery, operators[0])

        assert not Solution.objects.exists()


class TestWhoAndWhen:
    def test_nobody_confirms_or_refuses_their_own(self, delivery, operators):
        solution = solve(delivery, operators[0])

        with pytest.raises(OwnSolution):
            confirm_solution(solution.public_id, actor=operators[0])
        with pytest.raises(OwnSolution):
            refuse_solution(solution.public_id, actor=operators[0], reason="Toch niet.")

        assert fresh(solution).state == SolutionState.PROPOSED
        refusals = AuditEntry.objects.filter(event="operation.solving_refused")
        assert [entry.code for entry in refusals] == ["own_solution", "own_solution"]

    def test_nor_by_emergency_access(self, delivery, operators, project):
        emergency = PersonFactory()
        grant(emergency, Role.OPERATOR, project.parent, issuer=break_glass.ISSUER)
        with pytest.raises(EmergencyDecidesNothing):
            solve(delivery, emergency)
        solution = solve(delivery, operators[0])

        with pytest.raises(EmergencyDecidesNothing):
            confirm_solution(solution.public_id, actor=emergency)
        with pytest.raises(EmergencyDecidesNothing):
            refuse_solution(solution.public_id, actor=emergency, reason="Nee")
        with refused_by("emergency_access_decides_nothing"):
            execute(
                "UPDATE catalog_solution SET state = 'confirmed', decided_at = now(),"
                " decided_by_id = %s",
                emergency.pk,
            )

    def test_but_it_solves_what_costs_nothing(self, action, project):
        emergency = PersonFactory()
        grant(emergency, Role.OPERATOR, project.parent, issuer=break_glass.ISSUER)

        assert solve(action, emergency).state == SolutionState.CONFIRMED

    def test_nor_by_their_other_login(self, delivery, operators):
        solution = solve(delivery, operators[0])
        for person in operators:
            person.email = "ali@example.nl"
            person.save()

        with pytest.raises(SameHuman):
            confirm_solution(solution.public_id, actor=operators[1])

        assert fresh(solution).state == SolutionState.PROPOSED

    @pytest.mark.parametrize("role", [role for role in Role if role != Role.OPERATOR])
    def test_other_roles_neither_solve_nor_confirm(self, delivery, operators, project, role):
        person = PersonFactory()
        grant(person, role, project.parent)
        with pytest.raises(NotAllowed):
            solve(delivery, person)
        solution = solve(delivery, operators[0])

        with pytest.raises(NotAllowed):
            confirm_solution(solution.public_id, actor=person)
        with pytest.raises(NotAllowed):
            withdraw_solution(solution.public_id, actor=person)

    def test_operator_of_another_project_does_not_confirm(self, delivery, operators):
        stranger = PersonFactory()
        grant(stranger, Role.OPERATOR, make_project())
        solution = solve(delivery, operators[0])

        with pytest.raises(NotAllowed):
            confirm_solution(solution.public_id, actor=stranger)

    def test_word_of_who_is_no_operator_any_more_does_not_count(self, delivery, operators):
        solution = solve(delivery, operators[0])
        RoleGrant.objects.filter(person=operators[0]).update(valid_until=now())

        with pytest.raises(SolverMayNot):
            confirm_solution(solution.public_id, actor=operators[1])

    def test_refusal_has_a_reason_and_leaves_it_hanging(self, delivery, operators):
        solution = solve(delivery, operators[0])
        with pytest.raises(ReasonRequired):
            refuse_solution(solution.public_id, actor=operators[1], reason=" ")

        refuse_solution(solution.public_id, actor=operators[1], reason="Staat er niet.")

        assert fresh(solution).decision_reason == "Staat er niet."
        assert fresh(delivery).state == OperationState.FAILED
        assert solve(delivery, operators[0]).state == SolutionState.PROPOSED

    def test_own_word_can_be_taken_back_once(self, delivery, operators):
        solution = solve(delivery, operators[0])
        withdraw_solution(solution.public_id, actor=operators[0])

        with pytest.raises(SolutionSettled):
            withdraw_solution(solution.public_id, actor=operators[0])
        with pytest.raises(SolutionSettled):
            confirm_solution(solution.public_id, actor=operators[1])

    def test_one_word_at_a_time(self, delivery, operators):
        solve(delivery, operators[0])

        with pytest.raises(SolutionWaits):
            solve(delivery, operators[1])

    @pytest.mark.parametrize("onwards", [resume_operation, compensate_operation])
    def test_word_lapses_when_the_work_goes_on(self, delivery, operators, onwards):
        solution = solve(delivery, operators[0])
        onwards(delivery.public_id, actor=operators[1])

        assert fresh(solution).state == SolutionState.LAPSED
        with pytest.raises(SolutionSettled):
            confirm_solution(solution.public_id, actor=operators[1])

    def test_what_runs_is_not_solved(self, delivery, operators):
        resume_operation(delivery.public_id, actor=operators[0])

        with pytest.raises(IllegalTransition):
            solve(delivery, operators[0])

    @pytest.mark.parametrize("reason", ["x" * 501, "a\x00b"])
    def test_reason_that_cannot_be_kept(self, delivery, operators, reason):
        with pytest.raises(InvalidInput):
            solve(delivery, operators[0], reason)

    def test_trail_tells_who_said_and_who_confirmed(self, delivery, operators):
        first, second = operators
        confirm_solution(solve(delivery, first).public_id, actor=second)

        entries = AuditEntry.objects.filter(event__startswith="operation.sol").order_by("pk")
        assert [(entry.event, entry.actor_id) for entry in entries] == [
            ("operation.solution_proposed", first.pk),
            ("operation.solved", second.pk),
        ]
        assert entries[1].data["proposed_by"] == first.pk


class TestWhereTheDataMayNotStandAnyMore:
    """Nothing is brought into use there by hand that would not be tried again there."""

    @pytest.mark.parametrize("stopped", ["delivery", "recreation", "change"])
    def test_what_was_made_is_not_solved(self, stopped, operators, project, request):
        operation = request.getfixturevalue(stopped)
        classify(project, integrity=Score.VERY_HIGH)

        with pytest.raises(PlacementRefused):
            solve(operation, operators[0])

        assert not Solution.objects.exists()

    def test_nor_confirmed_but_refused_and_cleaned_up(self, delivery, operators, project):
        solution = solve(delivery, operators[0])
        classify(project, integrity=Score.VERY_HIGH)

        with pytest.raises(PlacementRefused):
            confirm_solution(solution.public_id, actor=operators[1])

        assert fresh(delivery.resource).state == ResourceState.FAILED
        assert not UsageSpan.objects.exists()
        refuse_solution(solution.public_id, actor=operators[1], reason="Mag daar niet meer.")
        compensate_operation(delivery.public_id, actor=operators[1])

    def test_what_is_gone_is(self, removal, operators, project):
        classify(project, integrity=Score.VERY_HIGH)

        confirm_solution(solve(removal, operators[0]).public_id, actor=operators[1])

        assert fresh(removal.resource).state == ResourceState.RETIRED


class TestDatabase:
    @pytest.fixture
    def solution(self, delivery, operators):
        return solve(delivery, operators[0])

    def settle(self, solution, **changes):
        values = {"state": SolutionState.CONFIRMED, "decided_at": now(), **changes}
        Solution.objects.filter(pk=solution.pk).update(**values)

    def test_operation_is_not_solved_without_a_confirmed_solution(self, delivery, solution):
        with refused_by("operation_solved_by_a_confirmed_solution"):
            Operation.objects.filter(pk=delivery.pk).update(state=OperationState.SOLVED)

    def test_nor_when_it_does_not_hang(self, delivery, solution, operators):
        self.settle(solution, decided_by=operators[1])
        Operation.objects.update(state=OperationState.RUNNING, failed_at=None)
        with refused_by("operation_solved_was_waiting_for_a_person"):
            Operation.objects.update(state=OperationState.SOLVED)

    def test_what_failed_does_not_just_succeed(self, delivery):
        with refused_by("operation_that_failed_does_not_just_succeed"):
            Operation.objects.update(state=OperationState.SUCCEEDED)

    def test_operation_keeps_its_kind(self, delivery):
        with refused_by("operation_keeps_its_kind"):
            Operation.objects.update(kind="act")

    def test_money_asks_for_a_second_person(self, solution, operators):
        with refused_by("solution_that_moves_money_names_who_confirmed_it"):
            self.settle(solution)
        with refused_by("solution_decided_by_another_person"):
            self.settle(solution, decided_by=operators[0])

    def test_solution_does_not_hide_that_it_moves_money(self, delivery, operators):
        with refused_by("solution_knows_whether_it_moves_money"):
            Solution.objects.create(
                operation=delivery,
                moves_money=False,
                reason=REASON,
                proposed_by=operators[0],
                proposed_at=now(),
            )

    def test_solution_begins_by_waiting(self, delivery, operators):
        with refused_by("solution_begins_waiting"):
            Solution.objects.create(
                operation=delivery,
                moves_money=True,
                reason=REASON,
                proposed_by=operators[0],
                proposed_at=now(),
                state=SolutionState.CONFIRMED,
                decided_by=operators[1],
                decided_at=now(),
            )

    @pytest.mark.parametrize(
        "change", [{"reason": "Iets anders"}, {"moves_money": False}, {"public_id": uuid4()}]
    )
    def test_what_was_said_never_changes(self, solution, change):
        with refused_by("solution_never_changes"):
            Solution.objects.update(**change)

    def test_settled_stays_settled_and_nothing_is_deleted(self, solution, operators):
        withdraw_solution(solution.public_id, actor=operators[0])

        with refused_by("solution_that_is_settled_stays_settled"):
            self.settle(solution, decided_by=operators[1])
        with refused_by("solution_is_never_deleted"):
            execute("DELETE FROM catalog_solution")
