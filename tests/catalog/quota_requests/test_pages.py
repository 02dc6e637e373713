"""Asking for more and deciding, on pages; and from a refused order to one that is placed."""

import re
from datetime import date, timedelta
from decimal import Decimal
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from catalog.models import CartLine, LimitChange, Metric, Order, Quota, QuotaRequest
from catalog.services import quota_advice
from catalog.services.carts import put_in_cart
from catalog.services.limits import set_limit
from catalog.services.quota_advice import price_of
from catalog.services.quota_requests import grant_request, refuse_request, take_back_request
from catalog.views import quota_requests
from portal.core.calendar import day_of, start_of_day
from portal.identity.models import Role
from portal.identity.oidc.assurance import Assurance
from tests.catalog.quota_requests.conftest import METRIC, limit_that_holds
from tests.catalog.views.conftest import answers, browser
from tests.catalog.views.ordering import FORM, HTMX, PREVIEW, text_of, title_of
from tests.factories import (
    SPEC,
    PersonFactory,
    delivered,
    grant,
    make_organization,
    make_project,
    place,
)
from tests.logins import log_in

__all__ = ["answers", "browser"]
pytestmark = pytest.mark.django_db
NEW = "/quotas/requests/new"
LIST = "/quotas/requests"
CONFIRM = {"reason": ""}


@pytest.fixture
def decider(administrator):
    """The browser of who gives."""
    client = Client(HTTP_ACCEPT_LANGUAGE="en")
    return log_in(client, administrator)


@pytest.fixture
def tight(narrow):
    """Too little disk for the order of these tests, of 40 GiB."""
    set_limit(narrow, METRIC, Decimal(30), valid_from=now(), actor=None)
    return narrow


def page_of(request, act=""):
    return f"{LIST}/{request.public_id}{act}"


def ask_button(response):
    """Where the button leads that asks for more."""
    (address,) = set(
        re.findall(r'(?:formaction|href)="([^"]*amount=[^"]*)"', response.content.decode())
    )
    return unescape(address)


