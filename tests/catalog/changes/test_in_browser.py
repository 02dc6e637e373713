"""The pages of a change in a real browser: accessible, and never wider than the screen."""

import os
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.utils.timezone import localdate

from billing.models import Budget
from catalog.models import Operation, OrderState
from catalog.services.approvals import approve_order
from portal.cloud.ports import CloudRefused
from tests.chromium import find_violations, is_too_wide, running_chromium
from tests.factories.catalog import SPEC
from tests.logins import log_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SCREENS = [(1280, "light", "nl"), (1280, "dark", "en"), (360, "light", "nl"), (360, "dark", "en")]


@pytest.fixture
def pages(server, volume, run, version, ask, engine, cloud, approver, project):
    """Every page of a change, by whose it is."""
    Budget.objects.create(node=project, year=localdate().year, amount=5000)
    waiting = ask(server, flavor="gp.medium", volume_gib=80)
    end_date = localdate() + timedelta(days=365)
    other = run(version, name="zaak-app-02", spec=SPEC, end_date=end_date)
    stuck = ask(run(version, name="bodem-gis-07", spec=SPEC, end_date=end_date), flavor="gp.medium")
    cloud.fail_next("confirm_resize", CloudRefused("no"))
    engine.call(approve_order, stuck.public_id, approver=approver)
    engine.run()
    stuck.refresh_from_db()
    assert stuck.state == OrderState.FAILED
    stuck_on = Operation.objects.get(order_line__order=stuck).resource
    return {
        "form": f"/resources/{other.public_id}/change",
        "volume": f"/resources/{volume.public_id}/change",
        "waiting": f"/orders/{waiting.public_id}",
        "waits-at": f"/resources/{server.public_id}",
        "stuck": f"/orders/{stuck.public_id}",
        "stuck-at": f"/resources/{stuck_on.public_id}",
    }, f"/approvals/{waiting.public_id}"


def test_pages_of_a_change_are_accessible_and_fit(pages, live_server, requester, approver):
    # Django asks the database nothing while the browser runs: its event loop is in this thread.
    own, decision = pages
    asker, decider = (
        log_in(Client(), person).cookies[settings.SESSION_COOKIE_NAME].value
        for person in (requester, approver)
    )
    with running_chromium() as chromium:
        complaints = [
            complaint
            for screen in SCREENS
            for who, addresses in ((asker, own), (decider, {"decision": decision}))
            for complaint in visit(chromium, live_server.url, who, addresses, *screen)
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
        if name == "form":
            page.locator("label", has_text="gp.medium").click()
            page.locator("#quote .cl-quote__price").wait_for()
        if os.environ.get("SHOTS"):
            path = f"{os.environ['SHOTS']}/{name}-{width}-{language}.png"
            page.screenshot(path=path, full_page=True)
        yield from (f"{name} at {width}: {found}" for found in find_violations(page))
        if is_too_wide(page):
            yield f"{name} at {width}: too wide"
    context.close()
