"""What is special about a server in a real browser: accessible, and never wider than the screen."""

import os
from functools import partial

import pytest
from django.conf import settings
from django.test import Client

from catalog.kinds.server_extras import Extra
from catalog.services.approvals import approve_order
from catalog.services.changes import place_change
from catalog.services.resources import act_on_resource
from portal.cloud.models import Flavor
from tests.catalog.provisioning.conftest import cloud, deliver, engine, start
from tests.catalog.views.ordering import FORM
from tests.chromium import find_violations, is_too_wide, running_chromium
from tests.factories import priced, reoffered
from tests.logins import log_in

__all__ = ["cloud", "deliver", "engine", "start"]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SCREENS = [(1280, "light", "nl"), (1280, "dark", "en"), (360, "light", "nl"), (360, "dark", "en")]
SCRIPT = "#cloud-config\npackages:\n  - nginx\nwrite_files:\n" + "".join(
    f"  - {{path: /etc/zaaksysteem/deel-{number}.conf, content: 'a long line of text'}}\n"
    for number in range(12)
)


@pytest.fixture
def version(version):
    priced(**{"server.gp.medium": "76.80"})
    Flavor.objects.create(
        cloud=version.cloud,
        name="gp.medium",
        vcpus=4,
        memory_mib=8192,
        disk_gib=20,
        openstack_id="flavor-2",
    )
    extras = [extra.value for extra in Extra]
    return reoffered(version, extras=extras, flavors=["gp.small", "gp.medium"])


@pytest.fixture
def on_trial(deliver, engine, requester, approver):
    """A server with another size, which somebody may judge."""
    server = deliver()
    order, _is_new = place_change(
        requested_by=requester,
        resource=server,
        purpose="Meer zaken",
        answers={"flavor": "gp.medium"},
        end_date=None,
        idempotency_key="trial",
    )
    engine.call(approve_order, order.public_id, approver=approver)
    engine.run()
    return server


@pytest.fixture
def pages(deliver, engine, requester, on_trial):
    """Every page in its fullest state, and what is typed on it before it is sent."""
    plain = deliver(group="web", group_rule="anti-affinity", user_data=SCRIPT)
    rescued, on_volume = deliver(), deliver(system_gib=25)
    engine.call(act_on_resource, rescued.public_id, action="rescue", actor=requester)
    engine.run()
    wrong = {"user_data": "packages: [nginx", "system_gib": "5", "group": "Web", "name": "zaak"}
    return {
        "form": (FORM, wrong),
        "rebuild": (f"/resources/{plain.public_id}/actions/rebuild", {"confirmation": "zaak"}),
        "order": (f"/orders/{plain.order_line.order.public_id}", {}),
        "plain": (f"/resources/{plain.public_id}", {}),
        "on-trial": (f"/resources/{on_trial.public_id}", {}),
        "rescued": (f"/resources/{rescued.public_id}", {}),
        "on-volume": (f"/resources/{on_volume.public_id}", {}),
    }


def test_pages_of_a_server_are_accessible_and_fit(pages, live_server, requester):
    # Django asks the database nothing while the browser runs: its event loop is in this thread.
    session = log_in(Client(), requester).cookies[settings.SESSION_COOKIE_NAME].value
    with running_chromium() as chromium:
        look = partial(visit, chromium, live_server.url, session, pages)
        complaints = [complaint for screen in SCREENS for complaint in look(*screen)]

    assert complaints == []


def visit(chromium, site, session, pages, width, scheme, language):
    """What is wrong with these pages on such a screen, for who has this session."""
    context = chromium.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, locale=language
    )
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": site}])
    page = context.new_page()
    for name, (address, typed) in pages.items():
        page.goto(f"{site}{address}")
        yield from wrong_with(page, f"{name}-{width}-{language}")
        if typed:
            for field, text in typed.items():
                page.fill(f"[name={field}]", text)
            page.locator("main form[method=post] button[type=submit]").last.click()
            page.locator(".cl-error").first.wait_for()
            yield from wrong_with(page, f"{name}-sent-{width}-{language}")
    context.close()


def wrong_with(page, name):
    if os.environ.get("SHOTS"):
        page.screenshot(path=f"{os.environ['SHOTS']}/{name}.png", full_page=True)
    yield from (f"{name}: {found}" for found in find_violations(page))
    if is_too_wide(page):
        yield f"{name}: too wide"