class TestOneClick:
    def test_from_a_refusal_to_the_order(self, browser, answers, tight, decider, requester):
        refused = browser.post(FORM, answers)
        assert refused.status_code == 409
        text = text_of(refused)
        for fact in (
            "What lacks Disk",
            f"Where {tight.name}",
            "Limit 30 GiB",
            "In use or reserved 0 GiB",
            "You ask 40 GiB",
            "Who can give more Quotabeheerder",
        ):
            assert fact in text

        kept = browser.post(ask_button(refused), answers)
        line = CartLine.objects.get(cart__owner=requester)
        assert (line.name, line.spec["volume_gib"]) == ("zaak-app-01", 40)
        query = parse_qs(urlsplit(kept["Location"]).query)
        assert query == {
            "node": [str(tight.public_id)],
            "metric": ["volume_gib"],
            "amount": ["40"],
            "cart": [str(line.cart.public_id)],
        }

        asking = browser.get(kept["Location"])
        assert "Your order is kept" in text_of(asking)
        assert 'value="40"' in asking.content.decode()
        fields = {name: values[0] for name, values in query.items()}
        sent = browser.post(NEW, {**fields, "reason": "Piek in november"}, follow=True)
        assert "Asked. Who can give it: Quotabeheerder." in text_of(sent)

        again = text_of(browser.get(f"{NEW}?{urlsplit(kept['Location']).query}"))
        assert "You asked this already, and it waits." in again
        request = QuotaRequest.objects.get()
        given = decider.post(page_of(request, "/confirm"), CONFIRM, follow=True)
        assert "The limit holds from that moment on." in text_of(given)
        assert limit_that_holds(tight, METRIC) == 40
        assert "Go on with your order" not in text_of(given)

        assert "Go on with your order" in text_of(browser.get(page_of(request)))
        assert "Your order for" in text_of(browser.get("/"))
        cart = line.cart
        cart.refresh_from_db()
        ordered = browser.post(
            f"/cart/{cart.public_id}/order", {"purpose": "Piek", "revision": cart.revision}
        )
        assert ordered.status_code == 303
        assert Quota.objects.get(node=tight, metric=METRIC).claimed == 40
        assert Order.objects.get().lines.get().name == "zaak-app-01"
        assert "Go on with your order" not in text_of(browser.get(page_of(request)))
        assert "Your order for" not in text_of(browser.get("/"))

    def test_the_panel_offers_it_before_anything_is_sent(self, browser, answers, tight):
        response = browser.post(PREVIEW, answers, headers=HTMX)

        assert "amount=40" in ask_button(response)

    def test_an_order_that_fits_offers_nothing(self, browser, answers, narrow):
        response = browser.post(PREVIEW, answers, headers=HTMX)

        assert "Ask for more" not in text_of(response)

    def test_what_is_not_right_stays_in_the_form(self, browser, answers, tight):
        address = ask_button(browser.post(FORM, answers))
        response = browser.post(address, {**answers, "name": ""})

        assert response.status_code == 422
        assert not CartLine.objects.exists()

    def test_the_cart_offers_it_too(self, browser, tight, requester, version):
        line = in_cart(requester, tight, version)
        cart = line.cart

        shown = browser.get("/cart")
        assert f"cart={cart.public_id}" in ask_button(shown)

        refused = browser.post(
            f"/cart/{cart.public_id}/order", {"purpose": "Piek", "revision": cart.revision}
        )
        assert refused.status_code == 409
        assert "does not fit in the quota of" in text_of(refused)
        asking = browser.get(ask_button(refused))
        assert "Your order is kept" in text_of(asking)

    def test_a_change_says_that_nothing_is_kept(
        self, browser, narrow, requester, approver, version
    ):
        server = delivered(place(requester, narrow, version), approver=approver)
        answers = {
            "idempotency_key": "0b4cf1f0-6a8c-4f6a-8f0e-6a2d1f6f7b02",
            "purpose": "Meer zaken",
            "flavor": "gp.small",
            "volume_gib": "60",
            "end_date": "",
        }
        refused = browser.post(f"/resources/{server.public_id}/change", answers)

        assert refused.status_code == 409
        assert "What you filled in here is not kept." in text_of(refused)
        address = ask_button(refused)
        assert f"resource={server.public_id}" in address
        assert "amount=60" in address
        assert f"What you filled in for {server.name} is not kept." in text_of(browser.get(address))


