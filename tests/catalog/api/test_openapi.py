"""The description of the API: valid, complete, for everybody."""

import re

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.catalog.api.conftest import Api

pytestmark = pytest.mark.django_db


@pytest.fixture
def description(version, capsys):
    response = Api(None).get("/openapi.json", Accept="application/json")
    assert response.status_code == 200
    assert "Warning" not in capsys.readouterr().err
    return response.json()


def operations(description):
    for path, item in description["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def test_it_is_valid(description):
    OpenAPIV31SpecValidator(description).validate()


def test_it_says_whom_to_ask(description):
    assert description["info"]["contact"].keys() == {"name", "url", "email"}
    assert description["servers"] == [{"url": "http://127.0.0.1:8000/api/v1"}]


def test_every_address_is_in_it(description):
    assert set(description["paths"]) >= {
        "/offerings",
        "/offerings/{id}",
        "/orders",
        "/orders/{id}",
        "/orders/{id}/approvals",
        "/orders/{id}/withdrawal",
        "/approvals",
        "/resources",
        "/resources/{id}",
        "/resources/{id}/retirement",
        "/quotas",
        "/budgets",
        "/budgets/{id}/end",
        "/charges",
        "/statements",
        "/statements/{id}",
        "/focus/charges",
        "/focus/metadata",
        "/access-reviews",
        "/access-reviews/{id}",
        "/access-reviews/{id}/items",
    }


def test_parameters_of_what_is_on_offer_are_in_it(description):
    schemas = description["components"]["schemas"]

    assert schemas["OrderInput"]["properties"]["spec"]["anyOf"] == [
        {"$ref": "#/components/schemas/VirtualServerSpec"}
    ]
    assert set(schemas["VirtualServerSpec"]["required"]) == {
        "flavor",
        "image",
        "network",
        "volume_gib",
    }


def test_what_the_catalogue_offers_is_not_for_strangers(description):
    assert "Debian 12" not in str(description["components"])


def test_query_keys_are_camel_case(description):
    keys = {
        parameter["name"]
        for _, _, operation in operations(description)
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "query"
    }

    assert {"cursor", "pageSize", "state", "project"} <= keys
    assert all(re.fullmatch(r"[a-z][a-z\d]*([A-Z][a-z\d]*)*", key) for key in keys)


def test_every_operation_names_its_problems_and_the_version(description):
    for path, _, operation in operations(description):
        responses = operation["responses"]
        assert {"400", "401", "403", "500"} <= responses.keys()
        assert "{" not in path or "404" in responses
        assert all("API-Version" in response["headers"] for response in responses.values())
        assert responses["400"]["content"].keys() == {"application/problem+json"}


def test_key_is_a_required_header_of_ordering(description):
    parameters = description["paths"]["/orders"]["post"]["parameters"]

    assert [(item["name"], item["in"], item["required"]) for item in parameters] == [
        ("Idempotency-Key", "header", True)
    ]
