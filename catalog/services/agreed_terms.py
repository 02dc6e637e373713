"""To which minimum terms an order binds whoever pays, at the moment that its use begins."""

from __future__ import annotations

from datetime import datetime

from billing.services.price_book import nearest_prices
from billing.services.quotes import Quote
from catalog.models import OrderLine
from portal.identity.models import Project


def months_that_bind(line: OrderLine, project: Project, *, at: datetime) -> dict[str, int]:
    """By SKU, for how many months at least what the line asked is due.

    What costs more than was agreed binds nobody: it is paid as long as it is used. One query where
    something was agreed, else none.
    """
    agreed = line.agreed_months
    if not agreed:
        return {}
    quoted = {one.sku: (one.unit, one.unit_price) for one in Quote.from_json(line.quote).lines}
    prices = nearest_prices(project.lineage_ids, at=at, skus=agreed)
    return {
        sku: months
        for sku, months in agreed.items()
        if (price := prices.get(sku))
        and price.unit == quoted[sku][0]
        and price.amount <= quoted[sku][1]
    }
