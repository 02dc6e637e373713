"""A whole on the pages: one tile, one form, one decision, and what waits for what."""

import re
from uuid import uuid4

import pytest
from django.urls import reverse

from catalog.models import (
    Assembly,
    Operation,
    OperationState,
    Order,
    OrderState,
    ResourceState,
)
from catalog.services.approvals import approve_order
from portal.cloud.ports import CloudRefused
from tests.catalog.blueprints.conftest import ANSWERS
from tests.logins import log_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(client, requester, version):
    log_in(client, requester)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


@pytest.fixture
def answers(project):
    return {
        **ANSWERS,
        "ssh_public_key": "",
        "idempotency_key": str(uuid4()),
        "project": str(project.public_id),
        "cards_for": str(project.public_id),
        "name": "zaak",
        "purpose": "Zaken behandelen",
        "end_date": "",
    }


def page(browser, name, *args, **query):
    return browser.get(reverse(f"catalog:{name}", args=args), query)


def text_of(response):
    return re.sub(r"[ \n]+", " ", response.content.decode())


class TestOrdering:
    def test_the_catalogue_has_one_tile_with_one_price(self, browser, blueprint):
        text = text_of(page(browser, "catalogue"))

        assert "Web application" in text
        assert "102.09" in text

    def test_the_form_asks_what_the_parts_ask(self, browser, blueprint):
        text = text_of(page(browser, "order-form", "web-application"))

        for words in ("Size of the servers", "Disk for the database", "Domain name"):
            assert words in text
        assert "Servers behind it" not in text, "what is wired is not asked"

    def test_the_panel_shows_the_price_of_the_whole(self, browser, blueprint, answers):
        address = reverse("catalog:order-preview", args=["web-application"])

        text = text_of(browser.post(address, answers, headers={"HX-Request": "true"}))

        assert "103.70" in text

    def test_sent_it_is_one_order(self, browser, blueprint, answers):
        response = browser.post(reverse("catalog:order-form", args=["web-application"]), answers)

        order = Order.objects.get()
        assert response.status_code == 303
        assert response["Location"] == reverse("catalog:order", args=[order.public_id])
        assert order.lines.count() == 7

    def test_what_a_part_refuses_stands_at_its_question(self, browser, blueprint, answers):
        answers["zone"] = "not a domain"

        response = browser.post(reverse("catalog:order-form", args=["web-application"]), answers)

        assert response.status_code == 422
        assert "Write a domain name" in text_of(response)
        assert not Order.objects.exists()

    def test_it_is_ordered_again_with_its_answers(self, browser, order):
        address = page(browser, "order", order.public_id)
        assert "copy-of" in text_of(address)

        response = page(
            browser, "order-form", "web-application", **{"copy-of": str(order.public_id)}
        )

        assert "loket.example.nl" in text_of(response)


class TestFollowing:
    def test_the_order_shows_its_parts_and_what_comes_after_what(self, browser, order):
        text = text_of(page(browser, "order", order.public_id))

        assert text.count("zaak-entrance") >= 2, "as a part, and where another waits for it"
        assert "Web application zaak" in text
        assert "103.70" in text

    def test_what_happens_now_comes_before_the_parts(self, browser, order):
        text = text_of(page(browser, "order", order.public_id))

        assert text.index("What happens now") < text.index("Begins after zaak-net")

    def test_an_amount_stays_on_one_line_with_its_unit(self, browser, order):
        text = text_of(page(browser, "order", order.public_id))

        assert re.search("[0-9]\N{NO-BREAK SPACE}GiB</span>", text)

    def test_a_part_without_a_price_says_so(self, browser, order):
        text = text_of(page(browser, "order", order.public_id))

        assert "No costs" in text
        assert "€0.00" not in text

    def test_once_it_runs_nobody_reads_what_came_before_what(self, browser, delivered):
        text = text_of(page(browser, "order", delivered.order.public_id))

        assert "Begins after" not in text
        assert "7 of 7 parts done" in text

    def test_the_history_names_the_parts(self, browser, delivered):
        text = text_of(page(browser, "order", delivered.order.public_id))

        assert "<strong>zaak-net</strong>: It runs." in text

    def test_only_what_failed_lies_open(self, browser, approved, engine, cloud):
        cloud.fail_next("create_load_balancer", CloudRefused("no"))
        engine.run()

        text = text_of(page(browser, "order", approved.order.public_id))

        failed = Operation.objects.get(state=OperationState.FAILED)
        assert re.findall(r'id="steps-([0-9a-f-]+)" open', text) == [str(failed.public_id)]
        assert "5 of 7 parts done, 1 failed" in text

    def test_what_waits_says_for_what(self, browser, approved, engine, cloud):
        cloud.fail_next("create_network", CloudRefused("no"))
        engine.run()

        text = text_of(page(browser, "order", approved.order.public_id))

        assert "It waits for zaak-net." in text
        assert "It waits for zaak-entrance." in text

    def test_the_list_names_it_once(self, browser, order):
        text = text_of(page(browser, "orders"))

        assert f"{order.number}, zaak</a>" in text

    def test_the_number_of_queries_does_not_depend_on_the_parts(
        self, browser, approved, django_assert_max_num_queries
    ):
        with django_assert_max_num_queries(75):
            page(browser, "order", approved.order.public_id)

    def test_the_approver_decides_on_the_whole(self, client, approver, order):
        log_in(client, approver)
        client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"

        text = text_of(page(client, "approval", order.public_id))

        assert "Web application zaak" in text
        assert "103.70" in text
        assert "zaak-web-2" in text
        assert "The 7 parts of Web application zaak" in text

    def test_the_approver_reads_each_price_once_and_what_is_scarce(self, client, approver, order):
        log_in(client, approver)
        client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"

        text = text_of(page(client, "approval", order.public_id))

        names = re.findall("<div><dt>(.*?)</dt>", text)
        assert names
        assert len(names) == len(set(names))
        assert "There is room as well for:" in text


