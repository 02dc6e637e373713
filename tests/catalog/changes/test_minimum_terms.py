"""A change of something with a minimum term: what of that is still due is said beforehand."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils.timezone import localdate

from billing.models import UsageSpan
from billing.services.term_reading import still_due
from catalog.services.changes import Wanted, preview_change
from tests.catalog.changes.test_pages import address, answers
from tests.catalog.views.ordering import HTMX, text_of
from tests.factories import delivered, place
from tests.factories.billing import set_price
from tests.logins import log_in

pytestmark = pytest.mark.django_db
SAID = "This has a minimum term. You keep paying until it ends:"


@pytest.fixture
def resource(requester, approver, project, version, sent_tasks):
    """A small server for at least a year; the ministry has a price of its own for it."""
    ministry = project.parent.organization
    set_price("40", sku="server.gp.small", organization=ministry, minimum_months=12)
    until = localdate() + timedelta(days=30)
    order = place(requester, project, version, name="zaken", end_date=until)
    return delivered(order, approver=approver)


def test_the_page_says_what_is_still_due_of_what_is_used_no_more(client, requester, resource):
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    log_in(client, requester)
    page = address("resource-change-preview", resource)

    other_size = text_of(client.post(page, answers(resource, flavor="gp.medium"), headers=HTMX))
    larger_disk = text_of(client.post(page, answers(resource, volume_gib="60"), headers=HTMX))

    assert SAID in other_size
    assert SAID not in larger_disk


def test_what_goes_on_begins_no_term_and_costs_no_minimum(resource):
    """The quote of the whole has the term of the price; what the change adds has none."""
    wanted = Wanted(spec={**resource.spec, "volume_gib": 60}, end_date=resource.end_date)

    preview = preview_change(resource, wanted)

    assert preview.consequences.quote.least == 0
    assert preview.still_due == []


def test_only_what_is_not_kept_is_still_due(resource):
    moment = UsageSpan.objects.get(sku__code="server.gp.small").started_at

    (due,) = still_due(resource.public_id, at=moment)

    assert due.amount == 480
    assert still_due(resource.public_id, at=moment, kept={"server.gp.small": 1}) == []
