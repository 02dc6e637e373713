"""What ends without a server: an order that is refused, and one that is taken back."""

from __future__ import annotations

from uuid import uuid4

import pytest
from playwright.sync_api import expect

from tests.browser import journey
from tests.browser.conftest import Visit
from tests.browser.journey import PURPOSE
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser

REASON = "Er staat al een server voor de peilbuizen."


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "no-script"])
def test_refusing_takes_a_reason_that_the_requester_reads(visit: Visit, has_script: bool) -> None:
    requester = visit("requester", has_script=has_script)
    order = journey.order_quickly(requester)
    approver = visit("approver", has_script=has_script)
    detail = journey.open_decision(approver, order)

    detail.get_by_role("button", name="Wijs af").click()

    detail = approver.page.get_by_role("article")
    expect(detail).to_contain_text("Schrijf op waarom u afwijst.")
    approver.look("decision-mistake")

    detail.get_by_label("Toelichting").fill(REASON)
    detail.get_by_role("button", name="Wijs af").click()

    expect(journey.badge(approver)).to_have_text("Afgewezen")
    requester.open(order.path)
    expect(requester.page.get_by_role("region", name="Besluit")).to_contain_text(REASON)
    requester.look("order-refused")


def test_an_order_is_sent_with_the_keyboard_alone(visit: Visit) -> None:
    requester = visit("requester")
    name = f"meting-{uuid4().hex[:8]}"
    requester.open("/catalogue/virtual-server/order")
    page = requester.page

    press_tab_until(requester, "Naam")
    page.keyboard.type(name)
    press_tab_until(requester, "Doel")
    page.keyboard.type(PURPOSE)
    press_tab_until(requester, "gp.small")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="gp.medium")).to_be_checked()
    expect(page.locator("#quote")).to_contain_text(journey.euros("80,20"))
    press_tab_until(requester, "Verstuur bestelling")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    expect(journey.badge(requester)).to_have_text("Wacht op akkoord")
    page.get_by_role("button", name="Trek de bestelling in").press("Enter")
    expect(journey.badge(requester)).to_have_text("Ingetrokken")
    requester.look("order-withdrawn")


def press_tab_until(visitor: Visitor, name: str) -> None:
    """Go through the page by keyboard until what has this name has the focus, and shows it."""
    page = visitor.page
    focused = page.locator(":focus")
    wanted = page.get_by_label(name).or_(page.get_by_role("button", name=name)).first
    for _ in range(40):
        page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            break
    expect(wanted).to_be_focused()
    assert focused.evaluate("element => element.matches(':focus-visible')")
