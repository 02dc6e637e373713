"""The catalogue through the API, with the schema that an order's spec must follow."""

from uuid import uuid4

import pytest
from openapi_schema_validator import OAS31Validator

from tests.catalog.api.conftest import assert_problem
from tests.factories import SPEC, withdrawn

pytestmark = pytest.mark.django_db


def test_it_says_what_can_be_ordered(as_requester, version):
    (shown,) = as_requester.get("/offerings").json()["results"]

    assert shown == {
        "id": str(version.offering.public_id),
        "code": "virtual-server",
        "kind": "server",
        "version": 1,
        "name": "Virtuele server",
        "description": "Een server.",
        "documentation_url": "",
        "price_list_url": "",
        "cloud": {
            "key": "sovereign",
            "name": "Overheidsdatacenter Noord",
            "region": "nl-west-1",
        },
        "approval_days": 14,
        "maximum_term_days": None,
        "grace_days": 14,
    }


def test_name_is_in_the_language_that_is_asked_for(as_requester, version):
    response = as_requester.get("/offerings", **{"Accept-Language": "en"})

    assert response.json()["results"][0]["name"] == "Virtual server"


def test_schema_accepts_what_an_order_accepts(as_requester, version):
    detail = as_requester.get(f"/offerings/{version.offering.public_id}").json()
    schema = OAS31Validator(detail["parameters"])

    assert schema.is_valid(SPEC)
    assert schema.is_valid({**SPEC, "ssh_public_key": None})
    assert not schema.is_valid({**SPEC, "volume_gib": 9})
    assert not schema.is_valid({**SPEC, "volume_gib": "40"})
    assert not schema.is_valid({**SPEC, "flavor": "unknown"})
    assert not schema.is_valid({**SPEC, "unknown": 1})
    assert not schema.is_valid({**SPEC, "ssh_public_key": "x"})
    assert detail["parameters"]["properties"]["volume_gib"]["default"] == 40


def test_filter_by_code(as_requester, version):
    assert len(as_requester.get("/offerings", {"code": "virtual-server"}).json()["results"]) == 1
    assert as_requester.get("/offerings", {"code": "volume"}).json()["results"] == []


def test_what_is_not_published_does_not_exist(as_requester, version):
    withdrawn(version)

    assert as_requester.get("/offerings").json()["results"] == []
    assert_problem(as_requester.get(f"/offerings/{version.offering.public_id}"), 404, "not_found")
    assert_problem(as_requester.get(f"/offerings/{uuid4()}"), 404, "not_found")


def test_query_count(as_requester, version, django_assert_num_queries):
    with django_assert_num_queries(4):
        as_requester.get("/offerings")
