"""What holds at every address: login, headers, shape of errors, methods, pages."""

import re

import pytest
from django.test import Client

from portal.identity.models import Role
from tests.catalog.api.conftest import ROOT, Api, assert_problem
from tests.factories import UNKNOWN_ID, place

pytestmark = pytest.mark.django_db
LISTS = ["/offerings", "/orders", "/approvals", "/resources", "/quotas", "/sessions"]
ADDRESSES = [*LISTS, "/budgets", "/charges", "/role-grants", "/access-reviews"]
POSTS = [
    "/orders",
    f"/orders/{UNKNOWN_ID}/approvals",
    f"/orders/{UNKNOWN_ID}/withdrawal",
    f"/resources/{UNKNOWN_ID}/retirement",
]


class TestStranger:
    @pytest.mark.parametrize(
        "path", [*ADDRESSES, f"/orders/{UNKNOWN_ID}", f"/resources/{UNKNOWN_ID}"]
    )
    def test_reads_nothing(self, path):
        response = Api(None).get(path)

        assert_problem(response, 401, "not_authenticated")
        assert response["WWW-Authenticate"].startswith("Session")

    @pytest.mark.parametrize("path", POSTS)
    def test_changes_nothing(self, path):
        assert_problem(Api(None).post(path, {}), 401, "not_authenticated")


class TestAnotherSite:
    @pytest.mark.parametrize("path", POSTS)
    def test_cannot_post_with_our_login(self, as_requester, path):
        forged = Client(enforce_csrf_checks=True)
        forged.cookies = as_requester.client.cookies

        response = forged.post(f"{ROOT}{path}", "{}", content_type="application/json")

        assert_problem(response, 403, "csrf_failed")

    def test_our_own_script_can(self, as_requester):
        ours = Client(enforce_csrf_checks=True)
        ours.cookies = as_requester.client.cookies
        page = ours.get("/")

        response = ours.post(
            f"{ROOT}/orders",
            "{}",
            content_type="application/json",
            headers={"X-CSRFToken": str(page.context["csrf_token"])},
        )

        assert_problem(response, 400, "invalid_input", "Idempotency-Key")


class TestErrors:
    @pytest.mark.parametrize("path", ["/", "/order", "/orders/", "/orders/1/2", "/openapi.json/"])
    def test_unknown_address(self, as_requester, path):
        assert_problem(as_requester.get(path), 404, "not_found")
        assert_problem(as_requester.post(path), 404, "not_found")

    def test_outside_the_version(self, client):
        assert_problem(client.get("/api/v2/orders"), 404, "not_found")
        assert_problem(client.get("/api/v1"), 404, "not_found")

    @pytest.mark.parametrize("path", ADDRESSES)
    @pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "trace"])
    def test_unknown_method(self, as_requester, path, method):
        response = getattr(as_requester.client, method)(f"{ROOT}{path}")

        assert_problem(response, 405, "method_not_allowed")
        assert "GET" in response["Allow"]

    @pytest.mark.parametrize("accepted", ["text/html", "application/xml", "image/png"])
    def test_unknown_type(self, as_requester, accepted):
        response = as_requester.get("/orders", Accept=accepted)

        assert_problem(response, 406, "not_acceptable")

    def test_format_in_the_query_is_a_mistake(self, as_requester):
        assert_problem(as_requester.get("/orders", {"format": "api"}), 404, "not_found")

    def test_defect_shows_nothing_of_itself(self, as_requester, monkeypatch):
        def break_down(person):
            raise RuntimeError("secret detail")

        monkeypatch.setattr("catalog.api.views.visible_orders", break_down)

        response = as_requester.get("/orders")

        problem = assert_problem(response, 500, "server_error")
        assert re.fullmatch(r"urn:cloudloket:CL-[A-Z0-9]{4}-[A-Z0-9]{4}", problem["instance"])
        assert b"secret" not in response.content

    def test_host_that_is_not_ours(self, as_requester):
        response = as_requester.get("/orders", Host="evil.example")

        assert_problem(response, 400, "bad_request")


class TestHeaders:
    @pytest.mark.parametrize("path", ["/orders", "/unknown", "/openapi.json"])
    def test_every_answer_has_them(self, as_requester, path):
        headers = as_requester.get(path).headers

        assert headers["API-Version"] == "1.0.0"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"

    def test_pages_do_not_have_the_version(self, as_requester):
        assert "API-Version" not in as_requester.client.get("/").headers

    def test_only_the_description_is_for_every_origin(self, as_requester):
        origin = {"Origin": "https://elsewhere.example"}

        description = as_requester.get("/openapi.json", **origin)
        assert description["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Origin" not in as_requester.get("/orders", **origin).headers


class TestPages:
    @pytest.fixture
    def five(self, requester, project, version):
        return [place(requester, project, version) for _ in range(5)]

    def follow(self, api, path):
        pages = [api.get(path, {"pageSize": "2"}).json()]
        while pages[-1]["next"]:
            pages.append(api.client.get(pages[-1]["next"]).json())
        return pages

    def test_they_hold_everything_once(self, as_requester, five):
        pages = self.follow(as_requester, "/orders")

        assert [len(page["results"]) for page in pages] == [2, 2, 1]
        numbers = [item["number"] for page in pages for item in page["results"]]
        assert numbers == sorted((order.number for order in five), reverse=True)
        back = as_requester.client.get(pages[2]["previous"]).json()
        assert back["results"] == pages[1]["results"]

    def test_cursor_of_one_list_is_none_of_another(self, as_requester, five):
        cursor = self.follow(as_requester, "/orders")[0]["next"].split("cursor=")[1].split("&")[0]

        response = as_requester.get("/resources", {"cursor": cursor})

        assert_problem(response, 400, "invalid_input", "cursor")

    def test_counters_are_paged_too(self, as_requester, project):
        pages = self.follow(as_requester, "/quotas")

        metrics = [item["metric"] for page in pages for item in page["results"]]
        assert metrics == sorted(set(metrics))
        assert len(metrics) == 13


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("path", LISTS)
def test_every_role_may_read_the_lists(as_role, role, path):
    assert as_role(role).get(path).status_code == 200
