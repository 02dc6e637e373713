"""Who logs in for another organization than before leaves what they held there behind."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils.timezone import now

from portal.audit.models import AuditEntry
from portal.identity.access import has_role, standing_grants
from portal.identity.models import (
    Deputy,
    LoginSession,
    Organization,
    Person,
    ProposalState,
    Role,
    SessionEnd,
)
from portal.identity.role_policies import may_end, people_beside, visible_people
from portal.identity.services.people import MOVED, end_person
from tests.factories import (
    PersonFactory,
    administrator_of,
    deputize,
    give_identity,
    give_numbers,
    grant,
    grant_in_portal,
    propose,
    propose_replacement,
)
from tests.portal.identity.oidc.fake_provider import ISSUER, FakeProvider, log_in

pytestmark = pytest.mark.django_db
CITY_OIN = "00000001002306608000"


@pytest.fixture
def city(ministry: Organization) -> Organization:
    return Organization.objects.get(code="voorbeeldstad")


@pytest.fixture
def mover(client: Client, provider: FakeProvider, ministry: Organization) -> Person:
    """Works at the ministry; what their provider says from now on, a test says."""
    log_in(client, provider)
    return Person.objects.get(identities__issuer=ISSUER)


def go_to_the_city(provider: FakeProvider, *roles: str) -> None:
    provider.userinfo["organization_oin"] = CITY_OIN
    provider.userinfo["cloudloket_roles"] = list(roles)


def test_roles_of_the_portal_end_there_and_the_login_goes_on(
    client: Client, provider: FakeProvider, mover: Person, ministry: Organization
) -> None:
    held = grant_in_portal(mover, Role.FINANCE, ministry)
    later = grant_in_portal(mover, Role.OPERATOR, ministry, begins=timedelta(days=3))
    go_to_the_city(provider, "requester@voorbeeldstad")

    response = log_in(client, provider, "?next=/account")

    assert response["Location"] == "/account"
    assert client.get("/account").status_code == 200
    for ended in (held, later):
        ended.refresh_from_db()
        assert (ended.end_reason, ended.ended_by) == (MOVED, None)
        assert ended.valid_until <= max(now(), ended.valid_from)
    assert [grant.node.code for grant in standing_grants().filter(person=mover)] == [
        "voorbeeldstad"
    ]
    causes = AuditEntry.objects.filter(event="role.ended", node_id=ministry.pk)
    assert {entry.data.get("cause") for entry in causes} == {MOVED}
    moved = AuditEntry.objects.get(event="person.moved")
    assert (moved.actor_id, moved.data) == (mover.pk, {"from": str(ministry.public_id)})


def test_an_administrator_of_the_new_organization_can_end_them(
    client: Client,
    provider: FakeProvider,
    mover: Person,
    ministry: Organization,
    city: Organization,
) -> None:
    grant_in_portal(mover, Role.FINANCE, ministry)
    old, new = administrator_of(ministry), administrator_of(city)
    go_to_the_city(provider, "requester@voorbeeldstad")
    log_in(client, provider)

    assert not may_end(old, mover)
    end_person(mover.public_id, actor=new, reason="Uit dienst")
    assert client.get("/account").status_code == 302


def test_also_when_the_new_provider_gives_no_role_there(
    client: Client,
    provider: FakeProvider,
    mover: Person,
    ministry: Organization,
    city: Organization,
) -> None:
    """They are refused, and yet not forgotten: who answers for them there can end them."""
    grant_in_portal(mover, Role.FINANCE, ministry)
    mover.grants.filter(issuer=ISSUER).update(valid_until=now() + timedelta(seconds=1))
    go_to_the_city(provider)

    assert log_in(client, provider).status_code == 403
    old, new = administrator_of(ministry), administrator_of(city)
    assert not standing_grants().filter(person=mover).exists()
    assert (may_end(old, mover), may_end(new, mover)) == (False, True)
    assert mover in visible_people(new)
    assert mover in people_beside(city)
    assert mover not in people_beside(ministry)


def test_a_claim_that_lapsed_there_does_not_stand_any_more(
    client: Client, provider: FakeProvider, mover: Person, city: Organization
) -> None:
    mover.last_login = now() - timedelta(days=3)
    mover.save()
    mover.grants.update(valid_from=now() - timedelta(days=3), valid_until=now() - timedelta(days=2))
    assert standing_grants().filter(person=mover).exists()
    go_to_the_city(provider)

    log_in(client, provider)

    assert not standing_grants().filter(person=mover).exists()
    assert may_end(administrator_of(city), mover)


def test_sessions_elsewhere_end_and_this_one_lives(
    client: Client, provider: FakeProvider, mover: Person
) -> None:
    other = Client()
    log_in(other, provider)
    go_to_the_city(provider, "requester@voorbeeldstad")

    log_in(client, provider)

    assert other.get("/account").status_code == 302
    assert client.get("/account").status_code == 200
    ended = LoginSession.objects.exclude(ended_at=None)
    assert {session.ended_how for session in ended} == {SessionEnd.MOVED}
    assert LoginSession.objects.filter(ended_at=None).count() == 1


def test_replacements_end_and_proposals_there_are_withdrawn(
    client: Client,
    provider: FakeProvider,
    mover: Person,
    ministry: Organization,
    city: Organization,
) -> None:
    colleague, boss = PersonFactory(), PersonFactory()
    grant(boss, Role.APPROVER, ministry)
    grant(colleague, Role.REQUESTER, ministry)
    grant_in_portal(mover, Role.APPROVER, ministry)
    replacement = propose_replacement(boss, mover)
    there = propose(mover, Role.FINANCE, ministry)
    here = propose(mover, Role.FINANCE, city)
    for absent, deputy in ((mover, colleague), (boss, mover)):
        deputize(absent, deputy)
    go_to_the_city(provider, "requester@voorbeeldstad")

    log_in(client, provider)

    assert not has_role(mover, ministry, Role.APPROVER)
    assert not Deputy.objects.filter(valid_until__gt=now()).exists()
    for proposal, state in (
        (replacement, ProposalState.WITHDRAWN),
        (there, ProposalState.WITHDRAWN),
        (here, ProposalState.PROPOSED),
    ):
        proposal.refresh_from_db()
        assert proposal.state == state
    assert AuditEntry.objects.filter(event="deputy.ended").count() == 2


def test_what_another_identity_logs_in_for_stays(
    client: Client, provider: FakeProvider, mover: Person, ministry: Organization
) -> None:
    give_identity(mover, "https://other.example.nl", node=ministry)
    grant_in_portal(mover, Role.FINANCE, ministry)
    go_to_the_city(provider, "requester@voorbeeldstad")

    log_in(client, provider)

    assert has_role(mover, ministry, Role.FINANCE)


def test_another_part_of_the_same_organization_is_no_move(
    client: Client, provider: FakeProvider, mover: Person, ministry: Organization
) -> None:
    grant_in_portal(mover, Role.FINANCE, ministry)
    give_numbers(Organization.objects.get(code="waterregistratie"), oin=CITY_OIN.replace("6", "7"))
    provider.userinfo["organization_oin"] = CITY_OIN.replace("6", "7")

    assert log_in(client, provider).status_code == 302

    assert has_role(mover, ministry, Role.FINANCE)
    assert not AuditEntry.objects.filter(event="person.moved").exists()
