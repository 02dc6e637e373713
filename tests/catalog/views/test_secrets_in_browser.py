"""The pages of secrets that are shown once, in a real browser: accessible, never too wide."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.utils.timezone import now
from playwright.sync_api import Error

from catalog.kinds.environment import QUOTA_OF
from catalog.models import Offering, Resource
from portal.cloud.secrets import store_secret
from tests.catalog.views.test_work_in_browser import one_transaction
from tests.chromium import SCREENS, complaints_about, complaints_of, running_chromium, visiting
from tests.factories import OfferingVersionFactory, delivered, place, priced
from tests.logins import session_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
VALUES = {
    "name": "proeftuin",
    "auth_url": "https://identity.noord.example.nl:5000/v3",
    "region": "nl-west-1",
    "id": "8f6c2d1b0a9e4c7f8d3b2a1c0e9f8d7c",
    "secret": "Vq1xk0p3J2m-9Zt6hYw8_bNcR5sLdGfEa7uKiToPqXvBnMzCjHrWyUgDlSeAiOf4t2Q0k6m",
}


@pytest.fixture
def environment(requester, approver, project):
    """Somebody counted what is in use, and two people have credentials of their own."""
    with one_transaction():
        priced(**{"environment.vcpus": "9.60", "environment.memory_gib": "4.80"})
        offering = Offering.objects.create(code="environment", kind="environment")
        names = [metric.value for metric in QUOTA_OF]
        bounds = {"minimum": 0, "maximum": 100, "default": 8}
        version = OfferingVersionFactory(offering=offering, choices=dict.fromkeys(names, bounds))
        spec = dict.fromkeys(names, 0) | {"servers": 4, "vcpus": 8, "memory_gib": 16}
        asked = place(requester, project, version, name=VALUES["name"], spec=spec)
        resource = delivered(asked, approver=approver)
        people = [None, str(requester.public_id), str(approver.public_id)]
        ends = (now() + timedelta(days=90)).isoformat()
        facts = {
            "used": dict.fromkeys(names, 3),
            "counted_at": now().isoformat(),
            "credentials": [
                {"person": person, "expires_at": ends if person else None} for person in people
            ],
        }
        Resource.objects.filter(pk=resource.pk).update(facts=facts)
        for slot in ("environment", "own"):
            form, about = "application-credential", resource.public_id
            store_secret(json.dumps(VALUES), reader=requester, about=about, slot=slot, form=form)
    return resource


def test_pages_are_accessible_and_fit(live_server, environment, requester):
    session = session_of(requester)
    address = f"/resources/{environment.public_id}"
    pages = {
        "secret-waits": address,
        "secret-retire": f"{address}/retire",
        "secret-change": f"{address}/change",
        "secret-order-form": "/catalogue/environment/order",
    }

    assert complaints_about(pages, site=live_server.url, session=session) == []
    with running_chromium() as chromium:
        for screen in SCREENS:
            with visiting(chromium, live_server.url, session, screen) as page:
                assert look_once(page, f"{live_server.url}{address}", screen) == []


def look_once(page, address, screen):
    """Press the button, as the person does; what is wrong with the page that comes."""
    page.goto(address)
    page.locator("#access form button").first.click()
    page.wait_for_url(f"{address}/secret")
    assert VALUES["secret"] in page.content()
    complaints = complaints_of(page, "secret-shown", screen)
    page.go_back()
    with pytest.raises(Error, match="ERR_CACHE_MISS"):  # the browser kept nothing of it
        page.go_forward()
    return complaints
