"""The operators' pages in a real browser: accessible, and never wider than the screen."""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils.timezone import now

from catalog.models import Operation, StepFault, StepState
from catalog.services.resources import act_on_resource, retire_resource
from catalog.services.solutions import solve_operation
from portal.identity.models import Role
from tests.chromium import complaints_about
from tests.factories import (
    PersonFactory,
    begun,
    delivered,
    failed,
    generous_limits,
    grant,
    make_organization,
    make_project,
    place,
    stuck,
)
from tests.logins import session_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SAID = "No valid host was found. There are not enough hosts available."
REQUEST = "req-7d41c0de-9b1f-4c55-8a3e-2f1f7d0b6a11"


@pytest.fixture
def place_of_work(version):
    ministry = make_organization(name="Ministerie van Water en Bodem")
    directorate = make_organization(ministry, name="Directie Waterregistratie")
    project = make_project(directorate, name="Zaaksysteem")
    generous_limits(project)
    return project


@pytest.fixture
def operators(place_of_work):
    people = [PersonFactory(name=name) for name in ("Yasmin El Amrani", "Bram de Vries")]
    for person in people:
        grant(person, Role.OPERATOR, place_of_work.parent.parent)
    return people


@pytest.fixture
def pages(place_of_work, operators, version, sent_tasks):
    """Every page in its fullest state, as the first operator sees it."""
    with one_transaction():
        return furnish(place_of_work, operators, version)


@contextmanager
def one_transaction():
    """In which services find the outermost transaction that they ask for."""
    block = transaction.atomic()
    block._from_testcase = True  # as Django's own TestCase does, for atomic(durable=True)
    with block:
        yield


def furnish(place_of_work, operators, version):
    requester, approver = PersonFactory(name="Sanne Wiersma"), PersonFactory(name="Budgethouder")
    grant(requester, Role.REQUESTER, place_of_work)
    grant(approver, Role.APPROVER, place_of_work.parent)
    first, second = operators

    def order(name):
        return place(requester, place_of_work, version, name=name)

    hanging = stuck(order("zaak-app-met-een-lange-naam-01"), approver=approver)
    reach(hanging, "server", StepState.FAILED)
    Operation.objects.filter(pk=hanging.pk).update(failed_at=now() - timedelta(days=2))
    theirs, own = (stuck(order(name), approver=approver) for name in ("zaak-db-01", "zaak-db-02"))
    for operation, operator in ((theirs, second), (own, first)):
        reach(operation, "attachment", StepState.FAILED)
        reason = "Schijf met de hand gekoppeld.\nZie melding 4711."
        solve_operation(operation.public_id, actor=operator, reason=reason)
    action = failed(
        act_on_resource(
            delivered(order("zaak-web-01"), approver=approver).public_id,
            action="stop",
            actor=requester,
        )
    )
    reach(action, "stop", StepState.FAILED)
    awaiting = begun(order("zaak-app-02"), approver=approver)
    reach(awaiting, "server", StepState.AWAITING)
    retrying = begun(order("zaak-app-03"), approver=approver)
    reach(retrying, "port", StepState.TODO)
    held = begun(order("zaak-app-04"), approver=approver)
    reach(held, "port", StepState.RUNNING)
    gone = delivered(order("zaak-oud"), approver=approver)
    retire_resource(gone.public_id, actor=requester, confirmation=gone.name)
    return {
        "work-stuck": "/operations",
        "work-waiting": "/operations?group=waiting",
        "work-running": "/operations?group=running",
        "work-hanging": f"/operations/{hanging.public_id}",
        "work-to-confirm": f"/operations/{theirs.public_id}",
        "work-own-word": f"/operations/{own.public_id}",
        "work-action": f"/operations/{action.public_id}",
        "work-awaiting": f"/operations/{awaiting.public_id}",
        "work-solve": f"/operations/{hanging.public_id}/solve",
        "work-cancel": f"/operations/{awaiting.public_id}/cancel?back=operation",
    }


def reach(operation, name, state):
    """Let the operation stand at this step, after a day of trouble."""
    step = operation.steps.get(name=name)
    moment = now()
    operation.steps.filter(position__lt=step.position).update(
        state=StepState.DONE, attempts=1, started_at=moment, finished_at=moment
    )
    if name != "server":
        operation.steps.filter(name="server").update(external_id="9f7c3b52-0f0e-4f57-b1b0-1d8c")
    has_fault = state in {StepState.FAILED, StepState.TODO}
    operation.steps.filter(pk=step.pk).update(
        state=state,
        attempts=7,
        failures=7,
        remakes=2,
        started_at=moment - timedelta(minutes=20),
        due_at=moment + timedelta(seconds=25),
        leased_until=moment + timedelta(minutes=1) if state == StepState.RUNNING else None,
        fault=StepFault.BROKEN if has_fault else "",
        last_error=SAID if has_fault else "",
        last_request_id=REQUEST if has_fault else "",
    )


@pytest.fixture
def nothing(place_of_work, operators):
    """The list without anything in it."""
    return {
        "work-none-stuck": "/operations",
        "work-none-waiting": "/operations?group=waiting",
        "work-none-running": "/operations?group=running",
    }


@pytest.mark.parametrize("state", ["nothing", "pages"])
def test_pages_are_accessible_and_fit(live_server, request, operators, state):
    pages = request.getfixturevalue(state)
    session = session_of(operators[0])

    assert complaints_about(pages, site=live_server.url, session=session) == []
