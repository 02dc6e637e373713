"""Where somebody is logged in, as they see it; and what keeps them logged in."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Response, expect

from tests.browser import journey
from tests.browser.conftest import Visit
from tests.browser.sessions import Sessions

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "no-script"])
def test_a_session_elsewhere_is_found_and_ended(visit: Visit, has_script: bool) -> None:
    elsewhere = visit("finance")
    here = visit("finance", has_script=has_script)
    here.page.get_by_role("link", name="Marijke Oosterhof").click()
    here.page.get_by_role("link", name="Waar u bent ingelogd").click()
    expect(here.page.get_by_role("heading", level=1)).to_have_text("Waar u bent ingelogd")
    open_ones = here.page.get_by_role("table", name="Open sessies")
    expect(open_ones.locator("tbody tr").first).to_contain_text("Deze sessie")
    here.look_closely("sessions")

    here.page.get_by_role("button", name="Log overal elders uit").click()

    expect(open_ones.locator("tbody tr")).to_have_count(1)
    here.look("sessions-ended")
    elsewhere.open("/costs")
    expect(elsewhere.page.get_by_role("heading", level=1)).to_have_text("Inloggen")


def test_a_page_that_follows_its_order_keeps_nobody_logged_in(
    visit: Visit, sessions: Sessions
) -> None:
    requester, approver = visit("requester"), visit("approver")
    order = journey.order_quickly(requester)
    detail = journey.open_decision(approver, order)
    detail.get_by_role("button", name=re.compile("Keur goed voor")).click()
    expect(approver.page.get_by_text("Goedgekeurd. De levering begint.")).to_be_visible()

    with requester.page.expect_response(is_answer_to_poll) as polled:
        requester.open(order.path)
        long_ago = sessions.age_activity(requester.session_key, 5 * 60)

    assert polled.value.status == 200
    assert sessions.last_seen(requester.session_key) == long_ago
    requester.open(order.path)
    assert sessions.last_seen(requester.session_key) > long_ago


def is_answer_to_poll(response: Response) -> bool:
    return "x-cloudloket-poll" in response.request.headers