class TestAsking:
    def test_it_begins_with_what_the_address_says(self, browser, narrow):
        address = f"{NEW}?node={narrow.public_id}&metric=volume_gib&amount=80"
        response = browser.get(address)

        assert 'value="80"' in response.content.decode()
        assert f"Now in {narrow.name}" in text_of(response)

    @pytest.mark.parametrize("amount", ["", "veel", "NaN", "Infinity", "1e999", "-5", "1e-999999"])
    def test_an_address_that_says_nonsense_asks_anew(self, browser, narrow, amount):
        response = browser.get(NEW, {"metric": "luck", "amount": amount})

        assert response.status_code == 200

    def test_two_parts_of_one_name_differ(self, browser, narrow, requester):
        other = make_organization(name="Directie Noord")
        grant(requester, Role.REQUESTER, make_project(other, name=narrow.name))
        form = browser.get(NEW).content.decode()

        for parent in (narrow.parent, other):
            assert f">{parent.name} / {narrow.name}</option>" in form
            assert f">{parent.name}</option>" in form
        named = browser.get(NEW, {"node": narrow.public_id}).content.decode()
        assert f">{narrow.parent.name} / {narrow.name}</option>" in named
        assert other.name not in named

    @pytest.mark.parametrize("send", ["get", "post"])
    def test_many_parts_are_chosen_on_the_page_of_quotas(self, browser, narrow, monkeypatch, send):
        monkeypatch.setattr(quota_requests, "MOST_PARTS", 1)
        response = getattr(browser, send)(NEW)

        assert "Choose the part first" in text_of(response)
        assert "<select" not in response.content.decode()
        named = browser.get(NEW, {"node": narrow.public_id, "metric": "volume_gib"})
        assert "Choose the part first" not in text_of(named)
        assert browser.post(NEW, asked(narrow)).status_code == 302

    def test_who_asked_is_not_sent_to_themselves(self, decider, narrow):
        form = decider.get(NEW, {"node": narrow.public_id, "metric": "volume_gib"})
        made = decider.post(NEW, asked(narrow), follow=True)

        for response in (form, made):
            shown = text_of(response)
            assert f"nobody else; “{narrow.parent.name}” has no other quota administrator" in shown
            assert "You may set this limit yourself." in shown
            limit = f'href="/quotas/{narrow.public_id}/volume_gib/limit"'
            assert limit in response.content.decode()

    def test_who_sets_no_limit_is_sent_to_who_does(self, browser, administrator, narrow):
        shown = text_of(browser.post(NEW, asked(narrow), follow=True))

        assert f"Who can give it: {administrator.name}." in shown
        assert "You may set this limit yourself" not in shown

    @pytest.mark.parametrize("name", ["node", "cart", "resource"])
    @pytest.mark.parametrize("value", ["x", "0b4cf1f0-6a8c-4f6a-8f0e-6a2d1f6f7b02"])
    def test_what_the_person_does_not_have_is_not_there(self, browser, narrow, name, value):
        assert browser.get(NEW, {name: value}).status_code == 404

    def test_somebody_elses_cart_is_not_there(self, browser, narrow, version):
        colleague = PersonFactory()
        grant(colleague, Role.REQUESTER, narrow)
        theirs = in_cart(colleague, narrow, version).cart
        body = asked(narrow, cart=str(theirs.public_id))

        assert browser.post(NEW, body).status_code == 404
        assert not QuotaRequest.objects.exists()

    @pytest.mark.parametrize(
        "change",
        [
            {"amount": "50"},
            {"amount": "veel"},
            {"amount": "1e400"},
            {"reason": ""},
            {"end_date": "31-12-9999"},
            {"end_date": "1-1-2020"},
            {"metric": "luck"},
            {"node": "x"},
        ],
    )
    def test_what_is_wrong_is_said_and_what_was_typed_stays(self, browser, narrow, change):
        response = browser.post(NEW, {**asked(narrow), "reason": "Piek in mei", **change})

        assert response.status_code == 422
        assert title_of(response).startswith("Error: ")
        if "reason" not in change:
            assert 'value="Piek in mei"' in response.content.decode()
        assert not QuotaRequest.objects.exists()

    def test_ones_own_that_waits_is_shown(self, browser, narrow, request_):
        response = browser.post(NEW, asked(narrow, amount="81"))

        assert response.status_code == 422
        assert page_of(request_) in response.content.decode()

    def test_of_a_colleague_who_asked_nothing_is_said(self, client, narrow, request_):
        colleague = PersonFactory()
        grant(colleague, Role.REQUESTER, narrow)
        log_in(client, colleague)
        form = client.get(NEW, {"node": narrow.public_id, "metric": "volume_gib"})
        assert page_of(request_) not in form.content.decode()
        assert client.post(NEW, asked(narrow, amount="81")).status_code == 302

        assert QuotaRequest.objects.filter(state="proposed").count() == 2

    def test_what_is_overtaken_makes_way(self, browser, narrow, request_):
        set_limit(narrow, METRIC, Decimal(85), valid_from=now(), actor=None)
        form = browser.get(NEW, {"node": narrow.public_id, "metric": "volume_gib"})
        assert page_of(request_) not in form.content.decode()
        browser.post(NEW, asked(narrow, amount="90"))

        assert "This is taken back" in text_of(browser.get(page_of(request_)))
        assert QuotaRequest.objects.get(state="proposed").amount == 90

    def test_the_same_sent_twice_is_asked_once(self, browser, narrow):
        first, second = (browser.post(NEW, asked(narrow)) for _ in range(2))

        assert first["Location"] == second["Location"]


