"""The pages of disks in a real browser: accessible, and never wider than the screen."""

import pytest

from tests.chromium import complaints_about
from tests.logins import session_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


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
    session = session_of(requester)

    assert (
        complaints_about(
            pages, site=live_server.url, session=session, arrive=choose_what_is_not_there
        )
        == []
    )


def choose_what_is_not_there(page, name):
    """On the page where that is refused."""
    if name == "disk-attach-wrong":
        page.evaluate("document.querySelector('select[name=server] option').value = 'iets'")
        page.locator("main form button[type=submit]").click()
        page.locator(".cl-error").first.wait_for()
