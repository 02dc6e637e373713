"""The order form asks for the tags that are required in the project that is chosen."""

import re
from datetime import timedelta

import pytest
from django.utils.timezone import localdate, now

from billing.models import TagFact, TagKey
from catalog.models import CartLine, Order
from catalog.views.order_copy import COPY_OF
from portal.core.calendar import start_of_day
from portal.identity.models import Role
from tests.catalog.views.ordering import FORM, HTMX, PREVIEW, assert_nothing_stored, text_of
from tests.factories import generous_limits, grant, make_project, place

pytestmark = pytest.mark.django_db
ASKED = "Your organisation wants these for everything that costs money."


def define(organization_id, name="fase", values=("test", "productie"), *, is_required=True):
    return TagKey.objects.create(
        organization_id=organization_id,
        name=name,
        allowed_values=list(values),
        is_required=is_required,
        valid_from=now() - timedelta(days=1),
    )


def inherit(node, value, key="fase"):
    start = start_of_day(localdate())
    return TagFact.objects.create(node_id=node.pk, key=key, value=value, valid_from=start)


def field(response, name="tag-fase"):
    """The markup of one question."""
    body = response.content.decode()
    asked = rf'<select[^>]*name="{name}".*?</select>|<input[^>]*name="{name}"[^>]*>'
    found = re.search(asked, body, re.S)
    return found[0] if found else ""


def test_nothing_is_asked_where_nothing_is_required(browser, project):
    define(project.parent_id, is_required=False)

    page = browser.get(FORM)

    assert ASKED not in text_of(page)
    assert field(page) == ""


def test_values_can_be_chosen_and_what_has_none_can_be_typed(browser, project):
    define(project.parent_id)
    define(project.parent_id, "team", ())

    page = browser.get(FORM)

    assert ASKED in text_of(page)
    assert re.findall('value="([^"]*)"', field(page)) == ["", "test", "productie"]
    assert field(page, "tag-team").startswith("<input")


def test_what_is_inherited_is_filled_in(browser, project):
    define(project.parent_id)
    inherit(project, "productie")

    page = browser.get(FORM)

    assert '<option value="productie" selected>' in field(page)
    assert "“productie” is inherited." in text_of(page)


def test_without_it_the_form_says_what_is_missing_and_keeps_the_rest(browser, project, answers):
    define(project.parent_id)

    response = browser.post(FORM, {**answers, "tag-fase": ""})

    assert response.status_code == 422
    assert "fase: Give the tag “fase” a value." in text_of(response)
    assert 'value="Piek in november"' in response.content.decode()
    assert_nothing_stored()


def test_a_value_that_is_not_allowed_is_refused(browser, project, answers):
    define(project.parent_id)

    response = browser.post(FORM, {**answers, "tag-fase": "acceptatie"})

    assert response.status_code == 422
    assert "Choose one of these: test, productie." in text_of(response)
    assert_nothing_stored()


def test_what_was_chosen_stands_with_the_order(browser, project, answers):
    define(project.parent_id)

    response = browser.post(FORM, {**answers, "tag-fase": "test"})

    assert Order.objects.get().lines.get().tags == {"fase": "test"}
    assert "Tag fase test" in text_of(browser.get(response.headers["Location"]))


def test_another_project_asks_for_its_own_and_forgets_what_was_inherited(
    browser, requester, project, answers
):
    define(project.parent_id)
    inherit(project, "test")
    other = make_project(name="Ander systeem")
    generous_limits(other)
    grant(requester, Role.REQUESTER, other)
    define(other.parent_id, "fase", ())

    sent = {**answers, "project": str(other.public_id), "tag-fase": "test"}
    panel = browser.post(PREVIEW, sent, headers=HTMX)

    assert 'id="order-tags" hx-swap-oob="true"' in panel.content.decode()
    assert field(panel).startswith("<input")
    assert 'value="test"' not in field(panel)


def test_in_the_cart_it_is_kept_and_can_be_changed(browser, project, answers):
    define(project.parent_id)

    refused = browser.post(f"{FORM}/cart", {**answers, "purpose": ""})
    browser.post(f"{FORM}/cart", {**answers, "tag-fase": "test"})
    line = CartLine.objects.get()
    again = browser.get(FORM, {"cart-line": line.public_id})

    assert refused.status_code == 422
    assert line.tags == {"fase": "test"}
    assert '<option value="test" selected>' in field(again)
    assert "Tag fase: test" in text_of(browser.get("/cart"))


def test_ordered_again_it_begins_with_the_tags_of_then(browser, requester, project, version):
    define(project.parent_id)
    order = place(requester, project, version, tags={"fase": "productie"})

    page = browser.get(FORM, {COPY_OF: order.public_id})

    assert '<option value="productie" selected>' in field(page)
