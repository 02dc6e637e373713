"""What operators look at, and a delivery that is stopped while it runs on the real cloud."""

from __future__ import annotations

import pytest
from openstack.connection import Connection
from playwright.sync_api import expect

from tests.browser import journey
from tests.browser.conftest import Visit
from tests.browser.test_walk import claimed_by_project, servers_in_nova

pytestmark = pytest.mark.browser


def test_operator_sees_what_runs_waits_or_needs_a_person(visit: Visit) -> None:
    visitor = visit("operator")
    journey.follow_menu(visitor, "Werk in de cloud")
    tabs = visitor.page.get_by_role("navigation", name="Soort werk").get_by_role("link")
    expect(tabs).to_have_count(3)

    for group in ("stuck", "waiting", "running"):
        visitor.open(f"/operations?group={group}")
        visitor.look_closely(f"work-{group}")


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "no-script"])
def test_delivery_is_stopped_while_it_runs(
    visit: Visit, operator: Connection, has_script: bool
) -> None:
    requester = visit("requester", has_script=has_script)
    claimed_before = claimed_by_project(requester)
    order = journey.order_quickly(requester)
    detail = journey.open_decision(visit("approver", has_script=has_script), order)
    detail.get_by_role("button", name="Keur goed").click()
    requester.open(order.path)
    page = requester.page

    page.get_by_role("link", name="Stop het werk").click()
    expect(page.get_by_role("main")).to_contain_text(order.name)
    page.get_by_role("button", name="Stop het werk").click()

    journey.wait_until(requester, "Teruggedraaid")
    requester.look("order-stopped")
    assert servers_in_nova(operator, order.name) == []
    assert claimed_by_project(requester) == claimed_before
    assert any("liet het werk stoppen" in line for line in journey.history(requester))
