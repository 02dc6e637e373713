"""What is special about a server in a real browser: accessible, and never wider than the screen."""

import pytest

from catalog.kinds.server_extras import Extra
from catalog.services.approvals import approve_order
from catalog.services.changes import place_change
from catalog.services.resources import act_on_resource
from portal.cloud.models import Flavor
from tests.catalog.provisioning.conftest import cloud, deliver, engine, start
from tests.catalog.views.ordering import FORM
from tests.chromium import complaints_about
from tests.factories import priced, reoffered
from tests.logins import session_of

__all__ = ["cloud", "deliver", "engine", "start"]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SCRIPT = "#cloud-config\npackages:\n  - nginx\nwrite_files:\n" + "".join(
    f"  - {{path: /etc/zaaksysteem/deel-{number}.conf, content: 'a long line of text'}}\n"
    for number in range(12)
)
WRONG = {
    "form-sent": {
        "user_data": "packages: [nginx",
        "system_gib": "5",
        "group": "Web",
        "name": "zaak",
    },
    "rebuild-sent": {"confirmation": "zaak"},
}


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
    """Every page in its fullest state."""
    plain = deliver(group="web", group_rule="anti-affinity", user_data=SCRIPT)
    rescued, on_volume = deliver(), deliver(system_gib=25)
    engine.call(act_on_resource, rescued.public_id, action="rescue", actor=requester)
    engine.run()
    rebuild = f"/resources/{plain.public_id}/actions/rebuild"
    return {
        "form": FORM,
        "form-sent": FORM,
        "rebuild": rebuild,
        "rebuild-sent": rebuild,
        "order": f"/orders/{plain.order_line.order.public_id}",
        "plain": f"/resources/{plain.public_id}",
        "on-trial": f"/resources/{on_trial.public_id}",
        "rescued": f"/resources/{rescued.public_id}",
        "on-volume": f"/resources/{on_volume.public_id}",
    }


def test_pages_of_a_server_are_accessible_and_fit(pages, live_server, requester):
    session = session_of(requester)

    assert (
        complaints_about(pages, site=live_server.url, session=session, arrive=send_what_is_wrong)
        == []
    )


def send_what_is_wrong(page, name):
    """Where the mistakes are to be seen."""
    if name in WRONG:
        for field, text in WRONG[name].items():
            page.fill(f"[name={field}]", text)
        page.locator("main form[method=post] button[type=submit]").last.click()
        page.locator(".cl-error").first.wait_for()
