"""The pages of the finance officer against the usage rows themselves."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from playwright.sync_api import Locator, expect

from portal.core.money import to_cents
from tests.browser.journey import PROJECT, follow_menu
from tests.browser.ledger import Ledger
from tests.browser.visitor import Visitor

PARTS = "Per organisatie en project"


def equal_usage_per_project(finance: Visitor, ledger: Ledger) -> None:
    """Each project's figure is that of its usage rows, and the rest are sums of those.

    What runs meanwhile gets dearer by the second, so the rows are rated before and after.
    """
    before = ledger.per_project(datetime.now(UTC))
    follow_menu(finance, "Kosten")
    table = finance.page.get_by_role("table", name=PARTS)
    expect(table).to_be_visible()
    after = ledger.per_project(datetime.now(UTC))

    shown = _first_amounts(table.locator("tbody tr:not(.cl-group)"))
    assert PROJECT in shown
    for project, amount in shown.items():
        assert before[project] <= amount <= after[project], project
    organizations = _first_amounts(table.locator("tbody tr.cl-group"))
    total = _first_amounts(table.locator("tfoot tr"))
    assert sum(shown.values()) == sum(organizations.values()) == sum(total.values())
    finance.look_closely("costs")


def equal_usage_of_resource(finance: Visitor, ledger: Ledger, resource: UUID, name: str) -> None:
    """A resource that is gone has a final figure: in the list of its project, and by its usage."""
    page = finance.page
    exact = ledger.of_resource(resource, datetime.now(UTC))
    assert exact > 0
    page.get_by_role("table", name=PARTS).get_by_role("link", name=PROJECT).click()
    rows = page.get_by_role("table", name="Per resource").locator("tbody tr")
    expect(rows.filter(has_text=name)).to_be_visible()
    assert _first_amounts(rows)[name] == to_cents(exact)
    finance.look_closely("costs-of-project")

    page.get_by_role("link", name=name).click()
    sums = page.get_by_role("table").locator("tfoot td")
    expect(sums).to_have_count(2)
    shown = [_amount(text) for text in sums.all_inner_texts()]
    assert shown == [exact, to_cents(exact)]
    finance.look_closely("costs-of-resource")


def _first_amounts(rows: Locator) -> dict[str, Decimal]:
    """The first amount of each row, under the row's name."""
    return {
        row.locator("th").inner_text().strip(): _amount(row.locator("td").first.inner_text())
        for row in rows.all()
    }


def _amount(text: str) -> Decimal:
    """Read a Dutch amount: the comma is the decimal sign, whatever else stands around it."""
    return Decimal(re.sub(r"[^\d,-]", "", text).replace(",", "."))
