"""A decision that needs a fresh login: to the provider, back to the same form, and on."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser import journey
from tests.browser.conftest import Visit
from tests.browser.sessions import Sessions
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser

REASON = "Past in het plan voor dit jaar.\nZie de notitie van mei."
TOO_OLD = 16 * 60  # seconds; a decision takes a login of at most 15 minutes ago


@pytest.fixture(params=[True, False], ids=["script", "no-script"])
def has_script(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_who_logged_in_long_ago_logs_in_again_and_finds_the_form_as_it_was(
    visit: Visit, sessions: Sessions, has_script: bool
) -> None:
    requester = visit("requester")
    order = journey.order_quickly(requester)
    approver = visit("approver", has_script=has_script)
    detail = journey.open_decision(approver, order)
    expect(detail).to_contain_text("sterk en vers genoeg")
    sessions.age_login(approver.session_key, TOO_OLD)
    approver.forget_provider()
    earlier_key = approver.session_key

    detail.get_by_label("Toelichting").fill(REASON)
    approve_button(detail).click()

    account = approver.page.locator("button[name=account][value=approver]")
    expect(account).to_be_visible()
    requester.open(order.path)
    expect(journey.badge(requester)).to_have_text("Wacht op akkoord")
    account.click()
    detail = decision_again(approver, order)
    expect(detail.get_by_label("Toelichting")).to_have_value(REASON)
    assert approver.session_key != earlier_key
    approver.look("decision-after-logging-in-again")

    approve_button(detail).click()

    expect(approver.page.get_by_text("Goedgekeurd. De levering begint.")).to_be_visible()
    requester.open(order.path)
    expect(requester.page.get_by_role("region", name="Besluit")).to_contain_text("Zie de notitie")


def test_a_provider_that_still_knows_the_person_sends_them_straight_back(
    visit: Visit, sessions: Sessions, has_script: bool
) -> None:
    order = journey.order_quickly(visit("requester"))
    approver = visit("approver", has_script=has_script)
    detail = journey.open_decision(approver, order)
    sessions.age_login(approver.session_key, TOO_OLD)

    detail.get_by_label("Toelichting").fill(REASON)
    detail.get_by_role("button", name="Wijs af").click()

    detail = decision_again(approver, order)
    expect(detail.get_by_label("Toelichting")).to_have_value(REASON)
    detail.get_by_role("button", name="Wijs af").click()
    expect(journey.badge(approver)).to_have_text("Afgewezen")


def approve_button(detail: Locator) -> Locator:
    return detail.get_by_role("button", name=re.compile("Keur goed voor"))


def decision_again(approver: Visitor, order: journey.Ordered) -> Locator:
    """The same order, at the address that brings back what was typed."""
    expect(approver.page).to_have_url(re.compile(r"/approvals(/[0-9a-f-]{36})?\?kept=\w+$"))
    detail = approver.page.get_by_role("article")
    expect(detail.locator("#detail-heading")).to_contain_text(order.name)
    return detail
