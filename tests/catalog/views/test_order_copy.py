"""Ordering again: the form begins with the answers of an earlier order."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import localdate, now

from catalog.models import CartLine, Order
from catalog.services.order_lines import LineRequest
from portal.cloud.models import Image
from portal.identity.models import Role
from tests.catalog.views.ordering import FORM, text_of
from tests.factories import (
    UNKNOWN_ID,
    PersonFactory,
    asked,
    generous_limits,
    grant,
    make_project,
    place,
    place_lines,
    withdrawn,
)
from tests.factories.catalog import SPEC
from tests.logins import log_in

pytestmark = pytest.mark.django_db
AGAIN = "Order this again"


@pytest.fixture
def earlier(browser, answers):
    """Ordered on the page itself, with something chosen that is no default."""
    term = (localdate() + timedelta(days=60)).strftime("%d-%m-%Y")
    asked = answers | {"volume_gib": "70", "end_date": term}
    assert browser.post(FORM, asked).status_code == 303
    return Order.objects.get()


def copy_of(browser, order):
    return browser.get(FORM, {"copy-of": order.public_id})


def test_begins_with_what_was_answered_then(browser, earlier, project):
    form = copy_of(browser, earlier).context["form"]

    assert form["volume_gib"].value() == 70
    assert form["purpose"].value() == "Piek in november"
    assert form["project"].value() == str(project.public_id)


def test_name_and_end_date_are_asked_anew(browser, earlier):
    response = copy_of(browser, earlier)

    assert f"Filled in as in order {earlier.number}" in text_of(response)
    assert not response.context["form"]["name"].value()
    assert not response.context["form"]["end_date"].value()


def test_sending_it_is_an_order_of_its_own(browser, earlier, answers):
    form = copy_of(browser, earlier).context["form"]
    again = {name: form[name].value() or "" for name in form.fields} | {"name": "zaak-app-02"}

    assert browser.post(FORM, again).status_code == 303
    assert Order.objects.count() == 2


def test_what_is_no_longer_offered_is_said_and_chosen_anew(browser, earlier):
    Image.objects.filter(name="Debian 12").update(gone_at=now())

    response = copy_of(browser, earlier)

    assert "“Debian 12” (Operating system) is no longer offered" in text_of(response)
    assert response.context["form"]["image"].value() != "Debian 12"
    assert response.context["form"]["volume_gib"].value() == 70


def test_another_project_than_one_may_order_in_is_chosen_anew(client, earlier, requester):
    colleague = PersonFactory()
    elsewhere = make_project(parent=earlier.project.parent, name="Elders")
    grant(colleague, Role.REQUESTER, elsewhere)
    grant(colleague, Role.OPERATOR, earlier.project)

    form = copy_of(log_in(client, colleague), earlier).context["form"]

    assert form["project"].value() == str(elsewhere.public_id)
    assert form["purpose"].value() == "Piek in november"


@pytest.mark.parametrize(("name", "gib"), [("klein", 20), ("groot", 80)])
def test_of_two_of_one_offering_the_one_that_is_named(
    browser, requester, project, version, name, gib
):
    lines = [
        LineRequest(version=version, name=called, spec={**SPEC, "volume_gib": size}, end_date=None)
        for called, size in (("klein", 20), ("groot", 80))
    ]
    order = place_lines(requester, project, *lines)

    form = browser.get(FORM, {"copy-of": order.public_id, "copy-name": name}).context["form"]

    assert form["volume_gib"].value() == gib


@pytest.mark.parametrize("name", ["elders", "\x00"])
def test_what_is_not_in_the_order_is_not_found(browser, earlier, name):
    asked = {"copy-of": earlier.public_id, "copy-name": name}

    assert browser.get(FORM, asked).status_code == 404


@pytest.mark.parametrize("nonsense", ["x", "\x00", "-1", UNKNOWN_ID])
def test_an_order_that_is_not_there_is_not_found(browser, nonsense):
    assert browser.get(FORM, {"copy-of": nonsense}).status_code == 404


def test_the_order_of_another_tenant_is_not_found(browser, version):
    elsewhere = make_project(name="Geheim")
    stranger = PersonFactory()
    grant(stranger, Role.REQUESTER, elsewhere)
    generous_limits(elsewhere)
    theirs = place(stranger, elsewhere, version)

    assert copy_of(browser, theirs).status_code == 404


class TestLink:
    def page(self, browser, order):
        return browser.get(reverse("catalog:order", args=[order.public_id]))

    def test_leads_to_the_form(self, browser, earlier):
        response = self.page(browser, earlier)

        address = f"{FORM}?copy-of={earlier.public_id}&amp;copy-name={earlier.lines.get().name}"
        assert f'href="{address}"' in response.content.decode()
        assert AGAIN in text_of(response)

    def test_is_not_there_for_who_orders_nothing(self, client, earlier):
        approver = PersonFactory()
        grant(approver, Role.APPROVER, earlier.project)

        assert AGAIN not in text_of(self.page(log_in(client, approver), earlier))

    def test_is_not_there_when_it_left_the_catalogue(self, browser, earlier, version):
        withdrawn(version)

        assert AGAIN not in text_of(self.page(browser, earlier))


class TestEverythingToTheCart:
    ALL = "Put everything in the cart"

    @pytest.fixture
    def several(self, requester, project, version):
        return place_lines(requester, project, asked(version, "web-01"), asked(version, "web-02"))

    def page(self, browser, order):
        return browser.get(reverse("catalog:order", args=[order.public_id]))

    def press(self, browser, order):
        address = reverse("catalog:order-lines-to-cart", args=[order.public_id])
        return browser.post(address, follow=True)

    def test_one_button_puts_all_of_it_in_the_cart(self, browser, several):
        page = self.page(browser, several)
        assert self.ALL in text_of(page)
        assert reverse("catalog:order-lines-to-cart", args=[several.public_id]) in str(page.content)

        answer = self.press(browser, several)

        assert answer.redirect_chain == [("/cart", 302)]
        said = "2 things are put in your cart. Look at names and end dates before you send it."
        assert said in text_of(answer)
        assert [line.name for line in CartLine.objects.all()] == ["web-01-2", "web-02-2"]

    def test_each_can_still_be_ordered_alone(self, browser, several):
        page = text_of(self.page(browser, several))

        assert "Order web-01 again" in page
        assert "Order web-02 again" in page
        assert AGAIN not in page

    def test_what_is_left_out_is_said_with_why(self, browser, several):
        Image.objects.filter(name="Debian 12").update(gone_at=now())

        answer = text_of(self.press(browser, several))

        why = "“Debian 12” (Operating system) is no longer offered."
        assert f"Left out. web-01, web-02: {why}" in answer
        assert not CartLine.objects.exists()

    def test_an_order_of_one_thing_has_no_such_button(self, browser, earlier):
        assert self.ALL not in text_of(self.page(browser, earlier))

    def test_nor_has_one_of_which_nothing_is_offered_any_more(self, browser, several, version):
        withdrawn(version)

        assert self.ALL not in text_of(self.page(browser, several))
        assert self.press(browser, several).status_code == 403

    def test_who_orders_elsewhere_alone_has_it_not(self, client, several):
        colleague = PersonFactory()
        elsewhere = make_project(parent=several.project.parent, name="Elders")
        grant(colleague, Role.REQUESTER, elsewhere)
        grant(colleague, Role.OPERATOR, several.project)
        client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
        log_in(client, colleague)

        page = text_of(self.page(client, several))
        assert self.ALL not in page
        assert "Order web-01 again" in page
        assert self.press(client, several).status_code == 403

    def test_it_takes_a_post(self, browser, several):
        address = reverse("catalog:order-lines-to-cart", args=[several.public_id])

        assert browser.get(address).status_code == 405
