"""A stranger logs in first, wherever they come in, and then goes on with what they did."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from catalog.models import Order
from portal.identity.models import Role
from portal.identity.oidc.session import LAST_SEEN
from portal.identity.oidc.step_up import KEPT_SECONDS
from tests.factories import PersonFactory, grant, place
from tests.logins import log_in

pytestmark = pytest.mark.django_db

OPEN_TO_ALL = {
    "health-live",
    "health-ready",
    "security-txt",
    "login",
    "break-glass",
    "logout",
    "set-language",
    "start-local",
    "callback-local",
    "backchannel-logout-local",
}
FORM = "/catalogue/virtual-server/order"
# What stands where a browser writes the address of its page.
NO_ADDRESSES = [
    "http://[",
    "//[",
    "http://testserver]/x",
    "http://[v1.x]/",
    "http://test\u2100server/",  # a sign that would become "a/c"
    "http://testserver\\@x/",
    "http://testserver//evil.example/x",
    "data:,",
    "x" * 9000,
]


def addresses(resolver: URLResolver) -> Iterator[URLPattern]:
    for item in resolver.url_patterns:
        if isinstance(item, URLResolver):
            yield from addresses(item)
        else:
            yield item


def next_of(response: HttpResponse) -> str:
    """Where somebody who logs in comes back to."""
    address = urlsplit(response.headers.get("HX-Redirect") or response.headers["Location"])
    assert address.path == reverse("identity:login")
    return parse_qs(address.query)["next"][0]


def test_every_page_asks_for_a_login_but_those_that_lead_to_one() -> None:
    """The API answers a stranger itself, with a 401."""
    of_the_api = {"/api/v1/"}
    patterns = [
        item
        for resolver in get_resolver().url_patterns
        for item in (addresses(resolver) if isinstance(resolver, URLResolver) else [resolver])
        if f"/{resolver.pattern}" not in of_the_api
    ]

    open_to_all = {
        item.name for item in patterns if not getattr(item.callback, "login_required", True)
    }
    assert open_to_all == OPEN_TO_ALL
    assert len(patterns) > len(OPEN_TO_ALL)


@pytest.mark.parametrize("method", ["get", "head"])
def test_a_page_comes_back_with_its_question(client: Client, method: str) -> None:
    response = getattr(client, method)("/orders?state=expired")

    assert next_of(response) == "/orders?state=expired"


@pytest.mark.parametrize("address", NO_ADDRESSES)
@pytest.mark.parametrize("header", ["HX-Current-URL", "Referer"])
class TestBrowserThatSaysNonsense:
    """A header is whatever somebody sends, before anybody knows who they are."""

    @pytest.mark.parametrize("method", ["get", "post"])
    def test_a_stranger_logs_in_first(self, client, header, address, method):
        headers = {"HX-Request": "true", header: address}
        response = getattr(client, method)("/orders", headers=headers)

        assert next_of(response) == "/"

    def test_a_form_comes_back_to_its_own_address(self, client, administrator, header, address):
        log_in(client, administrator, age_seconds=3600)
        response = client.post("/access-reviews", {"scope": "all"}, headers={header: address})

        assert response.status_code < 500

    def test_a_page_after_a_form_has_its_way_back(self, client, administrator, header, address):
        response = log_in(client, administrator).post("/role-proposals", headers={header: address})

        assert response.status_code == 405
        assert "evil.example" not in response.content.decode()


class TestSessionThatIsGone:
    """Between opening a form and sending it, as at the end of a working day."""

    @pytest.fixture
    def order(self, requester, project, version) -> Order:
        return place(requester, project, version)

    def send_too_late(self, client, person, address, data, *, page, **headers):
        session = log_in(client, person).session
        session[LAST_SEEN] = 0
        session.save()
        return client.post(
            address, data, headers={"Referer": f"http://testserver{page}", **headers}
        )

    def test_the_answer_to_a_form_leads_back_to_the_page_of_the_form(self, client, approver, order):
        page = reverse("catalog:approval", args=[order.public_id])
        sent = self.send_too_late(
            client, approver, f"{page}/reject", {"reason": "Te groot voor dit doel"}, page=page
        )

        back = next_of(sent)
        shown = log_in(client, approver).get(back)

        assert urlsplit(back).path == page
        assert "Te groot voor dit doel" in shown.content.decode()

    def test_even_where_that_page_was_itself_an_answer(self, client, approver, order):
        page = reverse("catalog:approval", args=[order.public_id])
        sent = self.send_too_late(
            client, approver, f"{page}/reject", {"reason": "Te groot"}, page=f"{page}/reject"
        )

        shown = log_in(client, approver).get(next_of(sent), follow=True)

        assert shown.redirect_chain == [(f"{page}?kept={shown.request['QUERY_STRING'][5:]}", 302)]
        assert "Te groot" in shown.content.decode()

    @pytest.mark.parametrize("address", [FORM, f"{FORM}/preview"])
    @pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
    def test_a_long_form_keeps_everything(
        self, client, requester, project, version, address, headers
    ):
        current = {"HX-Current-URL": f"http://testserver{FORM}"} if headers else {}
        answers = {"name": "zaak-app-77", "purpose": "Piek", "project": str(project.public_id)}
        sent = self.send_too_late(
            client, requester, address, answers, page=FORM, **headers, **current
        )

        text = log_in(client, requester).get(next_of(sent)).content.decode()

        assert 'value="zaak-app-77"' in text
        assert not Order.objects.exists()

    def test_nothing_is_done_by_coming_back(self, client, requester, order):
        page = reverse("catalog:order", args=[order.public_id])
        sent = self.send_too_late(client, requester, f"{page}/withdraw", {}, page=page)

        assert log_in(client, requester).get(next_of(sent)).status_code == 200
        order.refresh_from_db()
        assert order.state == "pending_approval"

    def test_what_was_typed_is_not_kept_for_long(self, client, requester, version):
        self.send_too_late(client, requester, FORM, {"name": "zaak-app"}, page=FORM)

        assert client.session.get_expiry_age() <= KEPT_SECONDS

    def test_who_logs_in_next_finds_nothing_of_somebody_else(
        self, client, requester, project, version
    ):
        colleague = PersonFactory()
        grant(colleague, Role.REQUESTER, project)
        answers = {"name": "zaak-app-77", "project": str(project.public_id)}
        sent = self.send_too_late(client, requester, FORM, answers, page=FORM)
        text = log_in(client, colleague).get(next_of(sent)).content.decode()

        assert "zaak-app-77" not in text


class TestAddressThatIsNoPage:
    def test_it_says_so_and_leads_to_the_page(self, client, requester, project, version):
        order = place(requester, project, version)
        page = reverse("catalog:order", args=[order.public_id])

        response = log_in(client, requester).get(f"{page}/withdraw")

        assert response.status_code == 405
        assert response.headers["Allow"] == "POST"
        assert f'href="{page}"' in response.content.decode()

    def test_it_says_nothing_about_what_is_there(self, client):
        response = log_in(client, PersonFactory()).get(f"/orders/{uuid4()}/withdraw")

        assert response.status_code == 405
