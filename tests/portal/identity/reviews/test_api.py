"""Reviews for programs: to read, and only what their person sees."""

from uuid import uuid4

import pytest

from portal.identity.models import ReviewItem, Role
from portal.identity.services.reviews import keep_grants
from tests.catalog.api.conftest import Api, assert_problem
from tests.factories import PersonFactory
from tests.portal.identity.reviews.conftest import give, item_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign(opened, administrator, colleague, auditor, worker):
    return opened()


def address(campaign, below=""):
    return f"/access-reviews/{campaign.public_id}{below}"


def test_the_auditor_follows_a_review(campaign, administrator, auditor, worker):
    keep_grants(campaign.public_id, [item_of(campaign, worker).public_id], reviewer=administrator)
    api = Api(auditor)

    (listed,) = api.get("/access-reviews").json()["results"]
    assert listed == api.get(address(campaign)).json()
    assert (listed["scope"], listed["organization"]["name"]) == ("all", "Ministerie")
    assert (listed["role_count"], listed["undecided_count"]) == (4, 3)
    assert listed["closed_at"] is None

    items = api.get(address(campaign, "/items"), {"decision": "keep"}).json()["results"]
    (item,) = items
    assert (item["person"]["name"], item["role"], item["decision"]) == (
        "Daan de Vries",
        "requester",
        "keep",
    )
    assert item["decided_by"]["id"] == str(administrator.public_id)


def test_what_is_not_decided_has_no_decision(campaign, auditor):
    items = Api(auditor).get(address(campaign, "/items"), {"role": "auditor"}).json()["results"]

    assert [(item["decision"], item["decided_by"], item["decided_at"]) for item in items] == [
        (None, None, None)
    ]


@pytest.mark.parametrize(
    "role", [role for role in Role if role not in {"quota_administrator", "auditor"}]
)
def test_other_roles_see_none(campaign, ministry, role):
    person = PersonFactory()
    give(person, role, ministry)

    assert_problem(Api(person).get("/access-reviews"), 403, "permission_denied")
    for path in (address(campaign), address(campaign, "/items")):  # as the page says
        assert_problem(Api(person).get(path), 404, "not_found")


def test_another_organization_finds_nothing(campaign, elsewhere):
    other = PersonFactory()
    for role in Role:
        give(other, role, elsewhere)
    api = Api(other)

    assert api.get("/access-reviews").json()["results"] == []
    for path in (address(campaign), address(campaign, "/items"), f"/access-reviews/{uuid4()}"):
        assert_problem(api.get(path), 404, "not_found")


def test_a_part_is_seen_as_that_part(campaign, directorate, worker):
    below = PersonFactory()
    give(below, Role.QUOTA_ADMINISTRATOR, directorate)
    api = Api(below)

    assert api.get(address(campaign)).json()["role_count"] == 1
    items = api.get(address(campaign, "/items")).json()["results"]
    assert [item["person"]["id"] for item in items] == [str(worker.public_id)]


@pytest.mark.parametrize("below", ["", "/items"])
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_a_program_decides_nothing(campaign, administrator, below, method):
    response = getattr(Api(administrator).client, method)(
        f"/api/v1{address(campaign, below)}", "{}", content_type="application/json"
    )

    assert_problem(response, 405, "method_not_allowed")
    assert not ReviewItem.objects.exclude(decision="").exists()


@pytest.mark.parametrize("query", [{"decision": "perhaps"}, {"person": "x"}])
def test_a_filter_that_means_nothing_is_refused(campaign, auditor, query):
    response = Api(auditor).get(address(campaign, "/items"), query)

    assert_problem(response, 400, "invalid_input", *query)


def test_a_stranger_reads_nothing(campaign):
    for path in ("/access-reviews", address(campaign), address(campaign, "/items")):
        assert_problem(Api(None).get(path), 401, "not_authenticated")


def test_as_many_queries_for_many(opened, administrator, ministry, django_assert_max_num_queries):
    for _number in range(60):
        give(PersonFactory(), Role.FINANCE, ministry)
    campaign = opened()
    api = Api(administrator)

    with django_assert_max_num_queries(12):
        assert len(api.get(address(campaign, "/items")).json()["results"]) == 50
