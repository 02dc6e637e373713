"""What is measured promises no amount, and is judged by what is known of it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import DatabaseError, transaction
from django.utils.timezone import localdate, now

from billing.errors import BudgetExceeded
from billing.models import Budget, PriceUnit
from catalog.errors import ApprovalAboveLimit
from catalog.models import Metric, Offering, Order, Quota
from catalog.quota_errors import QuotaExceeded
from catalog.services.approvals import approve_by_rule, approve_order
from catalog.services.limits import set_limit
from catalog.services.order_costs import promised_costs
from portal.core.calendar import year_of
from portal.identity.models import Role
from tests.catalog.kinds.test_every_kind import EXAMPLES
from tests.factories import OfferingVersionFactory, PersonFactory, grant, place
from tests.factories.billing import set_price
from tests.logins import log_in

pytestmark = pytest.mark.django_db
SIZE = Decimal(EXAMPLES["container"].spec["object_gib"])


@pytest.fixture
def version(db):
    """A container that is paid by what is stored: at most its size, 2 euros per GiB."""
    set_price("2", sku="object.used", unit=PriceUnit.GIB_MONTH)
    return OfferingVersionFactory(
        offering=Offering.objects.create(code="container", kind="container"),
        choices={**EXAMPLES["container"].choices, "measured": ["stored"]},
    )


@pytest.fixture
def order(requester, project, version):
    return lambda: place(requester, project, version, spec=EXAMPLES["container"].spec)


@pytest.fixture
def most():
    """What it costs in a month when it is full."""
    return 2 * SIZE


def test_the_order_keeps_it_beside_the_price_of_a_month(order, most):
    placed = order()

    assert (placed.monthly_price, placed.expected_price) == (0, most)
    assert placed.judged_amount == most


@pytest.mark.database
def test_it_stays_as_it_was_asked(order):
    placed = order()

    for amount, match in ((0, "what was asked"), (-1, "what was asked|not_negative")):
        with pytest.raises(DatabaseError, match=match), transaction.atomic():
            Order.objects.filter(pk=placed.pk).update(expected_price=amount)


def test_a_rule_looks_at_it(rule, order, most, sent_tasks):
    rule(automatic_below=str(most))

    assert not approve_by_rule(order().pk)


def test_a_large_order_is_not_small_in_pieces(rule, order, most, sent_tasks):
    rule(automatic_below=str(most * 2))
    first, second = order(), order()

    assert approve_by_rule(first.pk)
    assert not approve_by_rule(second.pk)


def test_so_does_what_somebody_may_approve(order, project, most, sent_tasks):
    junior, senior = PersonFactory(), PersonFactory()
    grant(junior, Role.APPROVER, project, amount_limit=most - Decimal("0.01"))
    grant(senior, Role.APPROVER, project, amount_limit=most)
    placed = order()

    with pytest.raises(ApprovalAboveLimit):
        approve_order(placed.public_id, approver=junior)
    approve_order(placed.public_id, approver=senior)


@pytest.mark.django_db(transaction=True)
def test_a_budget_with_a_hard_stop_refuses_what_may_not_fit(order, project, sent_tasks):
    Budget.objects.create(
        node=project, year=localdate().year, amount=Decimal("0.10"), is_hard_stop=True
    )

    with pytest.raises(BudgetExceeded):
        order()
    assert not Order.objects.exists()


def test_what_waits_counts_in_the_year(order, project, most):
    placed = order()
    year = year_of(placed.submitted_at)

    promised = promised_costs([project.pk], at=year.start)[project.pk]

    assert promised.quantize(Decimal("0.01")) == 12 * most


def test_the_quota_of_monthly_costs_holds_it(order, project, most):
    quota = Quota.objects.filter(node=project, metric=Metric.MONTHLY_COST_EUR)
    order()
    set_limit(project, Metric.MONTHLY_COST_EUR, Decimal(300), valid_from=now(), actor=None)
    assert quota.get().claimed == most == 200

    with pytest.raises(QuotaExceeded):
        order()


def test_the_form_shows_it_as_what_it_is(client, requester, project, version, most):
    log_in(client, requester)
    answers = {"project": project.public_id, "name": "data", "object_gib": SIZE}

    page = client.get("/catalogue/container/order", answers).content.decode()

    assert "hoogstens €\xa0200,00 per maand, als het vol is" in page
    assert "rekenen met de verwachting" in page
