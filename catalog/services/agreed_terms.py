"""To which minimum terms an order binds whoever pays, at the moment that its use begins."""

from __future__ import annotations

from datetime import datetime

from billing.services.price_book import nearest_prices
from catalog.models import OrderLine
from portal.identity.models import Project


def months_that_bind(line: OrderLine, project: Project, *, at: datetime) -> dict[str, int]:
    """By SKU, for how many months at least what the line asked is due; zero where it does not bind.

    By the rule that judges the order while it waits (``QuoteLine.months_that_bind``). One query
    where something was agreed, else none.
    """
    agreed = {one.sku: one for one in line.quoted.lines if one.minimum_months}
    if not agreed:
        return {}
    prices = nearest_prices(project.lineage_ids, at=at, skus=agreed)
    return {
        sku: agreed[sku].months_that_bind(price.unit, price.amount) for sku, price in prices.items()
    }
