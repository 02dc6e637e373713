"""What pages say of a minimum term: before ordering, while it runs, and before stopping."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.urls import reverse

from billing.models import MinimumTerm
from catalog.models import OrderLine
from portal.core.calendar import last_day_before, months_later
from portal.core.formats import day as day_in_words
from tests.catalog.views.ordering import FORM, HTMX, PREVIEW, text_of
from tests.factories import delivered, place
from tests.factories.billing import set_price

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def yearly(version, project):
    """The ministry pays 40 euros for a small server, for at least a year."""
    set_price(
        "40",
        sku="server.gp.small",
        organization=project.parent.organization,
        minimum_months=12,
    )


@pytest.fixture
def resource(requester, approver, project, version, sent_tasks):
    return delivered(place(requester, project, version, name="zaken"), approver=approver)


def shown(browser, name, resource):
    return text_of(browser.get(reverse(f"catalog:{name}", args=[resource.public_id])))


def test_the_order_page_says_for_how_long_and_how_much(browser, answers):
    text = text_of(browser.post(PREVIEW, answers, headers=HTMX))

    assert "for at least 12 months: €480.00" in text
    assert "At least, also when you stop sooner €480.00" in text


def test_the_order_keeps_it(browser, answers):
    browser.post(FORM, answers)

    quoted = {line["sku"]: line for line in OrderLine.objects.get().quote}
    assert quoted["server.gp.small"]["minimum_months"] == 12
    assert "minimum_months" not in quoted["volume.standard"]


def test_before_cleaning_up_it_says_until_when_and_what_is_due(browser, resource):
    term = MinimumTerm.objects.get()
    assert term.ends_at == months_later(term.started_at, 12)

    for name in ("resource-retire", "resource"):
        text = shown(browser, name, resource)
        assert day_in_words(last_day_before(term.ends_at)).split()[-1] in text
        # Of the year that it lasts a few seconds passed, or none.
        assert 479 < Decimal(re.findall(r"€(4[78]\d\.\d\d)", text)[0]) <= 480
    assert "Once its minimum term has ended, that saves" in text  # on the page of the resource
    text = shown(browser, "resource-retire", resource)
    assert "This has a minimum term. You keep paying until it ends:" in text
    assert "The costs stop at this moment." not in text


def test_without_a_term_cleaning_up_stops_the_costs(browser, resource):
    """Its term is over."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE billing_minimumterm SET ends_at = started_at")
        cursor.execute("SET LOCAL session_replication_role = origin")

    text = shown(browser, "resource-retire", resource)

    assert "The costs stop at this moment." in text
    assert "minimum term" not in text
    assert "with everything that is stored on it. That saves" in shown(
        browser, "resource", resource
    )
