"""The pages of a whole in a real browser: accessible, and never wider than the screen."""

import pytest
from django.db import transaction

from catalog.models import Operation, Resource
from catalog.services.approvals import approve_order
from catalog.services.cart_copies import copy_to_cart
from catalog.services.operations import lock_order_and_resource
from catalog.services.resources import activate_resource
from portal.identity.models import Role
from tests.catalog.blueprints.conftest import ANSWERS
from tests.chromium import SCREENS, complaints_about, running_chromium, visiting
from tests.factories import asked, failed, grant, place, place_lines
from tests.logins import session_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def pages(sent_tasks, requester, approver, project, blueprint, version):
    """Waiting for a decision, also with other things; half-way, with a failure; and delivered."""
    grant(approver, Role.REQUESTER, project)
    waiting, busy, done = (
        place(requester, project, blueprint, name=name, spec=ANSWERS)
        for name in ("zaaksysteem-nieuw", "zaaksysteem-test", "zaaksysteem")
    )
    whole = asked(blueprint, "zaaksysteem-proef", spec=ANSWERS)
    several = place_lines(requester, project, whole, asked(version, "zaak-los-01"))
    copy_to_cart(several, owner=approver)
    for order in (busy, done):
        approve_order(order.public_id, approver=approver)
    deliveries = {
        (operation.resource.order_line.order_id, operation.resource.order_line.part): operation
        for operation in Operation.objects.select_related("resource__order_line")
    }
    run(deliveries[busy.pk, "network"])
    failed(deliveries[busy.pk, "web-1"])
    for line in done.lines.all():
        run(deliveries[done.pk, line.part])
    server = Resource.objects.get(order_line__order=done, order_line__part="web-1")
    return {
        "form": "/catalogue/web-application/order",
        "waiting": f"/orders/{waiting.public_id}",
        "several": f"/orders/{several.public_id}",
        "cart": "/cart",
        "approval": f"/approvals/{waiting.public_id}",
        "busy": f"/orders/{busy.public_id}",
        "done": f"/orders/{done.public_id}",
        "part": f"/resources/{server.public_id}",
        "retire": f"/assemblies/{done.assemblies.get().public_id}/retire",
    }


def run(operation):
    """The resource runs, whatever the engine has yet to do."""
    addresses = [{"address": "10.20.60.7", "type": "fixed"}]
    operation.steps.update(state="done")
    Operation.objects.filter(pk=operation.pk).update(state="succeeded")
    with transaction.atomic():
        resource = lock_order_and_resource(operation.resource)
        resource.facts = {"addresses": addresses}
        resource.save(update_fields=["facts"])
        activate_resource(resource, operation=operation)


def test_pages_are_accessible_and_fit(live_server, pages, approver):
    session = session_of(approver)

    assert complaints_about(pages, site=live_server.url, session=session) == []


def test_what_somebody_opened_or_closed_stays_so_while_the_page_polls(live_server, pages, approver):
    session = session_of(approver)
    with (
        running_chromium() as chromium,
        visiting(chromium, live_server.url, session, SCREENS[0]) as page,
    ):
        page.goto(f"{live_server.url}{pages['busy']}")
        failed_part, other = (
            page.locator(f"#progress details[id]{which} > summary").first.get_attribute("id")
            for which in ("[open]", ":not([open])")
        )
        for summary in (failed_part, other):
            page.locator(f"#{summary}").click()
        page.evaluate("document.getElementById('progress').setAttribute('data-old', '')")

        page.wait_for_selector("#progress:not([data-old])")

        is_open = "summary => summary.parentElement.open"
        assert page.locator(f"#{failed_part}").evaluate(is_open) is False
        assert page.locator(f"#{other}").evaluate(is_open) is True
