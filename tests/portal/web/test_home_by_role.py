"""What waits on whom: the first page for every role, and for nobody in particular."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils.timezone import localdate, now

from billing.models import Budget
from catalog.models import Operation, OperationState, Quota, Resource, ResourceState, StepState
from catalog.services.approvals import approve_order
from portal.core.calendar import day_of
from portal.identity.models import ProjectOwner, Role
from tests.factories import PersonFactory, grant, make_project, place
from tests.logins import log_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def owner(project):
    """Somebody who answers for the project, so that it does not wait for one."""
    owner = PersonFactory()
    ProjectOwner.objects.create(project=project, owner=owner, valid_from=now())
    return owner


@pytest.fixture
def order(requester, project, version):
    return place(requester, project, version, name="zaak-app")


@pytest.fixture
def resource(order, approver, sent_tasks):
    approve_order(order.public_id, approver=approver, reason="")
    return Resource.objects.get(order_line__order=order)


@pytest.fixture
def person_with(project):
    def make(role):
        person = PersonFactory()
        grant(person, role, project.parent)
        return person

    return make


def home(client, person):
    response = log_in(client, person).get("/")
    assert response.status_code == 200
    return response


def titles(response):
    return [task.title for task in response.context["tasks"]]


def fail(resource):
    operation = resource.operations.get()
    operation.steps.filter(position=1).update(state=StepState.FAILED)
    Operation.objects.filter(pk=operation.pk).update(state=OperationState.FAILED, failed_at=now())


def test_approver_decides_from_here(client, order, approver):
    response = home(client, approver)

    assert titles(response) == ["Virtuele server zaak-app"]
    assert reverse("catalog:approval", args=[order.public_id]) in response.content.decode()
    assert response.context["running"] == []


def test_requester_sees_the_order_wait_and_then_run(client, order, approver, requester, sent_tasks):
    (waiting,) = home(client, requester).context["running"]
    assert waiting.url == reverse("catalog:order", args=[order.public_id])
    assert waiting.track == []

    approve_order(order.public_id, approver=approver, reason="")
    (running,) = home(client, requester).context["running"]
    assert running.title == "zaak-app"
    assert running.track


@pytest.mark.parametrize("role", [Role.REQUESTER, Role.OPERATOR])
def test_failure_waits_on_who_can_do_something(client, resource, person_with, role):
    fail(resource)

    assert titles(home(client, person_with(role))) == ["zaak-app kan niet verder"]


@pytest.mark.parametrize("role", [Role.FINANCE, Role.AUDITOR, Role.QUOTA_ADMINISTRATOR])
def test_failure_does_not_wait_on_who_only_reads(client, resource, person_with, role):
    fail(resource)

    assert titles(home(client, person_with(role))) == []


@pytest.mark.parametrize(("days", "shown"), [(-1, True), (30, True), (31, False)])
def test_end_of_the_term_is_announced(client, resource, requester, days, shown):
    Resource.objects.filter(pk=resource.pk).update(
        state=ResourceState.ACTIVE,
        activated_at=now(),
        end_date=localdate() + timedelta(days=days),
    )

    assert bool(titles(home(client, requester))) is shown


def test_passed_limit_waits_on_the_quota_administrator(client, project, person_with, approver):
    Quota.objects.filter(node=project, metric="vcpus").update(
        claimed=12, limit_now=8, over_since=now()
    )

    response = home(client, person_with(Role.QUOTA_ADMINISTRATOR))
    assert titles(response) == [f"{project.name} gebruikt meer dan de limiet"]
    assert [item.quota.metric for item in response.context["fullest"]] == ["vcpus"]


def test_budgets_below_another_are_not_counted_twice(client, project, person_with):
    year = day_of(now()).year
    Budget.objects.create(node=project, year=year, amount=Decimal(9000))
    finance = person_with(Role.FINANCE)
    assert home(client, finance).context["money"].budget.budget == Decimal(9000)

    Budget.objects.create(node=project.parent, year=year, amount=Decimal(50000))
    assert home(client, finance).context["money"].budget.budget == Decimal(50000)
    Budget.objects.create(node=make_project(), year=year, amount=Decimal(1))
    assert home(client, finance).context["money"].budget.budget == Decimal(50000)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("language", ["nl", "en"])
def test_every_role_has_a_first_page(client, person_with, role, language):
    client.cookies["cloudloket-language"] = language
    text = home(client, person_with(role)).content.decode()

    assert (reverse("billing:costs") in text) is (
        role in {Role.FINANCE, Role.APPROVER, Role.AUDITOR}
    )
    assert ("Where to look" in text or "Waar u kunt kijken" in text) is (role == Role.AUDITOR)


def test_what_has_nobody_waits_on_the_quota_administrator(client, project, person_with, owner):
    owner.is_active = False
    owner.save()

    response = home(client, person_with(Role.QUOTA_ADMINISTRATOR))
    assert titles(response) == ["2 onderdelen hebben niemand die ervoor verantwoordelijk is"]
    assert reverse("identity:without-owner") in response.content.decode()


def test_nothing_of_another_tenant(client, resource):
    fail(resource)
    stranger = PersonFactory()
    for role in Role:
        grant(stranger, role, make_project())

    response = home(client, stranger)
    assert titles(response) == ["8 onderdelen hebben niemand die ervoor verantwoordelijk is"]
    assert "zaak-app" not in response.content.decode()


def test_without_a_role_there_is_an_explanation(client):
    assert "U hebt nog geen rol" in home(client, PersonFactory()).content.decode()


def test_queries_do_not_depend_on_how_much_there_is(
    client, requester, project, version, django_assert_max_num_queries
):
    log_in(client, requester)
    counts = []
    for more in (1, 3):
        for _number in range(more):
            place(requester, project, version)
        with django_assert_max_num_queries(53) as captured:
            client.get("/")
        counts.append(len(captured))

    assert counts[0] == counts[1]
