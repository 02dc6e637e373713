"""The page of the cart, and the way there from the order form."""

import pytest
from django.urls import reverse
from django.utils.timezone import now

from catalog.models import CartLine, Metric, Order
from catalog.services.limits import set_limit
from portal.identity.models import Role
from tests.catalog.views.ordering import FORM, assert_nothing_stored, text_of
from tests.factories import PersonFactory, grant
from tests.logins import log_in

pytestmark = pytest.mark.django_db
CART = "/cart"


@pytest.fixture
def filled(browser, answers):
    """A cart with two servers, as put in by the form."""
    for name in ("web-01", "web-02"):
        browser.post(f"{FORM}/cart", {**answers, "name": name, "purpose": ""})
    return CartLine.objects.first().cart


def send(browser, cart, **changes):
    data = {"purpose": "Zaken", "revision": str(cart.revision), **changes}
    return browser.post(reverse("catalog:cart-order", args=[cart.public_id]), data)


def test_an_empty_cart_says_what_to_do(browser):
    assert "Your cart is empty" in text_of(browser.get(CART))


def test_it_shows_what_was_collected_and_what_it_costs_together(browser, filled):
    page = browser.get(CART)

    assert "web-01" in text_of(page)
    assert "83.60 per month" in text_of(page)
    assert '<span class="cl-sidenav__count">2<' in page.content.decode()
    assert_nothing_stored()


def test_the_purpose_that_was_typed_need_not_be_typed_again(browser, answers):
    browser.post(f"{FORM}/cart", {**answers, "purpose": "Archieven ontsluiten"})

    assert 'value="Archieven ontsluiten"' in browser.get(CART).content.decode()


def test_the_form_keeps_what_was_typed_wrong(browser, answers):
    page = browser.post(f"{FORM}/cart", {**answers, "name": "NO"})

    assert page.status_code == 422
    assert 'value="NO"' in page.content.decode()
    assert page.context["form"]["purpose"].field.required  # the order wants it, if not the cart
    assert not CartLine.objects.exists()


def test_a_line_is_changed_in_the_form(browser, filled, answers):
    line = filled.lines.first()
    form = browser.get(f"{FORM}?cart-line={line.public_id}")
    assert 'value="web-01"' in form.content.decode()

    browser.post(f"{FORM}/cart?cart-line={line.public_id}", {**answers, "name": "web-09"})

    assert [line.name for line in filled.lines.all()] == ["web-02", "web-09"]


def test_a_line_is_taken_out(browser, filled):
    browser.post(reverse("catalog:cart-take", args=[filled.lines.first().public_id]))

    assert [line.name for line in filled.lines.all()] == ["web-02"]


def test_all_of_it_is_ordered(browser, filled):
    response = send(browser, filled)

    order = Order.objects.get()
    assert (response.status_code, response["Location"]) == (303, f"/orders/{order.public_id}")
    assert order.purpose == "Zaken"
    page = text_of(browser.get(f"/orders/{order.public_id}"))
    assert "Virtual server web-01, and 1 more" in page
    assert "Virtual server web-02" in page


def test_without_a_purpose_nothing_is_ordered(browser, filled):
    page = send(browser, filled, purpose=" ")

    assert page.status_code == 422
    assert "Fill this in." in text_of(page)
    assert_nothing_stored()


def test_what_does_not_fit_says_which_line_and_keeps_the_purpose(browser, filled, project):
    set_limit(project, Metric.SERVERS, 1, valid_from=now(), actor=None)
    page = send(browser, filled)

    assert page.status_code == 409
    assert "“web-02” does not fit" in text_of(page)
    assert 'value="Zaken"' in page.content.decode()


def test_an_old_page_orders_nothing(browser, filled):
    assert send(browser, filled, revision="1").status_code == 409
    assert send(browser, filled, revision="x").status_code == 409
    assert_nothing_stored()


def test_a_colleague_finds_nothing(browser, filled, project, client):
    colleague = PersonFactory()
    grant(colleague, Role.REQUESTER, project)
    log_in(client, colleague)
    line = filled.lines.first()

    assert "Your cart is empty" in text_of(client.get(CART, headers={"Accept-Language": "en"}))
    assert send(client, filled).status_code == 404
    assert client.post(reverse("catalog:cart-take", args=[line.public_id])).status_code == 404
    assert client.get(f"{FORM}?cart-line={line.public_id}").status_code == 404
    assert client.get(f"{FORM}?cart-line=x").status_code == 404


def test_queries_do_not_grow_with_other_orders(browser, filled, django_assert_max_num_queries):
    with django_assert_max_num_queries(70):
        browser.get(CART)
