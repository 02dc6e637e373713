"""Deciding on the page: what the budget holder sees, and what a hostile form achieves."""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse
from django.utils.timezone import localdate, now

from billing.models import Budget
from catalog.models import Order, OrderState
from catalog.services.orders import withdraw_order
from portal.cloud.models import Image
from portal.identity.models import Role
from portal.identity.oidc.assurance import Assurance
from tests.factories import PersonFactory, change_price, end_price, grant, make_project, place
from tests.logins import log_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(requester, project, version):
    return place(requester, project, version, name="zaak-app", purpose="Zaken behandelen")


def url(order, name="approval"):
    return reverse(f"catalog:{name}", args=[order.public_id])


def state_of(order):
    return Order.objects.get(pk=order.pk).state


class TestHardStop:
    @pytest.fixture(autouse=True)
    def stop(self, order, project):
        """The project has money enough; its organization has none."""
        year = localdate().year
        Budget.objects.create(node=project, year=year, amount=100_000)
        Budget.objects.create(node=project.parent, year=year, amount=0, is_hard_stop=True)

    def test_the_page_says_so(self, client, order, approver, project):
        text = log_in(client, approver).get(url(order)).content.decode()

        (said,) = re.findall("Dit past niet in het budget van [^.]+", unescape(text))
        assert project.parent.name in said
        assert "Budget: te klein" in text
        assert "Budget: past" not in text

    def test_it_is_not_approved(self, client, order, approver):
        response = log_in(client, approver).post(
            url(order, "approval-approve"), {"accepts_changes": "on"}
        )

        assert response.status_code == 409
        assert "en meer wordt geweigerd" in unescape(response.content.decode())
        assert state_of(order) == OrderState.PENDING_APPROVAL


class TestQueue:
    def test_it_shows_who_asked_what_for_how_much(self, client, order, approver):
        text = log_in(client, approver).get(reverse("catalog:approvals")).content.decode()

        for fact in ("Aanvrager", "zaak-app", "Zaken behandelen", "41,80", "Quotum"):
            assert fact in text
        assert "Keur goed voor €\xa041,80 per maand" in text

    def test_own_orders_are_not_in_it(self, client, order, requester, project):
        grant(requester, Role.APPROVER, project)

        text = log_in(client, requester).get(reverse("catalog:approvals")).content.decode()
        assert "Er wacht niets op uw besluit" in text

    def test_the_page_of_an_order_that_is_decided_leads_to_the_order(
        self, client, order, approver, requester
    ):
        withdraw_order(order.public_id, actor=requester)

        response = log_in(client, approver).get(url(order))
        assert response.headers["Location"] == reverse("catalog:order", args=[order.public_id])

    def test_queries_do_not_depend_on_the_length_of_the_queue(
        self, client, approver, requester, project, version, django_assert_max_num_queries
    ):
        log_in(client, approver)
        counts = []
        for wanted in (1, 6):
            while Order.objects.count() < wanted:
                place(requester, project, version)
            with django_assert_max_num_queries(60) as captured:
                client.get(reverse("catalog:approvals"))
            counts.append(len(captured))

        assert counts[0] == counts[1]


