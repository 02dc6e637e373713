"""What people do on the pages, in the words that stand on them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid4

from playwright.sync_api import Locator, expect

from tests.browser.visitor import Visitor

PATIENCE: Final = 120.0  # seconds that a delivery may take on a machine that does much else
PROJECT: Final = "Meetnet"
PURPOSE: Final = "Verzamelt de metingen van de peilbuizen"
NETWORK: Final = "Intern (alleen binnen het project) (10.20.4.0/24)"
PRICE: Final = "€\N{NO-BREAK SPACE}42,65"  # gp.small with a disk of 50 GiB
BOTH: Final = frozenset({"quota", "budget"})
STEP_TIME: Final = re.compile(r"\d{1,2}\.\d\d uur, [\d,]+ (s|minu)")


@dataclass(frozen=True)
class Ordered:
    """An order, and the server that it asks for."""

    public_id: UUID
    name: str

    @property
    def path(self) -> str:
        return f"/orders/{self.public_id}"

    @property
    def approval(self) -> str:
        return f"/approvals/{self.public_id}"


def euros(amount: str) -> str:
    return f"€\N{NO-BREAK SPACE}{amount}"


def follow_menu(visitor: Visitor, item: str) -> None:
    menu = visitor.page.get_by_role("navigation", name="Hoofdmenu")
    menu.get_by_role("link", name=item).click()


def open_order_form(requester: Visitor) -> None:
    """From the first page through the catalogue, as somebody who does not know the way."""
    page = requester.page
    follow_menu(requester, "Catalogus")
    page.get_by_label("Voor project").select_option(PROJECT)
    if not requester.has_script:
        page.get_by_role("button", name="Toon").click()
    expect(page.locator("#offerings")).to_contain_text(f"geschikt voor project {PROJECT}")
    requester.look_closely("catalogue")
    page.get_by_role("link", name="Virtuele server").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Virtuele server bestellen")
    chosen = page.get_by_label("Project", exact=True).locator("option:checked")
    expect(chosen).to_have_text(PROJECT)


def order_quickly(requester: Visitor) -> Ordered:
    """With the least that the form accepts; everything else as it stands."""
    name = f"meting-{uuid4().hex[:8]}"
    requester.open("/catalogue/virtual-server/order")
    requester.page.get_by_label("Naam").fill(name)
    requester.page.get_by_label("Doel").fill(PURPOSE)
    return send(requester, name)


def fill_in(requester: Visitor, name: str) -> None:
    """Answer every question; price, quota and budget follow the answers that matter to them."""
    page = requester.page
    page.get_by_label("Naam").fill(name)
    page.get_by_label("Doel").fill(PURPOSE)
    page.get_by_label("Besturingssysteem", exact=True).select_option("Ubuntu 24.04 LTS")
    page.get_by_label("Netwerk").select_option(NETWORK)
    page.get_by_label("Nodig tot en met").fill("31-12-2027")
    watch_change(requester, page.get_by_role("radio", name="gp.medium").check, euros("80,20"), BOTH)
    disk = page.get_by_label("Schijf voor uw gegevens")
    watch_change(requester, lambda: disk.fill("50"), euros("81,05"), {"budget"})
    watch_change(requester, page.get_by_role("radio", name="gp.small").check, PRICE, BOTH)


def watch_change(
    requester: Visitor, answer: Callable[[], None], price: str, moves: Collection[str]
) -> None:
    """Give an answer, and see the price and these parts of the panel follow it."""
    page = requester.page
    before = _panel(requester)
    answer()
    if not requester.has_script:
        page.get_by_role("button", name="Bereken opnieuw").click()
    expect(page.locator("#quote")).to_contain_text(price)
    after = _panel(requester)
    assert [part for part in moves if after[part] == before[part]] == []


def _panel(requester: Visitor) -> dict[str, str]:
    """What the panel says about quota and budget."""
    blocks = requester.page.locator("#quote .cl-quote__block")
    return {
        "quota": blocks.filter(has_text="Past het in het quotum?").inner_text(),
        "budget": blocks.filter(has_text="Past het in het budget?").inner_text(),
    }


def send(requester: Visitor, name: str) -> Ordered:
    page = requester.page
    page.get_by_role("button", name="Verstuur bestelling").click()
    expect(page).to_have_url(re.compile(r"/orders/[0-9a-f-]{36}$"))
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    expect(badge(requester)).to_have_text("Wacht op akkoord")
    return Ordered(UUID(page.url.rpartition("/")[2]), name)


def badge(visitor: Visitor) -> Locator:
    """The state of the order or resource that the page is about."""
    return visitor.page.locator("#order-badge, #resource-badge")


def open_decision(approver: Visitor, order: Ordered) -> Locator:
    """Find the order in the queue; returns what there is to know before deciding."""
    page = approver.page
    follow_menu(approver, "Te beoordelen")
    page.get_by_role("region", name="Open bestellingen").get_by_text(order.name).click()
    expect(page.locator("#detail-heading")).to_contain_text(order.name)
    return page.get_by_role("article")


def wait_until(visitor: Visitor, state: str) -> None:
    """With script the page follows by itself; without, a person keeps pressing the link."""
    if visitor.has_script:
        expect(badge(visitor)).to_have_text(state, timeout=PATIENCE * 1000)
        return
    again = visitor.page.get_by_role("link", name="Ververs deze pagina")
    deadline = time.monotonic() + PATIENCE
    # Not as long as the link is there: while a page loads there is none yet.
    while (badge(visitor).text_content() or "").strip() != state and time.monotonic() < deadline:
        again.click()
    expect(badge(visitor)).to_have_text(state)


def steps(visitor: Visitor) -> list[str]:
    """The steps of the work in the cloud, each in one line of text."""
    lines = visitor.page.locator(".cl-steps > li")
    return [" ".join(text.split()) for text in lines.all_inner_texts()]


def history(visitor: Visitor) -> list[str]:
    """Who did what, newest first, without the times."""
    feed = visitor.page.get_by_role("region", name="Wie deed wat")
    return feed.locator("li > span").all_inner_texts()


def retire(requester: Visitor, name: str) -> None:
    """Clean up, at first with the wrong name; from the resource's page until it is gone."""
    page = requester.page
    page.get_by_role("link", name="Ruim op").click()
    question = page.get_by_role("dialog") if requester.has_script else page.get_by_role("main")
    expect(question).to_contain_text(f"Virtuele server {name} opruimen?", ignore_case=True)
    requester.look("resource-retire")
    question.get_by_label(f"Typ de naam {name}").fill("iets-anders")
    question.get_by_role("button", name="Ruim op").click()
    mistake = f"Typ precies de naam “{name}”."
    expect(page.get_by_text(mistake)).to_be_visible()
    requester.look("resource-retire-mistake")
    page.get_by_label(f"Typ de naam {name}").fill(name)
    page.get_by_role("main").get_by_role("button", name="Ruim op").click()
    expect(page.get_by_text(f"We ruimen {name} op.")).to_be_visible()
    wait_until(requester, "Opgeruimd")
    expect(page.get_by_role("region", name="Bereikbaar op")).to_have_count(0)
    requester.look_closely("resource-retired")
