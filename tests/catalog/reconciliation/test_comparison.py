"""The comparison itself, on made-up worlds: no database, no cloud."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.kinds import get_kind
from catalog.models import DifferenceKind
from catalog.reconciliation.comparison import Comparison, Known, Ours, Place
from portal.cloud.markers import read_marker, write_marker
from portal.cloud.ports import CloudObject, Listing

SINCE = datetime(2026, 11, 1, tzinfo=UTC)
HERE = "keystone-1"
PLACES = {HERE: Place(public_id=UUID(int=7), project_id=1, is_managed=True)}
PARTS = {"server": get_kind("server").parts, "container": get_kind("container").parts}


def server(number: int, **changes: object) -> Ours:
    """A running server with a disk, as we know it."""
    facts = {
        "pk": number,
        "public_id": UUID(int=number + 100),
        "kind": "server",
        "name": f"web-{number}",
        "spec": {"flavor": "gp.small", "volume_gib": 40},
        "facts": {"status": "ACTIVE"},
        "cloud_ids": {"server": f"s-{number}", "volume": f"v-{number}"},
        "place": HERE,
        "project_id": 1,
        "is_settled": True,
        "is_there": True,
        "is_charged": True,
        "is_chargeable": True,
    }
    return Ours(**{**facts, **changes})  # type: ignore[arg-type]  # facts of many types


def in_cloud(ours: Ours) -> dict[Listing, list[CloudObject]]:
    """The two things that it consists of."""
    common = {"name": ours.name, "project": HERE, "created_at": SINCE - timedelta(days=1)}
    return {
        Listing.SERVERS: [
            CloudObject(
                id=ours.cloud_ids["server"],
                status="ACTIVE",
                marker=write_marker(ours.public_id, "server"),
                details={"flavor": "gp.small", "task_state": ""},
                **common,
            )
        ],
        Listing.VOLUMES: [
            CloudObject(
                id=ours.cloud_ids["volume"],
                status="IN-USE",
                marker=write_marker(ours.public_id, "volume"),
                details={"size_gib": 40},
                **common,
            )
        ],
    }


def compare(ours: list[Ours], things: dict[Listing, list[CloudObject]], page: int = 1000):
    """One look, with pages of this size."""
    comparison = Comparison(PARTS, PLACES, SINCE)
    known = Known(
        by_marker={one.public_id: one for one in ours},
        by_id={(one.place, key): one for one in ours for key in one.cloud_ids.values()},
    )
    found = []
    for listing, listed in things.items():
        for start in range(0, len(listed), page):
            found += comparison.meet(listing, listed[start : start + page], known)
    for one in ours:
        found += comparison.miss(one, things)
    return found


def world(count: int) -> tuple[list[Ours], dict[Listing, list[CloudObject]]]:
    ours = [server(number) for number in range(count)]
    pairs = [in_cloud(one) for one in ours]
    listings = (Listing.SERVERS, Listing.VOLUMES)
    return ours, {
        listing: [thing for pair in pairs for thing in pair[listing]] for listing in listings
    }


@given(count=st.integers(0, 12), page=st.integers(1, 5))
def test_two_sides_that_agree_differ_in_nothing(count, page):
    assert compare(*world(count), page) == []


@given(data=st.data(), count=st.integers(1, 8), page=st.integers(1, 5))
def test_everything_that_changed_is_found_once_and_nothing_else(data, count, page):
    """Whatever goes, comes, is copied or changes, in whatever order the pages bring it."""
    ours, things = world(count)
    expected: Counter[tuple[str, str, str]] = Counter()
    servers = []
    for thing in things[Listing.SERVERS]:
        fate = data.draw(st.sampled_from(["stays", "goes", "stops", "is copied", "is renamed"]))
        number = thing.id.removeprefix("s-")
        if fate == "goes":
            expected["charged_but_absent", number, ""] += 1
            continue
        if fate == "stops":
            thing = replace(thing, status="SHUTOFF")
            expected["differs", number, "status"] += 1
        if fate == "is renamed":
            thing = replace(thing, name="anders")
            expected["differs", number, "name"] += 1
        if fate == "is copied":
            servers.append(replace(thing, id=f"copy-{number}"))
            expected["duplicate", number, ""] += 1
        servers.append(thing)
    for number in range(data.draw(st.integers(0, 3))):
        servers.append(CloudObject(id=f"x-{number}", name="x", status="ACTIVE", project=HERE))
        expected["unknown", "None", ""] += 1
    things[Listing.SERVERS] = data.draw(st.permutations(servers))

    found = compare(ours, things, page)

    assert Counter((str(f.kind), str(f.resource), f.field) for f in found) == expected


@given(count=st.integers(1, 6), gone=st.integers(0, 5))
def test_what_is_being_worked_on_is_never_judged(count, gone):
    ours, things = world(count)
    busy = [replace(one, is_settled=False) for one in ours]
    things[Listing.SERVERS] = things[Listing.SERVERS][gone:]

    assert compare(busy, things) == []


@given(count=st.integers(1, 4))
def test_list_that_was_not_given_makes_nothing_missing(count):
    ours, things = world(count)
    del things[Listing.SERVERS]

    assert compare(ours, things) == []


def test_retired_resource_that_is_still_there_is_charged_to_nobody():
    ours, things = world(1)

    found = compare([replace(ours[0], is_there=False)], things)

    assert [(one.kind, one.part) for one in found] == [
        (DifferenceKind.NOT_CHARGED, "server"),
        (DifferenceKind.NOT_CHARGED, "volume"),
    ]


def test_free_thing_that_is_gone_is_missing_but_costs_nothing():
    ours, things = world(1)
    things[Listing.SERVERS] = []

    (found,) = compare([replace(ours[0], is_charged=False, is_chargeable=False)], things)

    assert found.kind == DifferenceKind.MISSING


def test_server_without_a_disk_needs_none():
    ours, things = world(1)
    things[Listing.VOLUMES] = []
    spec = {"flavor": "gp.small", "volume_gib": 0}

    assert compare([replace(ours[0], spec=spec, cloud_ids={"server": "s-0"})], things) == []


@pytest.mark.parametrize(
    ("status", "task_state"),
    [("SHUTOFF", "powering-on"), ("UNKNOWN", ""), ("REBOOT", ""), ("RESIZE", "")],
)
def test_what_the_cloud_is_busy_with_or_cannot_tell_is_not_compared(status, task_state):
    ours, things = world(1)
    details = {"flavor": "gp.small", "task_state": task_state}
    (thing,) = things[Listing.SERVERS]
    things[Listing.SERVERS] = [replace(thing, status=status, details=details)]

    assert compare(ours, things) == []


@pytest.mark.parametrize(
    ("place", "marker"),
    [
        ("somebody-else", ""),
        (HERE, write_marker(UUID(int=7), "network-intern")),  # what the project shares
    ],
)
def test_what_is_no_business_of_ours_is_left_alone(place, marker):
    thing = CloudObject(id="n-1", name="x", status="ACTIVE", project=place, marker=marker)

    assert compare([], {Listing.NETWORKS: [thing]}) == []


ELSEWHERE = "keystone-2"


@pytest.fixture
def copied_elsewhere():
    """A server, and another in another project of ours to which somebody gave its mark."""
    ours, things = world(1)
    (thing,) = things[Listing.SERVERS]
    return ours, things, replace(thing, id="x-1", name="x", project=ELSEWHERE)


@pytest.mark.parametrize(("is_managed", "told"), [(True, ["unknown"]), (False, [])])
def test_mark_that_was_copied_to_another_project_is_not_believed(
    copied_elsewhere, is_managed, told, monkeypatch
):
    ours, things, copy = copied_elsewhere
    monkeypatch.setitem(
        PLACES, ELSEWHERE, Place(public_id=UUID(int=8), project_id=2, is_managed=is_managed)
    )
    things[Listing.SERVERS].append(copy)

    found = compare(ours, things)

    assert [one.kind for one in found] == told
    assert all((one.resource, one.project_id) == (None, 2) for one in found)


def test_copy_elsewhere_does_not_stand_for_what_is_gone(copied_elsewhere):
    ours, things, copy = copied_elsewhere
    things[Listing.SERVERS] = [copy]

    assert [one.kind for one in compare(ours, things)] == [DifferenceKind.CHARGED_BUT_ABSENT]


def test_copy_elsewhere_of_what_was_cleaned_up_is_not_left_of_it(copied_elsewhere):
    ours, _things, copy = copied_elsewhere

    assert compare([replace(ours[0], is_there=False)], {Listing.SERVERS: [copy]}) == []


def test_what_got_the_mark_of_another_is_still_itself(copied_elsewhere, monkeypatch):
    """Also where its own project is another: it is known by its id."""
    ours, things, copy = copied_elsewhere
    monkeypatch.setitem(
        PLACES, ELSEWHERE, Place(public_id=UUID(int=8), project_id=2, is_managed=True)
    )
    other = server(1, place=ELSEWHERE, project_id=2, spec={"flavor": "gp.small", "volume_gib": 0})
    marked = replace(copy, id="s-1", name="web-1")
    things[Listing.SERVERS].append(marked)

    (found,) = compare([*ours, other], things)

    assert (found.kind, found.field, found.resource) == (DifferenceKind.DIFFERS, "marker", 1)


def test_what_was_moved_to_another_project_is_ours_and_stands_wrong():
    ours, things = world(1)
    (disk,) = things[Listing.VOLUMES]
    things[Listing.VOLUMES] = [replace(disk, project=ELSEWHERE)]

    (found,) = compare(ours, things)

    assert (found.field, found.theirs) == ("project", ELSEWHERE)


def test_shared_mark_of_another_project_of_ours_is_strange_here():
    thing = CloudObject(
        id="n-1", name="x", status="ACTIVE", project=HERE,
        marker=write_marker(UUID(int=8), "network-intern"),
    )  # fmt: skip

    (found,) = compare([], {Listing.NETWORKS: [thing]})

    assert found.kind == DifferenceKind.UNKNOWN


def shared(number: int, listing: Listing = Listing.NETWORKS, part: str = "network-intern"):
    """One with the mark of what the project has once; the higher the number, the younger."""
    thing = CloudObject(
        id=f"n-{number}", name="x", status="ACTIVE", project=HERE,
        created_at=SINCE - timedelta(days=9 - number),
        marker=write_marker(UUID(int=7), part),
    )  # fmt: skip
    return {listing: [thing]}


@given(order=st.permutations([1, 2, 3]), page=st.integers(1, 3))
def test_only_the_oldest_with_a_shared_mark_is_the_project_s_own(order, page):
    things = {Listing.NETWORKS: [shared(number)[Listing.NETWORKS][0] for number in order]}

    found = compare([], things, page)

    assert {(one.kind, one.part) for one in found} == {(DifferenceKind.UNKNOWN, "network")}
    assert sorted(one.openstack_id for one in found) == ["n-2", "n-3"]


def test_one_that_is_listed_twice_is_one():
    things = {Listing.NETWORKS: shared(1)[Listing.NETWORKS] * 2}

    assert compare([], things, 1) == []


@pytest.mark.parametrize(
    ("listing", "part"),
    [
        (Listing.SERVERS, "server"),
        (Listing.NETWORKS, "router"),
        (Listing.SECURITY_GROUPS, "network-intern"),
    ],
)
def test_shared_mark_hides_nothing_else(listing, part):
    (found,) = compare([], shared(1, listing, part))

    assert (found.kind, found.part) == (DifferenceKind.UNKNOWN, "")


def test_environment_is_its_owners_own():
    places = {HERE: replace(PLACES[HERE], is_managed=False)}
    thing = CloudObject(id="s-1", name="x", status="ACTIVE", project=HERE)

    assert Comparison(PARTS, places, SINCE).meet(Listing.SERVERS, [thing], Known()) == []


def test_container_that_is_being_made_is_known_by_its_name():
    making = server(1, kind="container", name="archief", cloud_ids={}, is_settled=False)
    thing = CloudObject(id="archief", name="archief", status="ACTIVE", project=HERE)
    known = Known(by_id={(HERE, "archief"): making})

    assert Comparison(PARTS, PLACES, SINCE).meet(Listing.CONTAINERS, [thing], known) == []


@given(owner=st.uuids(), part=st.sampled_from(["server", "load_balancer", "network-intern"]))
def test_marker_reads_as_it_was_written(owner, part):
    marker = write_marker(owner, part)

    assert read_marker(marker) == (owner, part.replace("_", "-"))
    assert len(marker) <= 60


@pytest.mark.parametrize("text", ["", "cloudloket", "cloudloket-x-server", "cloudloket:1"])
def test_what_is_no_marker_of_ours_reads_as_none(text):
    assert read_marker(text) is None
