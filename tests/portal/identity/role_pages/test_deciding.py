"""Deciding on a proposal on its page."""

from urllib.parse import parse_qs, urlsplit

import pytest

from portal.audit.models import AuditEntry
from portal.identity.access import has_role
from portal.identity.models import (
    ProposalState,
    Role,
)
from tests.factories import grant
from tests.logins import log_in
from tests.portal.identity.role_pages.reading import text_of, url

pytestmark = pytest.mark.django_db


class TestDeciding:
    def test_the_menu_and_home_say_that_it_waits(self, browser, proposal):
        text = text_of(browser.get("/"))

        assert url("role-proposal", proposal) in text
        assert "Financiën voor Medewerker Daan" in text

    def test_yes(self, browser, proposal, employee, directorate):
        response = browser.post(url("role-proposal-grant", proposal), {"reason": "Akkoord"})

        assert response.headers["Location"] == url("role-proposal", proposal)
        assert has_role(employee, directorate, Role.FINANCE)
        assert "Toegekend" in text_of(browser.get(url("role-proposal", proposal)))

    def test_roles_elsewhere_are_not_shown(self, browser, proposal, employee, stranger, project):
        grant(employee, Role.REQUESTER, stranger.grants.get().node)
        text = text_of(browser.get(url("role-proposal", proposal)))

        assert project.name in text
        assert "Andere gemeente" not in text

    def test_no(self, browser, proposal):
        browser.post(url("role-proposal-refuse", proposal), {"reason": "Te ruim"})

        proposal.refresh_from_db()
        assert proposal.state == ProposalState.REFUSED

    @pytest.mark.parametrize("reason", ["", " ", "x" * 301, "nee\x00", "\u202e"])
    def test_no_needs_a_readable_reason(self, browser, proposal, reason):
        response = browser.post(url("role-proposal-refuse", proposal), {"reason": reason})

        assert response.status_code == 422
        proposal.refresh_from_db()
        assert proposal.state == ProposalState.PROPOSED

    def test_who_proposed_gets_no_buttons_and_a_forged_form_nothing(
        self, client, proposal, colleague, employee, directorate
    ):
        log_in(client, colleague)
        text = text_of(client.get(url("role-proposal", proposal)))

        assert url("role-proposal-grant", proposal) not in text
        assert url("role-proposal-withdraw", proposal) in text
        assert client.post(url("role-proposal-grant", proposal)).status_code == 403
        assert not has_role(employee, directorate, Role.FINANCE)
        assert AuditEntry.objects.get(event="role.decision_refused").actor_id == colleague.pk

    def test_who_proposed_withdraws(self, client, proposal, colleague):
        log_in(client, colleague).post(url("role-proposal-withdraw", proposal))

        proposal.refresh_from_db()
        assert proposal.state == ProposalState.WITHDRAWN

    def test_somebody_was_first(self, browser, proposal):
        browser.post(url("role-proposal-refuse", proposal), {"reason": "Nee"})
        response = browser.post(url("role-proposal-grant", proposal))

        assert response.status_code == 409
        assert "Iemand was u voor" in text_of(response)

    def test_an_old_login_steps_up_and_keeps_what_was_typed(self, client, administrator, proposal):
        log_in(client, administrator, age_seconds=3600)
        response = client.post(
            url("role-proposal-grant", proposal),
            {"reason": "Akkoord voor het project"},
            headers={"Referer": f"http://testserver{url('role-proposal', proposal)}"},
        )

        back = parse_qs(urlsplit(response["Location"]).query)["next"][0]
        assert "Akkoord voor het project" in text_of(client.get(back))
        proposal.refresh_from_db()
        assert proposal.state == ProposalState.PROPOSED
