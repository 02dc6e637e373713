"""A minimum term binds who ordered, for as long as the order said, and nobody else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils.timezone import now

from billing.models import MinimumTerm, Price, UsageSpan
from catalog.models import Operation
from catalog.services.approvals import approve_order
from catalog.services.conditions import costs_now, price_now
from catalog.services.preview import preview_of_order
from tests.factories import begun, delivered, finished, place
from tests.factories.billing import set_price

pytestmark = pytest.mark.django_db


def give_term(project: Any, months: int = 12) -> None:
    """From now on disks of the ministry are due for so long."""
    set_price(
        "0.07",
        sku="volume.standard",
        unit="gib_month",
        organization=project.parent,
        minimum_months=months,
    )


def becomes(project: Any, **facts: Any) -> None:
    """The price of the ministry is another, as if a round of before had said so."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        Price.objects.filter(organization=project.parent).update(**facts)
        cursor.execute("SET LOCAL session_replication_role = origin")


def test_what_was_ordered_before_the_price_got_a_term_begins_none(
    requester: Any, approver: Any, project: Any, version: Any
) -> None:
    order = place(requester, project, version)
    give_term(project)

    delivered(order, approver=approver)

    assert UsageSpan.objects.filter(sku__code="volume.standard").exists()
    assert not MinimumTerm.objects.exists()


def test_what_was_ordered_at_a_price_with_a_term_begins_it(
    requester: Any, approver: Any, project: Any, version: Any
) -> None:
    give_term(project)

    server = delivered(place(requester, project, version), approver=approver)

    term = MinimumTerm.objects.get()
    assert (term.resource.public_id, term.sku.code) == (server.public_id, "volume.standard")
    assert term.ends_at > now() + timedelta(days=364)


def test_what_became_dearer_meanwhile_binds_nobody(
    requester: Any, approver: Any, project: Any, version: Any
) -> None:
    """They agreed to a year at seven cents. At more than that it is paid as long as it is used."""
    give_term(project)
    operation = begun(place(requester, project, version), approver=approver)
    becomes(project, amount="0.08")

    finished(operation)

    assert UsageSpan.objects.filter(sku__code="volume.standard").exists()
    assert not MinimumTerm.objects.exists()


def test_a_waiting_order_is_judged_by_what_binds(
    requester: Any, project: Any, version: Any
) -> None:
    """A term that the price got since then makes no approver look at years."""
    order = place(requester, project, version)
    lines = list(order.lines.select_related("offering_version__offering"))
    give_term(project)

    assert price_now(order, lines).later == 0
    assert preview_of_order(order).quote.least == 0


def test_an_order_for_a_year_is_judged_by_a_year(
    requester: Any, project: Any, version: Any
) -> None:
    give_term(project)
    order = place(requester, project, version)
    lines = list(order.lines.select_related("offering_version__offering"))
    becomes(project, minimum_months=24)

    least = preview_of_order(order).quote.least

    assert least > 0
    assert least == 12 * preview_of_order(order).quote.lines[-1].monthly
    assert price_now(order, lines).least == least


@pytest.mark.parametrize(
    "facts", [{"amount": "0.08"}, {"unit": "month", "amount": "0.01"}], ids=["dearer", "other unit"]
)
def test_what_binds_nobody_any_more_is_not_judged_as_if_it_did(
    requester: Any, approver: Any, project: Any, version: Any, facts: dict[str, str]
) -> None:
    """What the approver reads, their limit and the budget look at what delivery will make of it."""
    give_term(project)
    order = place(requester, project, version)
    becomes(project, **facts)
    lines = list(order.lines.select_related("offering_version__offering"))

    judged = [preview_of_order(order).quote, price_now(order, lines)]
    judged += [cost.quote for cost in costs_now(order, lines)]

    assert [(quoted.least, quoted.later) for quoted in judged] == [(0, 0)] * 3
    approve_order(order.public_id, approver=approver, accepts_changes=True)
    finished(Operation.objects.get(resource__order_line__order=order))
    assert UsageSpan.objects.filter(sku__code="volume.standard").exists()
    assert not MinimumTerm.objects.exists()


def test_what_became_cheaper_binds_as_was_agreed(
    requester: Any, approver: Any, project: Any, version: Any
) -> None:
    give_term(project)
    order = place(requester, project, version)
    becomes(project, amount="0.06")
    lines = list(order.lines.select_related("offering_version__offering"))

    assert price_now(order, lines).later > 0
    delivered(order, approver=approver)
    assert MinimumTerm.objects.exists()
