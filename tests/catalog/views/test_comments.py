"""The conversation on the page of an order and on that of who decides."""

import pytest
from django.urls import reverse

from catalog.models import OrderComment
from catalog.services.comments import ask_about_order
from tests.catalog.views.ordering import text_of
from tests.factories import place
from tests.logins import log_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(requester, project, version):
    return place(requester, project, version)


def post(client, person, route, order, text):
    address = reverse(f"catalog:{route}", args=[order.public_id])
    return log_in(client, person).post(address, {"text": text}, headers={"accept-language": "en"})


def page(client, person, route, *arguments):
    address = reverse(route, args=arguments)
    return log_in(client, person).get(address, headers={"accept-language": "en"})


def test_a_question_and_its_answer_go_back_and_forth(client, order, approver, requester):
    asked = post(client, approver, "approval-question", order, "Waarom zo groot?")
    assert asked.headers["Location"] == reverse("catalog:approval", args=[order.public_id])
    queue = page(client, approver, "catalog:approvals")
    assert [item.pk for item in queue.context["asked"]] == [order.pk]
    assert queue.context["queue"] == []
    assert "Nothing waits for your decision" in text_of(queue)
    assert "Approve for" not in text_of(queue)

    home = text_of(page(client, requester, "web:home"))
    assert f"There is a question about order {order.number}." in home
    shown = text_of(page(client, requester, "catalog:order", order.public_id))
    assert "Waarom zo groot?" in shown
    assert "Waiting for an answer" in shown
    assert "Send your answer" in shown
    assert "Withdraw the order" in shown
    assert "waits for an answer of Aanvrager" in text_of(
        page(client, approver, "catalog:order", order.public_id)
    )

    answered = post(client, requester, "order-comment", order, "Voor 500 zaken")
    assert answered.status_code == 303
    assert "There is a question" not in text_of(page(client, requester, "web:home"))
    decision = text_of(page(client, approver, "catalog:approvals"))
    assert "Voor 500 zaken" in decision
    assert "Approve for" in decision
    assert "Waiting for an answer" not in decision


def test_what_waits_for_an_answer_can_be_refused_and_not_approved(client, order, approver):
    post(client, approver, "approval-question", order, "Waarom zo groot?")
    address = reverse("catalog:approval-approve", args=[order.public_id])
    response = client.post(address, headers={"accept-language": "en"})
    assert response.status_code == 409
    assert "has not answered yet" in text_of(response)

    address = reverse("catalog:approval-reject", args=[order.public_id])
    client.post(address, {"reason": "Te groot"}, headers={"accept-language": "en"})
    order.refresh_from_db()
    assert order.state == "rejected"


@pytest.mark.parametrize("route", ["order-comment", "approval-question"])
@pytest.mark.parametrize(
    ("text", "problem"), [("", "Fill this in."), ("x" * 1001, "1000"), ("a\x00", "")]
)
def test_a_wrong_text_comes_back_with_the_reason(client, order, approver, route, text, problem):
    response = post(client, approver, route, order, text)

    assert response.status_code == 422
    assert problem in text_of(response)
    assert not OrderComment.objects.exists()


def test_what_is_said_is_shown_as_text(client, order, approver, requester):
    ask_about_order(order.public_id, author=approver, text="<script>alert(1)</script>\nEn dan?")

    body = page(client, requester, "catalog:order", order.public_id).content.decode()

    assert "&lt;script&gt;alert(1)&lt;/script&gt;<br>En dan?" in body


def test_a_field_that_is_missing_is_an_empty_one(client, order, requester):
    address = reverse("catalog:order-comment", args=[order.public_id])

    assert log_in(client, requester).post(address).status_code == 422


def test_queries_do_not_grow_with_the_conversation(
    client, order, approver, requester, django_assert_max_num_queries
):
    def count():
        with django_assert_max_num_queries(140) as captured:
            page(client, approver, "catalog:approvals")
            page(client, requester, "catalog:order", order.public_id)
        return len(captured)

    ask_about_order(order.public_id, author=approver, text="Waarom zo groot?")
    count()  # what a first login alone asks
    few = count()
    for number in range(5):
        ask_about_order(order.public_id, author=approver, text=f"En {number}?")

    assert count() == few
