"""The pages of roles and people in a real browser: accessible, and never wider than the screen."""

from decimal import Decimal

import pytest
from django.urls import reverse

from portal.identity.models import Role
from portal.identity.services.links import WantedLink, confirm_link, propose_link
from portal.identity.services.roles import end_grant
from tests.chromium import complaints_about
from tests.factories import (
    PersonFactory,
    deputize,
    grant,
    grant_in_portal,
    propose,
    propose_replacement,
)
from tests.logins import session_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def addresses(administrator, colleague, employee, approver, directorate, project):
    """Every page in its fullest state."""
    limited = grant_in_portal(
        employee, Role.APPROVER, project, granted_by=colleague, amount_limit=Decimal("1500.00")
    )
    proposal = propose(approver, Role.QUOTA_ADMINISTRATOR, directorate, proposed_by=colleague)
    propose(employee, Role.FINANCE, directorate, proposed_by=administrator)
    deputize(approver, employee)
    grant(approver, Role.FINANCE, project)
    end_grant(
        approver.grants.get(role=Role.FINANCE).public_id, actor=administrator, reason="Ander werk"
    )
    leaver = PersonFactory(name="Vertrokken Vera", is_active=False)
    grant(leaver, Role.REQUESTER, project)
    twin, joined = (PersonFactory(name=name) for name in (employee.name.lower(), "Els B."))
    for person in (twin, joined):
        grant(person, Role.REQUESTER, project, issuer="https://elders.example.nl")
    link = propose_link(
        WantedLink(holder=twin, receiver=employee, reason="Liet beide passen zien"),
        actor=colleague,
    )
    done = propose_link(
        WantedLink(holder=joined, receiver=approver, reason="Belde zelf"), actor=colleague
    )
    confirm_link(done.public_id, actor=administrator)
    replacement = propose_replacement(approver, PersonFactory(name="Invaller Iris"))
    return {
        "deputy-proposal": reverse("identity:role-proposal", args=[replacement.public_id]),
        "node": reverse("identity:roles", args=[project.public_id]),
        "propose": reverse("identity:role-propose", args=[directorate.public_id]),
        "end": reverse("identity:role-end", args=[approver.grants.get(role="approver").public_id]),
        "list": reverse("identity:role-proposals"),
        "proposal": reverse("identity:role-proposal", args=[proposal.public_id]),
        "gaps": reverse("identity:without-owner"),
        "people": reverse("identity:people"),
        "person": reverse("identity:person", args=[approver.public_id]),
        "leaver": reverse("identity:person", args=[leaver.public_id]),
        "person-end": reverse("identity:person-end", args=[approver.public_id]),
        "deputy": reverse("identity:person-deputy", args=[limited.person.public_id]),
        "link": reverse("identity:person-link", args=[employee.public_id]),
        "link-proposal": reverse("identity:identity-link", args=[link.public_id]),
        "joined": reverse("identity:person", args=[joined.public_id]),
        "unlink": reverse("identity:person-unlink", args=[joined.public_id]),
        "home": reverse("web:home"),
        "account": reverse("identity:account"),
    }


def test_pages_are_accessible_and_fit(live_server, addresses, administrator, approver):
    own = {
        "own-account": reverse("identity:account"),
        "own-deputy": reverse("identity:account-deputy"),
        "own-proposal": addresses["deputy-proposal"],
    }
    of_administrator, of_approver = session_of(administrator), session_of(approver)

    assert complaints_about(addresses, site=live_server.url, session=of_administrator) == []
    assert complaints_about(own, site=live_server.url, session=of_approver) == []
