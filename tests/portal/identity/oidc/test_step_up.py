"""Acts that need a stronger or fresher login than the session has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import SplitResult, parse_qs, urlsplit

import pytest
from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest, HttpResponse, QueryDict
from django.test import Client, RequestFactory

from portal.core.errors import StrongerLoginNeeded
from portal.identity.middleware import LoginStrengthMiddleware
from portal.identity.models import Organization
from portal.identity.oidc.assurance import Assurance
from portal.identity.oidc.step_up import kept_input, step_up
from portal.identity.sensitive import ACTS, sensitive
from tests.portal.identity.oidc.fake_provider import LOW, FakeProvider, come_back, log_in, start

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _tree(ministry: Organization) -> None:
    """Every test here needs the organisations."""


@pytest.fixture(scope="module", autouse=True)
def _act() -> Iterator[None]:
    """The act of these tests, known for as long as they run."""
    global approve
    approve = sensitive("test.approve")(lambda: "approved")
    yield
    del ACTS["test.approve"]


@pytest.fixture
def weak(client: Client, provider: FakeProvider) -> Client:
    """A browser whose login does not reach for the act."""
    provider.changes["acr"] = LOW
    log_in(client, provider)
    return client


def opened(client: Client, address: str) -> HttpRequest:
    """A request of the browser for an address."""
    request = RequestFactory().get(address)
    request.session, request.user = client.session, get_user(client)
    return request


def approve_page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(approve())


def ask(client: Client, method: str = "GET", **headers: str) -> HttpResponse:
    """Ask for the page in the session of ``client``, as Django does: middleware around a view."""
    data = {"reason": "Prima", "csrfmiddlewaretoken": "secret"} if method == "POST" else None
    request = getattr(RequestFactory(), method.lower())(
        "/approvals/1/approve", data, headers=headers
    )
    request.session, request.user = client.session, get_user(client)
    middleware = LoginStrengthMiddleware(approve_page)
    try:
        response = middleware(request)
    except StrongerLoginNeeded as error:
        response = middleware.process_exception(request, error)
    request.session.save()
    return response


def next_of(response: HttpResponse) -> SplitResult:
    """Where somebody who steps up comes back to."""
    address = response.headers.get("HX-Redirect") or response["Location"]
    return urlsplit(parse_qs(urlsplit(address).query)["next"][0])


def test_fresh_and_strong_login_passes(client: Client, provider: FakeProvider) -> None:
    log_in(client, provider)

    assert ask(client).content == b"approved"


def test_work_that_no_request_asked_for_has_no_login_to_judge() -> None:
    assert approve() == "approved"


def test_an_act_has_one_declaration() -> None:
    with pytest.raises(ValueError, match=r"test\.approve"):
        sensitive("test.approve")


@pytest.mark.parametrize("weakness", [{"acr": LOW}, {"auth_time": 1}, {"auth_time": None}])
def test_weak_or_old_login_is_sent_to_the_provider_and_back(
    client: Client, provider: FakeProvider, weakness: dict[str, object]
) -> None:
    provider.changes.update(weakness)
    log_in(client, provider)

    address = urlsplit(ask(client)["Location"])

    assert address.path == "/login/local"
    assert parse_qs(address.query) == {
        "next": ["/approvals/1/approve"],
        "level": ["substantial"],
        "max_age": ["900"],
    }


def test_stranger_is_sent_to_choose_a_provider(client: Client) -> None:
    assert ask(client)["Location"].startswith("/login?next=")


def test_form_comes_back_to_the_page_it_stood_on_with_its_input(weak: Client) -> None:
    page = next_of(ask(weak, "POST", Referer="http://testserver/approvals/1?tab=2&kept=old"))

    query = parse_qs(page.query)
    assert (page.path, query["tab"]) == ("/approvals/1", ["2"])
    kept = kept_input(opened(weak, page.geturl()), "/approvals/1/approve")
    assert kept is not None
    assert kept.dict() == {"reason": "Prima"}


@pytest.mark.parametrize(
    ("path", "actions", "age"),
    [
        ("/approvals/1?kept=made-up", ["/approvals/1/approve"], 0),
        ("/approvals/1", ["/approvals/1/approve"], 0),
        ("{page}", ["/approvals/2/approve"], 0),
        ("{page}", [], 0),
        ("{page}", ["/approvals/1/approve"], 31 * 60),
    ],
    ids=["another token", "no token", "another order", "another form", "too long ago"],
)
def test_kept_input_is_shown_in_its_own_form_only(
    weak: Client, path: str, actions: list[str], age: int
) -> None:
    page = next_of(ask(weak, "POST", Referer="http://testserver/approvals/1"))
    request = opened(weak, path.format(page=page.geturl()))
    request.session["kept_input"]["at"] -= age

    assert kept_input(request, *actions) is None


def test_form_too_long_to_keep_comes_back_empty(weak: Client) -> None:
    request = RequestFactory().post("/approvals/1/approve", {"reason": "x" * 70_000})
    request.session, request.user = weak.session, get_user(weak)

    response = step_up(request, settings.SENSITIVE_LOGIN)

    assert next_of(response).geturl() == "/approvals"
    assert "kept_input" not in request.session


@pytest.mark.parametrize("referer", ["https://evil.example/x", "", "http://testserver//evil"])
def test_form_that_does_not_say_where_it_stood_comes_back_to_its_own_address(
    weak: Client, referer: str
) -> None:
    """It leads on from there, where there is no page: test_sensitive_acts looks at every act."""
    page = next_of(ask(weak, "POST", Referer=referer))

    assert page.path == "/approvals/1/approve"
    assert kept_input(opened(weak, page.geturl())) == QueryDict("reason=Prima")


def test_stranger_who_sent_a_form_comes_back_to_the_page_above(client: Client) -> None:
    """Nothing of theirs is kept, so there is nothing that their form would show."""
    order = "/approvals/0b6f7c1e-3f52-4a5e-9f1a-0f6d2f0f5a11"
    request = RequestFactory().post(f"{order}/approve")
    request.session, request.user = client.session, get_user(client)

    assert next_of(step_up(request, settings.SENSITIVE_LOGIN)).path == order


def test_htmx_gets_a_header_instead_of_a_redirect(client: Client) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/approvals"}

    response = ask(client, "POST", **headers)

    assert response.status_code == 200
    assert next_of(response).path == "/approvals"


def test_step_up_asks_for_the_level_and_the_age(client: Client, provider: FakeProvider) -> None:
    parameters = start(client, provider, "?next=/orders&level=substantial&max_age=900")

    assert LOW not in parameters["acr_values"].split()
    assert parameters["max_age"] == "900"


def test_nobody_is_sent_for_a_level_that_the_provider_does_not_have(
    client: Client, provider: FakeProvider, agree_on: Callable[..., None]
) -> None:
    agree_on(assurance={LOW: Assurance.LOW})

    response = client.get("/login/local?level=high&max_age=900")

    assert (response.status_code, b"assurance_too_low" in response.content) == (403, True)


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
    assert ask(client).content == b"approved"


@pytest.mark.parametrize("query", ["?level=made-up", "?level=high&max_age=-1", "?max_age=x"])
def test_garbled_demand_in_the_address_does_no_harm(
    client: Client, provider: FakeProvider, query: str
) -> None:
    assert "max_age" not in start(client, provider, query)
