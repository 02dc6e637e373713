"""The roles of a node on pages: reading, proposing and ending them."""

from datetime import timedelta
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils.timezone import localdate

from portal.core.calendar import day_of
from portal.identity.access import has_role
from portal.identity.models import (
    ClaimBar,
    Role,
    RoleProposal,
)
from portal.identity.services.roles import end_grant
from tests.factories import UNKNOWN_ID, PersonFactory, grant, grant_in_portal, propose
from tests.logins import log_in
from tests.portal.identity.role_pages.reading import text_of, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def answers(employee):
    return {
        "person": str(employee.public_id),
        "role": "approver",
        "amount_limit": "1.500,50",
        "first_day": f"{localdate():%d-%m-%Y}",
        "last_day": f"{localdate() + timedelta(days=100):%d-%m-%Y}",
        "reason": "Vervangt Els",
    }


class TestRolesOfANode:
    def test_it_says_who_from_where_until_when(self, browser, granted, approver, project):
        text = text_of(browser.get(url("roles", project)))

        for fact in (
            "Medewerker Daan",
            "tot €\xa01.500,00 in de eerste maand",
            "Toegekend door Beheerder Bakker",
            "Budgethouder Els",
            "Directie Toetsing",
            "Vernieuwd bij elke login",
        ):
            assert fact in text

    def test_a_filter_by_role_and_name(self, browser, granted, approver, project):
        text = text_of(browser.get(url("roles", project), {"role": "approver", "q": "daan"}))

        assert "Medewerker Daan" in text
        assert "Budgethouder Els" not in text
        assert "Niemand heeft dit hier" in text_of(
            browser.get(url("roles", project), {"q": "nobody\x00"})
        )
        assert browser.get(url("roles", project), {"role": "king", "page": "x"}).status_code == 200

    def test_roles_elsewhere_are_not_in_it(self, browser, granted, ministry):
        assert "Medewerker Daan" not in text_of(browser.get(url("roles", ministry)))

    def test_queries_do_not_depend_on_how_many_there_are(
        self, browser, project, django_assert_max_num_queries
    ):
        counts = []
        for wanted in (2, 12):
            while project.grants.count() < wanted:
                grant_in_portal(PersonFactory(), Role.APPROVER, project)
            for name in ("roles", "role-propose"):
                with django_assert_max_num_queries(40) as captured:
                    browser.get(url(name, project))
                counts.append(len(captured))

        assert counts[:2] == counts[2:]

    def test_lists_ask_the_same_of_the_database_however_long_they_are(
        self, browser, project, colleague, django_assert_max_num_queries
    ):
        counts = []
        for wanted in (2, 8):
            while RoleProposal.objects.count() < wanted:
                person = PersonFactory()
                grant(person, Role.REQUESTER, project)
                propose(person, Role.FINANCE, project, proposed_by=colleague)
            for name in ("role-proposals", "people", "without-owner"):
                with django_assert_max_num_queries(40) as captured:
                    browser.get(url(name))
                counts.append(len(captured))

        assert counts[:3] == counts[3:]


