"""The pages of orders: who sees them, what they say, and taking an order back."""

from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils.timezone import now

from catalog.models import Operation, OperationState, Order, OrderState, Step, StepState
from catalog.services.approvals import approve_order, reject_order
from portal.identity.models import Role
from tests.factories import PersonFactory, grant, make_project, place
from tests.logins import log_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(requester, project, version):
    return place(requester, project, version, name="zaak-app", purpose="Zaken behandelen")


@pytest.fixture
def approved(order, approver, sent_tasks):
    approve_order(order.public_id, approver=approver, reason="Akkoord")
    return order


@pytest.fixture
def stranger():
    person = PersonFactory()
    grant(person, Role.REQUESTER, make_project())
    return person


def url(order, name="order"):
    return reverse(f"catalog:{name}", args=[order.public_id])


def page(client, person, address):
    return log_in(client, person).get(address)


class TestAccess:
    @pytest.mark.parametrize("name", ["order", "order-withdraw"])
    def test_nobody_gets_in_without_a_login(self, client, order, name):
        response = (
            client.get(url(order, name)) if name == "order" else client.post(url(order, name))
        )

        assert response.status_code == 302
        assert response.headers["Location"].startswith(reverse("identity:login"))

    def test_another_tenant_finds_nothing(self, client, order, stranger):
        log_in(client, stranger)

        assert client.get(url(order)).status_code == 404
        assert client.post(url(order, "order-withdraw")).status_code == 404
        assert "zaak-app" not in client.get(reverse("catalog:orders")).content.decode()

    def test_unknown_order_is_not_found(self, client, requester):
        assert page(client, requester, reverse("catalog:order", args=[uuid4()])).status_code == 404

    @pytest.mark.parametrize("role", list(Role))
    def test_every_role_on_the_project_may_read(self, client, order, project, role):
        person = PersonFactory()
        grant(person, role, project)

        assert page(client, person, url(order)).status_code == 200


class TestPage:
    def test_waiting_order_says_what_happens_now(self, client, order, requester):
        text = page(client, requester, url(order)).content.decode()

        assert "ligt bij de budgethouder" in text
        assert "Trek de bestelling in" in text
        assert 'hx-trigger="every' not in text

    def test_running_order_shows_every_step_and_looks_again(self, client, approved, requester):
        text = page(client, requester, url(approved)).content.decode()

        assert text.count('class="cl-step cl-step--') == Step.objects.count()
        assert 'hx-trigger="every 2s"' in text
        assert "keurde de bestelling goed" in text

    def test_failed_step_offers_a_way_out_to_who_may(self, client, approved, requester, project):
        fail(approved)
        reader = PersonFactory()
        grant(reader, Role.AUDITOR, project)

        assert "Probeer opnieuw" in page(client, requester, url(approved)).content.decode()
        assert "Probeer opnieuw" not in page(client, reader, url(approved)).content.decode()

    def test_only_an_operator_reads_what_the_cloud_said(self, client, approved, requester, project):
        fail(approved)
        operator = PersonFactory()
        grant(operator, Role.OPERATOR, project)

        assert "req-7d41" in page(client, operator, url(approved)).content.decode()
        assert "req-7d41" not in page(client, requester, url(approved)).content.decode()

    def test_refusal_shows_its_reason_as_text(self, client, order, approver, requester):
        reject_order(order.public_id, approver=approver, reason="Past <b>niet</b>")

        text = page(client, requester, url(order)).content.decode()
        assert "Past &lt;b&gt;niet&lt;/b&gt;" in text

    @pytest.mark.parametrize(("language", "word"), [("nl", "Voortgang"), ("en", "Progress")])
    def test_both_languages(self, client, approved, requester, language, word):
        client.cookies["cloudloket-language"] = language

        assert word in page(client, requester, url(approved)).content.decode()


def fail(order):
    operation = order.lines.get().resource.operations.get()
    operation.steps.filter(position=1).update(
        state=StepState.FAILED, last_error="no host", last_request_id="req-7d41"
    )
    operation.state = "failed"
    operation.save(update_fields=["state"])


class TestWithdrawing:
    def test_requester_takes_it_back(self, client, order, requester):
        response = log_in(client, requester).post(url(order, "order-withdraw"))

        order.refresh_from_db()
        assert response.status_code == 302
        assert order.state == OrderState.WITHDRAWN

    def test_somebody_else_may_not(self, client, order, approver):
        response = log_in(client, approver).post(url(order, "order-withdraw"))

        order.refresh_from_db()
        assert response.status_code == 403
        assert order.state == OrderState.PENDING_APPROVAL

    def test_too_late_says_so_with_the_fresh_state(self, client, approved, requester):
        response = log_in(client, requester).post(url(approved, "order-withdraw"))

        assert response.status_code == 409
        assert "Dit is niet gebeurd" in response.content.decode()

    def test_a_get_changes_nothing(self, client, order, requester):
        assert page(client, requester, url(order, "order-withdraw")).status_code == 405


class TestList:
    def test_filter_by_state(self, client, order, requester):
        text = page(client, requester, reverse("catalog:orders") + "?state=completed")

        assert "zaak-app" not in text.content.decode()

    @pytest.mark.parametrize("query", ["?state=onzin", "?page=-1", "?page=x", "?page=99999999999"])
    def test_nonsense_in_the_address_shows_the_list(self, client, order, requester, query):
        response = page(client, requester, reverse("catalog:orders") + query)

        assert response.status_code == 200
        assert "zaak-app" in response.content.decode()

    def test_queries_do_not_depend_on_the_number_of_orders(
        self, client, requester, project, version, django_assert_max_num_queries
    ):
        log_in(client, requester)
        counts = []
        for wanted in (1, 6):
            while Order.objects.count() < wanted:
                place(requester, project, version)
            with django_assert_max_num_queries(30) as captured:
                client.get(reverse("catalog:orders"))
            counts.append(len(captured))

        assert counts[0] == counts[1]


def test_page_that_was_read_while_the_work_ended_looks_again(client, approved, requester):
    """It reads the order first and then its work; nobody would see the end of it."""
    Operation.objects.update(state=OperationState.SUCCEEDED, finished_at=now())

    text = page(client, requester, url(approved)).content.decode()

    assert 'hx-trigger="every 2s"' in text
    assert "<noscript>" in text
