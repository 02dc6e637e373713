"""What the login service no longer gives is gone, also when it lets nobody in any more."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.utils.timezone import now

from portal.audit.models import AuditEntry
from portal.identity.access import has_role, standing_grants
from portal.identity.models import ClaimBar, Organization, Person, Role, RoleGrant
from portal.identity.services.logins import NOT_GIVEN
from portal.identity.services.roles import end_grant
from tests.factories import administrator_of, grant_in_portal
from tests.portal.identity.oidc.fake_provider import ISSUER, FakeProvider, log_in

pytestmark = pytest.mark.django_db
BRANCH = "waterregistratie"


def elsewhere(provider: FakeProvider) -> None:
    provider.userinfo["organization_oin"] = "00000009999999999000"


def nowhere(provider: FakeProvider) -> None:
    del provider.userinfo["organization_oin"]


def in_an_unknown_part(provider: FakeProvider) -> None:
    provider.userinfo["cloudloket_roles"] = ["operator@bestaat-niet"]


def with_an_unknown_role(provider: FakeProvider) -> None:
    provider.userinfo["cloudloket_roles"] = ["keizer@mwb"]


@pytest.fixture
def operator(client: Client, provider: FakeProvider, ministry: Organization) -> Person:
    provider.userinfo["cloudloket_roles"] = ["operator@mwb"]
    log_in(client, provider)
    return Person.objects.get(identities__issuer=ISSUER)


@pytest.mark.parametrize("works", [elsewhere, nowhere, in_an_unknown_part, with_an_unknown_role])
def test_a_refused_login_ends_what_an_earlier_one_gave(
    client: Client,
    provider: FakeProvider,
    operator: Person,
    ministry: Organization,
    works: Callable[[FakeProvider], None],
) -> None:
    works(provider)

    assert log_in(Client(), provider).status_code == 403

    assert not has_role(operator, ministry, Role.OPERATOR)
    assert not standing_grants().filter(person=operator).exists()
    ended = RoleGrant.objects.get(person=operator)
    assert (ended.end_reason, ended.ended_by) == (NOT_GIVEN, None)
    assert ended.valid_until <= now()
    entry = AuditEntry.objects.get(event="role.ended")
    assert (entry.node_id, entry.data["role"]) == (ministry.pk, Role.OPERATOR)


def test_what_the_portal_gave_stays(
    client: Client, provider: FakeProvider, operator: Person, ministry: Organization
) -> None:
    grant_in_portal(operator, Role.FINANCE, ministry)
    elsewhere(provider)

    log_in(Client(), provider)

    assert has_role(operator, ministry, Role.FINANCE)


def test_it_comes_back_when_the_login_service_gives_it_again(
    client: Client, provider: FakeProvider, operator: Person, ministry: Organization
) -> None:
    known = provider.userinfo["organization_oin"]
    elsewhere(provider)
    log_in(Client(), provider)
    provider.userinfo["organization_oin"] = known

    log_in(Client(), provider)

    assert has_role(operator, ministry, Role.OPERATOR)


def test_no_branch_leads_round_a_bar(
    client: Client, provider: FakeProvider, operator: Person, ministry: Organization
) -> None:
    held = RoleGrant.objects.get(person=operator)
    end_grant(held.public_id, actor=administrator_of(ministry), reason="Uit dienst")
    assert ClaimBar.objects.get().node_id == ministry.pk
    provider.userinfo["cloudloket_roles"] = [f"operator@{BRANCH}", f"requester@{BRANCH}"]

    log_in(Client(), provider)

    branch = Organization.objects.get(code=BRANCH)
    assert not has_role(operator, branch, Role.OPERATOR)
    assert has_role(operator, branch, Role.REQUESTER)
