"""Confirming many at once on the page of a review, and withdrawing with a reason."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils.timezone import now

from portal.audit.models import AuditEntry
from tests.logins import log_in
from tests.portal.identity.reviews.conftest import item_of
from tests.portal.identity.reviews.pages import keep_of, page_of, undecided, withdraw_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign(opened, administrator, colleague, auditor, worker):
    return opened()


class TestConfirming:
    def test_several_at_once(self, browse, campaign, administrator, auditor, worker):
        items = [str(item_of(campaign, person).public_id) for person in (auditor, worker)]

        response = browse(administrator).post(
            keep_of(campaign), {"item": items, "query": "role=auditor&kept=x"}, follow=True
        )

        assert response.redirect_chain == [(page_of(campaign, "?role=auditor"), 302)]
        assert "2 rollen zijn bevestigd." in response.content.decode()
        assert undecided() == 2
        assert AuditEntry.objects.filter(event="role.confirmed").count() == 2

    def test_the_button_of_one_leaves_what_is_ticked(
        self, browse, campaign, administrator, auditor, worker
    ):
        body = {
            "item": [str(item_of(campaign, auditor).public_id)],
            "only": str(item_of(campaign, worker).public_id),
        }

        browse(administrator).post(keep_of(campaign), body)

        assert undecided() == 3
        assert item_of(campaign, worker).decision == "keep"

    def test_nothing_ticked(self, browse, campaign, administrator):
        response = browse(administrator).post(keep_of(campaign), {})

        assert response.status_code == 422
        assert "Kies minstens één rol." in response.content.decode()

    def test_ones_own_role_in_between(self, browse, campaign, administrator, worker):
        items = [str(item_of(campaign, person).public_id) for person in (administrator, worker)]

        response = browse(administrator).post(keep_of(campaign), {"item": items})

        assert response.status_code == 403
        assert "Dit is een rol van uzelf" in response.content.decode()
        assert undecided() == 4
        checked = response.content.decode().count(" checked")
        assert checked == 1  # the typed stays; the own role has no box

    @pytest.mark.parametrize("ids", [["nonsense"], [str(uuid4())]])
    def test_what_is_not_there(self, browse, campaign, administrator, ids):
        assert browse(administrator).post(keep_of(campaign), {"item": ids}).status_code == 404

    def test_too_late(self, browse, opened, administrator, auditor):
        campaign = opened(now() - timedelta(days=40))
        item = item_of(campaign, auditor)

        response = browse(administrator).post(keep_of(campaign), {"item": str(item.public_id)})

        assert response.status_code == 409
        assert "De tijd om te beslissen is voorbij" in response.content.decode()

    def test_an_old_login_is_asked_again_and_keeps_what_was_ticked(
        self, browse, campaign, administrator, worker
    ):
        browser = browse(administrator, age_seconds=3600)
        item = item_of(campaign, worker)

        response = browser.post(
            keep_of(campaign),
            {"item": str(item.public_id)},
            headers={"referer": f"http://testserver{page_of(campaign)}"},
        )

        assert response["Location"].startswith("/login")
        assert undecided() == 4
        token = browser.session["kept_input"]["token"]
        page = browser.get(page_of(campaign, f"?kept={token}")).content.decode()
        assert f'value="{item.public_id}" id="item-{item.public_id}" checked' in page

    def test_only_by_post_and_from_our_own_page(self, browse, campaign, administrator):
        assert browse(administrator).get(keep_of(campaign)).status_code == 405
        forged = Client(enforce_csrf_checks=True)
        log_in(forged, administrator)
        assert forged.post(keep_of(campaign), {}).status_code == 403


class TestWithdrawing:
    def test_asks_why_and_takes_the_role(self, browse, campaign, administrator, worker):
        browser, item = browse(administrator), item_of(campaign, worker)
        page = browser.get(withdraw_of(item)).content.decode()
        assert "De rol “Aanvrager” van Daan de Vries bij Zaaksysteem intrekken?" in page

        response = browser.post(withdraw_of(item), {"reason": "Werkt elders"}, follow=True)

        assert "Daan de Vries heeft de rol Aanvrager niet meer." in response.content.decode()
        item.refresh_from_db()
        assert (item.decision, item.reason) == ("withdraw", "Werkt elders")

    @pytest.mark.parametrize("reason", ["", "x" * 301])
    def test_a_bad_reason_stays_typed(self, browse, campaign, administrator, worker, reason):
        item = item_of(campaign, worker)

        response = browse(administrator).post(withdraw_of(item), {"reason": reason})

        assert response.status_code == 422
        text = response.content.decode()
        assert 'aria-describedby="reason-error"' in text
        assert f">{reason}</textarea>" in text
        assert undecided() == 4

    def test_of_what_is_settled_there_is_nothing_to_ask(
        self, browse, campaign, administrator, worker
    ):
        browser, item = browse(administrator), item_of(campaign, worker)
        browser.post(withdraw_of(item), {"reason": "Werkt elders"})

        assert browser.get(withdraw_of(item))["Location"] == page_of(campaign)
        assert browser.post(withdraw_of(item), {"reason": "Nog eens"}).status_code == 409
