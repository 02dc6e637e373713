"""Looks at a cloud that the engine delivered in, and that somebody then changed."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from billing.models import UsageSpan
from catalog.kinds import all_kinds
from catalog.models import (
    Difference,
    DifferenceState,
    Operation,
    OperationState,
    Resource,
    ResourceState,
)
from catalog.reconciliation import looking
from catalog.reconciliation.looking import look_at_due_clouds
from catalog.services.resources import act_on_resource
from portal.cloud.ports import LISTED_PER_PROJECT, CloudUnavailable, Listing
from tests.catalog.reconciliation.conftest import differences, last_look, thing_of
from tests.factories import CloudFactory

pytestmark = pytest.mark.django_db

OPEN, SUSPECTED, SOLVED = "open", "suspected", "solved"


def test_what_was_delivered_differs_in_nothing(running, look_twice):
    look_twice()

    assert differences() == []
    assert (last_look().resources, last_look().unanswered) == (1, [])


def test_server_that_is_gone_is_charged_but_absent(running, cloud, look_twice):
    del cloud.things[thing_of(cloud, "server").id]

    look_twice()

    assert differences() == [("charged_but_absent", "server", "", OPEN)]
    row = Difference.objects.get()
    assert (row.resource, row.project_id) == (running, running.project_id)


def test_one_look_opens_nothing(running, cloud, look):
    del cloud.things[thing_of(cloud, "server").id]

    look()

    assert differences() == [("charged_but_absent", "server", "", SUSPECTED)]


def test_second_look_that_comes_too_soon_opens_nothing(running, cloud, look_twice, settings):
    settings.DRIFT_SECOND_LOOK_AFTER = timedelta(minutes=1)
    del cloud.things[thing_of(cloud, "server").id]

    look_twice()

    assert differences() == [("charged_but_absent", "server", "", SUSPECTED)]


def test_what_came_right_before_the_second_look_leaves_nothing(running, cloud, look):
    server = thing_of(cloud, "server")
    del cloud.things[server.id]
    look()
    cloud.things[server.id] = server

    look()

    assert differences() == []


def test_open_difference_that_came_right_is_solved_and_may_come_back(running, cloud, look_twice):
    server = thing_of(cloud, "server")
    server.status = "SHUTOFF"
    look_twice()
    server.status = "ACTIVE"
    look_twice()
    assert differences() == [("differs", "server", "status", SOLVED)]
    assert Difference.objects.get().solved_at is not None

    server.status = "SHUTOFF"
    look_twice()

    assert sorted(differences()) == [
        ("differs", "server", "status", OPEN),
        ("differs", "server", "status", SOLVED),
    ]


@pytest.mark.parametrize(
    ("kind", "change", "part", "field", "values"),
    [
        ("server", {"name": "anders"}, "server", "name", ("anders",)),
        ("server", {"marker": ""}, "server", "marker", ("",)),
        ("volume", {"name": "schijf"}, "volume", "name", ("schijf",)),
    ],
)
def test_each_field_that_differs_is_one_difference(
    running, cloud, look_twice, kind, change, part, field, values
):
    for name, value in change.items():
        setattr(thing_of(cloud, kind), name, value)

    look_twice()

    assert differences() == [("differs", part, field, OPEN)]
    assert (Difference.objects.get().theirs,) == values


def test_larger_flavor_and_disk_are_seen(running, cloud, look_twice):
    thing_of(cloud, "server").details["flavor"] = "gp.medium"
    thing_of(cloud, "volume").details["size_gib"] = 80

    look_twice()

    rows = Difference.objects.order_by("part").values_list("part", "field", "ours", "theirs")
    assert list(rows) == [
        ("server", "flavor", "gp.small", "gp.medium"),
        ("volume", "size_gib", "40", "80"),
    ]


def test_server_in_another_project_of_the_cloud_is_found_by_its_marker(running, cloud, look_twice):
    thing_of(cloud, "server").project = "elsewhere"

    look_twice()

    assert differences() == [("differs", "server", "project", OPEN)]


def test_what_nobody_ordered_in_our_project_is_unknown(running, cloud, look_twice):
    project = running.cloud_project.openstack_project_id
    cloud.add("server", project, "tmp-export", "", flavor="gp.small", task_state="")

    look_twice()

    assert differences() == [("unknown", "", "", OPEN)]
    row = Difference.objects.get()
    assert (row.name, row.resource, row.project_id) == ("tmp-export", None, running.project_id)


def test_marker_of_a_portal_that_we_are_not_is_unknown(running, cloud, look_twice):
    project = running.cloud_project.openstack_project_id
    cloud.add("volume", project, "van-ander", f"cloudloket-{'0' * 32}-volume", size_gib=1)

    look_twice()

    assert differences() == [("unknown", "", "", OPEN)]


def test_what_others_have_in_the_cloud_is_not_our_business(running, cloud, look_twice):
    cloud.add("server", "somebody-else", "their-server", "", flavor="gp.small", task_state="")

    look_twice()

    assert differences() == []


def test_group_that_the_cloud_makes_in_every_project_is_not_unknown(running, cloud, look_twice):
    project = running.cloud_project.openstack_project_id
    cloud.add("security_group", project, "default", "", rules=[])

    look_twice()

    assert differences() == []


def test_what_was_made_just_now_may_be_on_its_way_to_us(running, cloud, look_twice):
    project = running.cloud_project.openstack_project_id
    thing = cloud.add("server", project, "net-nieuw", "", flavor="gp.small", task_state="")
    thing.created_at = now()

    look_twice()

    assert differences() == []


def test_second_copy_is_a_duplicate(running, cloud, look_twice):
    server = thing_of(cloud, "server")
    cloud.add("server", server.project, server.name, server.marker, flavor="gp.small")

    look_twice()

    assert differences() == [("duplicate", "server", "", OPEN)]


def test_what_is_left_after_retirement_is_not_charged(
    running, cloud, engine, retire, long_ago, look_twice
):
    server = thing_of(cloud, "server")
    retire(running)
    engine.run()
    long_ago()
    cloud.things[server.id] = server

    look_twice()

    assert differences() == [("not_charged", "server", "", OPEN)]


def test_running_server_that_nobody_pays_for_is_seen(running, look_twice):
    UsageSpan.objects.update(ended_at=now().replace(microsecond=0))

    look_twice()

    assert differences() == [("not_charged", "server", "", OPEN)]


def test_what_is_being_made_raises_no_alarm(start, engine, look_twice):
    start()
    engine.run_one()

    look_twice()

    assert differences() == []


@pytest.mark.parametrize("messages", range(1, 14))
def test_looks_in_the_middle_of_a_delivery_raise_no_alarm(start, engine, look_twice, messages):
    start()
    for _ in range(messages):
        if engine.messages:
            engine.let_delays_pass()
            engine.run_one()

    look_twice()

    assert differences() == []


def test_what_was_delivered_a_moment_ago_is_not_judged_yet(deliver, cloud, look_twice):
    deliver()
    del cloud.things[thing_of(cloud, "server").id]

    look_twice()

    assert differences() == []


def test_action_that_runs_raises_no_alarm(running, cloud, engine, requester, look_twice):
    engine.call(act_on_resource, running.public_id, action="stop", actor=requester)
    thing_of(cloud, "server").status = "SHUTOFF"

    look_twice()

    assert differences() == []


def test_action_that_failed_hides_nothing(running, cloud, engine, requester, look_twice):
    engine.call(act_on_resource, running.public_id, action="stop", actor=requester)
    Operation.objects.filter(kind="act").update(state=OperationState.FAILED, failed_at=now())
    thing_of(cloud, "server").status = "SHUTOFF"

    look_twice()

    assert differences() == [("differs", "server", "status", OPEN)]


def test_what_is_being_worked_on_keeps_its_differences(
    running, cloud, engine, requester, look, look_twice
):
    thing_of(cloud, "server").status = "SHUTOFF"
    look_twice()
    engine.call(act_on_resource, running.public_id, action="reboot", actor=requester)

    look()

    assert differences() == [("differs", "server", "status", OPEN)]


def test_list_that_is_not_given_keeps_what_we_knew(running, cloud, look, look_twice):
    del cloud.things[thing_of(cloud, "server").id]
    look_twice()
    thing_of(cloud, "volume").details["size_gib"] = 80
    cloud.fail_next("list_page", CloudUnavailable("down"))

    look()

    assert last_look().unanswered == [Listing.BACKUPS]  # the first that is asked for
    assert ("charged_but_absent", "server", "", OPEN) in differences()
    assert ("differs", "volume", "size_gib", SUSPECTED) in differences()


def test_cloud_that_gives_nothing_keeps_everything(running, cloud, look, look_twice):
    del cloud.things[thing_of(cloud, "server").id]
    look_twice()
    before = differences()
    for _ in Listing:
        cloud.fail_next("list_page", CloudUnavailable("down"))

    look()

    assert differences() == before
    listings = {part.listing for kind in all_kinds() for part in kind.parts}
    # Nothing here is of a list that is asked for in one project only.
    assert set(last_look().unanswered) == listings - LISTED_PER_PROJECT


def test_number_of_calls_is_the_number_of_pages(running, deliver, cloud, look, long_ago):
    deliver()
    deliver()
    long_ago()
    cloud.calls.clear()

    tally = look()

    assert dict(cloud.calls) == {"list_page": tally.pages}
    assert tally.pages == 11  # one for each list; there are no containers


def test_every_page_is_asked_for_and_compared(running, deliver, cloud, look_twice, monkeypatch):
    for _ in range(4):
        deliver()
    Resource.objects.update(activated_at=now() - timedelta(hours=1))
    Operation.objects.update(finished_at=now() - timedelta(hours=1))
    gateway = cloud.list_page
    monkeypatch.setattr(cloud, "list_page", lambda *a, **k: gateway(*a, **{**k, "limit": 2}))

    look_twice()

    assert differences() == []
    assert last_look().things == 5 + 5 + 1 + 1 + 1  # servers, disks, network, router, group
    assert last_look().pages == 3 + 3 + 9 * 1


def test_questions_do_not_grow_with_the_number_of_things(running, deliver, look, long_ago):
    look()
    with CaptureQueriesContext(connection) as one:
        look()
    for _ in range(3):
        deliver()
    long_ago()

    with CaptureQueriesContext(connection) as four:
        look()

    assert len(four) == len(one)


def test_clouds_are_looked_at_when_their_time_has_come(running, monkeypatch):
    seen = []
    monkeypatch.setattr(looking, "_compare", lambda cloud, began, tally: seen.append(cloud.key))

    look_at_due_clouds()
    look_at_due_clouds()
    assert seen == ["sovereign"]

    row = last_look()
    row.due_at = now()
    row.save(update_fields=["due_at"])
    look_at_due_clouds()
    assert seen == ["sovereign", "sovereign"]


def test_bug_that_one_cloud_brings_out_keeps_no_other_from_being_looked_at(
    running, settings, monkeypatch
):
    CloudFactory(key="other")
    settings.CLOUDS = ["sovereign", "other"]
    begun = []

    def meet_a_bug(cloud, began, tally):
        begun.append(cloud.key)
        if len(begun) == 1:
            raise KeyError("size_gib")

    monkeypatch.setattr(looking, "_compare", meet_a_bug)

    with pytest.raises(ExceptionGroup, match="not everything"):
        look_at_due_clouds()

    assert sorted(begun) == ["other", "sovereign"]


def test_retired_resource_is_no_longer_missed(running, cloud, engine, retire, long_ago, look_twice):
    del cloud.things[thing_of(cloud, "server").id]
    look_twice()
    retire(running)
    engine.run()
    long_ago()
    running.refresh_from_db()
    assert running.state == ResourceState.RETIRED

    look_twice()

    assert Difference.objects.get().state == DifferenceState.SOLVED