class TestDeciding:
    def test_who_gives_finds_it(self, decider, request_, narrow):
        title = f"{narrow.name}: Disk to 80 GiB"

        assert title in text_of(decider.get("/"))
        listed = decider.get(LIST)
        assert "These wait for you" in text_of(listed)
        assert title in text_of(listed)
        assert 'Quotas<span class="cl-count' in listed.content.decode() or "1" in text_of(listed)
        shown = text_of(decider.get(page_of(request_)))
        assert "Grant 80 GiB" in shown
        assert "Meer zaken" in shown

    def test_what_waits_comes_in_pages(self, decider, ask, narrow, monkeypatch):
        monkeypatch.setattr(quota_requests, "PAGE_SIZE", 1)
        ask()
        set_limit(narrow, Metric.VCPUS, Decimal(4), valid_from=now(), actor=None)
        ask(metric=Metric.VCPUS)

        titles = [f"{narrow.name}: Disk to", f"{narrow.name}: Processors to"]
        for page, title in enumerate(titles, start=1):
            response = decider.get(LIST, {"waiting": page})
            assert [each for each in titles if each in text_of(response)] == [title]
            assert "waiting=2" in response.content.decode()

    def test_ones_own_come_in_pages_what_waits_first(self, browser, ask, narrow, monkeypatch):
        monkeypatch.setattr(quota_requests, "PAGE_SIZE", 1)
        oldest = ask()
        for _number in range(2):
            other = ask(node=narrow.parent, amount=Decimal(120))
            take_back_request(other.public_id, actor=oldest.proposed_by)
        addresses = [page_of(each) for each in QuotaRequest.objects.order_by("-pk")]

        for page, address in enumerate([addresses[-1], *addresses[:-1]], start=1):
            shown = browser.get(LIST, {"own": page}).content.decode()
            assert [each for each in addresses if each in shown] == [address]
            assert "own=3" in shown or page == 3

    def test_who_asked_reads_it_and_takes_it_back(self, browser, request_):
        shown = text_of(browser.get(page_of(request_)))
        assert "Grant" not in shown
        response = browser.post(page_of(request_, "/take-back"), follow=True)

        assert "This is taken back" in text_of(response)
        assert QuotaRequest.objects.get().state == "withdrawn"

    def test_a_no_tells_why(self, browser, decider, request_):
        wrong = decider.post(page_of(request_, "/refuse"), {"reason": " "})
        assert wrong.status_code == 422
        decider.post(page_of(request_, "/refuse"), {"reason": "Ruim eerst op"})

        assert "Ruim eerst op" in text_of(browser.get(page_of(request_)))

    def test_what_does_not_fit_says_what_can_be_done(self, decider, ask, narrow):
        request = ask(amount=Decimal(120))
        shown = text_of(decider.get(page_of(request)))
        assert "would hand out 20 GiB more than it has" in shown

        response = decider.post(page_of(request, "/confirm"), CONFIRM)

        assert response.status_code == 409
        assert "would hand out 120 GiB of 100 GiB" in text_of(response)
        assert f"node={narrow.parent.public_id}" in response.content.decode()
        assert limit_that_holds(narrow, METRIC) == 50

    def test_what_became_enough_meanwhile_is_said(self, decider, request_, narrow):
        set_limit(narrow, METRIC, Decimal(90), valid_from=now(), actor=None)
        response = decider.get(page_of(request_))

        assert "has a limit of 90 GiB already." in text_of(response)
        assert "Grant 80" not in text_of(response)
        late = decider.post(page_of(request_, "/confirm"), CONFIRM)
        assert late.status_code == 409

    def test_beside_a_temporary_limit_each_piece_says_when_it_holds(
        self, browser, decider, ask, narrow
    ):
        ends = start_of_day(date(2040, 3, 2))
        set_limit(narrow, METRIC, Decimal(90), valid_from=now(), valid_until=ends, actor=None)
        request = ask()
        assert "the lowest limit in that time was 50 GiB" in text_of(decider.get(LIST))
        assert "the lowest limit in that time was 50 GiB" in text_of(decider.get("/"))
        assert "Lowest limit in that time, when it was asked 50 GiB" in text_of(
            decider.get(page_of(request))
        )
        decider.post(page_of(request, "/confirm"), CONFIRM)

        for reader in (browser, decider):
            shown = text_of(reader.get(page_of(request))).replace(" ,", ",")
            assert "that stays. The limit becomes 80 GiB: from 2 March 2040" in shown
            assert "from 2 March 2040, 0:00, for good" in shown
            assert "from that moment on" not in shown

    def test_a_higher_limit_that_is_planned_parts_it(self, decider, ask, narrow):
        since, until = (start_of_day(date(2040, 3, day)) for day in (2, 9))
        set_limit(narrow, METRIC, Decimal(90), valid_from=since, valid_until=until, actor=None)
        request = ask()
        given = decider.post(page_of(request, "/confirm"), CONFIRM, follow=True)
        shown = text_of(given).replace(" ,", ",")

        assert "until 2 March 2040, 0:00 from 9 March 2040, 0:00, for good" in shown

    def test_for_a_time_it_holds_at_once(self, decider, ask):
        request = ask(end_date=day_of(now()) + timedelta(days=9))
        shown = text_of(decider.post(page_of(request, "/confirm"), CONFIRM, follow=True))

        assert "The limit holds from that moment on." in shown

    @pytest.mark.parametrize("is_planned", [True, False])
    def test_of_a_level_above_who_asked_reads_no_pieces(
        self, browser, decider, ask, narrow, is_planned
    ):
        if is_planned:
            ends = start_of_day(date(2040, 3, 2))
            set_limit(
                narrow.parent, METRIC, Decimal(300), valid_from=now(), valid_until=ends, actor=None
            )
        request = ask(node=narrow.parent, amount=Decimal(200))
        decider.post(page_of(request, "/confirm"), CONFIRM)
        shown = text_of(browser.get(page_of(request)))

        assert "In all of the time that was asked the limit became at least" in shown
        for hidden in ("2040", "from that moment on", "that stays"):
            assert hidden not in shown

    def test_who_was_second_hears_it(self, decider, request_, administrator):
        refuse_request(request_.public_id, actor=administrator, reason="Nee")

        response = decider.post(page_of(request_, "/confirm"), CONFIRM)
        assert response.status_code == 409
        assert "Somebody was first" in text_of(response)

    def test_a_weak_login_comes_back_with_what_was_typed(self, client, administrator, request_):
        log_in(client, administrator, level=Assurance.LOW)
        response = client.post(page_of(request_, "/refuse"), {"reason": "Ruim eerst op"})
        back = parse_qs(urlsplit(response["Location"]).query)["next"][0]

        assert "Ruim eerst op" in client.get(back, follow=True).content.decode()

    def test_a_part_that_ended_cannot_be_given_anything(self, decider, request_, narrow):
        narrow.ended_at = now()
        narrow.save(update_fields=["ended_at"])

        response = decider.get(page_of(request_))
        assert "has ended." in text_of(response)
        assert "Grant" not in text_of(response)
        assert decider.post(page_of(request_, "/confirm"), CONFIRM).status_code == 409

    @pytest.mark.parametrize("language", ["nl", "en"])
    @pytest.mark.parametrize("state", ["waits", "granted", "refused"])
    def test_every_state_reads_well(self, client, request_, administrator, language, state):
        if state == "granted":
            grant_request(request_.public_id, actor=administrator)
        if state == "refused":
            refuse_request(request_.public_id, actor=administrator, reason="Nee")
        log_in(client, administrator)
        for page in (LIST, page_of(request_), NEW):
            text = text_of(client.get(page, headers={"Accept-Language": language}))
            assert "{" not in text
            assert "None" not in text

    def test_nothing_asked_is_said(self, browser, narrow):
        assert "Nobody asked for more" in text_of(browser.get(LIST))


