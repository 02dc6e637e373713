"""Changing limits in a real browser: accessible, fitting, and without a script too."""

from decimal import Decimal

import pytest
from django.db import transaction
from django.utils.timezone import now

from catalog.models import LimitChange, Metric, Quota
from catalog.services.limits import set_limit
from portal.identity.models import Role
from tests.chromium import Screen, complaints_about, running_chromium, visiting
from tests.factories import PersonFactory, grant, make_project
from tests.logins import session_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
FILE = (
    "code;metric;limit;until\n{code};vcpus;12;31-12-2030\n{code};servers;veel;\nnergens;vcpus;1;\n"
)


@pytest.fixture
def administrator(project):
    person = PersonFactory(name="Beheerder")
    grant(person, Role.QUOTA_ADMINISTRATOR, project.parent)
    for name in ("Vergunningenportaal", "Een project met een heel erg lange naam van wel veel"):
        other = make_project(project.parent, name=name)
        with transaction.atomic():
            set_limit(other, Metric.VCPUS, Decimal(20), valid_from=now(), actor=None)
    Quota.objects.filter(node=project, metric=Metric.VCPUS).update(claimed=60)
    return person


def test_they_are_accessible_and_fit(administrator, project, live_server):
    pages = {
        "bulk": "/quotas/bulk?metric=vcpus",
        "bulk-nothing": "/quotas/bulk?metric=vcpus&q=bestaat-niet",
        "bulk-wrong": "/quotas/bulk?metric=vcpus",
        "bulk-plan": "/quotas/bulk?metric=vcpus",
        "import": "/quotas/import",
        "import-wrong": "/quotas/import",
        "import-plan": "/quotas/import",
    }

    def arrive(page, name):
        field = f"limit-{project.public_id}"
        if name == "bulk-wrong":
            page.locator(f"[name='{field}']").fill("veel")
            page.locator("[name=preview]").click()
        elif name == "bulk-plan":
            page.locator(f"[name='{field}']").fill("50")
            page.locator("[name=until]").fill("31-12-2030")
            page.locator("[name=preview]").click()
        elif name.startswith("import-"):
            content = FILE.format(code=project.code) if name == "import-plan" else "\xff"
            file = {"name": "limieten.csv", "mimeType": "text/csv"}
            encoded = content.encode("latin-1")
            page.locator("[name=file]").set_input_files({**file, "buffer": encoded})
            page.locator("form[enctype] button").click()

    found = complaints_about(
        pages, site=live_server.url, session=session_of(administrator), arrive=arrive
    )

    assert found == []


@pytest.mark.parametrize("has_script", [True, False])
def test_limits_are_raised_seen_and_set(administrator, project, live_server, has_script):
    session, screen = session_of(administrator), Screen(1280, "light", "en")
    with (
        running_chromium() as chromium,
        visiting(chromium, live_server.url, session, screen) as page,
    ):
        if not has_script:
            page.route("**/*.js", lambda route: route.abort())
        page.goto(f"{live_server.url}/quotas/bulk?metric=vcpus")
        page.get_by_label("Raise all by, in percent").fill("10")
        page.get_by_role("button", name="Fill in").click()
        page.get_by_role("button", name="Show what this does").click()
        page.get_by_label("Reason").fill("Tien procent erbij")
        page.get_by_role("button", name="Set 4 limits").click()
        page.get_by_text("4 limits are set.").wait_for()

    assert {
        change.amount for change in LimitChange.objects.filter(reason="Tien procent erbij")
    } == {
        Decimal(11_000),
        Decimal(22),
    }
