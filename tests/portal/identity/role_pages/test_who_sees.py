"""Roles, proposals and people on pages: who sees which, and what a forged form achieves."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.timezone import localdate

from portal.identity.models import (
    ClaimBar,
    Deputy,
    RoleGrant,
    RoleProposal,
)
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
