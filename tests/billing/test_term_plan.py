"""Use without a minimum term never meets the part of the statement that is about terms."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from billing.models import MinimumTerm
from billing.services.charge_query import ChargeQuery, Slice
from portal.core.calendar import month
from tests.billing.test_minimum_terms import DISK, Use, day, disk
from tests.factories import make_organization, make_project
from tests.factories.billing import set_price

pytestmark = pytest.mark.django_db


def nodes_of(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for part in plan.get("Plans", ()) for node in nodes_of(part))]


def executed(project: Any) -> list[str]:
    """The indexes and tables of terms that the statement looked into."""
    march = month(2026, 3)
    query = ChargeQuery(
        node_ids=[project.pk],
        slices=[Slice(period=march, month_seconds=march.seconds)],
        as_of=march.end,
        until=march.end,
    )
    text, parameters = query.statement("SELECT * FROM charge")
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {text}", parameters)
        (plan,) = cursor.fetchone()[0]
    return [
        node["Alias"]
        for node in nodes_of(plan["Plan"])
        if node.get("Relation Name") == "billing_usagespan" and node["Actual Loops"]
    ]


def test_spans_are_read_once_more_for_terms_only_where_there_are_some() -> None:
    project = make_project(make_organization())
    set_price("0.1", sku=DISK, unit="gib_month", until=day(3, 2))
    Use(project).start(day(3), disk(100))
    without = executed(project)

    set_price("0.1", sku=DISK, unit="gib_month", minimum_months=1, since=day(3, 2))
    Use(project).start(day(3, 2), disk(100))
    assert MinimumTerm.objects.exists()

    assert len(executed(project)) == len(without) + 1
