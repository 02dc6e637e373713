"""The use of one resource as rows of a file: each with its price and amount, as on the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from portal.core.calendar import day_of
from portal.core.sheets import Rows, moment_cell


def use_rows(name: str, rows: Iterable[Mapping[str, Any]]) -> Rows:
    """What they are called, and then the rows of ``billing.views.costs.resource_costs``.

    The amounts have six decimals and add up to the exact total of the page.

    Args:
        name: of the resource, which each row has, for who puts files together.
    """
    yield (
        *(_("Resource"), _("Service"), _("SKU"), _("From"), _("Until"), _("Seconds")),
        *(_("Quantity"), _("Price"), _("Unit"), _("From quantity"), _("Amount in euros")),
        _("Not used; due until"),
    )
    for row in rows:
        charge, sku, unused_until = row["charge"], row["sku"], row["unused_until"]
        is_priced = charge.amount is not None
        yield (
            *(name, sku.name, sku.code),
            *(moment_cell(charge.started_at), moment_cell(charge.ended_at)),
            *(Decimal(charge.seconds), charge.quantity),
            charge.unit_price if is_priced else _("No price"),
            *(str(row["unit_label"]), charge.from_quantity),
            charge.amount if is_priced else _("Not charged"),
            day_of(unused_until).isoformat() if unused_until else "",
        )
