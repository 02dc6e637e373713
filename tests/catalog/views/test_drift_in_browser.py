"""The pages of drift in a real browser: accessible, and never wider than the screen."""

import os
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.utils.timezone import now

from catalog.models import CloudLook, Difference, Resource
from catalog.services.drift import ignore_difference
from catalog.services.drift_repairs import confirm_repair
from portal.core.calendar import day_of
from portal.identity.models import Role
from tests.chromium import find_violations, is_too_wide, running_chromium
from tests.factories import PersonFactory, delivered, grant, make_project, place
from tests.factories.drift import (
    DISK,
    copied,
    gone,
    grown,
    narrow,
    proposed,
    stopped,
    uncharged,
    unordered,
)
from tests.logins import log_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SCREENS = [(1280, "light", "nl"), (1280, "light", "en"), (360, "light", "nl"), (360, "dark", "en")]


@pytest.fixture
def operators(project):
    """One who is logged in, a colleague, and one who has nothing to do."""
    people = [PersonFactory(name=name) for name in ("Mila de Boer", "Ruben Prins", "Eva Stil")]
    for person in people[:2]:
        grant(person, Role.OPERATOR, project.parent)
    grant(people[2], Role.OPERATOR, make_project(name="Leeg systeem"))
    return people


@pytest.fixture
def pages(operators, requester, approver, project, version, sent_tasks):
    """Every page in its fullest state."""
    server = delivered(place(requester, project, version, name="bodem-gis-07"), approver=approver)
    other = delivered(place(requester, project, version, name="zaak-db-01"), approver=approver)
    cloud = server.cloud_project.cloud
    missing, waiting = (
        gone(server),
        gone(other, openstack_id="9f86d081-884c-7d65-9a2f-eaa0c55ad015"),
    )
    strange, off = unordered(project, cloud), stopped(other)
    free = uncharged(other)
    stopped(server, field="flavor", ours="gp.small", theirs="gp.medium")
    stopped(server, field="name", ours="bodem-gis-07", theirs="tijdelijk-omdat-het-moest-van-piet")
    unordered(project, cloud, openstack_id="volume-10", name="")
    copy, larger = copied(server), grown(server)
    adoptable = unordered(project, cloud, openstack_id="volume-11", name="export", finding=DISK)
    adopted = unordered(project, cloud, openstack_id="volume-12", name="oud", finding=DISK)
    confirm_repair(proposed(adopted, operators[1], "adopt").public_id, actor=operators[0])
    ignored = stopped(server, field="marker", ours="", theirs="", part="volume")
    ignore_difference(
        ignored.public_id,
        until=day_of(now()) + timedelta(days=7),
        reason="De host wordt vervangen; daarna zetten we het kenmerk terug.",
        actor=operators[1],
    )
    proposed(waiting, operators[1])
    own = proposed(free, operators[0], "charge")
    Difference.objects.filter(pk=strange.pk).update(first_seen_at=now() - timedelta(days=40))
    CloudLook.objects.create(
        cloud=cloud, due_at=now(), ended_at=now(), resources=3412, unanswered=["zones"]
    )
    return {
        "list": "/drift",
        "list-ignored": "/drift?show=ignored",
        "list-solved": "/drift?show=solved",
        "list-nothing": "/drift?q=onvindbaar",
        "gone": f"/drift/{missing.public_id}",
        "waiting": f"/drift/{waiting.public_id}",
        "own": f"/drift/{own.difference.public_id}",
        "unknown": f"/drift/{strange.public_id}",
        "stopped": f"/drift/{off.public_id}",
        "ignored": f"/drift/{ignored.public_id}",
        "quota": f"/drift/{narrow(server.cloud_project).public_id}",
        "copy": f"/drift/{copy.public_id}",
        "larger": f"/drift/{larger.public_id}",
        "adoptable": f"/drift/{adoptable.public_id}",
        "adopted": f"/drift/{adopted.public_id}",
        "unmanaged": f"/resources/{Resource.objects.get(found_as=adopted).public_id}",
    }


def test_pages_are_accessible_and_fit(live_server, pages, operators):
    # Django asks the database nothing while the browser runs: its event loop is in this thread.
    session = log_in(Client(), operators[0]).cookies[settings.SESSION_COOKIE_NAME].value
    quiet = log_in(Client(), operators[2]).cookies[settings.SESSION_COOKIE_NAME].value
    with running_chromium() as chromium:
        complaints = [
            complaint
            for screen in SCREENS
            for who, addresses in ((session, pages), (quiet, {"empty": "/drift"}))
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
        if os.environ.get("SHOTS"):
            path = f"{os.environ['SHOTS']}/{name}-{width}-{language}.png"
            page.screenshot(path=path, full_page=True)
        yield from (f"{name} at {width}: {found}" for found in find_violations(page))
        if is_too_wide(page):
            yield f"{name} at {width}: too wide"
    context.close()
