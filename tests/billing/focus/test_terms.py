"""Minimum terms in FOCUS: what was agreed beforehand, and what of it was not used."""

from __future__ import annotations

from datetime import date

import pytest

from billing.models import MinimumTerm
from portal.core.calendar import start_of_day
from portal.identity.models import Project
from tests.billing.focus.test_export import november, rows_of
from tests.billing.test_minimum_terms import DISK, Use, disk
from tests.factories.billing import set_price

pytestmark = pytest.mark.django_db


def test_what_is_in_a_term_is_committed_used_or_not(project: Project) -> None:
    set_price("0.1", sku=DISK, unit="gib_month", minimum_months=2)
    use = Use(project)
    use.start(november(1), disk(300))
    use.change(november(16), disk(100))

    used, smaller, unused = rows_of(project)

    term = MinimumTerm.objects.get()
    for row in (used, smaller, unused):
        assert row["CommitmentDiscountId"] == str(term.public_id)
        assert (row["PricingCategory"], row["CommitmentDiscountCategory"]) == (
            "Committed",
            "Usage",
        )
        assert row["CommitmentDiscountQuantity"] == row["PricingQuantity"]
    assert [row["CommitmentDiscountStatus"] for row in (used, smaller, unused)] == [
        "Used",
        "Used",
        "Unused",
    ]
    assert [row["BilledCost"] for row in (used, smaller, unused)] == ["15.0", "5.0", "10.0"]
    assert (unused["ConsumedQuantity"], unused["ConsumedUnit"]) == ("", "")
    assert used["ConsumedUnit"] == "GiB-Seconds"


def test_after_the_term_it_is_standard_again(project: Project) -> None:
    set_price("0.1", sku=DISK, unit="gib_month", minimum_months=1)
    Use(project).start(start_of_day(date(2026, 10, 16)), disk(100))

    committed, standard = rows_of(project)

    assert (committed["PricingCategory"], committed["ChargePeriodEnd"]) == (
        "Committed",
        "2026-11-15T23:00:00Z",
    )
    assert (standard["PricingCategory"], standard["CommitmentDiscountId"]) == ("Standard", "")
