"""A minimum term binds who ordered, for as long as the order said, and nobody else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from billing.models import MinimumTerm, UsageSpan
from tests.factories import delivered, place
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
