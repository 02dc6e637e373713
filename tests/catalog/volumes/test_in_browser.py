"""The pages of disks in a real browser: accessible, and never wider than the screen."""

import os

import pytest
from django.conf import settings
from django.test import Client

from tests.chromium import find_violations, is_too_wide, running_chromium
from tests.logins import log_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SCREENS = [(1280, "light", "nl"), (360, "dark", "en"), (360, "light", "nl")]


@pytest.fixture
def pages(attached, snapshot, server, deliver, ask, offerings):
    """What somebody sees who works with disks."""
    free = deliver("volume", "zaakdocumenten-2026", volume_gib=40, volume_type="fast")
    image = deliver("server_image", "gouden-image", server=str(server.public_id))
    from_image = f"/catalogue/{offerings['server'].offering.code}/order?from={image.public_id}"
    waiting = ask("volume_snapshot", "voor-de-migratie", volume=str(free.public_id))
    return {
        "disk-attached": f"/resources/{attached.public_id}",
        "disk-free": f"/resources/{free.public_id}",
        "disk-snapshot": f"/resources/{snapshot.public_id}",
        "disk-server": f"/resources/{server.public_id}",
        "disk-server-retire": f"/resources/{server.public_id}/retire",
        "disk-attach": f"/resources/{free.public_id}/actions/attach",
        "disk-attach-wrong": f"/resources/{free.public_id}/actions/attach",
        "disk-order-snapshot": f"/catalogue/volume-snapshot/order?from={free.public_id}",
        "disk-order-restore": f"/catalogue/volume/order?from={snapshot.public_id}",
        "disk-image": f"/resources/{image.public_id}",
        "disk-order-image": f"/catalogue/server-image/order?from={server.public_id}",
        "disk-order-from-image": from_image,
        "disk-ordered": f"/orders/{waiting.public_id}",
    }


def test_pages_are_accessible_and_fit(pages, live_server, requester):
    # Django asks the database nothing while the browser runs: its event loop is in this thread.
    session = log_in(Client(), requester).cookies[settings.SESSION_COOKIE_NAME].value
    with running_chromium() as chromium:
        complaints = [
            complaint
            for screen in SCREENS
            for complaint in visit(chromium, live_server.url, session, pages, *screen)
        ]

    assert complaints == []


def visit(chromium, site, session, pages, width, scheme, language):
    """What is wrong with these pages on such a screen, for who has this session."""
    context = chromium.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, locale=language
    )
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": site}])
    page = context.new_page()
    for name, address in pages.items():
        page.goto(f"{site}{address}")
        if name == "disk-attach-wrong":
            page.evaluate("document.querySelector('select[name=server] option').value = 'iets'")
            page.locator("main form button[type=submit]").click()
            page.locator(".cl-error").first.wait_for()
        if os.environ.get("SHOTS"):
            path = f"{os.environ['SHOTS']}/{name}-{width}-{language}.png"
            page.screenshot(path=path, full_page=True)
        yield from (f"{name} at {width}: {found}" for found in find_violations(page))
        page.set_viewport_size({"width": 320, "height": 800})
        if is_too_wide(page):
            yield f"{name}: too wide"
        page.set_viewport_size({"width": width, "height": 800})
    context.close()