class TestHistory:
    """What was granted stands in the history of a limit, which more people read than a request."""

    @pytest.fixture
    def pages(self, narrow, request_, ask, administrator):
        """Where it stands: the page of the quota, the tree, the part, and advice of the next."""
        grant_request(request_.public_id, actor=administrator)
        colleague = PersonFactory()
        grant(colleague, Role.REQUESTER, narrow)
        return [
            f"/quotas/{narrow.public_id}/volume_gib",
            "/quotas?metric=volume_gib",
            f"/quotas?metric=volume_gib&node={narrow.public_id}",
            page_of(ask(actor=colleague, amount=Decimal(90), reason="Anders")),
        ]

    def test_who_may_read_the_request_finds_it_there(self, decider, pages, request_):
        for page in pages:
            response = decider.get(page)
            assert f'<a href="{page_of(request_)}">On request</a>' in response.content.decode()
            assert "Meer zaken" not in text_of(response)

    def test_others_read_that_the_limit_changed_and_who_set_it(
        self, client, pages, request_, administrator
    ):
        colleague = QuotaRequest.objects.latest("pk").proposed_by
        log_in(client, colleague)
        for page in pages:
            response = client.get(page, headers={"Accept-Language": "en"})
            assert "80 GiB" in text_of(response)
            assert administrator.name in text_of(response)
            assert page_of(request_) not in response.content.decode()
            for hidden in ("On request", "Meer zaken", request_.proposed_by.name):
                assert hidden not in text_of(response)

    def test_a_reason_that_was_kept_before_is_not_shown(self, decider, narrow, pages, request_):
        granted_before(narrow, request_)
        for page in pages:
            assert "Geheim" not in text_of(decider.get(page))

    def test_it_asks_no_more_for_more_of_them(self, decider, pages, narrow, request_):
        counts = []
        for _number in range(2):
            granted_before(narrow, request_)
            with CaptureQueriesContext(connection) as captured:
                for page in pages:
                    decider.get(page)
            counts.append(len(captured))

        assert counts[0] == counts[1]


