"""From the first login to the last cent: one server, seen by everybody who has to do with it."""

from __future__ import annotations

import re
from uuid import UUID, uuid4

import pytest
from openstack.compute.v2.server import Server
from openstack.connection import Connection
from playwright.sync_api import expect

from tests.browser import costs, journey
from tests.browser.conftest import Visit
from tests.browser.journey import PROJECT, PURPOSE, Ordered
from tests.browser.ledger import Ledger
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "no-script"])
def test_a_server_is_ordered_approved_delivered_cleaned_up_and_paid_for(
    visit: Visit, operator: Connection, ledger: Ledger, has_script: bool
) -> None:
    requester = visit("requester", has_script=has_script)
    claimed_before = claimed_by_project(requester)

    order = order_server(requester)
    requester_cannot_approve(requester, order)
    approve(visit("approver", has_script=has_script), order)
    resource = follow_delivery(requester, order)
    look_at_resource(requester, order, operator)
    journey.retire(requester, order.name)

    assert servers_in_nova(operator, order.name) == []
    assert claimed_by_project(requester) == claimed_before
    assert (ledger.claim_state(resource), ledger.open_spans(resource)) == ("released", 0)
    finance = visit("finance", has_script=has_script)
    costs.equal_usage_per_project(finance, ledger)
    costs.equal_usage_of_resource(finance, ledger, resource, order.name)
    nothing_exists_for(visit("outsider", has_script=has_script), order, resource)


def order_server(requester: Visitor) -> Ordered:
    name = f"meting-{uuid4().hex[:8]}"
    requester.look("home")
    journey.open_order_form(requester)
    requester.look_closely("order-form")
    journey.fill_in(requester, name)
    requester.look("order-form-filled-in")
    order = journey.send(requester, name)
    requester.look_closely("order-waiting")
    return order


def requester_cannot_approve(requester: Visitor, order: Ordered) -> None:
    page = requester.page
    requester.open(order.approval)  # leads to the order: there is nothing to decide here
    expect(page).to_have_url(re.compile(f"{order.path}$"))
    expect(page.get_by_role("button", name="Keur goed")).to_have_count(0)
    expect(page.get_by_role("link", name="Te beoordelen")).to_have_count(0)

    assert requester.forge(f"{order.approval}/approve").status == 403

    requester.open(order.path)
    expect(journey.badge(requester)).to_have_text("Wacht op akkoord")


def approve(approver: Visitor, order: Ordered) -> None:
    detail = journey.open_decision(approver, order)
    for words in ("Sanne Wiersma", PROJECT, PURPOSE, "Prijs", "Budget", "Quotum", journey.PRICE):
        expect(detail).to_contain_text(words)
    approver.look_closely("decision")
    detail.get_by_role("button", name=f"Keur goed voor {journey.PRICE}").click()
    expect(approver.page).to_have_url(re.compile(f"{order.path}$"))
    expect(approver.page.get_by_text("Goedgekeurd. De levering begint.")).to_be_visible()


def follow_delivery(requester: Visitor, order: Ordered) -> UUID:
    """Watch every step until the server runs; returns the resource."""
    requester.open(order.path)
    requester.look("order-delivering")
    requester.come_back()
    journey.wait_until(requester, "Geleverd")
    lines = journey.steps(requester)
    assert len(lines) == 7
    assert [line for line in lines if not journey.STEP_TIME.search(line)] == []

    requester.come_back()

    expect(journey.badge(requester)).to_have_text("Geleverd")
    assert journey.steps(requester) == lines
    assert journey.history(requester)[:4] == [
        "Alles uit de bestelling is geleverd.",
        "De resource draait. Vanaf nu betaalt u ervoor.",
        "Cloudloket begon met het werk in de cloud.",
        "Karim Bouzidi keurde de bestelling goed.",
    ]
    requester.look_closely("order-delivered")
    requester.page.get_by_role("link", name="Naar de resource").click()
    expect(requester.page).to_have_url(re.compile(r"/resources/[0-9a-f-]{36}$"))
    return UUID(requester.page.url.rpartition("/")[2])


def look_at_resource(requester: Visitor, order: Ordered, operator: Connection) -> None:
    """The page says what Nova says, what it costs, and who did what."""
    page = requester.page
    (server,) = servers_in_nova(operator, order.name)
    assert server.status == "ACTIVE"
    (address,) = [port["addr"] for ports in server.addresses.values() for port in ports]
    expect(page.get_by_role("table", name="Bereikbaar op")).to_contain_text(address)
    expect(page.get_by_role("region", name="Kosten")).to_contain_text(journey.PRICE)
    assert "De resource draait. Vanaf nu betaalt u ervoor." in journey.history(requester)
    requester.look_closely("resource")


def servers_in_nova(operator: Connection, name: str) -> list[Server]:
    return list(operator.compute.servers(all_projects=True, name=f"^{name}$"))


def claimed_by_project(visitor: Visitor) -> dict[str, str]:
    """What the project holds of each metric, as the API tells it."""
    rows = visitor.ask_api("quotas?pageSize=100").json()["results"]
    return {row["metric"]: row["claimed"] for row in rows if row["node"]["name"] == PROJECT}


def nothing_exists_for(outsider: Visitor, order: Ordered, resource: UUID) -> None:
    """Every page and every call of the above: not found, as if it had never been there."""
    pages = [order.path, order.approval, f"/resources/{resource}", f"/resources/{resource}/retire"]
    for path in (*pages, f"/costs/resources/{resource}"):
        assert outsider.open(path) == 404, path
        expect(outsider.page.locator("body")).not_to_contain_text(order.name)
    outsider.look("not-found")
    outsider.open("/")
    withdraw = f"{order.path}/withdraw"
    for path in (f"{order.approval}/approve", f"{order.approval}/reject", withdraw, pages[-1]):
        assert outsider.forge(path, confirmation=order.name).status == 404, path
    for path in (f"orders/{order.public_id}", f"resources/{resource}"):
        assert outsider.ask_api(path).status == 404, path
    for path in ("orders", "resources", "approvals"):
        assert order.name not in outsider.ask_api(path).text(), path
    for path in ("/orders", "/resources", "/approvals"):
        assert outsider.open(path) == 200
        expect(outsider.page.locator("body")).not_to_contain_text(order.name)
