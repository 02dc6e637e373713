"""Ordering on one page: what it shows, what it refuses, and that typing is never lost."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils.timezone import localdate

from catalog.models import Metric, OfferingVersionState, Order
from catalog.services.limits import set_limit
from portal.identity.models import Role
from tests.catalog.views.ordering import (
    FORM,
    HTMX,
    PREVIEW,
    assert_nothing_stored,
    text_of,
    title_of,
)
from tests.factories import (
    OfferingVersionFactory,
    PersonFactory,
    change_price,
    grant,
    make_project,
    place,
    reoffered,
    unanswered,
    with_longest_term,
    withdrawn,
)
from tests.logins import log_in

pytestmark = pytest.mark.django_db


class TestAccess:
    @pytest.mark.parametrize("address", [FORM, PREVIEW])
    def test_nobody_gets_in_without_a_login(self, client, version, address):
        response = client.post(address)

        assert response.status_code == 302
        assert response.headers["Location"].startswith(reverse("identity:login"))

    @pytest.mark.parametrize("role", [role for role in Role if role is not Role.REQUESTER])
    def test_only_a_requester_orders(self, client, project, version, answers, role):
        person = PersonFactory()
        grant(person, role, project)
        log_in(client, person)

        assert client.get(FORM).status_code == 403
        assert client.post(FORM, answers).status_code == 403
        assert client.post(PREVIEW, answers, headers=HTMX).status_code == 403
        assert_nothing_stored()

    @pytest.mark.parametrize("state", [OfferingVersionState.DRAFT, OfferingVersionState.WITHDRAWN])
    def test_what_is_not_published_is_not_found(self, browser, version, answers, state):
        withdrawn(version)
        OfferingVersionFactory(state=state)

        assert browser.get(FORM).status_code == 404
        assert browser.post(FORM, answers).status_code == 404
        assert browser.post(PREVIEW, answers, headers=HTMX).status_code == 404

    def test_the_project_of_another_tenant_is_not_a_choice(self, browser, answers):
        other = make_project(name="Geheim")
        answers["project"] = str(other.public_id)

        response = browser.post(FORM, answers)

        assert browser.get(FORM, {"project": other.public_id}).status_code == 404
        assert response.status_code == 422
        assert "Project: Choose one of your projects." in text_of(response)
        assert "Geheim" not in text_of(response)
        assert "Geheim" not in text_of(browser.post(PREVIEW, answers, headers=HTMX))
        assert_nothing_stored()


class TestPage:
    def test_opens_with_a_price(self, browser):
        response = browser.get(FORM)

        assert response.status_code == 200
        assert title_of(response) == "Order Virtual server - Cloudloket"
        text = text_of(response)
        assert "€41.80 per month, without VAT" in text
        assert "May it stand there? Yes TBB 3, Overheidsdatacenter Noord, SEAL-3." in text
        assert "Does it fit in the quota? Yes" in text
        assert "Does it fit in the budget? Not known" in text

    def test_cards_show_what_they_cost(self, browser):
        assert re.search("gp.small €38.40 2 processors", text_of(browser.get(FORM)))

    def test_an_option_that_does_not_fit_says_why_and_stays_open(self, browser, project):
        set_limit(project, Metric.VCPUS, Decimal(1), valid_from=project.created_at, actor=None)

        response = browser.get(FORM)

        assert re.search(r'value="gp.small"[^>]* checked>', response.content.decode())
        assert "Does not fit in the quota of Zaaksysteem (processors)" in text_of(response)

    def test_an_option_without_a_price_is_closed(self, browser, version):
        version.cloud.flavors.create(name="gp.new", vcpus=1, memory_mib=1024, disk_gib=20)
        reoffered(version, flavors=["gp.new", "gp.small"])

        response = browser.get(FORM)

        assert "This has no price at this moment" in text_of(response)
        assert "€41.80 per month" in text_of(response)  # the next one is chosen

    def test_a_full_organization_is_named(self, browser, answers, project):
        set_limit(
            project.parent, Metric.VCPUS, Decimal(1), valid_from=project.created_at, actor=None
        )

        text = text_of(browser.post(PREVIEW, answers, headers=HTMX))

        assert "quota of Ministerie (processors)" in text_of(browser.get(FORM))
        assert "Does it fit in the quota? No" in text
        assert "1 is left. This is the quota of Ministerie." in text

    def test_speaks_dutch(self, browser):
        response = browser.get(FORM, headers={"accept-language": "nl"})

        text = text_of(response)
        assert title_of(response) == "Virtuele server bestellen - Cloudloket"
        assert "€ 41,80 per maand, buiten de btw" in text
        assert "Mag het daar staan? Ja" in text
        for word in ("Order", "Choose", "quota of", "Needed", "Term"):
            assert word not in text

    def test_says_while_the_cloud_starts_that_an_order_waits(self, browser, settings, tmp_path):
        status = tmp_path / "status.json"
        status.write_text('{"cloud": {"ready": false, "done": 3, "total": 9, "now": "Nova"}}')
        settings.STACK_STATUS_FILE = str(status)

        assert "You can order already. We start as soon as the cloud is ready." in text_of(
            browser.get(FORM)
        )


class TestSubmit:
    def test_places_the_order_and_leads_to_it(self, browser, answers, requester, project):
        end_date = localdate() + timedelta(days=30)
        answers["end_date"] = end_date.strftime("%d-%m-%Y")

        response = browser.post(FORM, answers)

        order = Order.objects.get()
        line = order.lines.get()
        assert response.status_code == 303
        assert response.headers["Location"] == reverse("catalog:order", args=[order.public_id])
        assert (order.requested_by, order.project, order.purpose) == (
            requester,
            project,
            "Piek in november",
        )
        assert (line.name, line.end_date, line.spec["volume_gib"]) == ("zaak-app-01", end_date, 40)
        assert f"Order {order.number} is sent." in text_of(
            browser.get(response.headers["Location"])
        )

    def test_the_second_press_shows_the_first_order(self, browser, answers):
        first, second = browser.post(FORM, answers), browser.post(FORM, answers)

        assert first.headers["Location"] == second.headers["Location"]
        assert Order.objects.count() == 1

    def test_an_old_page_with_another_content_gets_a_new_key(self, browser, answers):
        browser.post(FORM, answers)
        answers["name"] = "zaak-app-02"

        response = browser.post(FORM, answers)

        assert response.status_code == 422
        assert "You sent this page before, as another order." in text_of(response)
        fresh = re.search(r'name="idempotency_key" value="([^"]+)"', response.content.decode())[1]
        assert fresh != answers["idempotency_key"]
        assert browser.post(FORM, answers | {"idempotency_key": fresh}).status_code == 303

    @pytest.mark.parametrize(
        ("field", "value", "said"),
        [
            ("project", "", "Project: Fill this in."),
            ("project", "1", "Project: Choose one of your projects."),
            ("name", "", "Name: Fill this in."),
            ("name", "Zaak app", "Name: Use a to z"),
            ("name", "a" * 64, "Name: Use a to z"),
            ("name", "app\n", "Name: Use a to z"),
            ("name", "zaak\u202eapp", "Name: Use a to z"),
            ("name", "<script>alert(1)</script>", "Name: Use a to z"),
            ("purpose", "   ", "Purpose: Fill this in."),
            ("purpose", "x" * 301, "Purpose: Use at most 300 characters."),
            ("purpose", "zaak\u202e", "Purpose: This text holds characters"),
            ("flavor", "", "Size: Fill this in."),
            ("flavor", "gp.huge", "Size: Choose one of the options."),
            ("image", "TempleOS", "Operating system: Choose one of the options."),
            ("network", "\x00", "Network: Choose one of the options."),
            ("volume_gib", "0", "Disk for your data: Fill in a whole number from 10 to 500."),
            ("volume_gib", "1e3", "Disk for your data: Fill in a whole number"),
            ("volume_gib", "9" * 5000, "Disk for your data: Fill in a whole number"),
            ("volume_gib", "veel", "Disk for your data: Fill in a whole number"),
            ("ssh_public_key", "-----BEGIN PRIVATE KEY-----", "Paste one public key"),
            ("ssh_public_key", "x" * 3001, "Use at most 3000 characters."),
            ("end_date", "morgen", "Fill in a date as 31-12-2026."),
            ("end_date", "30-02-2027", "Fill in a date as 31-12-2026."),
            ("end_date", "01-01-2020", "Choose a day after today"),
            ("end_date", "31-12-9999", "Choose a day after today"),
            ("idempotency_key", "x", "The page was not complete."),
            ("idempotency_key", "", "The page was not complete."),
        ],
    )
    def test_wrong_input_comes_back_at_its_field(self, browser, answers, field, value, said):
        answers[field] = value

        response = browser.post(FORM, answers)

        assert response.status_code == 422
        assert title_of(response).startswith("Error: ")
        assert said in text_of(response)
        assert "<script>alert" not in response.content.decode()
        assert "zaak-app-01" in response.content.decode() or field == "name"
        assert_nothing_stored()

    def test_a_longest_term_is_said_beforehand_and_asks_an_end_date(
        self, browser, version, answers
    ):
        with_longest_term(version, days=365)
        answers["end_date"] = ""

        text = text_of(browser.get(FORM))
        response = browser.post(FORM, answers)

        last = localdate() + timedelta(days=365)
        assert f"Not later than {last.day}" in text
        assert response.status_code == 422
        assert "Needed up to and including: Fill this in." in text_of(response)
        assert_nothing_stored()

    def test_everything_that_is_wrong_is_said_at_once(self, browser):
        text = text_of(browser.post(FORM, {}))

        for label in ("Project", "Name", "Purpose", "Size", "Operating system", "Network"):
            assert f"{label}: Fill this in." in text

    def test_a_name_that_is_taken_is_said_at_the_name(
        self, browser, answers, requester, project, version
    ):
        place(requester, project, version, name="zaak-app-01")

        response = browser.post(FORM, answers)

        assert response.status_code == 422
        assert "Name: “zaak-app-01” exists already in this project." in text_of(response)
        assert Order.objects.count() == 1

    def test_a_full_quota_says_what_and_what_to_do(self, browser, answers, project):
        set_limit(
            project, Metric.VOLUME_GIB, Decimal(39), valid_from=project.created_at, actor=None
        )

        response = browser.post(FORM, answers)

        assert response.status_code == 409
        assert title_of(response).startswith("Error: ")
        text = text_of(response)
        assert "The order was not sent This does not fit in the quota of" in text
        assert "Ask for more" in text
        assert 'value="zaak-app-01"' in response.content.decode()
        assert_nothing_stored()

    def test_data_that_may_not_stand_there_is_refused(self, browser, answers, project):
        unanswered(project)

        response = browser.post(FORM, answers)

        assert response.status_code == 409
        assert "Nobody answered the questions about this project yet." in text_of(response)
        assert_nothing_stored()

    def test_the_price_of_this_moment_is_frozen(self, browser, answers):
        browser.get(FORM)
        change_price("server.gp.small", "50")
        browser.post(FORM, answers)

        assert Order.objects.get().monthly_price == Decimal("53.40")


class TestLanguage:
    def test_the_form_that_was_refused_leads_back_to_itself(self, browser, answers):
        response = browser.post(
            FORM, answers | {"name": "!"}, headers={"Referer": f"http://testserver{FORM}"}
        )

        assert response.status_code == 422
        assert f'name="next" value="{FORM}"' in response.content.decode()

    def test_another_site_is_not_led_back_to(self, browser, answers):
        response = browser.post(
            FORM, answers | {"name": "!"}, headers={"Referer": "https://evil.example/x"}
        )

        assert 'name="next" value="/catalogue"' in response.content.decode()

    def test_a_host_that_is_not_ours_is_still_refused(self, browser, answers):
        response = browser.post(
            FORM, answers, headers={"Host": "evil.example", "Referer": "http://evil.example/"}
        )

        assert response.status_code == 400
