"""Requests for more quota in a real browser: accessible, fitting, and one click keeps the order."""

from decimal import Decimal

import pytest
from django.db import transaction
from django.utils.timezone import now

from catalog.models import CartLine, Metric
from catalog.services.carts import put_in_cart
from catalog.services.limits import set_limit
from catalog.services.quota_requests import grant_request, refuse_request
from portal.identity.models import Role
from tests.chromium import Screen, complaints_about, running_chromium, visiting
from tests.factories import SPEC, PersonFactory, grant, place
from tests.logins import session_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
NEW = "/quotas/requests/new"


@pytest.fixture
def somebody(narrow):
    """Somebody who both orders and gives."""
    person = PersonFactory(name="Alleskunner")
    for role in (Role.REQUESTER, Role.QUOTA_ADMINISTRATOR):
        grant(person, role, narrow.parent)
    return person


@pytest.fixture
def pages(somebody, ask, narrow, administrator, requester, version):
    """Every page in its fullest state."""
    place(requester, narrow, version, name="zaken-web-01")
    cart = put_in_cart(
        owner=somebody,
        project=narrow,
        offering=version.offering,
        name="zaken-web-02",
        spec=SPEC,
        end_date=None,
    ).cart
    granted = ask(actor=somebody, amount=Decimal(60), cart=cart)
    grant_request(granted.public_id, actor=administrator)
    refused = ask(actor=somebody, metric=Metric.VCPUS, amount=Decimal(20_000), cart=cart)
    refuse_request(refused.public_id, actor=administrator, reason="Ruim eerst op wat stilstaat.")
    with transaction.atomic():
        set_limit(narrow, Metric.SERVERS, Decimal(1), valid_from=now(), actor=None)
    waiting = ask(reason="De archieven komen hier in de herfst bij, uit drie kelders.")
    lacking = ask(node=narrow, metric=Metric.MEMORY_GIB, amount=Decimal(20_000))
    own = ask(actor=somebody, metric=Metric.SERVERS, amount=Decimal(12))
    query = f"node={narrow.public_id}&metric=volume_gib&amount=120&cart={cart.public_id}"
    form = f"/catalogue/virtual-server/order?project={narrow.public_id}"
    return {
        "home": "/",
        "requests": "/quotas/requests",
        "request-new": f"{NEW}?{query}",
        "request-begun": NEW,
        "request-waiting": f"/quotas/requests/{waiting.public_id}",
        "request-lacking": f"/quotas/requests/{lacking.public_id}",
        "request-own": f"/quotas/requests/{own.public_id}",
        "request-granted": f"/quotas/requests/{granted.public_id}",
        "request-refused": f"/quotas/requests/{refused.public_id}",
        "cart-too-full": "/cart",
        "form-too-full": form,
        "order-refused": form,
    }


def send_what_does_not_fit(page, name):
    """Only on the page that shows the refusal."""
    if name == "order-refused":
        page.locator("#id_name").fill("zaken-web-03")
        page.locator("#id_purpose").fill("Zaken behandelen")
        page.locator("#consequences button.utrecht-button--primary-action").click()
        page.wait_for_selector("#refusal")


def test_they_are_accessible_and_fit(somebody, pages, live_server):
    session = session_of(somebody)

    assert (
        complaints_about(
            pages, site=live_server.url, session=session, arrive=send_what_does_not_fit
        )
        == []
    )


def test_nothing_asked_is_accessible_too(somebody, live_server):
    session = session_of(somebody)
    pages = {"requests-empty": "/quotas/requests"}

    assert complaints_about(pages, site=live_server.url, session=session) == []


def test_one_click_in_the_panel_keeps_the_order(somebody, pages, live_server):
    session, screen = session_of(somebody), Screen(1280, "light", "en")
    with (
        running_chromium() as chromium,
        visiting(chromium, live_server.url, session, screen) as page,
    ):
        page.goto(f"{live_server.url}{pages['form-too-full']}")
        page.locator("#id_name").fill("zaken-web-04")
        page.locator("#id_purpose").fill("Zaken behandelen")
        page.locator("#quote button[formaction*='metric=servers']").click()
        page.wait_for_url("**/quotas/requests/new?*")
        assert page.locator("#id_amount").input_value() == "2"

    assert CartLine.objects.filter(name="zaken-web-04", cart__owner=somebody).exists()
