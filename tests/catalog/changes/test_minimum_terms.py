"""A change of something with a minimum term: what of that is still due is said beforehand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils.timezone import localdate, now

from billing.errors import BudgetExceeded
from billing.models import Budget, UsageSpan
from billing.services.term_reading import AgreedTerm, still_due
from catalog.services.changes import Term, Wanted, place_change, preview_change
from catalog.services.order_costs import Cost, cost_in_year
from portal.core.calendar import end_of_day, year_of
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


def test_what_stays_due_of_a_term_is_not_saved_by_a_change(requester, project, resource):
    """Something cheaper costs all of its own price, for what it takes the place of is paid on."""
    set_price("10", sku="server.gp.medium", organization=project.parent.organization)
    Budget.objects.create(node=project, year=localdate().year, amount=0, is_hard_stop=True)

    with pytest.raises(BudgetExceeded):
        place_change(
            requested_by=requester,
            resource=resource,
            purpose="Kleiner",
            answers={"flavor": "gp.medium"},
            end_date=Term.KEPT,
            idempotency_key="kleiner",
        )


def test_a_change_saves_what_is_in_no_term(requester, project, resource):
    set_price("10", sku="server.gp.medium", organization=project.parent.organization)
    change = Wanted(spec={**resource.spec, "flavor": "gp.medium"}, end_date=resource.end_date)
    moment = now().replace(microsecond=0)
    preview = preview_change(resource, change)
    end = min(year_of(moment).end, end_of_day(resource.end_date))
    old, new = (
        next(line for line in found.lines if line.sku.startswith("server"))
        for found in (preview.before.quote, preview.price)
    )

    def cost(ends_at=None):
        term = {old.sku: AgreedTerm(quantity=Decimal(1), ends_at=ends_at)} if ends_at else {}
        before = replace(preview.before, terms=term)
        asked = Cost(quote=preview.price, end_date=resource.end_date, before=before)
        return cost_in_year([asked], moment)

    soon = moment + timedelta(days=10)
    assert cost() == new.cost(moment, end) - old.cost(moment, end)
    assert cost(end) == new.cost(moment, end)
    assert cost(soon) == new.cost(moment, end) - old.cost(moment, end) + old.cost(moment, soon)
    assert cost(moment) == cost()
