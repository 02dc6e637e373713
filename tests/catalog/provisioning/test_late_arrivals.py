"""A create without an answer may be carried out hours later: the copy is found and removed."""

import pytest
from django.conf import settings
from django.utils.timezone import now

from billing.models import UsageSpan
from catalog.models import ResourceState, Step
from catalog.provisioning.late_arrivals import WATCHED_FOR
from portal.audit.models import AuditEntry
from portal.cloud.ports import CloudUnavailable

pytestmark = pytest.mark.django_db


@pytest.fixture
def unanswered(engine, cloud, resource):
    """A resource that runs; the answer to the creation of its server was lost."""
    cloud.lose_next_reply("create_server")
    engine.run()
    resource.refresh_from_db()
    return resource


def arrive_late(cloud, resource):
    """The cloud carries the same request out once more."""
    original = cloud.things[resource.cloud_ids["server"]]
    details = {**original.details, "volume_ids": []}
    return cloud.add("server", original.project, original.name, original.marker, **details)


def look_again(engine):
    Step.objects.filter(outcome_unknown_at__isnull=False).update(
        due_at=now() - settings.LATE_ARRIVAL_PAUSE
    )
    engine.sweep()
    engine.run()


def test_late_copy_is_removed_and_the_server_stays(engine, cloud, unanswered):
    copy = arrive_late(cloud, unanswered)

    look_again(engine)
    cloud.tick()

    assert copy.id not in cloud.things
    assert unanswered.cloud_ids["server"] in cloud.things
    assert AuditEntry.objects.get(event="operation.duplicate_removed").data["removed"] == copy.id


def test_look_that_fails_is_done_again(engine, cloud, unanswered):
    copy = arrive_late(cloud, unanswered)
    cloud.fail_next("find_servers", CloudUnavailable("503 Service Unavailable"))

    look_again(engine)
    assert copy.id in cloud.things

    look_again(engine)
    cloud.tick()
    assert copy.id not in cloud.things


def test_after_retirement_whatever_arrives_is_removed_and_not_charged(
    engine, cloud, unanswered, retire
):
    original = cloud.things[unanswered.cloud_ids["server"]]
    retire(unanswered)
    engine.run()
    cloud.things[original.id] = original
    spans = UsageSpan.objects.count()

    look_again(engine)
    cloud.tick()

    unanswered.refresh_from_db()
    assert unanswered.state == ResourceState.RETIRED
    assert cloud.count("server") == 0
    assert UsageSpan.objects.count() == spans


def test_looking_finds_nothing_to_do_and_does_nothing(engine, cloud, unanswered):
    look_again(engine)

    assert cloud.count("server") == 1
    assert not AuditEntry.objects.filter(event="operation.duplicate_removed").exists()


def test_who_was_always_answered_is_not_looked_at(engine, cloud, resource):
    engine.run()
    cloud.calls.clear()

    look_again(engine)

    assert cloud.calls["find_servers"] == 0


def test_looking_ends_after_a_day(engine, cloud, unanswered):
    Step.objects.filter(outcome_unknown_at__isnull=False).update(
        outcome_unknown_at=now() - WATCHED_FOR
    )
    cloud.calls.clear()

    look_again(engine)

    assert cloud.calls["find_servers"] == 0
