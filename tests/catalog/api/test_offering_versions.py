"""Making the catalogue by program: the same rules, the same two people."""

import json

import pytest

from catalog.models import OfferingVersion, OfferingVersionState
from tests.catalog.api.conftest import Api, assert_problem
from tests.factories import CloudFactory, make_organization

pytestmark = pytest.mark.django_db
NEW = {
    "code": "disk",
    "kind": "volume",
    "cloud": "sovereign",
    "name_nl": "Schijf",
    "name_en": "Disk",
    "description_nl": "Opslag.",
    "description_en": "Storage.",
}


@pytest.fixture
def drafter(platform):
    return Api(platform.drafter)


def content_of(shown, **changes):
    """What may be sent back of what was shown."""
    names = (
        *("name_nl", "name_en", "description_nl", "description_en"),
        *("documentation_url", "price_list_url", "choices"),
        *("approval_days", "compensate_after_hours", "maximum_term_days", "grace_days"),
    )
    return {**{name: shown[name] for name in names}, "visible_to": [], **changes}


def put(api, shown, **changes):
    return api.client.put(
        f"/api/v1/offering-versions/{shown['id']}",
        json.dumps(content_of(shown, **changes)),
        content_type="application/json",
    )


def test_from_nothing_to_published(platform, drafter, version):
    tenant = make_organization()
    shown = drafter.post("/offering-versions", NEW).json()
    bounds = {"minimum": 1, "maximum": 100, "default": 10}
    choices = {"volume_types": ["standard"], "volume_gib": bounds}
    kept = put(drafter, shown, choices=choices, visible_to=[str(tenant.public_id)])
    assert kept.status_code == 200
    assert kept.json()["visible_to"][0]["id"] == str(tenant.public_id)

    proposed = drafter.post(f"/offering-versions/{shown['id']}/publications")
    (publication,) = proposed.json()["publications"]
    address = f"/offering-versions/{shown['id']}/publications/{publication['id']}/decision"
    own = drafter.post(address, {"decision": "published"})
    assert_problem(own, 403, "own_publication")
    done = Api(platform.administrator).post(address, {"decision": "published"})

    assert done.json()["state"] == "published"
    assert OfferingVersion.objects.get(offering__code="disk").choices == choices


def test_what_is_not_ready_says_what_lacks(drafter):
    CloudFactory()
    shown = drafter.post("/offering-versions", NEW).json()

    refused = drafter.post(f"/offering-versions/{shown['id']}/publications")

    assert_problem(refused, 422, "offering_not_ready")
    assert "volume.standard" in refused.json()["detail"]


@pytest.mark.parametrize(
    "changes",
    [
        {"name_nl": ""},
        {"documentation_url": "http://x.nl"},
        {"choices": {"volume_gib": 1}},
        {"visible_to": ["5f0f7c9e-3c1b-4d3a-9a55-0a8f5a1f9a01"]},
        {"visible_to": "x"},
        {"approval_days": 0},
        {"approval_days": 10**20},
        {"state": "published"},
    ],
)
def test_what_cannot_be_kept_is_refused(drafter, draft, changes):
    shown = drafter.get(f"/offering-versions/{draft.public_id}").json()

    assert put(drafter, shown, **changes).status_code in {400, 422}
    draft.refresh_from_db()
    assert draft.name_nl == "Server, vernieuwd"


def test_a_cloud_or_kind_that_does_not_exist_is_refused(drafter):
    CloudFactory()

    assert drafter.post("/offering-versions", {**NEW, "cloud": "other"}).status_code == 400
    assert drafter.post("/offering-versions", {**NEW, "kind": "castle"}).status_code == 400
    assert not OfferingVersion.objects.exists()


def test_withdrawing_leaves_no_way_to_order(platform, drafter, version):
    api = Api(platform.colleague)

    answer = api.post(f"/offering-versions/{version.public_id}/withdrawal")

    assert answer.json()["state"] == OfferingVersionState.WITHDRAWN
    assert answer.json()["withdrawn_by"]["name"] == "Ruben Prins"
    assert api.get("/offerings").json()["results"] == []
    copy = drafter.post(f"/offering-versions/{version.public_id}/copies")
    assert (copy.status_code, copy.json()["number"]) == (201, 2)


def test_query_count(drafter, draft, django_assert_num_queries):
    drafter.get("/offering-versions")
    with django_assert_num_queries(8):
        assert len(drafter.get("/offering-versions").json()["results"]) == 2