class TestDeciding:
    def test_yes(self, client, order, approver, sent_tasks):
        response = log_in(client, approver).post(url(order, "approval-approve"))

        assert response.headers["Location"] == reverse("catalog:order", args=[order.public_id])
        assert state_of(order) == OrderState.PROVISIONING

    def test_no(self, client, order, approver):
        log_in(client, approver).post(url(order, "approval-reject"), {"reason": "Te duur"})

        assert state_of(order) == OrderState.REJECTED

    @pytest.mark.parametrize("reason", ["", " ", "x" * 1001, "nee\x00", "\u202e"])
    def test_no_needs_a_readable_reason_and_keeps_what_was_typed(
        self, client, order, approver, reason
    ):
        response = log_in(client, approver).post(url(order, "approval-reject"), {"reason": reason})

        assert response.status_code == 422
        assert state_of(order) == OrderState.PENDING_APPROVAL

    def test_requester_cannot_approve_with_a_forged_form(self, client, order, requester, project):
        grant(requester, Role.APPROVER, project)

        response = log_in(client, requester).post(url(order, "approval-approve"))

        assert response.status_code == 403
        assert state_of(order) == OrderState.PENDING_APPROVAL

    def test_another_tenant_finds_nothing(self, client, order):
        stranger = PersonFactory()
        grant(stranger, Role.APPROVER, make_project())
        log_in(client, stranger)

        assert client.get(url(order)).status_code == 404
        assert client.post(url(order, "approval-approve")).status_code == 404
        assert client.post(url(order, "approval-reject")).status_code == 404

    def test_somebody_was_first(self, client, order, approver, requester):
        withdraw_order(order.public_id, actor=requester)

        response = log_in(client, approver).post(url(order, "approval-approve"))

        assert response.status_code == 409
        assert "Uw besluit is niet opgeslagen" in response.content.decode()

    def test_higher_price_must_be_seen_first(self, client, order, approver, sent_tasks):
        change_price("server.gp.small", "50")
        log_in(client, approver)

        assert client.post(url(order, "approval-approve")).status_code == 409
        assert "53,40" in client.get(url(order)).content.decode()
        client.post(url(order, "approval-approve"), {"accepts_changes": "on"})
        assert state_of(order) == OrderState.PROVISIONING

    def test_image_that_is_gone_must_be_seen_first(self, client, order, approver, sent_tasks):
        Image.objects.update(gone_at=now())
        log_in(client, approver)

        assert "“Debian 12” (Besturingssysteem)" in client.get(url(order)).content.decode()
        assert client.post(url(order, "approval-approve")).status_code == 409
        client.post(url(order, "approval-approve"), {"accepts_changes": "on"})
        assert state_of(order) == OrderState.PROVISIONING


class TestPriceThatEnded:
    @pytest.fixture(autouse=True)
    def other(self, order, client, approver, requester, project, version):
        other = place(requester, project, version, name="zaak-db")
        end_price("server.gp.small")
        log_in(client, approver)
        return other

    def test_the_page_says_so_in_place_of_the_figures(self, client, order):
        text = client.get(url(order)).content.decode()

        assert "heeft nu geen prijs" in text
        assert "Keur goed voor" not in text
        assert url(order, "approval-reject") in text

    def test_it_does_not_hide_the_rest_of_the_queue(self, client, other):
        text = client.get(reverse("catalog:approvals")).content.decode()
        assert url(other) in text
        assert client.get(url(other)).status_code == 200

    @pytest.mark.parametrize("accepts_changes", ["", "on"])
    def test_yes_is_refused_and_says_why(self, client, order, accepts_changes):
        response = client.post(
            url(order, "approval-approve"), {"accepts_changes": accepts_changes, "reason": "Mooi"}
        )

        assert response.status_code == 409
        assert "Mooi" in response.content.decode()
        assert state_of(order) == OrderState.PENDING_APPROVAL

    def test_no_is_possible(self, client, order):
        client.post(url(order, "approval-reject"), {"reason": "Uit de handel"})

        assert state_of(order) == OrderState.REJECTED


class TestLogin:
    @pytest.mark.parametrize(("level", "age_seconds"), [(Assurance.LOW, 0), (Assurance.HIGH, 3600)])
    def test_weak_or_old_login_steps_up_first(self, client, order, approver, level, age_seconds):
        log_in(client, approver, level=level, age_seconds=age_seconds)

        response = client.post(
            url(order, "approval-approve"),
            {"reason": "Akkoord"},
            headers={"Referer": f"http://testserver{url(order)}"},
        )

        assert response.status_code == 302
        assert response.headers["Location"].startswith(reverse("identity:start-local"))
        assert state_of(order) == OrderState.PENDING_APPROVAL

    def test_what_was_typed_is_still_there_afterwards(self, client, order, approver):
        log_in(client, approver, age_seconds=3600)
        response = client.post(
            url(order, "approval-approve"),
            {"reason": "Akkoord voor de piek"},
            headers={"Referer": f"http://testserver{reverse('catalog:approvals')}"},
        )

        back = parse_qs(urlsplit(response["Location"]).query)["next"][0]
        assert back.startswith(f"{reverse('catalog:approvals')}?kept=")
        assert "Akkoord voor de piek" in client.get(back).content.decode()
        assert "Akkoord" not in client.get(url(order)).content.decode()
