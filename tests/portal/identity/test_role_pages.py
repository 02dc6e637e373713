"""Roles, proposals, people and accounts on pages: who sees what, and what a form achieves."""

from datetime import timedelta
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from portal.audit.models import AuditEntry
from portal.core.calendar import day_of
from portal.identity.access import has_role
from portal.identity.models import (
    ClaimBar,
    Deputy,
    ProposalState,
    Role,
    RoleGrant,
    RoleProposal,
)
from portal.identity.services.roles import end_grant
from portal.identity.views import people
from tests.factories import PersonFactory, deputize, grant, grant_in_portal, propose
from tests.logins import log_in

pytestmark = pytest.mark.django_db
TODAY = day_of(now())


def url(name, thing=None):
    return reverse(f"identity:{name}", args=[thing.public_id] if thing else [])


def text_of(response):
    return response.content.decode()


@pytest.fixture
def proposal(employee, directorate, colleague):
    return propose(employee, Role.FINANCE, directorate, proposed_by=colleague)


@pytest.fixture
def granted(employee, project, colleague):
    return grant_in_portal(
        employee, Role.APPROVER, project, granted_by=colleague, amount_limit=Decimal(1500)
    )


@pytest.fixture
def answers(employee):
    return {
        "person": str(employee.public_id),
        "role": "approver",
        "amount_limit": "1.500,50",
        "first_day": f"{TODAY:%d-%m-%Y}",
        "last_day": f"{TODAY + timedelta(days=100):%d-%m-%Y}",
        "reason": "Vervangt Els",
    }


@pytest.fixture
def browser(client, administrator):
    return log_in(client, administrator)


class TestWhoSees:
    """Every page by every reader: 200, 403 for a role that falls short, 404 for a stranger."""

    PAGES = {
        "roles": "node",
        "role-propose": "node",
        "role-end": "grant",
        "role-proposal": "proposal",
        "person": "person",
        "person-end": "person",
        "person-deputy": "person",
    }
    EXPECTED = {
        #                administrator, auditor, employee, stranger
        "roles": (200, 200, 403, 404),
        "role-propose": (200, 403, 403, 404),
        "role-end": (200, 403, 404, 404),
        "role-proposal": (200, 200, 404, 404),
        "person": (200, 200, 404, 404),
        "person-end": (200, 403, 404, 404),
        "person-deputy": (200, 403, 404, 404),
    }

    @pytest.mark.parametrize("name", PAGES)
    def test_one_thing(
        self, request, name, proposal, granted, employee, project, administrator, auditor, stranger
    ):
        things = {"node": project, "grant": granted, "proposal": proposal, "person": employee}
        address = url(name, things[self.PAGES[name]])
        readers = (administrator, auditor, employee, stranger)
        answers = tuple(log_in(Client(), reader).get(address).status_code for reader in readers)

        assert answers == self.EXPECTED[name]
        assert Client().get(address).status_code == 302

    @pytest.mark.parametrize("name", ["role-proposals", "without-owner", "people"])
    def test_lists(self, name, project, administrator, auditor, employee, stranger):
        for reader, status in (
            (administrator, 200),
            (auditor, 200),
            (employee, 403),
            (stranger, 200),
        ):
            response = log_in(Client(), reader).get(url(name))
            assert response.status_code == status
            if reader == stranger:
                assert "Medewerker Daan" not in text_of(response)
                assert project.name not in text_of(response)

    @pytest.mark.parametrize("name", ["account", "account-deputy"])
    def test_own_account_is_for_everybody(self, name, employee):
        assert log_in(Client(), employee).get(url(name)).status_code == 200

    @pytest.mark.parametrize(
        ("name", "thing"),
        [
            ("role-proposal-grant", "proposal"),
            ("role-proposal-refuse", "proposal"),
            ("role-proposal-withdraw", "proposal"),
            ("role-end", "granted"),
            ("role-propose", "project"),
            ("person-end", "employee"),
            ("person-reinstate", "employee"),
            ("person-deputy", "employee"),
        ],
    )
    @pytest.mark.parametrize("who", ["stranger", "auditor"])
    def test_who_may_not_changes_nothing(
        self, request, name, thing, who, proposal, granted, answers
    ):
        reader = request.getfixturevalue(who)
        thing = request.getfixturevalue(thing)
        before = state_of_everything()
        response = log_in(Client(), reader).post(url(name, thing), {**answers, "reason": "Ik wil"})

        assert response.status_code == (404 if who == "stranger" else 403)
        assert state_of_everything() == before

    def test_unknown_things(self, browser):
        for name in (*self.PAGES, "claim-bar-lift", "deputy-end"):
            address = reverse(f"identity:{name}", args=[uuid4()])
            assert browser.get(address).status_code in (404, 405)
            assert browser.post(address, {"reason": "x"}).status_code in (404, 405)


def state_of_everything():
    return (
        list(RoleGrant.objects.order_by("pk").values()),
        list(RoleProposal.objects.order_by("pk").values()),
        list(Deputy.objects.order_by("pk").values()),
        list(ClaimBar.objects.order_by("pk").values()),
    )


class TestRolesOfANode:
    def test_it_says_who_from_where_until_when(self, browser, granted, approver, project):
        text = text_of(browser.get(url("roles", project)))

        for fact in (
            "Medewerker Daan",
            "tot €\xa01.500,00 per maand",
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
        assert day_of(proposal.valid_until - timedelta(seconds=1)) == TODAY + timedelta(days=100)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("person", ""),
            ("person", "x"),
            ("person", str(uuid4())),
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


class TestPeople:
    def test_one_person(self, browser, employee, granted, approver):
        deputize(employee, approver)
        text = text_of(browser.get(url("person", employee)))

        assert "Budgethouder Els besluit in de plaats van Medewerker Daan" in text
        assert "tot €\xa01.500,00 per maand" in text

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
            "first_day": f"{TODAY:%d-%m-%Y}",
            "last_day": f"{TODAY + timedelta(days=7):%d-%m-%Y}",
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
            ("deputy", str(uuid4())),
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

    def test_an_administrator_appoints_and_ends(self, browser, approver, employee, deputy_answers):
        browser.post(url("person-deputy", approver), deputy_answers)
        appointment = Deputy.objects.get()
        response = browser.post(url("deputy-end", appointment))

        assert response.headers["Location"] == url("person", approver)
        assert browser.post(url("deputy-end", appointment)).status_code == 409

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
        monkeypatch.setattr(people, "DEPUTIES_SHOWN", 1)
        log_in(client, approver, age_seconds=3600)
        response = client.post(
            url("account-deputy"),
            {**deputy_answers, "q": "Daan"},
            headers={"Referer": f"http://testserver{url('account-deputy')}"},
        )

        back = client.get(parse_qs(urlsplit(response["Location"]).query)["next"][0])
        assert back.context["form"].errors == {}
        assert back.context["words"] == "Daan"
