"""Carts, orders of several lines and approval rules in a real browser: accessible, and they fit."""

import pytest

from catalog.services.approval_rules import RuleSays, confirm_version, propose_rule, propose_version
from catalog.services.carts import put_in_cart
from catalog.services.comments import ask_about_order
from portal.identity.models import Role
from tests.chromium import Screen, complaints_about, running_chromium, visiting
from tests.factories import SPEC, PersonFactory, asked, grant, place, place_lines
from tests.logins import session_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def somebody(project):
    """Somebody with every role that these pages are for."""
    person = PersonFactory(name="Alleskunner")
    for role in (Role.REQUESTER, Role.APPROVER, Role.QUOTA_ADMINISTRATOR):
        grant(person, role, project.parent)
    return person


@pytest.fixture
def pages(somebody, requester, project, version):
    """Every page in its fullest state."""
    other = PersonFactory(name="Beheerder")
    grant(other, Role.QUOTA_ADMINISTRATOR, project.parent)
    says = RuleSays(people_of_project=2, people_of_node=1, kinds=("server", "volume"))
    rule = propose_rule(node=project.parent, name="Grote of gevoelige", says=says, actor=other)
    confirm_version(rule.public_id, actor=somebody)
    propose_version(rule.rule.public_id, says=RuleSays(ends_rule=True), actor=other)
    lines = [asked(version, f"zaken-web-{number:02}") for number in range(4)]
    order = place_lines(requester, project, *lines)
    for name in ("zaken-web-11", "zaken-web-12"):
        put_in_cart(
            owner=somebody,
            project=project,
            offering=version.offering,
            name=name,
            spec=SPEC,
            end_date=None,
        )
    says = RuleSays(offering=version.offering.public_id)
    of_one = propose_rule(node=project.parent, name="Servers", says=says, actor=somebody)
    asked_about = place(requester, project, version, name="zaken-db-01")
    ask_about_order(asked_about.public_id, author=somebody, text="Waarom zo groot?")
    grant(other, Role.APPROVER, project.parent)
    to_answer = place(somebody, project, version, name="zaken-db-02")
    ask_about_order(to_answer.public_id, author=other, text="Waarom nog een?\nEr is er al een.")
    return {
        "cart": "/cart",
        "form": "/catalogue/virtual-server/order",
        "form-begun": f"/catalogue/virtual-server/order?project={project.public_id}",
        "rule-of-one": f"/approval-rules/proposals/{of_one.public_id}",
        "order-asked": f"/orders/{asked_about.public_id}",
        "order-to-answer": f"/orders/{to_answer.public_id}",
        "approval-asked": f"/approvals/{asked_about.public_id}",
        "order": f"/orders/{order.public_id}",
        "approval": f"/approvals/{order.public_id}",
        "rules": "/approval-rules",
        "rule": f"/approval-rules/{rule.rule.public_id}",
        "rule-new": "/approval-rules/new",
    }


def test_they_are_accessible_and_fit(somebody, pages, live_server):
    session = session_of(somebody)

    assert complaints_about(pages, site=live_server.url, session=session) == []


def test_what_is_typed_and_put_in_the_cart_at_once_is_sent_there_once(somebody, pages, live_server):
    """The form is asked for its price as a field is left, just when the button is pressed."""
    session, screen = session_of(somebody), Screen(1280, "light", "en")
    sent = []
    with (
        running_chromium() as chromium,
        visiting(chromium, live_server.url, session, screen) as page,
    ):
        page.on("request", lambda request: sent.append((request.method, request.url)))
        page.goto(f"{live_server.url}{pages['form']}")
        page.get_by_label("Name", exact=True).fill("zaken-web-13")
        page.get_by_label("Purpose").fill("Zaken behandelen")
        button = page.get_by_role("button", name="Put in the cart")
        with page.expect_request(lambda request: request.url.endswith("/order/preview")):
            button.focus()
        button.click()
        page.wait_for_url("**/cart")

    posts = [url for method, url in sent if method == "POST" and url.endswith("/order/cart")]
    assert len(posts) == 1
