"""Acts that need a stronger or fresher login than the session has."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from portal.identity.models import Organization
from portal.identity.oidc.step_up import StrongerLoginNeeded, check_assurance, require_assurance
from tests.portal.identity.oidc.fake_provider import LOW, FakeProvider, come_back, log_in, start

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _tree(ministry: Organization) -> None:
    """Every test here needs the organisations."""


@require_assurance()
def approve(request: HttpRequest) -> HttpResponse:
    return HttpResponse("approved")


def request_of(client: Client, method: str = "GET", **headers: str) -> HttpRequest:
    """A request in the session of ``client``."""
    request = RequestFactory().generic(method, "/orders/1?tab=2", headers=headers)
    request.session = client.session
    return request


def test_fresh_and_strong_login_passes(client: Client, provider: FakeProvider) -> None:
    log_in(client, provider)

    assert approve(request_of(client)).content == b"approved"
    check_assurance(request_of(client))


@pytest.mark.parametrize("weakness", [{"acr": LOW}, {"auth_time": 1}, {"auth_time": None}])
def test_weak_or_old_login_is_sent_to_the_provider_and_back(
    client: Client, provider: FakeProvider, weakness: dict[str, object]
) -> None:
    provider.changes.update(weakness)
    log_in(client, provider)

    response = approve(request_of(client))

    address = urlsplit(response["Location"])
    assert address.path == "/login/local"
    assert parse_qs(address.query) == {
        "next": ["/orders/1?tab=2"],
        "level": ["substantial"],
        "max_age": ["900"],
    }
    with pytest.raises(StrongerLoginNeeded):
        check_assurance(request_of(client))


def test_stranger_is_sent_to_choose_a_provider(client: Client) -> None:
    assert approve(request_of(client))["Location"].startswith("/login?next=")


def test_form_comes_back_to_the_page_it_stood_on(client: Client, provider: FakeProvider) -> None:
    provider.changes["acr"] = LOW
    log_in(client, provider)

    response = approve(request_of(client, "POST", Referer="http://testserver/orders/1"))

    assert parse_qs(urlsplit(response["Location"]).query)["next"] == ["/orders/1"]


@pytest.mark.parametrize("referer", ["https://evil.example/x", "", "http://testserver//evil"])
def test_form_from_elsewhere_comes_back_home(client: Client, referer: str) -> None:
    response = approve(request_of(client, "POST", Referer=referer))

    assert parse_qs(urlsplit(response["Location"]).query)["next"] == ["/"]


def test_htmx_gets_a_header_instead_of_a_redirect(client: Client) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/approvals"}

    response = approve(request_of(client, "POST", **headers))

    assert response.status_code == 200
    assert "next=%2Fapprovals" in response["HX-Redirect"]


def test_step_up_asks_for_the_level_and_the_age(client: Client, provider: FakeProvider) -> None:
    parameters = start(client, provider, "?next=/orders&level=substantial&max_age=900")

    assert LOW not in parameters["acr_values"].split()
    assert parameters["max_age"] == "900"


def test_step_up_that_brings_too_little_is_refused_and_keeps_the_login(
    client: Client, provider: FakeProvider
) -> None:
    provider.changes["acr"] = LOW
    log_in(client, provider)

    response = log_in(client, provider, "?level=substantial&max_age=900")

    assert response.status_code == 403
    assert b"assurance_too_low" in response.content
    assert client.session["login"]["level"] == 1


@pytest.mark.parametrize("auth_time", [1, None], ids=["old", "missing"])
def test_step_up_must_be_as_fresh_as_was_asked(
    client: Client, provider: FakeProvider, auth_time: int | None
) -> None:
    provider.changes["auth_time"] = auth_time

    assert log_in(client, provider, "?level=substantial&max_age=900").status_code == 403


def test_step_up_succeeds(client: Client, provider: FakeProvider) -> None:
    provider.changes["acr"] = LOW
    log_in(client, provider)
    provider.changes.clear()

    state = start(client, provider, "?next=/orders/1&level=substantial&max_age=900")["state"]

    assert come_back(client, state)["Location"] == "/orders/1"
    assert approve(request_of(client)).content == b"approved"


@pytest.mark.parametrize("query", ["?level=made-up", "?level=high&max_age=-1", "?max_age=x"])
def test_garbled_demand_in_the_address_does_no_harm(
    client: Client, provider: FakeProvider, query: str
) -> None:
    assert "max_age" not in start(client, provider, query)
