"""A change of something with a minimum term: what of that is still due is said beforehand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.utils.timezone import localdate, now

from billing.errors import BudgetExceeded
from billing.models import Budget, Price, UsageSpan
from billing.services.charging import costs
from billing.services.metering import UsageTime, change_metering
from billing.services.quotes import Quote
from billing.services.term_reading import AgreedTerm, prices_in, still_due
from catalog.kinds import get_kind
from catalog.services.change_work import version_of
from catalog.services.changes import Term, Wanted, place_change, preview_change
from catalog.services.order_costs import Before, Cost, cost_in_year
from catalog.services.preview import preview_of_order
from portal.core.calendar import end_of_day, month_of, whole_second, year_of
from portal.core.money import to_cents
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


class TestWhatAChangeAsksOfABudget:
    """A server of 40 a month, of which one is due until the term ends."""

    @pytest.fixture
    def asks(self, resource):
        """What a change costs from now: of the use, and of the ends of use before and after."""
        moment = now().replace(microsecond=0)
        wanted = Wanted(spec=resource.spec, end_date=resource.end_date)
        preview = preview_change(resource, wanted)
        end_of_year = year_of(moment).end

        def ask(quantity, *, before=1, days=1, end_before=None, end_date=None):
            line = next(one for one in preview.price.lines if one.sku.startswith("server"))
            line = replace(line, minimum_months=0)
            term_ends = min(end_of_year, moment + timedelta(days=days))
            terms = {line.sku: AgreedTerm(quantity=Decimal(1), ends_at=term_ends)}
            quotes = [
                Quote(lines=(replace(line, quantity=Decimal(held)),) if held else ())
                for held in (before, quantity)
            ]
            was = Before(quote=quotes[0], end_date=end_before, terms=terms)
            asked = cost_in_year([Cost(quote=quotes[1], end_date=end_date, before=was)], moment)
            return asked, line, moment, term_ends

        return ask

    def test_an_earlier_end_saves_nothing_within_the_term(self, asks):
        asked, *_ = asks(1, days=20, end_before=day_in(25), end_date=day_in(3))
        assert asked < 0  # only of what lies behind the term
        asked, *_ = asks(1, days=20, end_before=day_in(10), end_date=day_in(3))
        assert to_cents(asked) == 0

    def test_a_later_end_costs_nothing_within_the_term(self, asks):
        asked, *_ = asks(1, days=20, end_before=day_in(3), end_date=day_in(10))
        assert to_cents(asked) == 0

    def test_what_comes_back_within_the_term_costs_nothing(self, asks):
        asked, line, moment, term_ends = asks(1, before=0, days=20)
        end = year_of(moment).end
        assert asked == line.cost(moment, end) - line.cost(moment, term_ends)


def day_in(days):
    """So many days from now, or the last of the year."""
    today = localdate()
    return min(today + timedelta(days=days), today.replace(month=12, day=31))


class TestAnotherTariff:
    """The tariff rose since the term began: what stays within the term stays at its price."""

    @pytest.fixture
    def dearer(self, resource, project):
        ministry = project.parent.organization
        end_price_of(ministry)
        set_price("55", sku="server.gp.small", organization=ministry, since=whole_second(now()))
        return resource

    def shown_and_charged(self, resource, **answers):
        """What the page shows of a month, and what the next one charges once it is changed."""
        wanted = Wanted(spec={**resource.spec, **answers}, end_date=resource.end_date)
        preview = preview_change(resource, wanted)
        version = version_of(resource)
        meters = get_kind(resource.kind).meters(version, wanted.spec)
        moment = now() + timedelta(minutes=1)  # what lasted no second owes nothing
        time = UsageTime(cloud=moment, intended=moment, observed=moment)
        with transaction.atomic():
            change_metering(resource.public_id, meters=meters, time=time)
        following = month_of(month_of(moment).end)
        charged = costs([resource.project_id], period=following, as_of=following.end)
        return preview, charged.total

    def test_what_goes_on_costs_what_was_agreed(self, dearer):
        preview, charged = self.shown_and_charged(dearer, volume_gib=60)

        assert preview.price.monthly == charged == Decimal("45.10")  # 40, and 60 x 0.085
        assert preview.before.quote.monthly == Decimal("43.40")
        assert preview.monthly_difference == Decimal("1.70")

    def test_another_size_costs_that_and_what_is_due_of_the_first(self, dearer):
        preview, charged = self.shown_and_charged(dearer, flavor="gp.medium")

        due = sum(one.monthly for one in preview.still_due)
        assert due == 40
        assert preview.price.monthly + due == charged == Decimal("120.20")

    def test_the_approver_sees_what_the_requester_saw(self, dearer, ask):
        order = ask(dearer, volume_gib=60)

        (line,) = order.lines.all()
        assert preview_of_order(order).quote.monthly == line.monthly_price == Decimal("45.10")

    def test_once_the_term_is_over_the_tariff_holds(self, dearer):
        wanted = Wanted(spec={**dearer.spec, "volume_gib": 60}, end_date=dearer.end_date)
        agreed = prices_in(dearer.public_id, at=now() + timedelta(days=366))

        assert agreed == {}
        assert preview_change(dearer, wanted).price.least == 0

    def test_the_page_says_what_is_due_each_month(self, client, requester, dearer):
        client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
        log_in(client, requester)
        page = address("resource-change-preview", dearer)

        shown = text_of(client.post(page, answers(dearer, flavor="gp.medium"), headers=HTMX))

        assert "€40.00 per month" in shown.replace("\N{NO-BREAK SPACE}", " ")


def end_price_of(organization):
    """From now on it has no price of its own for a small server."""
    with transaction.atomic():
        price = Price.objects.get(sku__code="server.gp.small", organization=organization)
        price.valid_until = whole_second(now())
        price.save(update_fields=["valid_until"])
