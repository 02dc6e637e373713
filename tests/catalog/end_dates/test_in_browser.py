"""What people see of end dates and protection, in a real browser: accessible, never too wide."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils.timezone import now

from catalog.models import Operation, OperationState, Resource
from catalog.services.end_dates import end_uses
from catalog.services.protection import protect_resource
from portal.core.calendar import day_of
from tests.catalog.views.test_work_in_browser import one_transaction
from tests.chromium import complaints_about
from tests.factories import delivered, place
from tests.logins import session_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def pages(requester, approver, project, version, sent_tasks):
    """One that ends soon, one that is stopped, and one that is protected past its end."""
    with one_transaction():
        soon, stopped, kept = (
            needed_until(days, name, requester, approver, project, version)
            for days, name in ((7, "zaak-soon-01"), (-3, "zaak-stil-01"), (-9, "zaak-blijft-01"))
        )
        protect_resource(kept.public_id, actor=requester)
    end_uses(at=now())
    with transaction.atomic():
        Operation.objects.filter(plan="server.act.stop").update(
            state=OperationState.SUCCEEDED, finished_at=now()
        )
        Resource.objects.exclude(pk=soon.pk).update(facts={"status": "SHUTOFF"})
    return {
        "end-home": "/",
        "end-soon": f"/resources/{soon.public_id}",
        "end-stopped": f"/resources/{stopped.public_id}",
        "end-protected": f"/resources/{kept.public_id}",
        "end-order-form": f"/catalogue/{version.offering.code}/order",
    }


def needed_until(days, name, requester, approver, project, version):
    resource = delivered(place(requester, project, version, name=name), approver=approver)
    last_day = day_of(now()) + timedelta(days=days)
    Resource.objects.filter(pk=resource.pk).update(end_date=last_day)
    return resource


def test_pages_are_accessible_and_fit(live_server, pages, requester):
    session = session_of(requester)

    assert complaints_about(pages, site=live_server.url, session=session) == []
