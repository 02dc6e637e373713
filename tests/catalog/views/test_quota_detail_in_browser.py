"""The pages of a quota in a real browser: accessible, and never wider than the screen."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.utils.timezone import now

from catalog.models import Metric, Quota, QuotaAlert, QuotaReading
from catalog.services.limits import set_limit
from portal.core.calendar import day_of
from portal.identity.models import Role
from tests.chromium import complaints_about
from tests.factories import PersonFactory, generous_limits, grant, make_project, place
from tests.logins import session_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
DAY = timedelta(days=1)


@pytest.fixture
def administrator(project):
    person = PersonFactory(name="Joost van der Meulen")
    grant(person, Role.QUOTA_ADMINISTRATOR, project.parent)
    return person


@pytest.fixture
def pages(project, requester, version, administrator):
    """Full and empty: growing, over its limit, without any quota, and nothing nearly full."""
    generous_limits(project)
    place(requester, project, version, name="vergunningenportaal-app-01")
    growing, over = (
        Quota.objects.get(node=project, metric=metric) for metric in ("vcpus", "volume_gib")
    )
    today = day_of(now())
    with transaction.atomic():
        for amount, days in ((60, None), (90, 12)):
            set_limit(
                project,
                Metric.VCPUS,
                Decimal(amount),
                valid_from=now(),
                valid_until=now() + days * DAY if days else None,
                reason="Piek door de nieuwe omgevingsverordening in november",
                actor=administrator,
            )
    for number in range(60):
        for quota in (growing, over):
            QuotaReading.objects.create(
                quota=quota,
                day=today - (60 - number) * DAY,
                claimed=number + 15,
                limit=60 if number < 50 else 90,
            )
    Quota.objects.filter(pk=growing.pk).update(claimed=77)
    Quota.objects.filter(pk=over.pk).update(claimed=1_580, limit_now=1_500, over_since=now())
    QuotaAlert.objects.create(quota=growing, kind="nearly_full", since=now())
    fresh = make_project(project.parent, name="Nieuw project")
    one, above = f"/quotas/{project.public_id}", f"/quotas/{project.parent.public_id}"
    return {
        "growing": f"{one}/vcpus",
        "over": f"{one}/volume_gib",
        "quiet": f"{one}/routers",
        "with-parts": f"{above}/vcpus",
        "without": f"/quotas/{fresh.public_id}/vcpus",
        "full": "/quotas/full",
        "home": "/",
    }


def test_pages_are_accessible_and_fit(live_server, pages, administrator):
    session = session_of(administrator)

    assert complaints_about(pages, site=live_server.url, session=session) == []


def test_nothing_nearly_full(live_server, project, administrator):
    pages = {"nothing-full": "/quotas/full"}
    session = session_of(administrator)

    assert complaints_about(pages, site=live_server.url, session=session) == []
