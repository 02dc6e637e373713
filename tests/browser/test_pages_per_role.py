"""Everybody's menu: each page in it answers, reads in both languages and fits every screen."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser

ACCOUNTS = [
    *("requester", "approver", "finance", "finance2", "quota", "operator", "auditor"),
    "outsider",
]
# The auditor sees all there is in the lists; what others see there is less of the same.
READS_EVERYTHING = "auditor"
LISTS = {
    *("/orders", "/resources", "/quotas", "/audit", "/operations"),
    *("/organizations", "/people", "/role-proposals", "/access-reviews"),
}


@pytest.mark.parametrize("account", ACCOUNTS)
def test_the_first_page_and_the_menu_lead_somewhere(visit: Visit, account: str) -> None:
    visitor = visit(account)
    visitor.look_closely("home")

    for path in menu(visitor):
        assert visitor.open(path) == 200, path
        if account == READS_EVERYTHING and path in LISTS:
            visitor.look_closely(path.strip("/"))


def test_administering_an_organization(visit: Visit) -> None:
    visitor = visit("quota")
    for path in ("account", "account/sessions"):
        assert visitor.open(f"/{path}") == 200
        visitor.look_closely(path.replace("/", "-"))
    visitor.open("/organizations")
    visitor.page.get_by_role("link", name="Meetnet").click()
    project = urlsplit(visitor.page.url).path
    visitor.look_closely("organization")

    for page in ("edit", "cost-centre", "roles", "roles/propose", "move", "end"):
        assert visitor.open(f"{project}/{page}") == 200, page
        visitor.look_closely(f"organization-{page.replace('/', '-')}")


def menu(visitor: Visitor) -> list[str]:
    links = visitor.page.get_by_role("navigation", name="Hoofdmenu").get_by_role("link")
    return [str(link.get_attribute("href")) for link in links.all()]


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "no-script"])
def test_logging_out_leads_back_to_the_login(visit: Visit, has_script: bool) -> None:
    visitor = visit("requester", has_script=has_script)

    visitor.page.get_by_role("button", name="Log uit").click()

    expect(visitor.page.get_by_text("U bent uitgelogd.")).to_be_visible()
    visitor.look_closely("login")
    ways = visitor.page.get_by_role("region", name="Manieren om in te loggen").get_by_role("link")
    expect(ways).to_have_count(3)
    visitor.open("/orders")
    expect(ways).to_have_count(3)
    ways.first.click()
    expect(visitor.page.locator("button[name=account]")).to_have_count(len(ACCOUNTS))


def test_what_a_role_may_not_see_is_refused_in_words(visit: Visit) -> None:
    visitor = visit("requester")

    assert visitor.open("/costs") == 403

    visitor.look_closely("forbidden")
