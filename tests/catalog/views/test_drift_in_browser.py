"""The pages of drift in a real browser: accessible, and never wider than the screen."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from catalog.models import CloudLook, Difference, Resource
from catalog.services.drift import ignore_difference
from catalog.services.drift_repairs import confirm_repair
from portal.core.calendar import day_of
from portal.identity.models import Role
from tests.chromium import complaints_about
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
from tests.logins import session_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


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
    session, quiet = session_of(operators[0]), session_of(operators[2])

    assert complaints_about(pages, site=live_server.url, session=session) == []
    assert complaints_about({"empty": "/drift"}, site=live_server.url, session=quiet) == []