class TestAdvice:
    def test_it_tells_levels_history_and_price(
        self, decider, ask, narrow, requester, approver, version
    ):
        delivered(place(requester, narrow, version), approver=approver)
        set_limit(narrow, METRIC, Decimal(55), valid_from=now(), reason="Groei", actor=requester)
        shown = text_of(decider.get(page_of(ask())))

        assert "It fits" in shown
        assert narrow.parent.name in shown
        assert "From 50 to 55 GiB" in shown
        assert "Groei" in shown
        # 38.40 and 40 GiB of 0.085, so 1.045 a GiB; 25 GiB more
        assert "now costs €41.80 a month" in shown
        assert "25 GiB more in the same way costs about €26.13 a month" in shown

    def test_who_asked_reads_of_what_they_reach_alone(self, browser, ask, narrow, requester):
        set_limit(narrow, METRIC, Decimal(55), valid_from=now(), reason="Groei", actor=requester)
        shown = text_of(browser.get(page_of(ask())))

        assert "How full it is" in shown
        assert "Groei" in shown
        assert "Lowest limit in that time, when it was asked 55 GiB" in shown
        for hidden in (narrow.parent.name, "100 GiB", "It fits"):
            assert hidden not in shown.split("Reason")[1].split("Decision")[0]

    def test_of_a_level_above_they_read_nothing(
        self, browser, decider, ask, narrow, requester, approver, version
    ):
        parent = narrow.parent
        delivered(place(requester, narrow, version), approver=approver)
        for days, amount in ((0, 110), (9, 130)):
            since = now() + timedelta(days=days)
            set_limit(
                parent, METRIC, Decimal(amount), valid_from=since, reason="Groei", actor=requester
            )
        request = ask(node=parent, amount=Decimal(200))
        address = f"{NEW}?node={parent.public_id}&metric=volume_gib"

        hidden = ("Groei", "110 GiB", "130 GiB", "40 GiB", "a month", "Now in", "In use")
        for page in (page_of(request), LIST, address):
            shown = text_of(browser.get(page))
            assert [words for words in hidden if words in shown] == []
        shown = text_of(decider.get(page_of(request)))
        assert [words for words in ("Groei", "110 GiB", "130 GiB") if words in shown] == [
            "Groei",
            "110 GiB",
            "130 GiB",
        ]

    def test_nor_how_much_is_enough_there(self, browser, ask, narrow):
        request = ask(node=narrow.parent, amount=Decimal(200))
        set_limit(narrow.parent, METRIC, Decimal(321), valid_from=now(), actor=None)
        refused = browser.post(NEW, asked(narrow.parent, amount="210"))

        assert refused.status_code == 422
        for response in (refused, browser.get(page_of(request))):
            assert "has this much already" in text_of(response)
            assert "321" not in text_of(response)

    def test_what_is_planned_says_whether_it_stays(self, decider, ask, narrow):
        for days, amount in ((5, 60), (9, 95)):
            since = now() + timedelta(days=days)
            set_limit(narrow, METRIC, Decimal(amount), valid_from=since, actor=None)
        shown = text_of(decider.get(page_of(ask())))

        assert "60 GiB. Granting this takes its place." in shown
        assert "95 GiB. Granting this leaves it as it is." in shown

    def test_the_price_asks_no_more_for_more_claims(
        self, narrow, requester, version, django_assert_num_queries, monkeypatch
    ):
        Quota.objects.filter(node=narrow.parent).update(overcommit_allowed=True)
        for metric in Metric:
            set_limit(narrow, metric, None, valid_from=now(), actor=None)
        for number in (1, 2):
            place(requester, narrow, version, name=f"vol-{number}")
        with django_assert_num_queries(3):
            price = price_of(narrow, METRIC, Decimal(20))

        assert (price.now, price.more) == (Decimal("83.60"), Decimal("20.90"))
        monkeypatch.setattr(quota_advice, "MOST_PRICED", 1)
        by_largest = price_of(narrow, METRIC, Decimal(20))
        assert (by_largest.now, by_largest.more) == (None, Decimal("20.90"))
        cost = price_of(narrow, Metric.MONTHLY_COST_EUR, Decimal(5))
        assert (cost.now, cost.more) == (Decimal("83.60"), 5)

    def test_without_a_basis_no_price_is_said(self, decider, request_):
        assert "An estimate" not in text_of(decider.get(page_of(request_)))

    def test_it_warns_where_a_level_above_is_too_full(
        self, decider, ask, narrow, requester, version
    ):
        sibling = make_project(narrow.parent)
        grant(requester, Role.REQUESTER, sibling)
        Quota.objects.filter(node=narrow.parent).update(overcommit_allowed=True)
        for metric in Metric:
            set_limit(sibling, metric, Decimal(1000), valid_from=now(), actor=None)
        for number in (1, 2):
            place(requester, sibling, version, name=f"vol-{number}")

        shown = text_of(decider.get(page_of(ask())))
        assert f"“{narrow.parent.name}” has only 20 GiB left" in shown
        assert "may hand out more than it has" in shown


def asked(node, **changes):
    return {
        "node": str(node.public_id),
        "metric": "volume_gib",
        "amount": "80",
        "end_date": "",
        "reason": "Meer zaken",
        **changes,
    }


def in_cart(owner, project, version):
    return put_in_cart(
        owner=owner,
        project=project,
        offering=version.offering,
        name="zaak-app-01",
        spec=SPEC,
        end_date=None,
    )


def granted_before(node, request):
    """As it was kept when what was granted said why in the history, too."""
    LimitChange.objects.create(
        quota=Quota.objects.get(node=node, metric=METRIC),
        before=80,
        amount=85,
        valid_from=now(),
        reason="Geheim",
        changed_by=PersonFactory(),
        request=request,
    )
