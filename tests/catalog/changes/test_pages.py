"""The page of a change: how it is now, what other answers mean, and sending it."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils.timezone import localdate

from catalog.models import Order, OrderState
from catalog.services.approvals import approve_order
from portal.audit.models import AuditEntry
from portal.cloud.ports import CloudRefused
from portal.identity.models import Role
from tests.catalog.views.ordering import HTMX, text_of
from tests.factories import PersonFactory, delivered, grant, place
from tests.factories.catalog import SPEC
from tests.logins import log_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(client, requester):
    log_in(client, requester)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


@pytest.fixture
def resource(requester, approver, project, version, sent_tasks):
    """A small server that runs, without an engine."""
    end_date = localdate() + timedelta(days=365)
    order = place(requester, project, version, name="zaken", spec=SPEC, end_date=end_date)
    return delivered(order, approver=approver)


def address(name, resource):
    return reverse(f"catalog:{name}", args=[resource.public_id])


def answers(resource, **changes):
    return {
        "idempotency_key": str(uuid4()),
        "flavor": "gp.small",
        "volume_gib": "40",
        "end_date": resource.end_date.strftime("%d-%m-%Y"),
        "purpose": "Meer zaken",
        **changes,
    }


def test_page_begins_with_how_it_is(browser, resource):
    response = browser.get(address("resource-change", resource))

    form = response.context["form"]
    assert [form[name].value() for name in ("flavor", "volume_gib", "end_date")] == [
        "gp.small",
        40,
        resource.end_date,
    ]
    assert "Nothing changes yet" in text_of(response)
    assert "image" not in form.fields


def test_preview_says_the_difference_and_what_people_notice(browser, resource):
    typed = answers(resource, flavor="gp.medium", purpose="")

    response = browser.post(address("resource-change-preview", resource), typed, headers=HTMX)

    text = text_of(response)
    assert response.status_code == 200
    assert "€41.80 becomes €80.20 per month" in text
    assert "More per month €38.40" in text
    assert "The server restarts for this." in text
    assert not Order.objects.filter(lines__changes=resource).exists()


def test_preview_without_script_is_the_whole_page(browser, resource):
    typed = answers(resource, volume_gib="50")

    response = browser.post(address("resource-change-preview", resource), typed)

    assert response.context["form"]["volume_gib"].value() == "50"
    assert "More per month €0.85" in text_of(response)


def test_sending_orders_the_change(browser, resource, requester):
    response = browser.post(
        address("resource-change", resource), answers(resource, flavor="gp.medium")
    )

    order = Order.objects.get(lines__changes=resource)
    assert (response.status_code, response["Location"]) == (
        303,
        reverse("catalog:order", args=[order.public_id]),
    )
    page = text_of(browser.get(response["Location"]))
    assert "Change of Virtual server zaken" in page
    assert "Size gp.small" in page
    assert "€41.80 €80.20" in page
    assert "Order this again" not in page
    page = text_of(browser.get(address("resource", resource)))
    assert f"Order {order.number}" in page
    assert "Change or extend" not in page
    assert browser.get(address("resource-change", resource)).status_code == 302


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"volume_gib": "39"}, "volume_gib", "from 40 to 500"),
        ({"flavor": "gp.huge"}, "flavor", "Choose one of the options."),
        ({"end_date": "01-01-2020"}, "end_date", "Choose a day after today"),
        ({"flavor": "gp.medium", "purpose": ""}, "purpose", "Fill this in."),
    ],
)
def test_bad_answers_come_back_at_their_question(browser, resource, change, field, words):
    response = browser.post(address("resource-change", resource), answers(resource, **change))

    assert response.status_code == 422
    assert words in " ".join(response.context["form"].errors[field])
    assert not Order.objects.filter(lines__changes=resource).exists()


def test_sending_what_it_is_already_says_so(browser, resource):
    response = browser.post(address("resource-change", resource), answers(resource))

    assert response.status_code == 422
    assert "Everything stays as it is." in text_of(response)


def test_an_earlier_end_date_holds_at_once(browser, resource):
    sooner = localdate() + timedelta(days=30)

    response = browser.post(
        address("resource-change", resource),
        answers(resource, end_date=sooner.strftime("%d-%m-%Y"), purpose=""),
    )

    assert response["Location"] == address("resource", resource)
    resource.refresh_from_db()
    assert resource.end_date == sooner
    assert AuditEntry.objects.filter(event="resource.term_shortened").exists()
    assert "brought the end date forward" in text_of(browser.get(response["Location"]))


def test_approver_sees_both_sides(client, resource, ask, approver):
    order = ask(resource, flavor="gp.medium")
    log_in(client, approver)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"

    text = text_of(client.get(reverse("catalog:approval", args=[order.public_id])))

    assert "Change of Virtual server zaken" in text
    assert "Price per month €41.80 €80.20" in text
    assert "The server restarts for this." in text


def test_a_failed_change_can_be_given_up_on_the_page_of_its_order(
    browser, server, ask, engine, cloud, approver
):
    order = ask(server, flavor="gp.medium")
    cloud.fail_next("resize_server", CloudRefused("no"))
    engine.call(approve_order, order.public_id, approver=approver)
    engine.run()
    page = reverse("catalog:order", args=[order.public_id])
    assert "Give the change up" in text_of(browser.get(page))
    operation = order.lines.get().operations.get()

    with engine.capture(execute=True):
        browser.post(reverse("catalog:operation-abandon", args=[operation.public_id]))
    engine.run()

    order.refresh_from_db()
    assert order.state == OrderState.CANCELED
    text = text_of(browser.get(page))
    assert "gave the change up." in text
    assert "3 of 3 steps done" in text


def test_an_operator_orders_no_change(client, resource):
    operator = PersonFactory()
    grant(operator, Role.OPERATOR, resource.project)
    log_in(client, operator)

    assert client.get(address("resource-change", resource)).status_code == 403
    assert client.post(address("resource-change", resource), {}).status_code == 403
    assert b"resource-change" in client.get(address("resource", resource)).content
    assert "Change or extend" not in text_of(client.get(address("resource", resource)))
