"""The pages of a change in a real browser: accessible, and never wider than the screen."""

from datetime import timedelta

import pytest
from django.utils.timezone import localdate

from billing.models import Budget
from catalog.models import Operation, OrderState
from catalog.services.approvals import approve_order
from portal.cloud.ports import CloudRefused
from tests.catalog.kinds.test_every_kind import EXAMPLES, version_of
from tests.chromium import complaints_about
from tests.factories.catalog import SPEC
from tests.logins import session_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


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
    domain = run(version_of("dns_zone"), name="zone", spec=EXAMPLES["dns_zone"].spec)
    records = ask(domain, records="@ A 192.0.2.10\nwww A 192.0.2.11\n@ TXT v=spf1 -all")
    entrance = run(version_of("load_balancer"), spec=EXAMPLES["load_balancer"].spec)
    stuck_on = Operation.objects.get(order_line__order=stuck).resource
    return {
        "form": f"/resources/{other.public_id}/change",
        "volume": f"/resources/{volume.public_id}/change",
        "members": f"/resources/{entrance.public_id}/change",
        "records": f"/orders/{records.public_id}",
        "waiting": f"/orders/{waiting.public_id}",
        "waits-at": f"/resources/{server.public_id}",
        "stuck": f"/orders/{stuck.public_id}",
        "stuck-at": f"/resources/{stuck_on.public_id}",
    }, f"/approvals/{waiting.public_id}"


def test_pages_of_a_change_are_accessible_and_fit(pages, live_server, requester, approver):
    own, decision = pages
    asker, decider = session_of(requester), session_of(approver)

    assert complaints_about(own, site=live_server.url, session=asker, arrive=answer_otherwise) == []
    assert complaints_about({"decision": decision}, site=live_server.url, session=decider) == []


def answer_otherwise(page, name):
    """On the form, which then tells the price."""
    if name == "form":
        page.locator("label", has_text="gp.medium").click()
        page.locator("#quote .cl-quote__price").wait_for()
    if name == "members":
        page.locator("textarea[name=members]").fill("10.20.4.13:8080\n10.20.4.14:8443")
        page.locator("#quote .cl-quote__price").wait_for()
