"""What operators do about differences, and what nobody may."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils.timezone import now

from billing.models import UsageSpan
from catalog.errors import (
    DifferenceSettled,
    LookedJustNow,
    OwnRepair,
    RepairNotOffered,
    RepairSettled,
    ResourceBusy,
)
from catalog.models import (
    CloudLook,
    Difference,
    DifferenceState,
    DriftRepair,
    OperationKind,
    RepairState,
    ResourceState,
)
from catalog.services.drift import ask_for_look, correct_record, ignore_difference
from catalog.services.drift_repairs import (
    confirm_repair,
    propose_repair,
    refuse_repair,
    withdraw_repair,
)
from catalog.services.resources import act_on_resource
from portal.audit.models import AuditEntry
from portal.core.calendar import day_of
from portal.core.errors import InvalidInput, NotAllowed
from portal.identity.errors import EmergencyDecidesNothing
from portal.identity.four_eyes import SameHuman
from portal.identity.models import Role
from portal.identity.services import break_glass
from tests.catalog.reconciliation.conftest import differences, thing_of
from tests.constraints import execute, refused_by
from tests.factories import PersonFactory, delivered, grant, place
from tests.factories.drift import gone, proposed, stopped, uncharged, unordered

pytestmark = pytest.mark.django_db

NEXT_WEEK = timedelta(days=7)


@pytest.fixture
def server(requester, approver, project, version, sent_tasks):
    """Runs, as far as we know."""
    return delivered(place(requester, project, version), approver=approver)


def in_a_week():
    return day_of(now()) + NEXT_WEEK


def events():
    return set(
        AuditEntry.objects.filter(event__startswith="drift.").values_list("event", flat=True)
    )


# --- ignoring ----------------------------------------------------------------------------------


def test_ignored_until_a_day_for_a_reason(server, operators):
    difference = gone(server)

    ignore_difference(
        difference.public_id, until=in_a_week(), reason=" Onderhoud ", actor=operators[0]
    )

    difference.refresh_from_db()
    assert (difference.state, difference.ignored_because) == (DifferenceState.IGNORED, "Onderhoud")
    assert difference.ignored_until > now() + NEXT_WEEK
    assert events() == {"drift.ignored"}


@pytest.mark.parametrize(
    ("days", "reason", "field"),
    [(-1, "Onderhoud", "until"), (91, "Onderhoud", "until"), (7, "  ", "reason")],
)
def test_ignoring_needs_a_day_ahead_and_a_reason(server, operators, days, reason, field):
    difference = gone(server)

    with pytest.raises(InvalidInput) as refusal:
        ignore_difference(
            difference.public_id,
            until=day_of(now()) + timedelta(days=days),
            reason=reason,
            actor=operators[0],
        )

    assert list(refusal.value.errors) == [field]
    difference.refresh_from_db()
    assert difference.state == DifferenceState.OPEN


def test_ignored_difference_comes_back_after_its_day(running, cloud, look, look_twice, operators):
    del cloud.things[thing_of(cloud, "server").id]
    look_twice()
    difference = Difference.objects.get()
    ignore_difference(
        difference.public_id, until=in_a_week(), reason="Onderhoud", actor=operators[0]
    )
    look()
    assert differences() == [("charged_but_absent", "server", "", "ignored")]

    Difference.objects.update(ignored_until=now())
    look()

    assert differences() == [("charged_but_absent", "server", "", "open")]


def test_what_is_solved_is_not_ignored(server, operators):
    difference = gone(server, state=DifferenceState.SOLVED, solved_at=now())

    with pytest.raises(DifferenceSettled):
        ignore_difference(
            difference.public_id, until=in_a_week(), reason="Onderhoud", actor=operators[0]
        )


# --- correcting our record ---------------------------------------------------------------------


def test_corrected_record_says_what_the_cloud_says(running, cloud, look_twice, operators):
    thing_of(cloud, "server").status = "SHUTOFF"
    look_twice()

    correct_record(Difference.objects.get().public_id, actor=operators[0])

    running.refresh_from_db()
    assert running.facts["status"] == "SHUTOFF"
    assert running.facts["addresses"]
    look_twice()
    assert differences() == [("differs", "server", "status", "solved")]
    assert UsageSpan.objects.filter(ended_at=None).count() == 2  # as before
    assert events() == {"drift.record_corrected"}


@pytest.mark.parametrize("field", ["flavor", "marker", "project"])
def test_what_costs_money_or_gives_access_is_not_simply_taken_over(server, operators, field):
    difference = stopped(server, field=field, ours="gp.small", theirs="gp.large")

    with pytest.raises(RepairNotOffered):
        correct_record(difference.public_id, actor=operators[0])

    server.refresh_from_db()
    assert server.spec["flavor"] == "gp.small"


def test_record_is_not_corrected_while_something_is_done(server, operators, requester):
    difference = stopped(server)
    act_on_resource(server.public_id, action="stop", actor=requester)

    with pytest.raises(ResourceBusy):
        correct_record(difference.public_id, actor=operators[0])


def test_what_nobody_ordered_has_no_record_to_correct(server, operators, project):
    difference = unordered(project, server.cloud_project.cloud)

    with pytest.raises(RepairNotOffered):
        correct_record(difference.public_id, actor=operators[0])


# --- repairs that change money -----------------------------------------------------------------


def test_two_operators_close_what_is_gone(running, cloud, engine, look_twice, operators):
    del cloud.things[thing_of(cloud, "server").id]
    look_twice()
    repair = proposed(Difference.objects.get(), operators[0])
    running.refresh_from_db()
    assert running.state == ResourceState.ACTIVE

    engine.call(confirm_repair, repair.public_id, actor=operators[1])
    engine.run()

    running.refresh_from_db()
    assert running.state == ResourceState.RETIRED
    assert not UsageSpan.objects.filter(ended_at=None).exists()
    assert cloud.count("volume") == 0
    assert running.operations.filter(kind=OperationKind.RETIRE).count() == 1
    assert {"drift.repair_proposed", "drift.repair_confirmed"} <= events()


def test_two_operators_have_a_running_server_charged_again(server, operators):
    UsageSpan.objects.update(ended_at=now().replace(microsecond=0))
    repair = proposed(uncharged(server), operators[0], "charge")

    confirm_repair(repair.public_id, actor=operators[1])

    assert UsageSpan.objects.filter(ended_at=None).count() == 2
    assert Difference.objects.get().state == DifferenceState.SOLVED


def test_nobody_confirms_what_their_other_login_proposed(server, operators):
    repair = proposed(gone(server), operators[0])
    for person in operators:
        person.email = "ali@example.nl"
        person.save()

    with pytest.raises(SameHuman):
        confirm_repair(repair.public_id, actor=operators[1])


def test_emergency_access_is_no_second_pair_of_eyes(server, operators, project):
    emergency = PersonFactory()
    grant(emergency, Role.OPERATOR, project.parent, issuer=break_glass.ISSUER)
    difference = gone(server)
    with pytest.raises(EmergencyDecidesNothing):
        proposed(difference, emergency)
    repair = proposed(difference, operators[0])

    with pytest.raises(EmergencyDecidesNothing):
        confirm_repair(repair.public_id, actor=emergency)
    with pytest.raises(EmergencyDecidesNothing):
        refuse_repair(repair.public_id, reason="Nee", actor=emergency)
    with refused_by("emergency_access_decides_nothing"):
        execute(
            "UPDATE catalog_driftrepair SET state = 'confirmed', decided_at = now(),"
            " decided_by_id = %s",
            emergency.pk,
        )


def test_nobody_confirms_their_own_proposal(server, operators):
    repair = proposed(gone(server), operators[0])

    with pytest.raises(OwnRepair):
        confirm_repair(repair.public_id, actor=operators[0])

    server.refresh_from_db()
    assert server.state == ResourceState.ACTIVE
    assert "drift.repair_decision_refused" in events()


def test_who_is_no_operator_there_decides_nothing(server, operators):
    repair = proposed(gone(server), operators[0])

    for decide in (confirm_repair, lambda pk, actor: refuse_repair(pk, reason="x", actor=actor)):
        with pytest.raises(NotAllowed):
            decide(repair.public_id, actor=PersonFactory())

    repair.refresh_from_db()
    assert repair.state == RepairState.PROPOSED


def test_refused_repair_leaves_everything_as_it_was(server, operators):
    difference = gone(server)
    repair = proposed(difference, operators[0])

    refuse_repair(repair.public_id, reason="Het komt terug.", actor=operators[1])

    server.refresh_from_db()
    difference.refresh_from_db()
    assert (server.state, difference.state) == (ResourceState.ACTIVE, DifferenceState.OPEN)
    assert DriftRepair.objects.get().decision_reason == "Het komt terug."


def test_own_proposal_is_withdrawn_and_may_be_made_again(server, operators):
    difference = gone(server)
    repair = proposed(difference, operators[0])
    with pytest.raises(NotAllowed):
        withdraw_repair(repair.public_id, actor=operators[1])

    withdraw_repair(repair.public_id, actor=operators[0])

    assert proposed(difference, operators[1]).state == RepairState.PROPOSED
    with pytest.raises(RepairSettled):
        confirm_repair(repair.public_id, actor=operators[1])


def test_one_proposal_at_a_time(server, operators):
    difference = gone(server)
    proposed(difference, operators[0])

    with pytest.raises(RepairSettled):
        proposed(difference, operators[1])


@pytest.mark.parametrize(
    ("make", "action"),
    [
        (gone, "charge"),
        (uncharged, "retire"),
        (stopped, "retire"),
        (lambda server: gone(server, part="volume"), "retire"),
    ],
)
def test_repair_that_makes_no_sense_is_not_offered(server, operators, make, action):
    with pytest.raises(RepairNotOffered):
        propose_repair(make(server).public_id, action=action, reason="Daarom", actor=operators[0])


def test_difference_that_came_right_is_not_repaired_any_more(server, operators):
    difference = gone(server)
    repair = proposed(difference, operators[0])
    Difference.objects.update(state=DifferenceState.SOLVED, solved_at=now())

    with pytest.raises(DifferenceSettled):
        confirm_repair(repair.public_id, actor=operators[1])

    server.refresh_from_db()
    assert server.state == ResourceState.ACTIVE


# --- asking for a look -------------------------------------------------------------------------


def test_look_is_asked_for_and_found_by_the_clock(server, operators, sent_tasks, execute_on_commit):
    execute_on_commit(ask_for_look, operators[0])

    assert CloudLook.objects.get().due_at <= now()
    assert ("catalog.look_for_drift", {}) in sent_tasks
    assert events() == {"drift.look_requested"}


def test_look_that_began_just_now_is_not_asked_for_again(server, operators):
    ask_for_look(operators[0])
    CloudLook.objects.update(began_at=now())

    with pytest.raises(LookedJustNow):
        ask_for_look(operators[1])


@pytest.fixture
def execute_on_commit(django_capture_on_commit_callbacks):
    def call(action, *args):
        with django_capture_on_commit_callbacks(execute=True):
            return action(*args)

    return call


# --- what the database itself refuses ----------------------------------------------------------


def refused(constraint, write):
    with pytest.raises(IntegrityError) as error, transaction.atomic():
        write()
    assert error.value.__cause__.diag.constraint_name == constraint


def test_database_knows_four_eyes(server, operators):
    repair = proposed(gone(server), operators[0])
    decision = {"state": "confirmed", "decided_at": now()}

    refused(
        "drift_repair_decided_by_another_person",
        lambda: DriftRepair.objects.update(**decision, decided_by=operators[0]),
    )
    refused(
        "drift_repair_never_changes", lambda: DriftRepair.objects.update(proposed_by=operators[1])
    )
    refused(
        "drift_repair_begins_waiting",
        lambda: DriftRepair.objects.create(
            difference=repair.difference,
            action="retire",
            reason="x",
            proposed_by=operators[0],
            proposed_at=now(),
            decided_by=operators[1],
            **decision,
        ),
    )
    DriftRepair.objects.update(**decision, decided_by=operators[1])
    refused(
        "drift_repair_that_is_settled_stays_settled",
        lambda: DriftRepair.objects.update(state="refused", decision_reason="x"),
    )


def test_database_keeps_one_living_difference_of_a_kind_and_what_was_solved(server, project):
    gone(server)
    cloud = server.cloud_project.cloud
    unordered(project, cloud)

    refused("difference_one_at_a_time", lambda: gone(server))
    refused("difference_one_at_a_time", lambda: unordered(project, cloud))
    Difference.objects.update(state=DifferenceState.SOLVED, solved_at=now())
    gone(server)  # it may come back
    solved = Difference.objects.filter(state=DifferenceState.SOLVED)
    refused("difference_that_is_solved_stays_solved", lambda: solved.update(name="x"))
    refused("difference_that_is_solved_stays_solved", lambda: solved.delete())


def test_database_wants_to_know_who_ignores_what_until_when(server):
    gone(server)

    refused(
        "difference_ignored_by_somebody_until_a_day_for_a_reason",
        lambda: Difference.objects.update(state=DifferenceState.IGNORED, ignored_until=now()),
    )
