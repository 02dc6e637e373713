"""People and their deputies on pages."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse
from django.utils.timezone import localdate, now

from portal.identity.models import (
    Deputy,
    Role,
    RoleProposal,
)
from portal.identity.views import choosing
from tests.factories import (
    UNKNOWN_ID,
    PersonFactory,
    deputize,
    grant,
    make_organization,
    propose_replacement,
)
from tests.logins import log_in
from tests.portal.identity.role_pages.reading import text_of, url

pytestmark = pytest.mark.django_db


class TestPeople:
    def test_one_person(self, browser, employee, granted, approver):
        deputize(employee, approver)
        text = text_of(browser.get(url("person", employee)))

        assert "Budgethouder Els besluit in de plaats van Medewerker Daan" in text
        assert "tot €\xa01.500,00 in de eerste maand" in text

    def test_deputies_of_another_organization_are_not_shown(self, browser, employee, stranger):
        elsewhere = stranger.grants.get().node
        boss, substitute = PersonFactory(name="Baas Bea"), PersonFactory(name="Invaller Ivo")
        grant(boss, Role.APPROVER, elsewhere)
        grant(employee, Role.APPROVER, elsewhere)
        grant(substitute, Role.REQUESTER, elsewhere)
        deputize(boss, employee)
        deputize(employee, substitute)
        text = text_of(browser.get(url("person", employee)))

        assert "Baas Bea" not in text
        assert "Invaller Ivo" not in text

    def test_somebody_is_found(self, browser, employee, approver):
        text = text_of(browser.get(url("people"), {"q": "daan\x00"}))

        assert "Medewerker Daan" in text
        assert "Budgethouder Els" not in text

    def test_leaving_and_coming_back(self, browser, employee):
        assert "De toegang van Medewerker Daan beëindigen?" in text_of(
            browser.get(url("person-end", employee))
        )
        assert browser.post(url("person-end", employee), {"reason": ""}).status_code == 422
        browser.post(url("person-end", employee), {"reason": "Uit dienst"})
        employee.refresh_from_db()
        assert not employee.is_active
        assert "Geen toegang" in text_of(browser.get(url("person", employee)))

        browser.post(url("person-reinstate", employee))
        employee.refresh_from_db()
        assert employee.is_active
        assert browser.post(url("person-reinstate", employee)).status_code == 409


class TestDeputies:
    @pytest.fixture
    def deputy_answers(self, employee):
        return {
            "deputy": str(employee.public_id),
            "first_day": f"{localdate():%d-%m-%Y}",
            "last_day": f"{localdate() + timedelta(days=7):%d-%m-%Y}",
        }

    def test_an_approver_appoints_one(self, client, approver, employee, deputy_answers):
        log_in(client, approver).post(url("account-deputy"), deputy_answers)

        assert Deputy.objects.get().deputy == employee
        assert "Medewerker Daan besluit in uw plaats" in text_of(client.get(url("account")))
        assert "Medewerker Daan besluit ook in uw plaats" in text_of(
            client.get(reverse("catalog:approvals"))
        )
        log_in(client, employee)
        text = text_of(client.get(url("account")))
        assert "U besluit in de plaats van Budgethouder Els" in text
        assert "Te beoordelen" in text
        assert "U besluit ook in de plaats van Budgethouder Els" in text_of(
            client.get(reverse("catalog:approvals"))
        )

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("deputy", ""),
            ("deputy", UNKNOWN_ID),
            ("first_day", "gisteren"),
            ("first_day", "01-01-2020"),
            ("last_day", "01-01-2020"),
            ("last_day", "31-12-2999"),
        ],
    )
    def test_bad_input(self, client, approver, deputy_answers, field, value):
        response = log_in(client, approver).post(
            url("account-deputy"), {**deputy_answers, field: value}
        )

        assert response.status_code == 422
        assert set(response.context["form"].errors) == {field}
        assert not Deputy.objects.exists()

    def test_who_approves_nothing_is_told_so(self, client, employee):
        assert "Er is niets om te vervangen" in text_of(
            log_in(client, employee).get(url("account-deputy"))
        )

    def test_an_administrator_proposes_one_and_the_absent_one_says_yes(
        self, browser, client, approver, employee, deputy_answers, administrator
    ):
        answers = {**deputy_answers, "reason": "Els is ziek"}
        response = browser.post(url("person-deputy", approver), answers)
        proposal = RoleProposal.objects.get()

        assert response.headers["Location"] == url("role-proposal", proposal)
        assert not Deputy.objects.exists()
        page = text_of(browser.get(url("role-proposal", proposal)))
        assert "Medewerker Daan in de plaats van Budgethouder Els" in page
        assert url("role-proposal-withdraw", proposal) in page
        assert browser.post(url("role-proposal-grant", proposal)).status_code == 403

        log_in(client, approver)
        for address in ("/", url("account")):
            assert url("role-proposal", proposal) in text_of(client.get(address))
        assert url("roles", proposal.node) not in text_of(
            client.get(url("role-proposal", proposal))
        )
        client.post(url("role-proposal-grant", proposal))
        assert Deputy.objects.get().appointed_by == approver
        log_in(client, administrator).post(url("deputy-end", Deputy.objects.get()))
        assert client.post(url("deputy-end", Deputy.objects.get())).status_code == 409

    @pytest.mark.parametrize("field", ["deputy", "first_day", "last_day", "reason"])
    def test_a_proposal_says_who_when_and_why(self, browser, approver, deputy_answers, field):
        answers = {**deputy_answers, "reason": "Els is ziek", field: ""}
        response = browser.post(url("person-deputy", approver), answers)

        assert response.status_code == 422
        assert set(response.context["form"].errors) == {field}

    def test_who_cannot_be_the_deputy_any_more_is_told_at_the_decision(
        self, client, approver, employee
    ):
        proposal = propose_replacement(approver, employee)
        employee.grants.update(valid_until=now(), end_reason="Andere functie")
        response = log_in(client, approver).post(url("role-proposal-grant", proposal))

        assert response.status_code == 422
        assert "Kies een collega die nu een rol heeft in dezelfde organisatie." in text_of(response)
        assert not Deputy.objects.exists()

    def test_only_colleagues_of_the_own_organization_are_shown_until_one_searches(
        self, client, approver, employee, ministry
    ):
        distant = PersonFactory(name="Verre Vera")
        grant(distant, Role.FINANCE, make_organization(ministry, name="Andere directie"))
        log_in(client, approver)

        assert "Verre Vera" not in text_of(client.get(url("account-deputy")))
        assert "Medewerker Daan" in text_of(client.get(url("account-deputy")))
        assert "Verre Vera" in text_of(client.get(url("account-deputy"), {"q": "vera"}))

    def test_the_deputy_steps_down(self, client, approver, employee):
        appointment = deputize(approver, employee)
        log_in(client, employee).post(url("deputy-end", appointment))

        appointment.refresh_from_db()
        assert appointment.valid_until <= now()

    def test_others_do_not_find_it(self, client, approver, employee, stranger, auditor):
        appointment = deputize(approver, employee)

        assert log_in(client, stranger).post(url("deputy-end", appointment)).status_code == 404
        assert log_in(client, auditor).post(url("deputy-end", appointment)).status_code == 403

    def test_an_old_login_steps_up_first(self, client, approver, deputy_answers):
        log_in(client, approver, age_seconds=3600)
        response = client.post(url("account-deputy"), deputy_answers)

        assert response.status_code == 302
        assert response.headers["Location"].startswith(reverse("identity:start-local"))
        assert not Deputy.objects.exists()

    def test_after_the_new_login_the_colleague_who_was_searched_is_still_there(
        self, client, approver, colleague, deputy_answers, monkeypatch
    ):
        """Also when more people work here than the page shows."""
        monkeypatch.setattr(choosing, "SHOWN", 1)
        log_in(client, approver, age_seconds=3600)
        response = client.post(
            url("account-deputy"),
            {**deputy_answers, "q": "Daan"},
            headers={"Referer": f"http://testserver{url('account-deputy')}"},
        )

        back = client.get(parse_qs(urlsplit(response["Location"]).query)["next"][0])
        assert back.context["form"].errors == {}
        assert back.context["words"] == "Daan"
