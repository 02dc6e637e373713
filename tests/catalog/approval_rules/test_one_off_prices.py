"""What is paid once counts wherever the amount of an order decides who approves it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.urls import reverse

from billing.models import PriceUnit
from catalog.errors import ApprovalAboveLimit, ConditionsChanged
from catalog.models import OrderState
from catalog.services.approval_routes import waiting_step
from catalog.services.approvals import approve_by_rule, approve_order, waits_for_rule
from portal.identity.models import Role
from tests.factories import OfferingVersionFactory, PersonFactory, change_price, grant, place
from tests.factories.billing import set_price
from tests.logins import log_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def version(db):
    """Costs nothing per month, and each of its 40 GiB is paid once."""
    set_price("0.00", sku="server.gp.small")
    set_price("1250.00", sku="volume.standard", unit=PriceUnit.ONE_OFF)
    return OfferingVersionFactory()


@pytest.fixture
def order(requester, project, version):
    """Places an order, after the rules of the test were made."""
    return lambda: place(requester, project, version)


@pytest.fixture
def junior(project):
    """May approve up to 49,999.99 euros."""
    person = PersonFactory(name="Junior")
    grant(person, Role.APPROVER, project, amount_limit=Decimal("49999.99"))
    return person


def test_the_order_keeps_it_beside_the_price_of_a_month(order):
    placed = order()

    assert (placed.monthly_price, placed.one_off_price) == (0, Decimal(50_000))
    assert placed.judged_amount == Decimal(50_000)
    assert placed.lines.get().one_off_price == Decimal(50_000)


class TestByRule:
    def test_above_the_amount_somebody_looks(self, rule, order):
        rule(automatic_below="50000")
        placed = order()

        assert placed.conditions["approval"]["automatic"] is None
        assert not waits_for_rule(placed)
        assert not approve_by_rule(placed.pk)
        placed.refresh_from_db()
        assert placed.state == OrderState.PENDING_APPROVAL

    def test_below_the_amount_nobody_need(self, rule, order, sent_tasks):
        rule(automatic_below="50000.01")

        assert approve_by_rule(order().pk)

    def test_it_is_added_to_the_price_of_a_month(self, rule, order):
        change_price("server.gp.small", "0.01")
        rule(automatic_below="50000.01")

        assert not approve_by_rule(order().pk)

    def test_a_large_order_is_not_small_in_pieces(self, rule, order, sent_tasks):
        rule(automatic_below="75000")
        first, second = order(), order()

        assert approve_by_rule(first.pk)
        assert not approve_by_rule(second.pk)

    def test_what_rose_since_waits_for_a_person(self, rule, order):
        rule(automatic_below="90000")
        placed = order()
        change_price("volume.standard", "1250.01")

        assert not approve_by_rule(placed.pk)

    def test_a_rule_from_an_amount_on_is_about_it(self, rule, order):
        rule(amount_from="50000", people_of_project=2)

        waiting = waiting_step(order())

        assert waiting
        assert waiting.people_left == 2


class TestByPeople:
    def test_refused_above_what_somebody_may_approve(self, order, junior):
        with pytest.raises(ApprovalAboveLimit, match=r"49\.999,99"):
            approve_order(order().public_id, approver=junior)

    def test_allowed_at_exactly_the_amount(self, order, project, sent_tasks):
        senior = PersonFactory()
        grant(senior, Role.APPROVER, project, amount_limit=Decimal(50_000))

        approve_order(order().public_id, approver=senior)

    def test_a_higher_price_must_be_accepted(self, order, approver, sent_tasks):
        placed = order()
        change_price("volume.standard", "1500")

        with pytest.raises(ConditionsChanged, match=r"50\.000,00 naar € 60\.000,00"):
            approve_order(placed.public_id, approver=approver)
        approve_order(placed.public_id, approver=approver, accepts_changes=True)

    def test_a_lower_price_needs_no_question(self, order, approver, sent_tasks):
        placed = order()
        change_price("volume.standard", "1000")

        approve_order(placed.public_id, approver=approver)

    def test_nobody_accepts_a_price_that_rose_above_what_they_may_approve(self, order, project):
        senior = PersonFactory()
        grant(senior, Role.APPROVER, project, amount_limit=Decimal(50_000))
        placed = order()
        change_price("server.gp.small", "0.01")

        with pytest.raises(ApprovalAboveLimit):
            approve_order(placed.public_id, approver=senior, accepts_changes=True)


class TestPages:
    @pytest.mark.parametrize(
        ("language", "once"), [("nl", "+ €\xa050.000,00 eenmalig"), ("en", "+ €50,000.00 once")]
    )
    def test_it_stands_beside_the_price_of_a_month(self, client, order, approver, language, once):
        placed = order()
        log_in(client, approver)

        def text(name, *arguments):
            address = reverse(name, args=arguments)
            return client.get(address, headers={"accept-language": language}).content.decode()

        pages = {
            "catalog:orders": 1,  # in the list
            # All of them, in the queue, the price and what it is for, the button.
            "catalog:approvals": 5,
        }

        assert {page: text(page).count(once) for page in pages} == pages
        # At the top, and of what was ordered.
        assert text("catalog:order", placed.public_id).count(once) == 2

    def test_a_price_that_is_paid_once_is_not_called_free(self, client, requester, version):
        page = log_in(client, requester).get(reverse("catalog:catalogue")).content.decode()

        assert "Geen kosten" not in page
        assert "eenmalig" in page