class TestProposing:
    def test_it_is_stored_and_waits(self, browser, answers, project, employee):
        response = browser.post(url("role-propose", project), answers)

        proposal = RoleProposal.objects.get()
        assert response.headers["Location"] == url("role-proposal", proposal)
        assert (proposal.person, proposal.node, proposal.role) == (
            employee,
            project.node_ptr,
            Role.APPROVER,
        )
        assert proposal.amount_limit == Decimal("1500.50")
        assert day_of(proposal.valid_until - timedelta(seconds=1)) == localdate() + timedelta(
            days=100
        )

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("person", ""),
            ("person", "x"),
            ("person", UNKNOWN_ID),
            ("role", ""),
            ("role", "king"),
            ("amount_limit", "veel"),
            ("amount_limit", "-1"),
            ("amount_limit", "0"),
            ("amount_limit", "1,001"),
            ("amount_limit", "NaN"),
            ("amount_limit", "1e30"),
            ("first_day", ""),
            ("first_day", "31-02-2027"),
            ("first_day", "01-01-2020"),
            ("first_day", "31-12-9999"),
            ("last_day", "31-12-9999"),
            ("last_day", "01-01-2020"),
            ("last_day", "morgen"),
            ("reason", " "),
            ("reason", "x" * 301),
            ("reason", "nee\x00"),
        ],
    )
    def test_bad_input_is_told_at_its_field_and_stays(
        self, browser, answers, project, field, value
    ):
        response = browser.post(url("role-propose", project), {**answers, field: value})

        assert response.status_code == 422
        assert set(response.context["form"].errors) == {field}
        other = "reason" if field != "reason" else "amount_limit"
        assert answers[other] in text_of(response)
        assert not RoleProposal.objects.exists()

    def test_not_for_oneself_whatever_the_form_says(self, browser, answers, project, administrator):
        answers["person"] = str(administrator.public_id)
        assert browser.post(url("role-propose", project), answers).status_code == 422

    def test_not_for_somebody_of_another_tenant(self, browser, answers, project, stranger):
        answers["person"] = str(stranger.public_id)
        response = browser.post(url("role-propose", project), answers)

        assert response.status_code == 422
        assert "Vreemde" not in text_of(response)

    def test_the_same_again_is_a_conflict(self, browser, answers, project):
        browser.post(url("role-propose", project), answers)

        assert browser.post(url("role-propose", project), answers).status_code == 409

    def test_somebody_is_found_by_name(self, browser, project, employee, approver):
        text = text_of(browser.get(url("role-propose", project), {"q": "els"}))

        assert "Budgethouder Els" in text
        assert "Medewerker Daan" not in text


class TestEnding:
    def test_a_role(self, browser, granted, employee, project):
        assert "Medewerker Daan" in text_of(browser.get(url("role-end", granted)))
        response = browser.post(url("role-end", granted), {"reason": "Andere functie"})

        assert response.headers["Location"] == url("roles", project)
        assert not has_role(employee, project, Role.APPROVER)
        again = browser.post(url("role-end", granted), {"reason": "Andere functie"})
        assert again.status_code == 409

    def test_it_warns_about_the_last_approver(self, browser, approver, project):
        text = text_of(browser.get(url("role-end", approver.grants.get())))

        assert "Niemand kan nog bestellingen goedkeuren voor:" in text
        assert project.name in text

    @pytest.mark.parametrize("reason", ["", " ", "x" * 301, "nee\x00"])
    def test_it_needs_a_readable_reason(self, browser, granted, reason):
        response = browser.post(url("role-end", granted), {"reason": reason})

        assert response.status_code == 422
        assert response.context["form"].errors.keys() == {"reason"}

    def test_what_was_typed_survives_a_new_login(self, client, administrator, granted):
        log_in(client, administrator, age_seconds=3600)
        response = client.post(
            url("role-end", granted),
            {"reason": "Gaat met pensioen"},
            headers={"Referer": f"http://testserver{url('role-end', granted)}"},
        )

        back = parse_qs(urlsplit(response["Location"]).query)["next"][0]
        assert "Gaat met pensioen" in text_of(client.get(back))
        granted.refresh_from_db()
        assert granted.end_reason == ""

    def test_a_bar_is_shown_and_lifted(self, browser, approver, administrator, directorate):
        end_grant(approver.grants.get().public_id, actor=administrator, reason="Weg")
        bar = ClaimBar.objects.get()
        assert "Niet gegeven bij het inloggen" in text_of(browser.get(url("roles", directorate)))

        browser.post(url("claim-bar-lift", bar))
        bar.refresh_from_db()
        assert bar.lifted_by == administrator
        assert browser.post(url("claim-bar-lift", bar)).status_code == 404

    def test_who_may_not_lift_a_bar_is_told_so(self, client, approver, administrator, auditor):
        end_grant(approver.grants.get().public_id, actor=administrator, reason="Weg")
        bar = ClaimBar.objects.get()

        assert log_in(client, auditor).post(url("claim-bar-lift", bar)).status_code == 403
        bar.refresh_from_db()
        assert bar.lifted_at is None
