"""What a list of the cloud tells too much or too little is put right before anybody sees it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from portal.cloud.openstack.containers import Containers
from portal.cloud.openstack.listings import Listings
from portal.cloud.openstack.zones import Zones
from portal.cloud.ports import LARGEST_PAGE, Listing
from tests.portal.cloud.openstack_server import PROJECT

MARKER = "cloudloket-0123456789abcdef0123456789abcdef-zone"


def zone(of_project: str) -> Any:
    facts = {"name": "x.nl.", "status": "ACTIVE", "created_at": None, "description": MARKER}
    return SimpleNamespace(id=f"of-{of_project}", project_id=of_project, **facts)


@pytest.fixture
def zones() -> Zones:
    """Designate lists what another project shares with this one, whatever mark that has."""
    dns = SimpleNamespace(zones=lambda **_filter: [zone("somebody-else"), zone(PROJECT)])
    return Zones(SimpleNamespace(in_project=lambda project: SimpleNamespace(dns=dns)))


def test_zone_that_another_project_shares_is_not_found_by_its_mark(zones):
    assert [found.id for found in zones.find_zones(PROJECT, MARKER)] == [f"of-{PROJECT}"]


def test_zone_that_another_project_shares_is_not_listed(zones):
    assert [found.id for found in zones.list_zones(PROJECT)] == [f"of-{PROJECT}"]


class Glance:
    """Tells hidden images to who asks for those alone; two on a page."""

    def __init__(self, shown: int, hidden: int) -> None:
        self.ids = {
            "": [f"shown-{number}" for number in range(shown)],
            "true": [f"hidden-{number}" for number in range(hidden)],
        }

    def get(self, path: str, *, params: dict[str, str], headers: Any) -> Any:
        ids = self.ids[params.get("os_hidden", "")]
        start = ids.index(params["marker"]) + 1 if "marker" in params else 0
        limit = int(params["limit"])
        body: dict[str, Any] = {
            "images": [{"id": one, "owner": PROJECT} for one in ids[start : start + limit]]
        }
        if start + limit < len(ids):
            body["next"] = "/images?marker=…"
        return SimpleNamespace(json=lambda: body, status_code=200)


@pytest.mark.parametrize(("shown", "hidden"), [(0, 0), (0, 3), (3, 0), (4, 5), (2, 2)])
def test_hidden_images_are_listed_after_the_others(shown, hidden):
    cloud = SimpleNamespace(image=Glance(shown, hidden), current_location=None)
    listings = Listings(SimpleNamespace(over_all=lambda: cloud))
    found, after, pages = [], "", 0
    while after or not pages:
        page = listings.list_page(Listing.IMAGES, after=after, limit=2)
        found += [thing.id for thing in page.things]
        after, pages = page.after, pages + 1

    assert found == cloud.image.ids[""] + cloud.image.ids["true"]
    assert pages == max(1, -(-shown // 2)) + max(1, -(-hidden // 2))


@pytest.mark.parametrize(("stored", "told"), [(0, 0), (1, 1), (1024**3, 1), (1024**3 + 1, 2)])
def test_what_a_container_holds_is_listed_in_gib_rounded_up(stored, told):
    row = {"name": "archief", "count": 1, "bytes": stored}
    answer = SimpleNamespace(json=lambda: [row], content=b"[{}]", status_code=200)
    cloud = SimpleNamespace(object_store=SimpleNamespace(get=lambda path, *, params: answer))
    listings = Listings(SimpleNamespace(in_project=lambda project: cloud))

    (found,) = listings.list_page(Listing.CONTAINERS, project=PROJECT).things

    assert found.details == {"used_gib": told}


class Swift:
    """Lists an account by pages of as many as was asked for."""

    def __init__(self, containers: int) -> None:
        self.rows = [{"name": f"{number:05}", "bytes": number} for number in range(containers)]
        self.asked = 0

    def get(self, path: str, *, params: dict[str, str]) -> Any:
        self.asked += 1
        left = [row for row in self.rows if row["name"] > params.get("marker", "")]
        page = left[: int(params["limit"])]
        return SimpleNamespace(json=lambda: page, content=page and b"[{}]", status_code=200)


@pytest.mark.parametrize(
    ("containers", "pages"), [(0, 1), (1, 1), (LARGEST_PAGE, 2), (LARGEST_PAGE + 1, 2)]
)
def test_bytes_of_all_containers_are_counted_page_by_page(containers, pages):
    swift = Swift(containers)
    cloud = SimpleNamespace(object_store=swift)
    counting = Containers(SimpleNamespace(in_project=lambda project: cloud))

    assert counting.container_bytes(PROJECT) == {row["name"]: row["bytes"] for row in swift.rows}
    assert swift.asked == pages