def test_who_publishes_reads_the_design_part_by_part(client, platform, blueprint):
    log_in(client, platform.drafter)

    response = page(client, "offering-version", blueprint.public_id)

    lines = response.content.decode().count("<br>")
    assert lines >= len(blueprint.choices["design"]["parts"])


def test_undoing_the_delivery_names_all_that_goes_first(browser, approved, engine, cloud):
    cloud.fail_next("create_load_balancer", CloudRefused("no"))
    engine.run()
    failed = Operation.objects.get(state=OperationState.FAILED)
    address = reverse("catalog:operation-compensate", args=[failed.public_id])
    order = page(browser, "order", approved.order.public_id)
    assert f'href="{address}"' in text_of(order)

    asked = text_of(browser.get(address))
    assert "Undo the delivery of zaak?" in asked
    assert "zaak-web-1 (" in asked

    engine.call(browser.post, address)
    engine.run()
    assert set(approved.states().values()) == {ResourceState.RETIRED}
    assert browser.get(address).status_code == 302


class TestCleaningUp:
    def test_a_part_leads_to_the_whole(self, browser, delivered):
        server = delivered.part("web-1")

        text = text_of(page(browser, "resource", server.public_id))

        assert "This was ordered as a part of zaak." in text
        assert "zaak-entrance" in text
        assert reverse("catalog:assembly-retire", args=[delivered.assembly.public_id]) in text

    def test_what_another_part_needs_has_no_button_that_would_be_refused(self, browser, delivered):
        needed = text_of(page(browser, "resource", delivered.part("web-1").public_id))
        free = text_of(page(browser, "resource", delivered.part("domain").public_id))

        assert 'data-cl-dialog="retire"' not in needed
        assert "Clean up the whole, or first what needs it." in needed
        assert 'data-cl-dialog="retire"' in free

    def test_alone_it_is_refused_with_who_needs_it(self, browser, delivered):
        server = delivered.part("web-1")

        response = browser.post(
            reverse("catalog:resource-retire", args=[server.public_id]),
            {"confirmation": server.name},
        )

        assert response.status_code == 409
        assert "needed by zaak-entrance" in text_of(response)

    def test_the_page_names_all_in_the_order_in_which_they_go(self, browser, delivered):
        text = text_of(page(browser, "assembly-retire", delivered.assembly.public_id))

        places = [text.index(f"zaak-{name} (") for name in ("domain", "entrance", "web-2", "net")]
        assert places == sorted(places)
        assert "servers 2" in text

    def test_another_name_is_refused_at_the_field(self, browser, delivered):
        response = browser.post(
            reverse("catalog:assembly-retire", args=[delivered.assembly.public_id]),
            {"confirmation": "zaak-net"},
        )

        assert response.status_code == 422
        assert 'value="zaak-net"' in text_of(response)
        assert delivered.states()["domain"] == ResourceState.ACTIVE

    def test_with_its_name_all_of_it_goes(self, browser, delivered, engine):
        address = reverse("catalog:assembly-retire", args=[delivered.assembly.public_id])

        response = engine.call(browser.post, address, {"confirmation": "zaak"})

        assert response.status_code == 303
        text = text_of(browser.get(response["Location"]))
        assert "It waits for zaak-domain." in text
        engine.run()
        assert set(delivered.states().values()) == {ResourceState.RETIRED}
        assert page(browser, "assembly-retire", delivered.assembly.public_id).status_code == 302


class TestApi:
    def test_it_is_ordered_followed_and_cleaned_up(
        self, browser, blueprint, project, approver, engine
    ):
        body = {
            "project": str(project.public_id),
            "offering": str(blueprint.offering.public_id),
            "name": "zaak",
            "purpose": "Zaken behandelen",
            "spec": ANSWERS,
        }
        placed = browser.post(
            "/api/v1/orders",
            body,
            content_type="application/json",
            headers={"Idempotency-Key": "one"},
        )

        assert placed.status_code == 201, placed.content
        lines = {line["part"]: line for line in placed.json()["lines"]}
        assert lines["entrance"]["needs"] == ["network", "web-1", "web-2"]
        assert lines["entrance"]["wiring"]["members"].startswith("{web-1.address}")
        assert lines["web-1"]["assembly"]["spec"] == ANSWERS
        order = Order.objects.get()
        engine.call(approve_order, order.public_id, approver=approver)
        engine.run()
        address = f"/api/v1/assemblies/{lines['web-1']['assembly']['id']}/retirement"
        gone = browser.post(address, {"confirmation": "zaak"}, content_type="application/json")
        assert gone.status_code == 202
        assert len(gone.json()["operations"]) == 7
        assert Order.objects.get().state == OrderState.COMPLETED
        assert Assembly.objects.count() == 1

    def test_the_catalogue_describes_its_questions(self, browser, blueprint):
        shown = browser.get(f"/api/v1/offerings/{blueprint.offering.public_id}").json()

        assert shown["kind"] == "blueprint"
        assert list(shown["parameters"]["properties"]) == list(ANSWERS)
