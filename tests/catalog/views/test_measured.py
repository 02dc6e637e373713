"""Who may see a resource sees what was measured of it; who minds metering, what was not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from billing.meters import Measure
from billing.models import MeasuredUse, MeteredResource, SampleProblem, UsageSample
from portal.core.calendar import whole_second
from portal.identity.models import Role
from tests.factories import PersonFactory, delivered, grant, make_project, place
from tests.factories.billing import MeteredResourceFactory, SkuFactory
from tests.logins import log_in

pytestmark = pytest.mark.django_db
CHECKS = reverse("catalog:usage-checks")
GIB = 1024**3


def ago(**time):
    return whole_second(now() - timedelta(**time))


def measured(resource, *, since=None, **facts):
    given = {"measure": Measure.STORED, "sku": SkuFactory(code="object.used")}
    return MeasuredUse.objects.create(
        resource=resource, started_at=since or ago(days=2), **{**given, **facts}
    )


@pytest.fixture
def resource(requester, approver, project, version, sent_tasks):
    order = place(requester, project, version, name="archief")
    return delivered(order, approver=approver)


@pytest.fixture
def use(resource):
    return measured(MeteredResource.objects.get(public_id=resource.public_id))


def text_of(client, person, address):
    response = log_in(client, person).get(address)
    assert response.status_code == 200
    return response.content.decode()


def page(client, person, resource):
    return text_of(client, person, reverse("catalog:resource", args=[resource.public_id]))


def test_resource_that_is_not_measured_says_nothing_of_it(client, requester, resource):
    assert "Gemeten gebruik" not in page(client, requester, resource)


def test_resource_says_what_is_stored_and_when_it_was_measured(client, requester, resource, use):
    UsageSample.objects.create(use=use, measured_at=ago(hours=2), value=3 * GIB)
    UsageSample.objects.create(use=use, measured_at=ago(hours=1), value=GIB // 2)

    text = page(client, requester, resource)

    assert "0,5\u00a0GiB" in text
    assert "Niet gemeten sinds" not in text


def test_silence_is_told_with_since_when(client, requester, resource, use):
    UsageSample.objects.create(use=use, measured_at=ago(hours=5), value=GIB)

    text = page(client, requester, resource)

    assert "Niet gemeten sinds" in text
    assert "telt wat het laatst is gemeten" in text


def test_program_reads_the_same(client, requester, resource, use):
    UsageSample.objects.create(use=use, measured_at=ago(hours=5), value=GIB)

    address = reverse("api:resource-detail", args=[resource.public_id])
    (told,) = log_in(client, requester).get(address).json()["measured"]

    assert (told["sku"], told["measure"], told["gib"]) == ("object.used", "stored", "1.000000")
    assert told["silent_since"] == told["measured_at"]


@pytest.fixture
def operator(project):
    person = PersonFactory()
    grant(person, Role.OPERATOR, project)
    return person


def test_operator_sees_what_is_silent_and_why(client, operator, use):
    MeasuredUse.objects.update(problem=SampleProblem.AWAY)

    text = text_of(client, operator, CHECKS)

    assert "archief" in text
    assert "De cloud gaf geen antwoord" in text


def test_what_was_measured_lately_or_is_anothers_is_not_shown(client, operator, use):
    UsageSample.objects.create(use=use, measured_at=ago(hours=1), value=GIB)
    measured(MeteredResourceFactory(project=make_project(), name="van-een-ander"))

    text = text_of(client, operator, CHECKS)

    assert "Wat er wordt gemeten" not in text
    assert "van-een-ander" not in text


def test_much_silence_takes_no_more_questions(client, operator, project, use):
    log_in(client, operator)

    def asked():
        with CaptureQueriesContext(connection) as questions:
            client.get(CHECKS)
        return len(questions)

    few = asked()
    for number in range(60):
        measured(MeteredResourceFactory(project=project, name=f"veel-{number}"))

    assert asked() == few
    assert "En nog 11." in client.get(CHECKS).content.decode()
